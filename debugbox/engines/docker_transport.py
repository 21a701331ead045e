"""A started container as two byte streams, and the watch that knows how it ended. Made by `docker.py`."""

import contextlib
import io
import socket
import threading
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from docker import APIClient
    from docker.types import CancellableStream

MAX_FRAME_BYTES = 16 << 20
STDERR_TAIL_BYTES = 4096
GONE_S = 10.0  # until a killed container must have been removed; the engine takes 0.1 s when idle
LAST_WORDS_S = 2.0  # after the stream's end, until the engine has said why

_STDOUT, _STDERR = 1, 2
_ATTACH = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
_GIB = 1 << 30


class AttachedOutput(io.RawIOBase):
    """The box's stdout, taken out of the engine's attach stream as it is read.

    The stream is frames: kind (1 byte), 3 zero bytes, length (4 bytes), payload. Nothing is read ahead of the
    reader, so a box that prints faster than it is read waits. Its stderr is drained on the way and its tail kept.
    A frame of another kind or over `MAX_FRAME_BYTES` ends the stream, and `fault` says so.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left = 0  # bytes of the current frame
        self._stderr = b""
        self.fault = ""
        self.ended = threading.Event()

    @property
    def last_words(self) -> str:
        """The end of the box's stderr, untrusted."""
        return self._stderr.decode("utf-8", "replace").strip()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            if not self._next_frame():
                return self._end()
        count = self._receive(memoryview(buffer)[: self._left])
        self._left -= count
        return count or self._end("its output stream broke off")

    def _next_frame(self) -> bool:
        """Go to the next frame of stdout; frames of stderr are taken in between."""
        header = self._exactly(8)
        if len(header) < 8:
            return False
        kind, length = header[0], int.from_bytes(header[4:], "big")
        if kind not in (_STDOUT, _STDERR) or header[1:4] != b"\0\0\0" or length > MAX_FRAME_BYTES:
            self._end("its output stream cannot be understood")
            return False
        if kind == _STDOUT:
            self._left = length
            return True
        return self._take_stderr(length)

    def _take_stderr(self, length: int) -> bool:
        while length:
            chunk = self._exactly(min(length, 1 << 16))
            if not chunk:
                return False
            self._stderr = (self._stderr + chunk)[-STDERR_TAIL_BYTES:]
            length -= len(chunk)
        return True

    def _exactly(self, count: int) -> bytes:
        """That many bytes, or fewer at the end of the stream."""
        data = bytearray(count)
        filled = 0
        while filled < count and (got := self._receive(memoryview(data)[filled:])):
            filled += got
        return bytes(data[:filled])

    def _receive(self, view: memoryview) -> int:
        if self.ended.is_set():
            return 0
        try:
            return self._connection.recv_into(view)
        except OSError:  # reset, or shut down by `kill` in another thread
            return 0

    def _end(self, fault: str = "") -> int:
        if not self.ended.is_set():
            self.fault = fault
            self.ended.set()
        return 0


class AttachedInput(io.RawIOBase):
    """The box's stdin: unbuffered, every write is sent in full. `close` half-closes: output still comes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Send all of it; blocks while the box does not read. Raises OSError when the box is gone."""
        self._connection.sendall(data)
        return memoryview(data).nbytes

    def close(self) -> None:
        if not self.closed:
            _shut(self._connection, socket.SHUT_WR)
        super().close()


class Watch:
    """What the engine says of one container: out of memory, exit code, removed.

    With auto-removal there is nothing left to inspect once it has ended, so its events are followed from before
    its start; they also come in time where `State.OOMKilled` turns true half a second late.
    """

    def __init__(self, api: "APIClient", container: str) -> None:
        self.out_of_memory = False
        self.exit_code: int | None = None
        self.died, self.removed = threading.Event(), threading.Event()
        events = api.events(decode=True, filters={"container": container, "type": "container"})
        threading.Thread(target=self._follow, args=(events,), daemon=True, name=f"watch {container[:12]}").start()

    def _follow(self, events: "CancellableStream[dict[str, Any]]") -> None:
        for event in events:
            if self._take(event) == "destroy":
                break
        self.died.set()
        self.removed.set()
        with contextlib.suppress(OSError):  # the engine closed it first
            events.close()

    def _take(self, event: Mapping[str, Any]) -> str:
        action = str(event.get("Action", ""))
        if action == "oom":
            self.out_of_memory = True
        elif action == "die":
            self.exit_code = int(event["Actor"]["Attributes"].get("exitCode", -1))
            self.died.set()
        return action


class DockerTransport:
    """A container from before its start to its removal. `applied` and `unenforced` are what the engine reported."""

    def __init__(self, api: "APIClient", container: str, memory_bytes: int) -> None:
        """Attach to a container that was created and is not started yet, so that nothing it says is missed."""
        self.applied: Mapping[str, Any] = {}
        self.unenforced: tuple[str, ...] = ()
        self.container = container
        self._api, self._memory_bytes = api, memory_bytes
        self._watch = Watch(api, container)
        self._attached = api.attach_socket(container, params=_ATTACH)  # keeps the connection open
        self._connection: socket.socket = getattr(self._attached, "_sock", self._attached)
        self._connection.settimeout(None)  # the SDK's 60 s are for requests, not for a box that thinks
        self._output = AttachedOutput(self._connection)
        self._killed = False
        self.stdout: IO[bytes] = cast(IO[bytes], io.BufferedReader(self._output, 1 << 16))
        self.stdin: IO[bytes] = cast(IO[bytes], AttachedInput(self._connection))

    def kill(self) -> None:
        from docker.errors import APIError
        from requests.exceptions import RequestException

        if not self._watch.died.is_set():
            self._killed = True
        # First the connection: the engine does not remove a container whose output waits to be read. It also
        # wakes whoever reads from it.
        _shut(self._connection, socket.SHUT_RDWR)
        try:
            self._api.remove_container(self.container, force=True)
        except APIError as error:
            if error.status_code not in (404, 409):  # gone, or its removal is under way
                raise
        except RequestException:
            pass  # the engine has gone: its containers end with it, or by the lease; the next start sweeps
        self._watch.removed.wait(GONE_S)
        self.stdin.close()
        self._connection.close()
        self._attached.close()

    def cause(self) -> str:
        if not (self._watch.died.is_set() or self._output.ended.is_set()):
            return ""
        self._watch.removed.wait(LAST_WORDS_S)
        if self._watch.out_of_memory:
            return f"killed by the memory limit of {_size(self._memory_bytes)} (--memory)"
        if self._output.fault:
            return self._output.fault
        if self._killed:
            return "ended by debugbox"
        return self._exit_in_words()

    def cause_of_early_end(self) -> str:
        """The cause when it was gone before anyone read from it: what it said is still in the connection."""
        self._watch.died.wait(LAST_WORDS_S)
        while self.stdout.read(1 << 16):
            pass
        return self.cause()

    def _exit_in_words(self) -> str:
        code = self._watch.exit_code
        if code is None:
            return "the engine closed the connection"
        words = f": {self._output.last_words}" if self._output.last_words else ""
        if code == 137:
            return f"killed from outside (exit code 137){words}"
        return f"the supervisor ended (exit code {code}){words}"


def _size(count: int) -> str:
    if count < _GIB:
        return f"{count >> 20} MiB"
    return f"{count / _GIB:.1f}".removesuffix(".0") + " GiB"


def _shut(connection: socket.socket, how: int) -> None:
    try:
        connection.shutdown(how)
    except OSError:  # the other end was first
        return
