"""The second check: do the places, quotes and cells of a conclusion hold, and do the cited cells give the same again?

`lint` reads the record; here the cited cells run once more, in a fresh box, before their code is discarded.
"""

from collections.abc import Sequence
from typing import Protocol

from debugbox.box import Boxes
from debugbox.errors import BoxGone, KernelDied, SettingsNotApplied
from debugbox.finding import Cell, Check, Conclusion
from debugbox.lint import lint
from debugbox.recipes import recipe_called
from debugbox.replay import differences

LEAST_REPLAY_S = 60.0  # for a cell; else three times what it took


class Recorded(Protocol):
    """The bench as it is read here: the cells as they were recorded, and the code that is still in memory."""

    cells: list[Cell]
    code: dict[int, str]


def check_claims(conclusion: Conclusion, boxes: Boxes, bench: Recorded) -> Check:
    """Passed where every citation holds and every cited cell gives the same again."""
    problems = lint(conclusion, boxes.snapshot, bench.cells)
    cited = _cited(conclusion)
    if not problems and cited:
        problems = _replay(cited, boxes, bench)
    if problems:
        return Check(name="claim lint", result="failed", why="; ".join(problems)[:2000])
    cells = "1 cited cell" if len(cited) == 1 else f"{len(cited)} cited cells"
    why = f"every place and quote holds; {cells} replayed alike"
    return Check(name="claim lint", result="passed", why=why)


def _cited(conclusion: Conclusion) -> set[int]:
    return set(conclusion.captions).union(*(suspect.cells for suspect in conclusion.suspects))


def _replay(cited: set[int], boxes: Boxes, bench: Recorded) -> list[str]:
    """What does not come back: after the set-up cells alone or, where that is not enough, after all earlier cells."""
    # A cell that only calls a recipe runs first: no other cell can have changed what the recipe is.
    alone = [cell for cell in bench.cells if cell.id in cited and recipe_called(bench.code.get(cell.id, ""))]
    if problems := _run_again(alone, cited, boxes, bench) if alone else []:
        return problems
    cited = cited - {cell.id for cell in alone}
    if not cited:
        return []
    set_up = [cell for cell in bench.cells if cell.setup or cell.id in cited]
    problems = _run_again(set_up, cited, boxes, bench)
    earlier = [cell for cell in bench.cells if cell.id in cited or (cell.id < max(cited) and cell.status == "ok")]
    return _run_again(earlier, cited, boxes, bench) if problems and earlier != set_up else problems


def _run_again(cells: Sequence[Cell], cited: set[int], boxes: Boxes, bench: Recorded) -> list[str]:
    gone = [cell.id for cell in cells if cell.id not in bench.code]
    if gone:
        return [f"cell {gone[0]} is from before an interruption: its code is gone, it cannot be run again"]
    problems: list[str] = []
    try:
        with boxes.open() as box:
            for cell in cells:
                limit_s = max(LEAST_REPLAY_S, 3 * cell.duration_s)
                again = box.run_cell(bench.code[cell.id], id=cell.id, purpose=cell.purpose, timeout_s=limit_s)
                if cell.id in cited:
                    problems += [f"cell {cell.id}, run again: {each}" for each in differences(cell, again)]
    except (BoxGone, KernelDied, SettingsNotApplied) as stop:
        problems.append(f"the cited cells could not be replayed: {stop}")
    return problems
