"""Runs in the box: the memory of what a command has started, while it runs. Used by `probe`.

A program that fills its memory and one that leaves something behind at each step end alike; on their way they differ.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator

_EVERY_S = 0.05
_POINTS = 20
_FEWEST = 6  # looks: with fewer there is no curve
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MemoryCurve:
    """Resident bytes of all processes in the sessions that this process starts meanwhile; a context manager."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._others = _sessions([*_processes()]) | {os.getsid(0)}
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
            rows = [*_processes()]
            ours = _sessions(rows) - self._others
            now = sum(size for _, _, session, size in rows if session in ours)
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


_Row = tuple[int, int, int, int]  # process, parent, session, resident bytes


def _sessions(rows: Iterable[_Row]) -> set[int]:
    """Those of this process's children."""
    return {session for _, parent, session, _ in rows if parent == os.getpid()}


def _processes() -> Iterator[_Row]:
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        yield int(name), int(fields[1]), int(fields[3]), int(fields[21]) * _PAGE_BYTES
