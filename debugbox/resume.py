"""What an interrupted run hands to the one that goes on: its conversation, its ledger, its cells, what it had cost.

What `talk` kept beside the journal brings the conversation back as it was, and the set-up cells into the new kernel.
Where that is not to be had (`--discard-all`, another version of the prompt, several agents at once), a fresh
conversation begins with a digest.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from debugbox.finding import Cell, Cost
from debugbox.foreign import clean_line
from debugbox.journal import Interrupted
from debugbox.shown import Marker, digest_cells
from debugbox.talk import Talked, read_talk

KEPT_NOTES, NOTE_CHARACTERS = 30, 500


class Restorable(Protocol):
    """A ledger, as it is filled here."""

    def restore(self, kept: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Past:
    """An interrupted run, as the agent that goes on takes it over."""

    run: Interrupted

    @property
    def spent(self) -> Cost:
        return self.run.records.cost

    @property
    def digest(self) -> str:
        return digest_of(self.run)

    @cached_property
    def _talked(self) -> Talked | None:
        return read_talk(self.run.path)

    @property
    def conversation(self) -> Talked | None:
        """None where several agents had one each: then one begins anew with what all had found."""
        return self._talked if self._talked and self._talked.agents <= {0} else None

    @property
    def marker(self) -> str:
        return self.conversation.marker if self.conversation else ""

    @property
    def cells(self) -> Sequence[Cell]:
        return sorted(self.run.records.cells, key=lambda cell: cell.id)

    @property
    def code(self) -> Mapping[int, str]:
        """Of all cells, also of several agents: their set-up cells run again in one kernel."""
        return self._talked.code if self._talked else {}

    def restore(self, ledger: Restorable) -> None:
        """Fill the ledger with what it held. One that cannot be read stays empty: the digest has its notes."""
        if self._talked and self._talked.ledger:
            with contextlib.suppress(ValueError):
                ledger.restore(self._talked.ledger)


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
