"""The second check: do the places, quotes and cells of a conclusion hold, and do the cited cells give the same again?

`lint` reads the record; here the cited cells run once more, in a fresh box, before their code is discarded. What
does not hold is struck from the conclusion and listed as not shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from debugbox.box import Boxes
from debugbox.errors import BoxGone, KernelDied, SettingsNotApplied
from debugbox.finding import Cell, Check, Conclusion, Suspect
from debugbox.lint import Fault, faults
from debugbox.recipes import recipe_called
from debugbox.replay import differences

UNSHOWN = "what was claimed is not shown"  # in the place of a claim that was struck
LEAST_REPLAY_S = 60.0  # for a cell; else three times what it took


class Recorded(Protocol):
    """The bench as it is read here: the cells as they were recorded, and the code that is still in memory."""

    cells: list[Cell]
    code: dict[int, str]


def check_claims(conclusion: Conclusion, boxes: Boxes, bench: Recorded) -> tuple[Check, list[Fault]]:
    """Passed where every citation holds and every cited cell gives the same again; and what does not."""
    found = faults(conclusion, boxes.snapshot, bench.cells)
    cited = _cited(conclusion) & {cell.id for cell in bench.cells}
    if cited:
        found += _replay(cited, boxes, bench)
    if found:
        why = "; ".join(dict.fromkeys(map(str, found)))[:2000]
        return Check(name="claim lint", result="failed", why=why), found
    cells = "1 cited cell" if len(cited) == 1 else f"{len(cited)} cited cells"
    why = f"every place and quote holds; {cells} replayed alike"
    return Check(name="claim lint", result="passed", why=why), []


def struck(conclusion: Conclusion, found: Sequence[Fault]) -> Conclusion:
    """Without what does not hold: places, cells, and claims that rest on an output which was not printed."""
    targets = [fault for fault in found if fault.place or fault.quote or fault.cell is not None]
    if not targets:
        return conclusion
    gone = {fault.cell for fault in targets if fault.cell is not None}
    wrong = [fault.place for fault in targets if fault.place]
    unsaid = [fault.quote for fault in targets if fault.quote]
    kept, empty = [], set()
    for suspect in conclusion.suspects:
        if suspect in wrong:
            empty |= set(suspect.cells)
            continue
        claimed = not any(quote.cells == suspect.cells for quote in unsaid)
        empty |= set() if claimed else set(suspect.cells)
        cells = tuple(cell for cell in suspect.cells if cell not in gone)
        kept.append(replace(suspect, cells=cells, why=suspect.why if claimed and cells else UNSHOWN))
    captions = {cell: UNSHOWN if cell in empty else words for cell, words in conclusion.captions.items()}
    return replace(
        conclusion,
        suspects=tuple(kept),
        captions={cell: words for cell, words in captions.items() if cell not in gone},
        quotes=tuple(quote for quote in conclusion.quotes if quote not in unsaid),
        limits=(*conclusion.limits, *dict.fromkeys(_not_shown(conclusion.suspects, targets))),
    )


def _not_shown(suspects: Sequence[Suspect], targets: Sequence[Fault]) -> Iterator[str]:
    """What was struck, each with its reason; a claim in its own words."""
    for fault in targets:
        claims = [each.why for each in suspects if each.why and _rests_on(each, fault)]
        claimed = f" (claimed: {claims[0]})" if claims else ""
        yield f"Not shown: {fault.why}{claimed}."


def _rests_on(suspect: Suspect, fault: Fault) -> bool:
    if fault.quote:
        return fault.quote.cells == suspect.cells
    return suspect == fault.place if fault.place else suspect.cells == (fault.cell,)


def _cited(conclusion: Conclusion) -> set[int]:
    return set(conclusion.captions).union(*(suspect.cells for suspect in conclusion.suspects))


def _replay(cited: set[int], boxes: Boxes, bench: Recorded) -> list[Fault]:
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


def _run_again(cells: Sequence[Cell], cited: set[int], boxes: Boxes, bench: Recorded) -> list[Fault]:
    gone = [cell.id for cell in cells if cell.id not in bench.code]
    if gone:
        return [Fault(why=f"cell {gone[0]} is from before an interruption: its code is gone, it cannot be run again")]
    problems: list[Fault] = []
    try:
        with boxes.open() as box:
            for cell in cells:
                limit_s = max(LEAST_REPLAY_S, 3 * cell.duration_s)
                again = box.run_cell(bench.code[cell.id], id=cell.id, purpose=cell.purpose, timeout_s=limit_s)
                if cell.id in cited:
                    told = [f"cell {cell.id}, run again: {each}" for each in differences(cell, again)]
                    problems += [Fault(why=why, cell=cell.id) for why in told]
    except (BoxGone, KernelDied, SettingsNotApplied) as stop:
        problems.append(Fault(why=f"the cited cells could not be replayed: {stop}"))
    return problems
