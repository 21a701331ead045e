"""The picture of a study: how often the test fails under each condition, and what leads to it. In the kernel."""

from typing import Any, List, Tuple

from debugbox_recipes import plots
from debugbox_recipes.stats import wilson

from .study import CHANCE, POLLUTED, Study


def draw(study: Study) -> Any:
    """A matplotlib figure: above the rates with their intervals, below the way from one test to the other."""
    figure, (above, below) = plots.panels(title(study), [max(2.5, len(study.rates)), 1.6])
    _rates(study, above)
    below.set_axis_off()
    boxes = chain(study)
    for position, (text, role) in enumerate(boxes):
        colour = {"suspect": plots.SUSPECT, "other": plots.EXPECTED}[role]
        style = {"boxstyle": "round,pad=0.6", "facecolor": "white", "edgecolor": colour, "linewidth": 2}
        x = (position + 0.5) / len(boxes)
        below.text(x, 0.5, text, ha="center", va="center", fontsize=9, bbox=style, family="monospace", parse_math=False,
                   transform=below.transAxes)  # fmt: skip
        if position:
            below.annotate("", (x - 0.11, 0.5), (x - 0.5 / len(boxes) - 0.06, 0.5), xycoords="axes fraction",
                           arrowprops={"arrowstyle": "->", "linewidth": 1.8}, zorder=0)  # fmt: skip
    return figure


def title(study: Study) -> str:
    name = study.victim.split("::")[-1]
    if study.kind == CHANCE:
        assert study.chance is not None
        lines = [f"{row['file']}:{row['line']}" for row in study.chance.minimal[:2]]
        return f"{name} fails by chance: {', '.join(study.chance.guilty) or 'factor unknown'}" + (
            f", let in at {' and '.join(lines)}" if lines else "")  # fmt: skip
    others = " and ".join(test.split("::")[-1] for test in study.matter[:2])
    where = next((f", written at {u.stack[0]['file']}:{u.stack[0]['line']}" for u in study.needed if u.stack), "")
    left = f": {study.needed[0].path} is left behind" if study.needed else ""
    return f"{name} {'fails' if study.kind == POLLUTED else 'passes only'} after {others}{left}{where}"


def chain(study: Study) -> List[Tuple[str, str]]:
    """The boxes: the test that leaves something, what it leaves, the test that sees it."""
    victim = study.victim.split("::")[-1]
    if study.kind == CHANCE:
        assert study.chance is not None
        lines = [(f"{row['file']}:{row['line']}", "suspect") for row in study.chance.minimal[:2]]
        return [*(lines or [("lines unknown", "suspect")]), (victim, "other")]
    found = [(test.split("::")[-1], "other") for test in study.matter[:1]]
    for unit in study.needed[:1]:
        where = f"\nwritten at {unit.stack[0]['file']}:{unit.stack[0]['line']}" if unit.stack else ""
        found.append((f"{plots.shorten(unit.path, 40)}\n{unit.before[:18]} -> {unit.after[:18]}{where}", "suspect"))
    return [*found, (victim, "other")]


def _rates(study: Study, axes: Any) -> None:
    for position, (name, (failed, runs)) in enumerate(study.rates.items()):
        rate = failed / runs if runs else 0.0
        low, high = wilson(failed, runs)
        control = name.startswith("control") or "held" in name
        colour = plots.OTHER if control else plots.SUSPECT if rate > 0 else plots.EXPECTED
        axes.barh(position, rate, color=colour, height=0.6)
        axes.plot([low, high], [position, position], color="black", linewidth=1.6, marker="|", markersize=10)
        axes.annotate(f"{failed} of {runs}", (1.04, position), va="center", fontsize=10)
    axes.set_yticks(range(len(study.rates)), list(study.rates), fontsize=10)
    axes.set_xlim(0, 1.18)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100"])
    axes.set_ylim(len(study.rates) - 0.4, -0.6)
    axes.set_xlabel("how often the test fails (%), with its 95 % interval", fontsize=10)
