"""Plot kit of the recipes: one look for all pictures. Runs in the box, in the kernel; matplotlib is imported late.

Pictures are 1000 x 700 pixels, the title says the conclusion, suspects are marked `file:line`, and the noise floor is
drawn.
Colours are Okabe and Ito's: they can be told apart with any colour vision; markers and hatches say the same again.
"""

import textwrap
from typing import Any, List, Optional, Sequence, Tuple

COMPUTED = "#D55E00"  # vermilion: what the program did
EXPECTED = "#0072B2"  # blue: what it should be
SUSPECT = "#D55E00"
OTHER = "#999999"
AMPLIFIER = "#56B4E9"
NOISE = "#BBBBBB"


def panels(title: str, heights: Sequence[float]) -> Tuple[Any, List[Any]]:
    """A figure with stacked panels of these relative heights, and the conclusion as its title."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), dpi=100, layout="constrained", facecolor="white")
    axes = list(figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    figure.suptitle(textwrap.fill(title, 88), fontsize=13, fontweight="bold", x=0.01, ha="left")
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelsize=10)
        one.xaxis.get_major_locator().set_params(integer=True)
    return figure, axes


def noise_floor(axes: Any, level: float, label: str) -> None:
    """A grey line below which nothing means anything."""
    axes.axhline(level, color=NOISE, linewidth=2, zorder=1)
    axes.annotate(
        label, (0.995, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=9, color="#666666"
    )


def mark_point(axes: Any, x: float, y: float, label: str) -> None:
    """The point that numbers are quoted for."""
    axes.plot([x], [y], marker="o", markersize=9, markerfacecolor="none", markeredgecolor="black", zorder=5)
    axes.annotate(label, (x, y), xytext=(-4, 9), textcoords="offset points", ha="right", fontsize=10)


def bars(axes: Any, rows: Sequence[Tuple[str, float, str, str]], xlabel: str) -> None:
    """Horizontal bars, first row on top: (label, value, remark beside the bar, role suspect | amplifier | other)."""
    colours = {"suspect": SUSPECT, "amplifier": AMPLIFIER, "other": OTHER}
    for position, (_, value, remark, role) in enumerate(rows):
        hatch = "////" if role == "amplifier" else None
        axes.barh(position, value, color=colours[role], hatch=hatch, edgecolor="white", height=0.65)
        axes.annotate(
            remark, (max(value, 0.0), position), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9
        )
    axes.set_yticks(range(len(rows)), [row[0] for row in rows], fontfamily="monospace", fontsize=10)
    for tick, row in zip(axes.get_yticklabels(), rows):  # noqa: B905  # strict= came with 3.10
        tick.set_fontweight("bold" if row[3] == "suspect" else "normal")
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    low = min([0.0, *(row[1] for row in rows)])
    high = max([0.0, *(row[1] for row in rows)]) or 1.0
    axes.set_xlim(low * 1.1, high + (high - low) * 0.75)  # room for the remarks
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= max(high, 100.0)])
    axes.set_xlabel(xlabel, fontsize=10)


def shorten(place: str, length: Optional[int] = 34) -> str:
    """`place` with its front cut off: the file's name and line are at the end."""
    return place if length is None or len(place) <= length else "…" + place[-(length - 1) :]
