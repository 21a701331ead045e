"""The picture of a study: factors by runs, and what is left when lines are pinned. In the kernel."""

from typing import Any, List, Sequence, Tuple

from debugbox_recipes import plots

from .concluding import difference, letters, named
from .measuring import LEVELS, Outcome, distinct
from .study import Study, place

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#999999")
_MOST_LINES, _MOST_CONTROLS = 6, 3


def draw(study: Study) -> Any:
    """A matplotlib figure: above the matrix, below the lines."""
    rows = matrix(study)
    bars = lines(study)
    figure, (above, below) = plots.panels(title(study), [max(2.0, len(rows)), max(1.5, len(bars))])
    _matrix(above, rows)
    plots.bars(below, bars, "different outputs in 8 runs (1: it is always the same)")
    below.axvline(1, color=plots.NOISE, linewidth=2, zorder=0)
    fragment = difference(study)
    if fragment is not None and study.levels and not study.by_address:
        texts = [f"line {fragment[0]} of the output in two runs:", *(text.expandtabs(4) for text in fragment[1:])]
        figure.supxlabel("\n".join(texts), fontsize=9, x=0.01, ha="left", family="monospace", parse_math=False)
    return figure


def title(study: Study) -> str:
    what = "memory addresses" if study.by_address else named(study.guilty)
    if not study.minimal:
        return f"Runs differ by {what}; no line of the repository was found that lets it in"
    where = ", ".join(place(row) for row in study.minimal[:2]) + (" and more" if len(study.minimal) > 2 else "")
    return f"Runs differ by {what}, let in at {where}"


def matrix(study: Study) -> List[Tuple[str, str, bool]]:
    """(row, a letter for each run, whether it is guilty): the letters are of one alphabet."""
    groups: List[Tuple[str, Sequence[Outcome], bool]] = [("all held (A/A)", study.held, False)]
    groups += [(f"only {f.name} varied", f.outcomes, f.guilty) for f in study.factors]
    if len(study.guilty) > 1:
        groups.append(("all of these varied", study.levels, True))
    if study.proven:
        groups.append(("the same, lines pinned", study.proven, False))
    if study.by_address:  # how held runs differ is another matter each time
        return [("all held (A/A)", "A?", True), ("the same, lines pinned", letters(study.proven), False)]
    everything = letters([outcome for _, outcomes, _ in groups for outcome in outcomes])
    rows, start = [], 0
    for name, outcomes, guilty in groups:
        rows.append((name, everything[start : start + len(outcomes)], guilty))
        start += len(outcomes)
    return rows


def _matrix(axes: Any, rows: Sequence[Tuple[str, str, bool]]) -> None:
    from matplotlib.patches import Rectangle

    for position, (_, cells, _) in enumerate(rows):
        for run, letter in enumerate(cells):
            colour = _COLOURS[min(ord(letter) - ord("A"), 7) if letter != "?" else 7]
            axes.add_patch(Rectangle((run - 0.46, position - 0.42), 0.92, 0.84, facecolor=colour, alpha=0.85))
            axes.text(run, position, letter, ha="center", va="center", fontsize=10, color="white", fontweight="bold")
    axes.set_xlim(-0.6, LEVELS - 0.4)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=10)
    for tick, (_, _, guilty) in zip(axes.get_yticklabels(), rows):  # noqa: B905  # strict= came with 3.10
        tick.set_fontweight("bold" if guilty else "normal")
    axes.set_xticks(range(LEVELS), [str(level) for level in range(LEVELS)])
    axes.set_xlabel("run (level of what is varied); a letter stands for one output", fontsize=10)


def lines(study: Study) -> List[Tuple[str, float, str, str]]:
    """Bars: nothing pinned, all pinned, each line left free, each control pinned."""
    if study.by_address:
        pinned = [(plots.shorten(place(row)), 1.0, "pinned with the others: always the same", "suspect")
                  for row in study.minimal[:_MOST_LINES]]  # fmt: skip
        return pinned or [("nothing pinned", 2.0, "outputs differ", "other")]
    rows = [("nothing pinned", float(distinct(study.levels)), "as it is", "other")]
    if study.proven:
        rows.append(("all suspects pinned", float(distinct(study.proven)), "what is left", "other"))
    for row in study.minimal[:_MOST_LINES]:
        left = study.without.get(place(row))
        if left is not None:
            what = "with this one left free" if len(study.minimal) > 1 else "left free"
            rows.append((plots.shorten(place(row)), float(left), what, "suspect"))
    for where, (count, _) in list(study.controls.items())[:_MOST_CONTROLS]:
        rows.append((plots.shorten(where), float(count), "control: only this one pinned", "other"))
    return rows
