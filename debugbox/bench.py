"""The investigator's bench: cells run in one box after another, each recorded as it ends.

An agent and a recipe work here alike. When a kernel dies, the next cell finds a new box in which the
set-up cells were replayed. The code of cells is kept for the checks and, beside the journal, for a resumed
run; it goes with them. Agents side by side have a bench each: a `branch` of the first one.
"""

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, Self

from debugbox.box import Box, Boxes
from debugbox.errors import BoxGone, CellInterrupted, KernelDied
from debugbox.finding import Cell
from debugbox.foreign import clean_line
from debugbox.journal import Journal

LATE_CHARACTERS = 300  # shown of what comes after the last cell


class Watcher(Protocol):
    """What the bench tells the terminal."""

    def activity(self, text: str) -> None: ...
    def cell(self, cell: Cell) -> None: ...
    def note(self, text: str) -> None: ...


class Bench:
    """A context manager; the box is started by the first cell, or early by `warm_up`."""

    def __init__(self, boxes: Boxes, journal: Journal, watcher: Watcher) -> None:
        self._boxes, self._journal, self._watcher = boxes, journal, watcher
        self._box: Box | None = None
        self._stack = ExitStack()
        self.cells: list[Cell] = []  # of this kernel and those it came from
        self.elsewhere: list[Cell] = []  # of agents whose conclusion was not taken
        self.code: dict[int, str] = {}
        self._ids = itertools.count(1)
        self.applied: dict[str, object] = {}
        self.unenforced: tuple[str, ...] = ()
        self.bad_messages = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the box; the record stays."""
        if self._box:
            self.bad_messages += self._box.bad_messages
            self._tell_background(self._box)
        self._box = None
        self._stack.close()

    def warm_up(self) -> None:
        """Start the box now. Raises BoxGone, SettingsNotApplied."""
        self._running_box()

    @property
    def all_cells(self) -> list[Cell]:
        """Everything that ran, in the order it began."""
        return sorted([*self.cells, *self.elsewhere], key=lambda cell: cell.id)

    def branch(self, watcher: Watcher) -> "Bench":
        """A bench that begins where this one is: its cells, and in a box of its own its set-up cells."""
        mine = Bench(self._boxes, self._journal, watcher)
        mine.cells, mine.code, mine._ids = list(self.cells), dict(self.code), self._ids
        return mine

    def join(self, taken: "Bench", others: "Sequence[Bench]") -> None:
        """Go on as the branch `taken`; what ran on the others stays in the record."""
        known = {cell.id for cell in taken.cells}
        apart = {cell.id: cell for other in others for cell in other.cells if cell.id not in known}
        self.cells, self.code = taken.cells, taken.code
        self.elsewhere = [*self.elsewhere, *apart.values()]
        self.bad_messages += taken.bad_messages + sum(other.bad_messages for other in others)

    def go_on(self, cells: Sequence[Cell], code: Mapping[int, str]) -> None:
        """Take over an interrupted run before any cell has run: its record, and in the box its set-up cells.

        Raises:
            BoxGone: a set-up cell ended the box.
        """
        self.cells = [self._journal.cell(cell) for cell in cells]
        self._ids = itertools.count(max((cell.id for cell in cells), default=0) + 1)
        for id, text in code.items():
            self._keep_code(id, text)
        if self._box is not None:
            self._replay_setup(self._box)

    def interrupt(self) -> None:
        """KeyboardInterrupt in the cell that runs, if one does; from any thread."""
        box = self._box
        if box is not None:
            with contextlib.suppress(BoxGone):
                box.interrupt()

    def run_cell(self, code: str, *, purpose: str, timeout_s: float | None = None, setup: bool = False) -> Cell:
        """Run one cell and record it, whatever its code did.

        A dead kernel or box is a cell of status "died"; the next cell gets a new box.

        Raises:
            BoxGone: no new box could be started.
            CellInterrupted: Ctrl-C; the cell was interrupted and is recorded.
        """
        box = self._running_box()
        id = next(self._ids)
        self._keep_code(id, code)
        self._watcher.activity(f"cell {id}: {purpose}")
        limit_s = timeout_s or self._boxes.limits.cell_timeout_s
        try:
            return self._record(box.run_cell(code, id=id, purpose=purpose, timeout_s=limit_s, setup=setup))
        except (KernelDied, BoxGone) as gone:
            if gone.cell is None:
                raise
            return self._record(gone.cell)
        except CellInterrupted as stop:
            if stop.cell is not None:
                self._record(stop.cell)
            raise
        finally:
            if box.lost:
                self.close()

    def _keep_code(self, id: int, code: str) -> None:
        self.code[id] = code
        self._journal.talk.write("code", cell=id, code=code)

    def _record(self, cell: Cell) -> Cell:
        """Keep the cell as the journal keeps it; give it whole."""
        self.cells.append(self._journal.cell(cell))
        self._watcher.cell(cell)
        return cell

    def _running_box(self) -> Box:
        if self._box is not None and not self._box.is_alive:
            self._watcher.note(f"the kernel died between two cells: {self._box.lost}")
            self.close()
        if self._box is None:
            self._box = self._stack.enter_context(self._boxes.open())
            self.applied, self.unenforced = dict(self._box.applied), self._box.unenforced
            self._replay_setup(self._box)
        return self._box

    def _tell_background(self, box: Box) -> None:
        """No cell comes any more that could have it."""
        late = "".join(output.text for output in box.take_background())
        if late.strip():
            self._watcher.note(f"after the last cell there was still output: {clean_line(late)[:LATE_CHARACTERS]}")

    def _replay_setup(self, box: Box) -> None:
        """Bring a new box to where the old one was, as far as set-up cells say. Not recorded again.

        Raises:
            BoxGone: a set-up cell ended the new box too.
        """
        for cell in [cell for cell in self.cells if cell.setup and cell.status == "ok" and cell.id in self.code]:
            self._watcher.note(f"new box: set-up cell {cell.id} again ({cell.purpose})")
            limit_s = self._boxes.limits.cell_timeout_s
            try:
                again = box.run_cell(
                    self.code[cell.id], id=cell.id, purpose=cell.purpose, timeout_s=limit_s, setup=True
                )
            except (KernelDied, BoxGone) as gone:
                self.close()
                raise BoxGone(f"set-up cell {cell.id} did not survive its replay: {gone.cause}") from gone
            if again.status != "ok":
                self._watcher.note(f"set-up cell {cell.id} ended with {again.status} this time")
