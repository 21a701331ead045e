"""Runs in the box. The flight recorder: what the kernel printed last, readable after its death.

Text on its way through ZeroMQ dies with a process that is killed or crashes. So the kernel also writes it into
a small shared file, and the supervisor takes from there what never arrived.
"""

from __future__ import annotations

import mmap
import os
import struct

PATH = "/run/box/last-words"
STREAMS = ("stdout", "stderr")
RING_BYTES = 1 << 16  # kept of each stream
_COUNTS = struct.Struct("<QQ")  # characters and bytes ever written
_SECTION = _COUNTS.size + RING_BYTES


class Recorder:
    """The kernel's end: a ring for each stream, and how many characters were ever written to it."""

    def __init__(self, path: str = PATH) -> None:
        fd = os.open(path, os.O_RDWR)
        try:
            self._memory = mmap.mmap(fd, _SECTION * len(STREAMS))
        finally:
            os.close(fd)
        self._counts = dict.fromkeys(STREAMS, (0, 0))

    def add(self, name: str, text: str) -> None:
        """Remember `text`; the caller holds the lock of the stream."""
        start = STREAMS.index(name) * _SECTION
        characters, written = self._counts[name]
        data = text[-RING_BYTES:].encode("utf-8", "backslashreplace")[-RING_BYTES:]
        position = start + _COUNTS.size + written % RING_BYTES
        first = data[: RING_BYTES - written % RING_BYTES]
        self._memory[position : position + len(first)] = first
        self._memory[start + _COUNTS.size : start + _COUNTS.size + len(data) - len(first)] = data[len(first) :]
        self._counts[name] = (characters + len(text), written + len(data))
        # Last, so that what is counted is in the ring.
        _COUNTS.pack_into(self._memory, start, *self._counts[name])


class LastWords:
    """The supervisor's end. `heard` counts what did arrive; `missing` gives the rest."""

    def __init__(self, path: str = PATH) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._fd, _SECTION * len(STREAMS))
        self._heard = dict.fromkeys(STREAMS, 0)

    def heard(self, name: str, text: str) -> None:
        self._heard[name] += len(text)

    def start_cell(self) -> None:
        """Forget what was lost on the way before: only this cell's last words are of interest."""
        for name in STREAMS:
            self._heard[name] = max(self._heard[name], self._read(name)[0])

    def missing(self, name: str) -> tuple[str, int]:
        """The text of a stream that was written and never arrived, and how much of it is gone for good."""
        count, text = self._read(name)
        lost = count - self._heard[name]
        if lost <= 0:
            return "", 0
        return text[-lost:], max(0, lost - len(text))

    def _read(self, name: str) -> tuple[int, str]:
        """(characters ever written, the last of them). The file is the kernel's to write: any content is possible."""
        section = os.pread(self._fd, _SECTION, STREAMS.index(name) * _SECTION)
        if len(section) < _SECTION:
            return 0, ""
        characters, written = _COUNTS.unpack_from(section)
        ring = section[_COUNTS.size :]
        turned = written % RING_BYTES
        data = ring[:written] if written <= RING_BYTES else ring[turned:] + ring[:turned]
        return characters, data.decode("utf-8", "replace")
