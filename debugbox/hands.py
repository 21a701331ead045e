"""What the agent does when the model calls a tool: runs cells, measures symptoms, keeps notes. Used by `agent`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from debugbox.budget import Budget
from debugbox.calls import Change, RunCode, SetSymptom, Tried
from debugbox.conversation import Block, text_block
from debugbox.errors import CellInterrupted
from debugbox.finding import Cell
from debugbox.ledger import Ledger, Told
from debugbox.model import OnEvent
from debugbox.shown import Marker, off_track, show_cell


class Bench(Protocol):
    """Where cells run: a box, and the record of what ran in it."""

    @property
    def cells(self) -> Sequence[Cell]: ...

    def run_cell(self, code: str, *, purpose: str, timeout_s: float | None = None, setup: bool = False) -> Cell:
        """The finished cell, whatever its code did. Raises BoxGone where no box can be had any more."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """The content of a tool result."""

    content: list[Block]
    is_error: bool = False


class Hands:
    """Carries out every call but `conclude`. `pointed_out` holds what is said to a model only once."""

    def __init__(self, bench: Bench, ledger: Ledger, budget: Budget, marker: Marker, on_event: OnEvent) -> None:
        self._bench, self._ledger, self._budget = bench, ledger, budget
        self._marker, self._on_event = marker, on_event
        self._pointed_out: set[str] = set()

    def act(self, asked: RunCode | SetSymptom | Change | Tried) -> Result:
        """Carry out one call.

        Raises:
            BoxGone, KernelDied: no other box can be had.
            KeyboardInterrupt: Ctrl-C; a cell was interrupted and is recorded.
        """
        match asked:
            case RunCode():
                return self._run_code(asked)
            case SetSymptom():
                self._tell("set_symptom", "the symptom, in two fresh boxes", asked.code)
                return self._as_result(self._ledger.set_symptom(asked), "symptom")
            case Change():
                self._tell("try_intervention", asked.kind or "a diff, in a fresh box", asked.diff)
                return self._as_result(self._ledger.try_intervention(asked), "intervention")
            case Tried():
                self._tell("note", f"{asked.status}: {asked.text}", "")
                return self._as_result(self._ledger.note(asked), f"hypothesis ({asked.status}): {asked.text}")
            case _:
                assert_never(asked)

    def show(self, cell: Cell) -> Result:
        """A finished cell as the model sees it, with what is to be pointed out."""
        notes = [text_block(words) for what, words in off_track(self._bench.cells).items() if self.once(what)]
        return Result(content=[*show_cell(cell, self._marker), *notes], is_error=cell.status != "ok")

    def once(self, what: str) -> bool:
        """Whether this is the first time."""
        first = what not in self._pointed_out
        self._pointed_out.add(what)
        return first

    def _run_code(self, asked: RunCode) -> Result:
        self._tell("run_code", asked.purpose, asked.code)
        timeout_s = self._budget.cell_timeout_s(asked.timeout_s)
        try:
            cell = self._bench.run_cell(asked.code, purpose=asked.purpose, timeout_s=timeout_s, setup=asked.setup)
        except CellInterrupted as stop:
            if stop.cell is not None:
                self._on_event("cell_finished", cell=stop.cell)
            raise
        self._on_event("cell_finished", cell=cell)
        return self.show(cell)

    def _as_result(self, told: Told, what: str) -> Result:
        self._on_event("established", text=f"{what}: {told.words}")
        foreign = f"\n{self._marker.around(told.foreign)}" if told.foreign else ""
        return Result(content=[text_block(told.words + foreign)], is_error=told.is_error)

    def _tell(self, tool: str, purpose: str, code: str) -> None:
        self._on_event("tool_called", tool=tool, purpose=purpose, code_lines=len(code.splitlines()))
