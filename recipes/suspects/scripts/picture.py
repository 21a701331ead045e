"""The picture of a study: the first functions line by line, and which tests ran which lines. Runs in the box."""

from typing import Any, List, Tuple

from debugbox_recipes import plots

from .ranking import Function
from .study import Study

_FUNCTIONS, _LINES, _TESTS, _COLUMNS = 3, 14, 16, 60
_WIDTH = 66  # characters of a source line


def draw(study: Study) -> Any:
    """A matplotlib figure: on the left the code with its suspicion, on the right tests by lines."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7.5), dpi=90, layout="constrained", facecolor="white")
    figure.suptitle(title(study), fontsize=13, fontweight="bold", x=0.01, ha="left")
    code, matrix = figure.subplots(1, 2, width_ratios=(1.5, 1.0))
    rows = code_rows(study)
    _code(study, code, rows)
    _matrix(study, matrix, [place for place, _, _ in rows if place is not None])
    return figure


def title(study: Study) -> str:
    import textwrap

    assert study.target is not None
    first = study.ranked[0]
    if study.flip:
        words = f"{study.target.id} passes with {study.flip.words} at {study.flip.where}"
    else:
        words = f"{study.target.id} fails: {first.name} ({first.file}:{first.top}) is the most suspicious"
        words += f", {study.ties} tie" if study.ties > 1 else ""
    return textwrap.fill(words, 100)


Row = Tuple[
    Any, str, float
]  # (file, line) or None for a heading, text, suspicion (-1: the failing tests did not run it)


def code_rows(study: Study) -> List[Row]:
    """The first functions' source, each cut to the lines around its most suspicious one."""
    assert study.seen is not None
    rows: List[Row] = []
    for rank, function in enumerate(study.ranked[:_FUNCTIONS], 1):
        rows.append((None, f"{rank}. {function.name}  {plots.shorten(f'{function.file}:{function.top}', 44)}", -1.0))
        for line in _lines(function):
            text = (
                study.sources.lines(function.file)[line - 1] if line <= len(study.sources.lines(function.file)) else ""
            )
            place = (function.file, line)
            rows.append((place, text, study.seen.ochiai(place) if place in study.seen.failed else -1.0))
    return rows


def _lines(function: Function) -> List[int]:
    first = max(function.first, min(function.top - _LINES // 2, function.last - _LINES + 1))
    return list(range(first, min(function.last, first + _LINES - 1) + 1))


def _code(study: Study, axes: Any, rows: List[Row]) -> None:
    from matplotlib.patches import Rectangle

    tops = {(function.file, function.top) for function in study.ranked[:_FUNCTIONS]}
    for position, (place, text, suspicion) in enumerate(rows):
        if place is None:
            axes.text(0.0, position, text, fontsize=9.5, fontweight="bold", va="center")
            continue
        if suspicion >= 0:
            colour = (*_rgb(plots.SUSPECT), max(0.06, suspicion))
            axes.add_patch(Rectangle((0.0, position - 0.5), 0.05, 1.0, facecolor=colour, edgecolor="none"))
        bold = "bold" if place in tops else "normal"
        label = f"{place[1]:>5} {'>' if place in tops else ' '} {text.expandtabs(4)[:_WIDTH]}"
        axes.text(
            0.06, position, label, fontsize=8.8, family="monospace", va="center", fontweight=bold, parse_math=False
        )
    axes.set(xlim=(0, 1), ylim=(max(len(rows), 12) - 0.5, -0.7))
    axes.set_axis_off()
    axes.set_title("strip: how suspicious a line is; >: the most suspicious one", fontsize=10, loc="left")


def _rgb(colour: str) -> Tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return red, green, blue


def _matrix(study: Study, axes: Any, places: List[Any]) -> None:
    """Failing tests on top; a filled cell: the test ran the line."""
    assert study.seen is not None
    columns = [place for place in places if place in study.seen.failed][:_COLUMNS]
    ran = [frozenset(test.ran()) for test in study.seen.failing]
    failing = list(zip(study.seen.failing, ran))[: _TESTS // 2]  # noqa: B905  # strict= came with 3.10
    touching = [pair for pair in zip(study.seen.passing, study.seen.ran_by) if pair[1] & set(columns)]  # noqa: B905
    touching.sort(key=lambda pair: -len(pair[1] & set(columns)))
    shown = [*failing, *touching[: _TESTS - len(failing)]]
    for row, (_, lines) in enumerate(shown):
        colour = plots.SUSPECT if row < len(failing) else plots.EXPECTED
        hit = [number for number, place in enumerate(columns) if place in lines]
        marker = "s" if row < len(failing) else "o"
        axes.scatter(hit, [row] * len(hit), s=22, color=colour, marker=marker)
    names = [plots.shorten(test.id.split("::", 1)[-1], 30) for test, _ in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    step = max(1, len(columns) // 12)
    axes.set_xticks(
        range(0, len(columns), step), [str(columns[n][1]) for n in range(0, len(columns), step)], fontsize=8
    )
    axes.tick_params(axis="x", rotation=90)
    axes.set_ylim(max(len(shown), 6) - 0.5, -0.7)
    axes.axhline(len(failing) - 0.5, color="black", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("line number, in the order of the listing", fontsize=9)
    counts = f"{len(study.seen.failing)} failing (squares), {len(touching)} of {len(study.seen.passing)} passing (dots)"
    axes.set_title(f"tests: {counts}", fontsize=10, loc="left")
