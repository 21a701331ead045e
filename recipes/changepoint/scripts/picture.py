"""The picture of a study: the series with its change and interval, what changes with it, what helped. In the box."""

from typing import Any, List, Tuple

from debugbox_recipes import plots

from .study import Study

_SERIES = 2  # other series drawn below


def draw(study: Study) -> Any:
    """A matplotlib figure: one panel a series; below, how much of the change is left in each trial."""
    names = _shown(study)
    heights = [1.6, *(0.8 for _ in names[1:]), *([1.0] if study.trials else [])]
    drawn, axes = plots.panels(title(study), heights)
    for name, one in zip(names, axes):  # noqa: B905  # strict= came with 3.10
        _series(study, name, one)
    axes[len(names) - 1].set_xlabel("row (blue: mean of each part; band: 95 % interval of the change)", fontsize=10)
    if study.trials:
        _trials(study, axes[-1])
    return drawn


def title(study: Study) -> str:
    change = study.change
    if study.stopped or change is None:
        return f"No change is explained: {study.stopped}"
    said = f"{study.name} changes at row {change.index + 1} ({change.before:.4g} to {change.after:.4g})"
    if study.cause is not None:
        return f"{said}: it begins at {study.cause}, {study.cause.text}"
    return said + (f": {study.row[0]}:{study.row[1]}" if study.row else "")


def _shown(study: Study) -> List[str]:
    """What is explained; then what changes with it, then what does not."""
    rest = [name for name in study.changes if name != study.name]
    rest.sort(key=lambda name: name not in study.with_it)
    first = [study.name] if study.name in study.changes else []
    return [*first, *rest][: 1 + _SERIES]


def _series(study: Study, name: str, axes: Any) -> None:
    values, changes = study.native[0].series[name].values, study.changes[name]
    axes.plot(range(1, len(values) + 1), values, color=plots.OTHER, linewidth=0.9, marker=".", markersize=3)
    edges = [0, *(change.index for change in changes), len(values)]
    for start, end in zip(edges, edges[1:]):  # noqa: B905, RUF007  # see above
        mean = sum(values[start:end]) / (end - start)
        axes.plot([start + 1, end], [mean, mean], color=plots.EXPECTED, linewidth=2)
    for change in changes:
        axes.axvspan(change.low + 0.5, change.high + 1.5, color=plots.SUSPECT, alpha=0.25, linewidth=0)
        axes.axvline(change.index + 1, color=plots.SUSPECT, linewidth=1.5)
    axes.set_ylabel(name, fontsize=10)
    axes.set_xlim(0, len(values) + 1)
    if not changes:
        axes.annotate("no change beyond its own memory", (0.01, 1.0), xycoords="axes fraction", fontsize=9)


def _trials(study: Study, axes: Any) -> None:
    first = study.shifts[0] if study.shifts else 0.0
    rows: List[Tuple[str, float, str, str]] = [("as it is", first, f"moves by {first:.4g}", "suspect")]
    for trial in [*study.trials[:3], *study.controls]:
        name = plots.shorten(str(trial.spot), 30)
        what = "control" if trial in study.controls else "repeated"
        if trial.gone is None:
            rows.append((name, 0.0, f"{what}: {trial.done.trouble[:50]}", "other"))
        else:
            left = max(0.0, first * (1.0 - trial.gone))
            rows.append((name, left, f"{left:.4g} left, {what}: {trial.spot.text[:34]}", "other"))
    unit = "shift of the mean beyond the series' own memory"
    plots.bars(axes, rows, f"{unit}, with values from before the change repeated there")
