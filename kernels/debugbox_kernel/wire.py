"""Runs in the box. The supervisor's end of the protocol: JSON lines and bulk frames over two file descriptors.

The host is trusted: whatever it sends that cannot be understood ends the box (`HostGone`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import time
from collections.abc import Callable
from typing import Any

MAX_LINE = 1 << 20
MAX_FRAME = 16 << 20
LEASE_S = 60.0
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031


class HostGone(Exception):
    """Standard input closed, the lease ran out, or the host does not speak the protocol."""


class Wire:
    """Reads host messages from `stdin_fd`, writes box messages to `stdout_fd`.

    Writing waits while the host does not read (that is the back pressure on the kernel), but
    never longer than the lease.
    """

    def __init__(self, stdin_fd: int = 0, stdout_fd: int = 1) -> None:
        self.stdin_fd = stdin_fd
        self._stdout_fd = stdout_fd
        self._buffer = bytearray()
        self.last_heard = time.monotonic()
        os.set_blocking(stdin_fd, False)
        os.set_blocking(stdout_fd, False)
        with contextlib.suppress(OSError):  # no pipe, or over the user's sum of pipes: only slower
            fcntl.fcntl(stdin_fd, _F_SETPIPE_SZ, _PIPE_BYTES)

    def lease_left(self) -> float:
        return self.last_heard + LEASE_S - time.monotonic()

    def receive(self) -> dict[str, Any] | None:
        """The next message, or None when no whole line is there yet."""
        self._fill()
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > MAX_LINE:
                raise HostGone("a line over its limit")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return _message(line)

    def pending(self) -> bool:
        """Whether a whole line is buffered already, so that polling the descriptor would miss it."""
        return b"\n" in self._buffer

    def read_bulk(self, size: int, sink: Callable[[bytes], object]) -> None:
        """Hand `size` raw bytes to `sink`, piece by piece, waiting for them."""
        if not 0 <= size <= MAX_FRAME:
            raise HostGone("a frame over its limit")
        while size:
            piece = self._take(size)
            if not piece:
                self._wait(self.stdin_fd, select.POLLIN)
                continue
            sink(piece)
            size -= len(piece)

    def _take(self, size: int) -> bytes:
        """Up to `size` bytes: of the buffer first, then straight from the descriptor, without a copy."""
        if not self._buffer:
            return self._read(size)
        piece = bytes(self._buffer[:size])
        del self._buffer[:size]
        return piece

    def send(self, type_: str, bulk: bytes = b"", **fields: Any) -> None:
        fields["type"] = type_
        line = json.dumps(fields, allow_nan=False).encode("ascii") + b"\n"
        self._write(line + bulk if bulk else line)

    def _fill(self) -> None:
        self._buffer += self._read(1 << 16)

    def _read(self, size: int) -> bytes:
        """What has arrived, at most `size`; empty when nothing has."""
        try:
            data = os.read(self.stdin_fd, size)
        except BlockingIOError:
            return b""
        if not data:
            raise HostGone("standard input closed")
        self.last_heard = time.monotonic()
        return data

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._stdout_fd, view) :]
            except BlockingIOError:
                self._wait(self._stdout_fd, select.POLLOUT)
            except OSError as error:
                raise HostGone(str(error)) from error

    def _wait(self, fd: int, event: int) -> None:
        poll = select.poll()
        poll.register(fd, event)
        # A fresh lease: the host that reads or writes nothing for its length is gone.
        if not poll.poll(LEASE_S * 1000):
            raise HostGone("no sign of the host for %d s" % LEASE_S)


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise HostGone("a line that is not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise HostGone("a line without a type")
    return message
