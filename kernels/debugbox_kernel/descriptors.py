"""Runs in the box, in the supervisor: what is written to the kernel's descriptors 1 and 2 by C code and subprocesses.

The kernel takes it itself where its own prints must keep their order (`streams.py`). So the supervisor waits
a moment before it takes what lies there, unless it has been flowing for a while.
"""

from __future__ import annotations

import codecs
import os
import time
from collections import deque

_WAIT_S = 0.25  # longer than the kernel keeps its own text back
_FLOWS_S = 0.5  # so long after the last piece the next one is taken at once
_TAKE_BYTES = 1 << 18
_TAIL_CHARS = 2000


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
        """The last that was taken: a kernel that does not start says there why."""
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
