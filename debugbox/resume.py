"""What an interrupted run hands to the one that goes on: its cells in short, its notes, what it had cost.

The code of its cells is in no journal, so the kernel starts empty and the model is told so.
"""

from debugbox.finding import Cost
from debugbox.foreign import clean_line
from debugbox.journal import Interrupted
from debugbox.shown import Marker, digest_cells

KEPT_NOTES, NOTE_CHARACTERS = 30, 500


def digest_of(past: Interrupted) -> str:
    """Notes and cells in a few lines each: foreign text, to be marked as such."""
    notes = [f"- {clean_line(note)[:NOTE_CHARACTERS]}" for note in past.records.notes[-KEPT_NOTES:]]
    concluded = past.records.conclusion
    answer = [f"It had concluded, unchecked: {concluded.answer}"] if concluded and concluded.answer else []
    return "\n".join([*answer, *notes, digest_cells(past.records.cells, Marker())])


def together(earlier: Cost, later: Cost) -> Cost:
    """Both runs' cost; money only where both are known."""
    if not earlier.model:
        return later
    known = earlier.cost_usd is not None and later.cost_usd is not None
    kinds = {*earlier.tokens, *later.tokens}
    return Cost(
        duration_s=earlier.duration_s + later.duration_s,
        model=later.model,
        endpoint=later.endpoint,
        turns=earlier.turns + later.turns,
        cost_usd=(earlier.cost_usd or 0.0) + (later.cost_usd or 0.0) if known else None,
        tokens={kind: earlier.tokens.get(kind, 0) + later.tokens.get(kind, 0) for kind in kinds},
        cells=earlier.cells + later.cells,
    )
