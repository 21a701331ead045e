"""The picture of a study: bad and good along the commits, and the lines that were needed. In the kernel."""

import math
from typing import Any, List, Tuple

from debugbox_recipes import plots

from .concluding import rows_of
from .judging import WORKS
from .study import Study

_LINES, _WIDTH = 15, 108


def draw(study: Study) -> Any:
    """A matplotlib figure: above the step at the culprit, below its hunks."""
    figure, (above, below) = plots.panels(title(study), [1.5, 2.0])
    _steps(study, above)
    _hunks(study, below)
    return figure


def title(study: Study) -> str:
    where = ", ".join(dict.fromkeys(hunk.place for hunk in study.minimal[:2]))
    what = "It comes from uncommitted work" if study.uncommitted else f"It came with {study.name}"
    return f"{what}: {where} taken back ends it" if where and study.gone[0] else what


def points(study: Study) -> List[Tuple[int, float, bool]]:
    """(position, value, whether it could be judged), in the order of the commits."""
    found = []
    for position, commit in enumerate(study.line):
        if commit.id in study.points:
            judged = study.points[commit.id] is not None
            value = study.values.get(commit.id, math.nan)
            if study.kind != WORKS:
                value = {True: 1.0, False: 0.0, None: 0.5}[study.points[commit.id]]
            found.append((position, value, judged))
    if study.uncommitted:
        found.append((len(study.line), 1.0 if study.kind != WORKS else study.tip[0].work, True))
    return found


def _steps(study: Study, axes: Any) -> None:
    known = points(study)
    judged = [(x, y) for x, y, good in known if good]
    axes.step([x for x, _ in judged], [y for _, y in judged], where="post", color=plots.OTHER, linewidth=1.2, zorder=1)
    axes.scatter(*zip(*judged), s=60, color=[_colour(study, x) for x, _ in judged], zorder=3)  # noqa: B905
    hollow = [(x, 0.5 if math.isnan(y) else y) for x, y, good in known if not good]
    if hollow:
        axes.scatter(*zip(*hollow), s=60, facecolors="white", edgecolors="black", zorder=3, label="cannot be judged")  # noqa: B905
        axes.legend(fontsize=9, loc="center left", frameon=False)
    culprit = study.merged or study.culprit
    at = len(study.line) if study.uncommitted else [c.id for c in study.line].index(culprit.id) if culprit else 0
    top = max(y for _, y in judged)
    label = "uncommitted" if study.uncommitted else culprit.short if culprit else ""
    plots.mark_point(axes, at, next((y for x, y in judged if x == at), top), label)
    axes.set_xlabel(f"commits, oldest first ({len(study.line)} from the good one to HEAD)", fontsize=10)
    if study.kind == WORKS:
        axes.set_ylabel("work (events)", fontsize=10)
        return
    axes.set_yticks([0, 1], ["good", "bad"])
    axes.set_ylim(-0.25, 1.35)


def _colour(study: Study, position: int) -> str:
    if position >= len(study.line):
        return plots.SUSPECT
    return plots.SUSPECT if study.points[study.line[position].id] else plots.EXPECTED


def _hunks(study: Study, axes: Any) -> None:
    axes.set_axis_off()
    rows = rows_of(study)
    for number, (text, mine) in enumerate(rows[:_LINES]):
        colour = "black" if text.startswith("@@") else plots.SUSPECT if text.startswith("+") else plots.EXPECTED
        axes.text(0.0, 1 - (number + 0.5) / _LINES, text.expandtabs(4)[:_WIDTH], fontsize=9, family="monospace",
                  color=colour if mine else plots.OTHER, fontweight="bold" if mine else "normal", va="center",
                  parse_math=False, transform=axes.transAxes)  # fmt: skip
    left = f", {len(rows) - _LINES} more lines" if len(rows) > _LINES else ""
    grey = "" if len(study.minimal) == len(study.hunks) else "; grey: can stay"
    axes.set_title(f"the change (-: before, +: since){grey}{left}" if rows else "no hunk could be taken back",
                   fontsize=10, loc="left")  # fmt: skip
