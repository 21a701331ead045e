"""The tar that carries a snapshot into a box: headers, members and the spool they are kept in.

Plain ustar headers where a name fits, pax otherwise. Made here because tarfile takes 40 µs a header, a
third of a large snapshot's time. Read by kernels/debugbox_kernel/untar.py.
"""

import contextlib
import hashlib
import os
import queue
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

from debugbox.errors import SpoolFull

PART_BYTES = 1 << 20
BLOCK = 512
END = bytes(2 * BLOCK)
# Every file of every box has this time: runs do not differ by it, and a zip file cannot hold an earlier one.
MTIME = 315532800  # 1980-01-01
_PLAIN_NAME = 100
_WAITING_PARTS = 8
_MOST_ROOM = 64 << 20
_FILE, _LINK = b"0", b"2"
_IDS = b"0000000\0" * 2
_TIME = b"%011o\0" % MTIME
_TAIL = b"ustar\x0000" + bytes(32 + 32) + _IDS + bytes(155 + 12)


def file_header(path: str, size: int, *, executable: bool) -> bytes:
    return _header(path, b"0000755\0" if executable else b"0000644\0", size, _FILE, "")


def link_header(path: str, target: str) -> bytes:
    return _header(path, b"0000755\0", 0, _LINK, target)


def file_member(path: str, content: bytes, *, executable: bool = True) -> bytes:
    """A file as it stands in a tar, its padding included."""
    return file_header(path, len(content), executable=executable) + content + padding(len(content))


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def in_parts(content: bytes) -> Iterator[bytes]:
    """`content` in pieces of at most `PART_BYTES`."""
    for begin in range(0, len(content), PART_BYTES):
        yield content[begin : begin + PART_BYTES]


def _header(path: str, mode: bytes, size: int, kind: bytes, target: str) -> bytes:
    if not (path.isascii() and target.isascii() and len(path) < _PLAIN_NAME and len(target) < _PLAIN_NAME):
        return _pax_header(path, mode, size, kind, target)
    start = path.encode().ljust(_PLAIN_NAME, b"\0") + mode + _IDS + b"%011o\0" % size + _TIME
    end = kind + target.encode().ljust(_PLAIN_NAME, b"\0") + _TAIL
    checksum = sum(start) + sum(end) + 8 * 0x20  # it counts as spaces itself
    return b"%b%06o\0 %b" % (start, checksum, end)


def _pax_header(path: str, mode: bytes, size: int, kind: bytes, target: str) -> bytes:
    member = tarfile.TarInfo(path)
    member.mode, member.size, member.mtime = int(mode[:-1], 8), size, MTIME
    member.type, member.linkname = kind, target
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _unnamed_file() -> IO[bytes]:
    """A file that goes with its descriptor. Raises SpoolFull."""
    try:
        return tempfile.TemporaryFile(prefix="debugbox-", buffering=0)
    except OSError as error:  # no folder that can be written, no inode left
        raise SpoolFull(os.environ.get("TMPDIR", "the temporary folder"), error.strerror or str(error)) from error


def _make_room(descriptor: int, position: int) -> int:
    """Blocks for what comes next, as many as there are already: a file system that finds them write by write takes
    up to 0.8 s more for a large snapshot. Gives how far they reach; whether there is room at all, the write will tell.
    """
    size = min(_MOST_ROOM, max(PART_BYTES, position))
    with contextlib.suppress(OSError, AttributeError):  # not every system has the call
        os.posix_fallocate(descriptor, position, size)
    return position + size


class Spool:
    """A tar while it is written: a file without a name, so that nothing is left of it however this process ends.

    A thread of its own writes and hashes it in large pieces while the next files are read: a third of the time.
    """

    def __init__(self) -> None:
        self._file = _unnamed_file()
        self._position = self._written = self._room = 0
        self._digest = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._waiting: queue.Queue[list[bytes] | None] = queue.Queue(_WAITING_PARTS)
        self._failure: OSError | None = None
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def add_file(self, path: str, content: bytes, *, executable: bool) -> int:
        """Append a file; gives where its content begins."""
        header = file_header(path, len(content), executable=executable)
        begin = self._position + len(header)
        self._add(header, content, padding(len(content)))
        return begin

    def add_link(self, path: str, target: str) -> None:
        self._add(link_header(path, target))

    def add_whole(self, descriptor: int) -> None:
        """Go on from another spool that has ended: what was at an offset there is at the same one here."""
        left = os.fstat(descriptor).st_size - len(END)
        while left and (part := os.pread(descriptor, min(PART_BYTES, left), self._position)):
            left -= len(part)
            self._add(part)

    def sha256(self) -> str:
        """Of all that was added so far."""
        self._flush()
        return self._digest.hexdigest()

    def read(self, offset: int, size: int) -> bytes:
        self._flush()
        return os.pread(self._file.fileno(), size, offset)

    def finish(self) -> int:
        """End the tar; gives a descriptor of its own for reading it. Raises SpoolFull."""
        self._add(END)
        self._flush()
        os.ftruncate(self._file.fileno(), self._written)  # what room was left over
        return os.dup(self._file.fileno())

    def close(self) -> None:
        self._waiting.put(None)
        self._writer.join()
        self._file.close()

    def _add(self, *pieces: bytes) -> None:
        size = sum(map(len, pieces))
        self._position += size
        self._gathered += size
        self._pieces += pieces
        if self._gathered >= PART_BYTES:
            self._hand_over()

    def _hand_over(self) -> None:
        self._waiting.put(self._pieces)
        self._pieces, self._gathered = [], 0

    def _flush(self) -> None:
        """Wait until everything is in the file. Raises SpoolFull when it could not be written."""
        self._hand_over()
        self._waiting.join()
        if self._failure:
            raise SpoolFull(tempfile.gettempdir(), self._failure.strerror or str(self._failure)) from self._failure

    def _write(self) -> None:
        while (pieces := self._waiting.get()) is not None:
            data = memoryview(b"".join(pieces))
            try:
                self._digest.update(data)
                self._append(data)
            except OSError as error:
                self._failure = error
            finally:
                self._waiting.task_done()

    def _append(self, data: memoryview) -> None:
        while data and self._failure is None:
            if self._written + len(data) > self._room:
                self._room = _make_room(self._file.fileno(), max(self._room, self._written))
            written = os.write(self._file.fileno(), data)
            self._written += written
            data = data[written:]
