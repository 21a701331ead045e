"""The picture of a study: the peak against the size, what is alive then by line, and the way to it. Runs in the box.

Counted bytes only: a picture drawn again in another box must be the same.
"""

from typing import Any, List, Tuple

from debugbox_recipes import plots
from debugbox_recipes.fitting import exponent

from .concluding import amount, power_of, rounded
from .study import Study, Trial

_MOST_LINES = 5
_MIB = 2**20


def draw(study: Study) -> Any:
    """A matplotlib figure of one panel, or three where something was found."""
    found = study.alive is not None
    drawn, axes = plots.panels(title(study), (1.6, 1.0, 1.0) if found else (1.0,))
    _growth(study, axes[0])
    if found:
        _lines(study, axes[1])
        _chain(study, axes[2])
    return drawn


def title(study: Study) -> str:
    assert study.knob is not None
    if not study.grows:
        return f"No memory blow-up: the peak does not grow with {study.knob.words}"
    said = f"The memory peak grows as {power_of(study.power)} with {study.knob.words}"
    if study.stopped:
        return f"{said}; no line is named"
    kept = f": kept at {study.cause}" if study.cause is not None else f": allocated at {study.hot}"
    return said + kept + (", gone when a list is taken lazily" if study.proof is not None else "")


def _growth(study: Study, axes: Any) -> None:
    """The peak at each size, what the top lines hold of it, and how high it goes with the lists taken lazily."""
    sizes = [rung.size for rung in study.rungs]
    peaks = [rounded(peak) / _MIB for peak in study.peaks]
    axes.plot(sizes, peaks, color="black", marker="o", linewidth=2, label=f"peak: {power_of(study.power)}")
    if study.alive is not None:
        colours = (plots.SUSPECT, plots.EXPECTED, "#009E73")
        held = [one.size for one in study.alive.held]
        for (line, _), colour in zip(study.shares, colours):  # noqa: B905  # strict= came with 3.10
            values = study.alive.lines[line]
            label = f"alive, from {plots.shorten(line, 26)}: {power_of(exponent(values))}"
            axes.plot(held, [rounded(v) / _MIB for v in values], color=colour, marker="s", markersize=4, label=label)
    if study.proof is not None:
        _without(study, study.proof, axes)
    marked = [sizes[0], *sizes[-3:]]  # the small ones lie too close
    axes.set_xticks(marked, [str(size) for size in marked])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("MiB of Python objects", fontsize=10)
    assert study.knob is not None
    axes.set_xlabel(f"size: {study.knob.words}", fontsize=10)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False)


def _without(study: Study, trial: Trial, axes: Any) -> None:
    ends = [one.size for one in study.plain[:2]]
    low = rounded(study.plain[0].peak)
    left = [low, rounded(low + (1.0 - (trial.removed or 0.0)) * study.growth)]
    axes.plot(ends, [v / _MIB for v in left], color=plots.AMPLIFIER, linestyle="--", marker="D", label="taken lazily")


def _lines(study: Study, axes: Any) -> None:
    assert study.alive is not None
    rows: List[Tuple[str, float, str, str]] = []
    for line, share in study.shares[:_MOST_LINES]:
        now = study.alive.lines[line][-1]
        file, _, number = line.rpartition(":")
        function = study.alive.source.function_at(file, int(number))[:30] or "the module"
        remark = f"{amount(now)}, {share:.0%} of what grows; in {function}"
        role = "suspect" if line == study.hot else "other"
        rows.append((plots.shorten(line), rounded(now) / _MIB, remark, role))
    plots.bars(axes, rows, "alive at the highest moment, by the line that allocated it, MiB")


def _chain(study: Study, axes: Any) -> None:
    """The way to the line that allocates: the innermost that leaves more in one call with a larger size is to blame."""
    rows: List[Tuple[str, float, str, str]] = []
    for level in study.chain[-_MOST_LINES:]:
        remark = f"{amount(level.held[-1])} below; in {level.function[:30] or 'the module'}"
        role = "suspect" if level is study.keeper else "other"
        rows.append((plots.shorten(str(level)), max(0.0, round(level.each, 1)), remark, role))
    plots.bars(axes, rows, "exponent of what one call leaves alive, from the outer call to the line that allocates")
