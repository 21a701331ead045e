"""The picture of a study: when each expression first gave what is not finite, from which operands, and what helped.

Runs in the box. Counts only: a picture drawn again in another box must be the same.
"""

from typing import Any, List, Tuple

from debugbox_recipes import plots

from .concluding import operand_words
from .study import Spot, Study

_ROWS, _WIDTH = 8, 46


def draw(study: Study) -> Any:
    """A matplotlib figure: the timeline; the operands at the first birth; the trials where there are any."""
    drawn, axes = plots.panels(title(study), (1.7, 0.7, 1.0) if study.trials else (1.7, 0.7))
    _timeline(study, axes[0])
    _operands(study, axes[1])
    if study.trials:
        _trials(study, axes[2])
    return drawn


def title(study: Study) -> str:
    if study.stopped:
        return f"No number that is not finite is explained: {study.stopped}"
    if not study.causes:
        return "The numbers that are not finite come from outside the code that was looked at"
    cause = study.causes[0]
    proven = (
        f"; with finite numbers there, {study.proof.printed.count} of {study.count} are left" if study.proof else ""
    )
    return f"{cause.what} comes up at {cause}: {cause.text}{proven}"


def _shown(study: Study) -> List[Spot]:
    causes = [cause.key for cause in study.causes]
    rest = [spot for spot in study.spots if spot.key not in causes]
    after = [spot for spot in rest if study.causes and spot.first > study.causes[0].first]
    return sorted([*study.causes, *(after or rest)[: _ROWS - len(causes)]], key=lambda spot: spot.first)


def _timeline(study: Study, axes: Any) -> None:
    """One row an expression: finite until the mark, then how many were not."""
    causes = {cause.key for cause in study.causes}
    shown = _shown(study)
    for row, spot in enumerate(shown):
        colour = plots.SUSPECT if spot.key in causes else plots.OTHER
        axes.plot([0, spot.first], [row, row], color=plots.NOISE, linewidth=2, zorder=1)
        axes.plot([spot.first, max(spot.last, spot.first)], [row, row], color=colour, linewidth=6, zorder=2)
        axes.plot([spot.first], [row], marker="D" if spot.born else "o", color=colour, markersize=8, zorder=3)
        remark = f"{spot.values} of {spot.evaluated} {spot.what}{', from finite numbers' if spot.born else ''}"
        axes.annotate(remark, (study.seen, row), xytext=(8, 0), textcoords="offset points", va="center", fontsize=9)
    labels = [f"{_cut(spot.text, 26)}  {plots.shorten(str(spot), 22)}" for spot in shown]
    axes.set_yticks(range(len(shown)), labels, fontfamily="monospace", fontsize=9)
    for tick, spot in zip(axes.get_yticklabels(), shown):  # noqa: B905  # strict= came with 3.10
        tick.set_fontweight("bold" if spot.key in causes else "normal")
    axes.set_ylim(max(len(shown), 4) - 0.5, -0.7)
    axes.set_xlim(0, study.seen * 1.6 or 1)
    axes.set_xlabel("values looked at until then (grey: still finite; diamond: made from finite numbers)", fontsize=10)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _operands(study: Study, axes: Any) -> None:
    axes.set_axis_off()
    births = study.causes[0].births if study.causes else ()
    if not births:
        axes.text(0, 0.5, "the operands at the first one were not seen", fontsize=11, va="center")
        return
    birth = births[0]
    lines = [f"{study.causes[0]}, evaluation {birth['evaluation']}: {study.causes[0].text}"]
    lines += [f"  {operand_words(each)}" for each in birth["operands"]][:4]
    result = operand_words({**birth["result"], "text": "gives"})
    bad = birth["result"].get("bad") or []
    lines.append(f"  {result}" + (f", not finite at index {'; '.join(bad)}" if bad else ""))
    for row, text in enumerate(lines):
        axes.text(
            -0.45, 1.0 - (row + 0.5) / 6, _cut(text, 118), fontsize=10, family="monospace", va="center",
            fontweight="bold" if row == 0 else "normal", parse_math=False, transform=axes.transAxes,
        )  # fmt: skip


def _trials(study: Study, axes: Any) -> None:
    rows: List[Tuple[str, float, str, str]] = [("as it is", float(study.count), str(study.count), "suspect")]
    proof = [study.proof] if study.proof is not None else []
    others = [trial for trial in study.trials if trial is not study.proof]
    for trial in [*proof, *others[:3], *study.controls]:
        name = plots.shorten(str(trial.spots[0]), 26) + (f" +{len(trial.spots) - 1}" if len(trial.spots) > 1 else "")
        how = "moved (control)" if trial.stand_in is None else f"{trial.stand_in:g} there"
        if trial.gone is None:
            rows.append((name, 0.0, f"{how}: {trial.printed.trouble[:50]}", "other"))
        else:
            rows.append((name, float(trial.printed.count), f"{trial.printed.count} with {how}", "other"))
    plots.bars(axes, rows, "printed numbers that are not finite; two unchanged runs differ by " + str(study.noise))
