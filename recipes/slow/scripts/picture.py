"""The picture of a study: work against size, the lines that take it, and the call chain. Runs in the box.

Counts only: a picture drawn again in another box must be the same.
"""

from typing import Any, List, Tuple

from debugbox_recipes import plots
from debugbox_recipes.fitting import exponent

from .concluding import power_of
from .study import Study

_MOST_LINES = 5


def draw(study: Study) -> Any:
    """A matplotlib figure of two panels, or three where there is a call chain."""
    drawn, axes = plots.panels(title(study), (1.6, 1.0, 1.0) if study.chain else (1.6, 1.0))
    _growth(study, axes[0])
    _shares(study, axes[1])
    if study.chain:
        _chain(study, axes[2])
    return drawn


def title(study: Study) -> str:
    assert study.knob is not None
    if study.by_clock:
        where = f" at {study.slow_lines[0][0]}" if study.slow_lines else ""
        return f"The counts grow linearly, the time does not: C code or a library inside a line{where}"
    if not study.superlinear:
        return f"No scaling problem: the work grows linearly with {study.knob.words}"
    said = f"The work grows as {power_of(study)} with {study.knob.words}: hot at {study.hot}"
    return said + (f", caused at {study.cause}" if study.cause is not None else "")


def _growth(study: Study, axes: Any) -> None:
    """Log-log: all work, the top lines with their slopes, and linear growth for comparison."""
    sizes = [rung.size for rung in study.rungs]
    axes.plot(sizes, study.work, color="black", marker="o", linewidth=2, label=f"all work: n^{study.power:.2f}")
    colours = (plots.SUSPECT, plots.EXPECTED, "#009E73", "#CC79A7", plots.OTHER)
    for (line, _), colour in zip(study.ahead[:_MOST_LINES], colours):  # noqa: B905  # strict= came with 3.10
        counts = study.lines[line]
        points = [(n, count) for n, count in zip(sizes, counts) if count > 0]  # noqa: B905  # the same
        label = f"{plots.shorten(line, 30)}: n^{exponent(counts):.2f}"
        axes.plot([p[0] for p in points], [p[1] for p in points], color=colour, marker="s", markersize=4, label=label)
    linear = [study.work[0] * size / sizes[0] for size in sizes]
    axes.plot(sizes, linear, color=plots.NOISE, linewidth=2, linestyle="--", zorder=1, label="linear growth")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_ylabel("line events", fontsize=10)
    assert study.knob is not None
    axes.set_xlabel(f"size: {study.knob.words}", fontsize=10)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False)


def _shares(study: Study, axes: Any) -> None:
    """Shares now and at ten times the size."""
    rows: List[Tuple[str, float, str, str]] = []
    for line, share in study.ahead[:_MOST_LINES]:
        now = study.lines[line][-1] / max(study.work[-1], 1.0)
        remark = f"{share:.0%} (now {now:.0%}) in {study.functions.get(line, '')[:28]}"
        role = "suspect" if line == study.hot or line == str(study.cause) else "other"
        rows.append((plots.shorten(line), round(100 * share, 1), remark, role))
    plots.bars(axes, rows, "share of the work at ten times the largest size, %")


def _chain(study: Study, axes: Any) -> None:
    """The calls that lead to the hot line: exponents of the entries; the rest of the exponent is each one's work."""
    rows: List[Tuple[str, float, str, str]] = []
    for level in study.chain[-_MOST_LINES:]:
        role = "suspect" if level is study.cause else "other"
        remark = f"entered {level.entries[-1]:.0f} times: n^{level.entered:.1f}; work of each n^{level.each:.1f}"
        rows.append((plots.shorten(str(level)), round(level.entered, 2), remark, role))
    plots.bars(axes, rows, "exponent of the entries, from the outer call to the hot line")
