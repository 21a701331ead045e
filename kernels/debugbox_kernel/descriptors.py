"""Runs in the box, in the supervisor: what is written to the kernel's descriptors 1 and 2 by C code and subprocesses.

The kernel takes it itself where its own prints must keep their order (`streams.py`). So the supervisor waits
a moment before it takes what lies there, unless it has been flowing for a while.
"""

from __future__ import annotations

import codecs
import os
import time
from collections import deque
from collections.abc import Callable

_WAIT_S = 0.25  # longer than the kernel keeps its own text back
_FLOWS_S = 0.5  # so long after the last piece the next one is taken at once
_TAKE_BYTES = 1 << 18
_TAIL_CHARS = 2000


class Descriptors:
    """The reading ends of both pipes. `sink(name, text)` gets what is taken."""

    def __init__(self, ends: dict[str, int], sink: Callable[[str, str], None]) -> None:
        self._every = [Descriptor(name, fd) for name, fd in ends.items()]
        self._sink = sink

    def listening(self) -> set[int]:
        """Those whose next bytes are worth waking up for."""
        return {each.fd for each in self._every if each.is_listening}

    def readable(self, fds: set[int]) -> None:
        for each in self._every:
            if each.fd in fds:
                each.readable(time.monotonic())

    def take_due(self) -> None:
        for each in self._every:
            if each.due is not None and each.due <= time.monotonic():
                self._sink(each.name, each.take())

    def take_all(self) -> None:
        for each in self._every:
            self._sink(each.name, each.take_all())

    def due_at(self) -> list[float]:
        return [each.due for each in self._every if each.due is not None]

    def tail(self, name: str) -> str:
        """The last that was taken of a stream: a kernel that does not start says there why."""
        return next(each.tail for each in self._every if each.name == name)


class Descriptor:
    """The reading end of one pipe."""

    def __init__(self, name: str, fd: int) -> None:
        self.name, self.fd = name, fd
        self.due: float | None = None  # something lies there, and is to be taken then
        self._flows_until = 0.0
        self._open = True
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tail: deque[str] = deque(maxlen=4)

    @property
    def is_listening(self) -> bool:
        return self._open and self.due is None

    @property
    def tail(self) -> str:
        return "".join(self._tail)[-_TAIL_CHARS:]

    def readable(self, now: float) -> None:
        self.due = now if now < self._flows_until else now + _WAIT_S

    def take(self) -> str:
        """What lies there, at most 256 KiB of it."""
        self.due = None
        try:
            data = os.read(self.fd, _TAKE_BYTES)
        except BlockingIOError:
            return ""
        self._open = bool(data)
        self._flows_until = time.monotonic() + _FLOWS_S
        text = self._decoder.decode(data)
        self._tail.append(text)
        return text

    def take_all(self) -> str:
        """What lies there, for the end of a cell or of the kernel: at most what a pipe holds."""
        pieces = []
        for _ in range(8):
            piece = self.take()
            if not piece:
                break
            pieces.append(piece)
        return "".join(pieces)
