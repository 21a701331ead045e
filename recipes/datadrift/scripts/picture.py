"""The picture of a study: the column in both sets, the columns ranked, the stages, what removes it. In the box."""

from typing import Any, Dict, List, Sequence, Tuple

from debugbox_recipes import plots

from .measuring import unit_of
from .study import Study

_BINS, _COLUMNS, _STAGES, _TOLD, _TEXTS = 30, 4, 5, 3, 8
Rows = List[Tuple[str, float, str, str]]


def draw(study: Study) -> Any:
    """A matplotlib figure: the column's two distributions, then bars."""
    panels = [(_columns(study), "difference, in multiples of what would be usual (line: 1)")]
    if study.spots:
        panels.append((_stages(study), "difference by expression, in the order of evaluation, in reference deviations"))
    left = _left(study)
    if len(left) > 1:
        panels.append((left, f"difference of {study.main.column if study.main else ''} that is left"))
    heights = [1.2, *(0.28 * len(rows) + 0.25 for rows, _ in panels)]
    drawn, axes = plots.panels(title(study), heights)
    _distributions(study, axes[0])
    for (rows, label), one in zip(panels, axes[1:]):  # noqa: B905  # strict= came with 3.10
        plots.bars(one, rows, label)
    axes[1].axvline(1.0, color=plots.NOISE, linewidth=2, zorder=0)
    return drawn


def title(study: Study) -> str:
    main = study.main
    if main is None:
        return f"No column differs: {study.stopped}"
    said = f"{main.column} {main.words or 'differs'}"
    if study.explains is not None:
        said += f", by the rows with {study.explains}"
    if study.cause is not None:
        said += f": it begins at {study.cause}, {study.cause.text}"
    return said


def _distributions(study: Study, axes: Any) -> None:
    main = study.main
    if main is None:
        return
    sides = [[v for v in side if v is not None] for side in study.pair.sides(main.column)]
    names = [f"reference ({len(sides[0])} rows with a value)", f"current ({len(sides[1])})"]
    if all(isinstance(value, float) for side in sides for value in side) and all(sides):
        _numbers(axes, sides, names)
    else:
        _texts(axes, sides, names)
    axes.set_xlabel(main.column, fontsize=10)
    axes.set_ylabel("share of rows", fontsize=10)
    axes.legend(fontsize=9, frameon=False)


def _numbers(axes: Any, sides: Sequence[Sequence[float]], names: Sequence[str]) -> None:
    low, high = min(map(min, sides)), max(map(max, sides))
    width = (high - low) / _BINS or 1.0
    edges = [low + width * at for at in range(_BINS + 1)]
    for side, name, colour, filled in zip(sides, names, (plots.EXPECTED, plots.COMPUTED), (True, False)):  # noqa: B905
        weights = [1.0 / len(side)] * len(side)
        kind = "stepfilled" if filled else "step"
        axes.hist(side, edges, weights=weights, histtype=kind, color=colour, alpha=0.35 if filled else 1.0,
                  linewidth=1.8, label=name)  # fmt: skip


def _texts(axes: Any, sides: Sequence[Sequence[Any]], names: Sequence[str]) -> None:
    shares: List[Dict[str, float]] = [
        {str(value): list(side).count(value) / len(side) for value in set(side)} for side in sides
    ]
    shown = sorted({*shares[0], *shares[1]}, key=lambda text: -max(each.get(text, 0.0) for each in shares))[:_TEXTS]
    for number, (name, colour) in enumerate(zip(names, (plots.EXPECTED, plots.COMPUTED))):  # noqa: B905  # see above
        places = [at + 0.4 * number - 0.2 for at in range(len(shown))]
        hatch = "////" if number else None
        axes.bar(places, [shares[number].get(t, 0.0) for t in shown], 0.38, color=colour, hatch=hatch, label=name)
    axes.set_xticks(range(len(shown)), [text[:14] for text in shown])


def _columns(study: Study) -> Rows:
    """Each column's largest difference against what would be usual; those that stand first."""
    rows: Rows = [(each.column, 1.0, each.words, "suspect") for each in study.drifts if each.words]
    standing = {(each.column, each.shift) for each in study.drifts}
    for name, shifts in study.shifts.items():
        best = max(shifts, key=lambda s: ((name, s) in standing, s.effect / (s.floor or 1.0)), default=None)
        if best is None:
            rows.append((name, 0.0, "nothing that matters", "other"))
        else:
            role = "suspect" if (name, best) in standing else "other"
            chance = "too few independent rows" if not best.enough else f"chance {best.chance:.2g}"
            rows.append((name, best.effect / (best.floor or 1.0), f"{best.kind} {best.effect:.3g}, {chance}", role))
    return sorted(rows, key=lambda row: (row[3] != "suspect", -row[1]))[:_COLUMNS]


def _stages(study: Study) -> Rows:
    at = study.spots.index(study.cause) if study.cause in study.spots else 0
    first = max(0, min(at - 1, len(study.spots) - _STAGES))
    rows: Rows = []
    for spot in study.spots[first : first + _STAGES]:
        role = "suspect" if spot is study.cause else "other"
        remark = spot.text[:44] + (", from numbers that do not differ" if spot.born else "")
        rows.append((plots.shorten(str(spot), 28), spot.size, remark, role))
    return rows


def _left(study: Study) -> Rows:
    """As it is; without rows; with the reference's values repeated."""
    main = study.main
    if main is None:
        return []
    rows: Rows = [("as it is", main.shift.effect, f"{main.shift.effect:.3g} {unit_of(main.shift.kind)}", "suspect")]
    best = [study.explains] if study.explains is not None else []
    for segment in [*best, *(each for each in study.segments if each not in best and each.known)][: _TOLD - 1]:
        rows.append((plots.shorten(f"without {segment}", 30), segment.left, f"{segment.left:.3g}", "other"))
    for trial in [*study.trials[:_TOLD], *study.controls]:
        if trial.gone is not None:
            left = main.shift.floor + main.shift.beyond * (1.0 - trial.gone) if trial.gone < 1.0 else 0.0
            what = "control repeated" if trial in study.controls else "reference's values repeated there"
            words = f"{left:.3g}, {what}" if left else f"no more than usual, {what}"
            rows.append((plots.shorten(str(trial.spot), 30), left, words, "other"))
    return rows
