"""The picture of a comparison: the run as a ribbon, and what each difference does. Runs in the box."""

from typing import Any, List, Tuple

from debugbox_recipes import plots

from .aligning import ONLY_HERE, OTHER_VALUE, SAME
from .concluding import chain
from .study import Study, Trial

_PIECES = 300  # of the ribbon


def draw(study: Study) -> Any:
    """A matplotlib figure: above where the runs differ, below the outcome with the other's value at each place."""
    drawn, axes = plots.panels(title(study), (0.8, 2.6))
    _ribbon(study, axes[0])
    _bars(study, axes[1])
    return drawn


def title(study: Study) -> str:
    if not study.origin:
        return f"{len(study.points)} values differ from {study.other_words}; none of them alone decides the outcome"
    names = " and ".join(f"{point.site.name} at {point.site}" for point in study.origin[:2])
    if not study.apart:
        return f"All that differs from {study.other_words} hangs on the input: {names}"
    first = study.points[0]
    if first in study.origin:
        return f"What differs from {study.other_words} and matters begins at {names}"
    return f"The runs part at {first.site}, but what matters is {names}"


def _ribbon(study: Study, axes: Any) -> None:
    """Along the run: alike, another value, only here. A piece has the colour of the worst in it."""
    assert study.comparison is not None
    marks = study.comparison.marks
    pieces = min(_PIECES, len(marks))
    colours = {SAME: "#D9D9D9", OTHER_VALUE: plots.SUSPECT, ONLY_HERE: plots.AMPLIFIER}
    width = len(marks) / pieces
    for number in range(pieces):
        part = marks[int(number * width) : max(int((number + 1) * width), int(number * width) + 1)]
        axes.axvspan(number * width, (number + 1) * width, color=colours[max(part)], linewidth=0)
    words = {SAME: "alike", OTHER_VALUE: "another value", ONLY_HERE: "runs only here"}
    for mark in sorted(set(marks)):
        axes.plot([], [], marker="s", linestyle="", markersize=9, color=colours[mark], label=words[mark])
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, -0.12), ncols=3, fontsize=9, frameon=False)
    for event, name in _flags(study):
        late = event > 0.8 * len(marks)
        axes.axvline(event + 0.5, color="black", linewidth=1.5)
        axes.annotate(
            name, (event + 0.5, 1.0), xycoords=("data", "axes fraction"), xytext=(-2 if late else 2, 4),
            textcoords="offset points", fontsize=9, fontweight="bold", ha="right" if late else "left",
        )  # fmt: skip
    axes.set(xlim=(0, len(marks)), ylim=(0, 1), yticks=[])
    axes.set_xlabel("values that the repository's statements gave, in order", fontsize=10, loc="left")


def _flags(study: Study) -> List[Tuple[int, str]]:
    flags = [(study.points[0].at, "first")] if study.points[0] not in study.origin else []
    return flags + [(point.at, "matters") for point in study.origin[:1]]


def _bars(study: Study, axes: Any) -> None:
    sites = {point.site for point in study.origin}
    shown = chain(study)
    rows = [("as it is", 1.0, "", "other")]
    for row, trial in enumerate(shown, 1):
        role = "suspect" if trial.point.site in sites else "other"
        rows.append((plots.shorten(str(trial.point.site), 28), trial.share or 0.0, _remark(study, trial), role))
        if trial.follows or trial.share is None:
            marker, colour = ("D", plots.EXPECTED) if trial.follows else ("x", "black")
            axes.plot([0.012], [row], marker=marker, markersize=7, zorder=5, clip_on=False,
                      color=plots.SUSPECT if role == "suspect" else colour)  # fmt: skip
    plots.bars(axes, rows, "share of the differing outcome that is left with the other run's value at that place")
    axes.set_xlim(0, 2.2)
    axes.set_xticks([0, 0.5, 1])


def _remark(study: Study, trial: Trial) -> str:
    mine, theirs = (_short(value) for value in study.values(trial.point.site))
    said = f"{_short(trial.point.site.name, 30)}: {mine} → {theirs}"
    return f"  {said}{_end(study, trial)}".replace("$", r"\$")


def _end(study: Study, trial: Trial) -> str:
    if trial.share is None:
        return " : ends otherwise"
    if not trial.follows:
        return ""
    first = study.origin[0] if study.origin else None
    if first is None or trial.point in study.origin:
        return " : the outcome follows, by this alone" if len(study.origin) == 1 and study.apart else " : follows"
    return " : follows, with all the rest" if trial.point.at < first.at else " : follows"


def _short(text: str, length: int = 22) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
