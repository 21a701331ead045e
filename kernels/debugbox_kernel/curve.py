"""Runs in the box: the memory of what a command has started, while it runs. Used by `probe`.

A program that fills its memory and one that leaves something behind at each step end alike; on their way they differ.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

_EVERY_S = 0.05
_POINTS = 20
_FEWEST = 6  # looks: with fewer there is no curve
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MemoryCurve:
    """Resident bytes of all processes in the sessions that this process has started; a context manager."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryCurve:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            now = _started_bytes(os.getpid())
            if now:
                self.seen.append(now)

    @property
    def mebibytes(self) -> list[int]:
        """At most twenty values over the run, each the highest of its part; none where it was over too soon."""
        return [most >> 20 for most in highest_of_parts(self.seen, _POINTS)] if len(self.seen) >= _FEWEST else []


def highest_of_parts(values: list[int], parts: int) -> list[int]:
    """The highest of each of so many parts of equal length; the values themselves where there are no more."""
    count = min(parts, len(values))
    edges = [n * len(values) // count for n in range(count + 1)] if count else []
    return [max(values[edges[n] : edges[n + 1]]) for n in range(count)]


def _started_bytes(mine: int) -> int:
    rows = list(_processes())
    sessions = {session for _, parent, session, _ in rows if parent == mine} - {os.getsid(mine)}
    return sum(size for _, _, session, size in rows if session in sessions)


def _processes() -> Iterator[tuple[int, int, int, int]]:
    """Process, parent, session, resident bytes."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        yield int(name), int(fields[1]), int(fields[3]), int(fields[21]) * _PAGE_BYTES
