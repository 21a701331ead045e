"""How an investigation by a model ends without a conclusion of its own, and what is said before. Used by `agent`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from debugbox.conversation import Reply
from debugbox.finding import Cell, Conclusion
from debugbox.shown import off_track

NUDGES = 2  # to a model that stops without concluding
KEPT_CELLS = 8  # of a run that ended without a conclusion, the last ones that worked


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """No conclusion. `may_close`: the model may be asked once for what it has."""

    why: str
    may_close: bool = True


class Patience:
    """With a model that does not conclude: a few words, then an end."""

    def __init__(self) -> None:
        self._nudges = 0
        self._was_empty = False

    def nudge(self, reply: Reply) -> str | Stopped:
        """What is said to a reply that calls nothing: a report at best, and no proof."""
        if not reply.content:
            again, self._was_empty = self._was_empty, True
            return Stopped(why="the model answered with nothing, twice") if again else "Please continue."
        if self._nudges == NUDGES:
            return Stopped(why="the model never called conclude", may_close=False)
        self._nudges += 1
        return "The investigation is still open: only `conclude` ends it. Go on, or call it with what you have."

    def with_circles(self, cells: Sequence[Cell]) -> Stopped | None:
        """Twice what was pointed out already is too much."""
        why = next(iter(off_track(cells, patience=2).values()), "")
        return Stopped(why=f"it went in circles: {why.partition('. ')[0]}") if why else None


def unfinished(why: str, draft: Conclusion | None, cells: Sequence[Cell], last_text: str) -> Conclusion:
    """What there is: the conclusion that went back, else the last words, and the cells that worked."""
    if draft:
        return replace(draft, stopped=why)
    worked = [cell for cell in cells if cell.status == "ok" and cell.outputs and not cell.setup]
    captions = {cell.id: cell.purpose for cell in worked[-KEPT_CELLS:]}
    answer = last_text or f"There is no answer: {why}."
    return Conclusion(answer=answer, by="agent", captions=captions, stopped=why)


def closing_words(why: str) -> str:
    """The last request's."""
    words = f"The investigation ends here: {why}. Call `conclude` now with what the cells have shown."
    return f"{words} No further cell is run."
