"""Runs in the box, in the kernel: sys.stdout and sys.stderr in one order, descriptors 1 and 2 included.

Both streams share one queue, so their order survives. What C code and subprocesses write to the descriptors
arrives in two pipes whose reading ends the supervisor holds too: whatever is not taken here is taken there.
"""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
import threading
import time
from functools import partial
from typing import Any

from debugbox_kernel.lastwords import RING_BYTES, STREAMS, Recorder
from debugbox_kernel.owners import CellText, Owners

FLUSH_AFTER_S = 0.2  # text waits this long for more of its kind
_RECORDED_CHARS = RING_BYTES // 8  # so much waiting text the recorder has for certain
MAX_RUNS = 200  # changes of stream in one flush that keep their order: each is a message
_DRAIN_BYTES = 1 << 20  # taken from a pipe at once: a flood must not hold up the cell for ever
READING_ENDS = {"stdout": 10, "stderr": 11}  # descriptors that the supervisor leaves us with

owners = Owners()


def encodable(text: str) -> str:
    """`text` without lone surrogates, which no JSON message can carry."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def encodable_data(data: Any) -> Any:
    """The same for plain JSON data, in all its depth."""
    if isinstance(data, str):
        return encodable(data)
    if isinstance(data, dict):
        return {encodable(str(key)): encodable_data(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [encodable_data(value) for value in data]
    return data


class Descriptors:
    """The reading ends of the pipes behind descriptors 1 and 2, seen from inside."""

    def __init__(self, ends: dict[str, int]) -> None:
        self._names = {fd: name for name, fd in ends.items()}
        self._decoders = {fd: codecs.getincrementaldecoder("utf-8")("replace") for fd in self._names}
        self._poll = select.poll()
        self._one_at_a_time = threading.Lock()
        for fd in self._names:
            self._poll.register(fd, select.POLLIN)

    def take(self) -> list[tuple[str, str]]:
        """What was written to the descriptors since the last time."""
        if not self._one_at_a_time.acquire(False):
            return []
        try:
            return [(self._names[fd], self._read(fd)) for fd, event in self._poll.poll(0) if event & select.POLLIN]
        finally:
            self._one_at_a_time.release()

    def _read(self, fd: int) -> str:
        try:
            return self._decoders[fd].decode(os.read(fd, _DRAIN_BYTES))
        except BlockingIOError:  # the supervisor was faster
            return ""


class Outlet:
    """The queue of both streams. Sends from ipykernel's own publishing thread, as ipykernel does."""

    def __init__(self, session: Any, thread: Any, descriptors: Descriptors, recorder: Recorder) -> None:
        self._session, self._thread = session, thread
        self._descriptors, self._recorder = descriptors, recorder
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._sending = threading.Lock()
        self._lines: dict[str, tuple[int, str]] = {}  # of a forked child: what waits for the end of its line
        self._queue: list[tuple[CellText, str, list[str]]] = []
        self._scheduled = False
        self._sent_at = 0.0
        self._waiting_chars = 0

    def write(self, name: str, text: str) -> None:
        if os.getpid() != self._pid:
            self._write_of_child(name, text)
            return
        self.drain()
        self._put(owners.of_this_output(), name, text)

    def drain(self) -> None:
        """What was written to the descriptors before this moment comes before what is written after it.

        Not in a forked child: it would take what is the parent's.
        """
        if os.getpid() != self._pid:
            return
        for name, text in self._descriptors.take():
            self._put(owners.running, name, text)

    def settle(self) -> None:
        """What a cell asks for by `flush`: its text is on its way, or soon will be where some has just gone.

        A loop that flushes each line would else make a message of each. A crash loses nothing: the recorder has it.
        """
        recent = time.monotonic() - self._sent_at < FLUSH_AFTER_S
        if os.getpid() == self._pid and recent and self._waiting_chars < _RECORDED_CHARS:
            self.drain()
        else:
            self.flush()

    def flush(self) -> None:
        """Send what waits, and come back when it is on its way."""
        self.drain()
        if os.getpid() != self._pid:
            for name in STREAMS:
                self._write_of_child(name, "", whole=True)
            return
        if not self._queue:
            with self._sending:  # what was in it may be on its way this moment: nothing may overtake it
                return
        if threading.current_thread() is self._thread.thread or not self._thread.thread.is_alive():
            self._send()
            return
        sent = threading.Event()
        self._thread.schedule(self._send)
        self._thread.schedule(sent.set)
        sent.wait()

    def end_cell(self) -> None:
        """Send what the running cell has left: the tail of a text that was too long to be sent whole."""
        self.drain()
        with self._lock:
            cell = owners.running
            unsent, pieces = cell.take_tail()
        self.flush()
        for name, text in pieces:
            self._thread.schedule(partial(self._send_text, cell, name, text, unsent))
            unsent = 0

    def _write_of_child(self, name: str, text: str, whole: bool = False) -> None:
        """In a forked child, whose queue is a copy of its parent's: straight to the descriptor, line by line."""
        pid, waiting = self._lines.get(name, (0, ""))
        text = (waiting if pid == os.getpid() else "") + text
        end = len(text) if whole else text.rfind("\n") + 1
        self._lines[name] = (os.getpid(), text[end:])
        view = memoryview(text[:end].encode("utf-8", "backslashreplace"))
        while view:
            view = view[os.write(STREAMS.index(name) + 1, view) :]

    def _put(self, cell: CellText, name: str, text: str) -> None:
        text = encodable(text)
        with self._lock:
            self._recorder.add(name, text)
            now = cell.add(name, text)
            if not now:
                return
            self._waiting_chars += len(now)
            recent = self._queue[-1:] if len(self._queue) < MAX_RUNS else reversed(self._queue)
            same = next((pieces for owner, stream, pieces in recent if owner is cell and stream == name), None)
            if same is not None:
                same.append(now)
            else:
                self._queue.append((cell, name, [now]))
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._thread.schedule(lambda: self._thread.io_loop.call_later(FLUSH_AFTER_S, self._send))

    def _send(self) -> None:
        """In the publishing thread: one message for each run of one stream and cell."""
        self._scheduled = False
        with self._sending:
            with self._lock:
                queue, self._queue = self._queue, []
                self._sent_at, self._waiting_chars = time.monotonic(), 0
            for cell, name, pieces in queue:
                self._send_text(cell, name, "".join(pieces), 0)

    def _send_text(self, cell: CellText, name: str, text: str, dropped: int) -> None:
        content: dict[str, Any] = {"name": name, "text": text}
        if dropped:
            content["dropped"] = dropped
        message = self._session.msg("stream", content, parent=cell.header)
        # To the socket itself, whose thread this is. By way of `thread.send_multipart` each message would put a token
        # into the thread's own pipe of 2000: seen to fill up in a flood, and then the thread waited for itself.
        if self._thread.socket is not None:
            self._session.send(self._thread.socket, message, ident=b"stream." + name.encode("ascii"))


class BoxStream(io.TextIOBase):
    """sys.stdout or sys.stderr of the kernel. `buffer` and `fileno` lead to the descriptor, as in a script."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, outlet: Outlet, name: str) -> None:
        super().__init__()
        self._outlet = outlet
        self.name = "<%s>" % name
        self._stream = name
        self._descriptor = STREAMS.index(name) + 1
        self.buffer = io.FileIO(self._descriptor, "wb", closefd=False)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        self._outlet.write(self._stream, text)
        return len(text)

    def flush(self) -> None:
        self._outlet.settle()

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Stay open: a stream that a cell closes would silence all cells after it."""


_opened: list[Outlet] = []


def open_stream(session: Any, thread: Any, name: str, **_: Any) -> BoxStream:
    """What ipykernel calls, by name, for each of the two streams."""
    if not _opened:
        _opened.append(Outlet(session, thread, Descriptors(READING_ENDS), Recorder()))
    return _ours.setdefault(name, BoxStream(_opened[0], name))


_ours: dict[str, BoxStream] = {}


def restore() -> None:
    """Put our streams back where a cell left something that cannot be written to: ipykernel would fail on it."""
    for name, stream in _ours.items():
        if not callable(getattr(getattr(sys, name), "write", None)):
            setattr(sys, name, stream)


def outlet() -> Outlet:
    """The one queue of this kernel."""
    return _opened[0]
