"""The picture of a study: who waits where and for whom, and what set the program free. Runs in the box.

No ids and no times: a picture drawn again in another box must be the same.
"""

from typing import Any, Dict, List, Tuple

from debugbox_recipes import plots

from .measuring import WORDS
from .study import Study

_MOST = 7


def draw(study: Study) -> Any:
    """A matplotlib figure: the graph of waits, or the loop; below what was tried."""
    drawn, axes = plots.panels(title(study), (2.2, 1.0) if study.trials else (1.0,))
    if study.state == "looping":
        _loop(study, axes[0])
    else:
        _waits(study, axes[0])
    if study.trials:
        _trials(study, axes[1])
    return drawn


def title(study: Study) -> str:
    if study.stopped:
        return f"No hang is explained: {study.stopped}"[:170]
    first = study.lines[0] if study.lines else ""
    if study.state == "looping":
        return f"The loop at {first} never ends"
    if study.state == "circle":
        return f"Deadlock at {first}: {WORDS['circle']}"
    return f"It stands still at {first}: {WORDS[study.state]}" if study.state in WORDS else f"It had not ended: {first}"


def _waits(study: Study, axes: Any) -> None:
    """A box for each thread or task; an arrow to whom it waits for."""
    assert study.hung is not None
    shown = study.hung.waiters[:_MOST]
    circle = {each["id"] for each in study.hung.circle}
    names = {each["id"]: str(each["name"])[:24] for each in study.hung.waiters}
    rows: Dict[str, int] = {each["id"]: row for row, each in enumerate(shown)}
    for row, each in enumerate(shown):
        at = f"{each['stack'][0][0]}:{each['stack'][0][1]}" if each["stack"] else "no line of the repository"
        quote = study.source.quote(each["stack"][0][0], each["stack"][0][1]) if each["stack"] else ""
        colour = plots.SUSPECT if each["id"] in circle else plots.OTHER
        where = f"in {each['inner'][-1]} " if each["inner"] else ""
        text = f"{names[each['id']]}  {where}at {plots.shorten(at, 36)}\n    {quote[:56]}"
        axes.text(
            0.02, row, text, fontsize=10, family="monospace", va="center", parse_math=False,
            bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": colour, "linewidth": 2.5},
        )  # fmt: skip
        _arrow(axes, row, rows.get(each["for"]), _label(each, names), colour)
    axes.set(xlim=(0, 1), ylim=(max(len(shown), 3) - 0.4, -0.6))
    axes.set_axis_off()


def _label(each: Any, names: Dict[str, str]) -> str:
    if not each["lock"]:
        return f"waits for {names[each['for']]}" if each["for"] in names else ""
    made, taken = each["lock"]["made"], each["lock"]["taken"]
    lines = [f"{names[each['for']]} has the lock" if each["for"] in names else "the lock's holder has ended"]
    lines += [f"made at {plots.shorten(f'{made[0]}:{made[1]}', 30)}"] if made and made[1] else []
    lines += [f"taken at {plots.shorten(f'{taken[0]}:{taken[1]}', 30)}"] if taken and taken[1] else []
    return "\n".join(lines)


def _arrow(axes: Any, row: int, to: Any, label: str, colour: str) -> None:
    x = 0.57 + 0.02 * (row % 3)
    axes.text(0.76, row, label, fontsize=9.5, va="center", color="#333333")
    if to is None:
        return
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 2}
    bend = 0.0 if to == row else 0.35 if to < row else -0.35
    gap = 0.2 if to == row else 0.08 if to > row else -0.08
    axes.annotate(
        "", xy=(x, to - gap), xytext=(x, row + gap), arrowprops={**style, "connectionstyle": f"arc3,rad={bend}"}
    )


def _loop(study: Study, axes: Any) -> None:
    """The loop's source, and which of its names change."""
    loop = study.loop
    lines = study.source.lines(loop["file"])[loop["line"] - 1 : loop["line"] + 9]
    texts: List[Tuple[str, str]] = [
        (f"{loop['line'] + n:>5}  {text.expandtabs(4)[:84]}", "bold" if n == 0 else "normal")
        for n, text in enumerate(lines)
    ]
    same, changing = ", ".join(loop["same"][:8]) or "nothing", ", ".join(loop["changing"][:8]) or "nothing"
    texts += [("", "normal"), (f"changes from turn to turn: {changing}", "bold"), (f"stays: {same}", "normal")]
    for row, (text, weight) in enumerate(texts):
        colour = plots.SUSPECT if row == 0 else "black"
        axes.text(0.02, row, text, fontsize=10, family="monospace", va="center", fontweight=weight, color=colour,
                  parse_math=False)  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(max(len(texts), 8) - 0.5, -0.7))
    axes.set_axis_off()


def _trials(study: Study, axes: Any) -> None:
    reproduced = f"hangs in {len(study.runs)} of {len(study.runs)} runs"
    rows: List[Tuple[str, float, str, str]] = [("as it is", 1.0, reproduced, "suspect")]
    for trial in study.trials[:5]:
        how = "loop ended" if trial.kind == "end_loop" else "lock not taken"
        remark = "ends" if trial.ends else trial.done.trouble[:40] or "hangs"
        name = plots.shorten(str(trial.line), 30)
        rows.append(
            (name, 0.0 if trial.ends else 1.0, f"{how}: {remark}{' (control)' if trial.control else ''}", "other")
        )
    plots.bars(axes, rows, "hangs (1) or ends (0)")
    axes.set_xticks([0, 1])
