"""Runs in the box, in the kernel: which cell a piece of output belongs to, and the text of each cell.

ipykernel 6 and 7 answer this differently, and each is wrong somewhere: in 7 a thread's print goes to the cell
that runs at that moment. Here it goes to the cell that started the thread or the task.
"""

from __future__ import annotations

import threading
from collections import deque
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

HEAD_CHARS = 4 << 20  # of a cell's text: leaves the kernel as it comes
TAIL_CHARS = 4 << 20  # the last of it, kept behind the head
SENT_TAIL_CHARS = 1 << 20  # of the tail: leaves the kernel when the cell ends
KEPT_CHARS = 64 << 20  # of all cells: what `box.out` can still show

Header = dict[str, Any]


class CellText:
    """All text of one cell in order, head and tail: what `box.out(N)` gives.

    Not locked: the `Outlet` that fills it is.
    """

    def __init__(self, header: Header | None = None) -> None:
        self.header: Header = header or {}
        self.id = 0
        self._head: list[str] = []
        self._room = HEAD_CHARS
        self._tail: deque[tuple[str, str]] = deque()
        self._tail_chars = 0
        self.cut = 0  # characters between head and tail

    def add(self, name: str, text: str) -> str:
        """Keep `text` of a stream; gives the part of it that is to be sent now."""
        now, rest = text[: self._room], text[self._room :]
        if now:
            self._room -= len(now)
            self._head.append(now)
        if rest:
            self._keep_tail(name, rest)
        return now

    def note(self, text: str) -> None:
        """Keep text that is sent in another way: a result, a traceback."""
        if self._room >= len(text):
            self.add("", text)
        else:
            self._keep_tail("", text)

    def take_tail(self) -> tuple[int, list[tuple[str, str]]]:
        """When the cell ends: how many characters were never sent, and the last pieces, which are to be sent."""
        pieces: deque[tuple[str, str]] = deque()
        room, unsent = SENT_TAIL_CHARS, self.cut
        for name, text in reversed(self._tail):
            kept = text[max(0, len(text) - room) :] if name else ""
            room -= len(kept)
            unsent += len(text) - len(kept) if name else 0
            if kept:
                pieces.appendleft((name, kept))
        self._tail = deque(("", text) for _, text in self._tail)
        return unsent if pieces else 0, list(pieces)

    @property
    def text(self) -> str:
        """What the cell printed and showed. In a cell of more than 8 Mi characters the middle is missing."""
        middle = "\n[... %d characters were not kept ...]\n" % self.cut if self.cut else ""
        return "".join(self._head) + middle + "".join(text for _, text in self._tail)

    @property
    def size(self) -> int:
        return HEAD_CHARS - self._room + self._tail_chars

    def __repr__(self) -> str:
        return "<cell %d: %d characters; .text has them>" % (self.id, self.size)

    def _keep_tail(self, name: str, text: str) -> None:
        self._tail.append((name, text[-TAIL_CHARS:]))
        self.cut += max(0, len(text) - TAIL_CHARS)
        self._tail_chars += min(len(text), TAIL_CHARS)
        while self._tail_chars > TAIL_CHARS:
            name, oldest = self._tail.popleft()
            over = min(self._tail_chars - TAIL_CHARS, len(oldest))
            self.cut += over
            self._tail_chars -= over
            if over < len(oldest):
                self._tail.appendleft((name, oldest[over:]))


class Owners:
    """The cells so far, and whose output it is that a thread or task writes now."""

    def __init__(self) -> None:
        self.running = CellText()
        self._context: ContextVar[CellText] = ContextVar("debugbox_cell")  # a task has a copy of it
        self._threads: WeakKeyDictionary[threading.Thread, CellText] = WeakKeyDictionary()
        self._kept: dict[int, CellText] = {}

    def begin(self, header: Header) -> None:
        """A request is about to be served: what starts from here on belongs to it."""
        for thread in threading.enumerate():
            self._threads.setdefault(thread, self.running)
        self.running = CellText(header)
        self._context.set(self.running)

    def number(self, id: int) -> None:
        """The running request is the cell of this number."""
        self.running.id = id
        self._kept[id] = self.running
        while sum(cell.size for cell in self._kept.values()) > KEPT_CHARS and len(self._kept) > 1:
            del self._kept[next(iter(self._kept))]

    def of_this_output(self) -> CellText:
        """Whose output it is that the calling thread or task writes.

        A thread that a background thread starts while another cell runs counts as that cell's.
        """
        try:
            return self._context.get()
        except LookupError:
            return self._threads.get(threading.current_thread(), self.running)

    def kept(self, id: int) -> CellText:
        """The text of cell `id`. Raises KeyError where this kernel does not have it."""
        return self._kept[id]
