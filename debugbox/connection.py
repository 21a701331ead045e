"""The line to a box: messages out, messages in, the lease kept. Used by `box`, which knows what they mean.

A thread reads what the box says, another keeps the lease; both end with the box.
"""

import contextlib
import json
import queue
import threading
import time
from collections.abc import Iterator

from debugbox.engines import Transport
from debugbox.errors import BoxGone
from debugbox.mailbox import Mailbox
from debugbox.messages import Message, MessageReader

LEASE_EVERY_S = 15.0
_WAITING_BYTES, _WAITING_MESSAGES = 4 << 20, 64  # the rest waits in the box
_CAUSE_WITHIN_S = 1.5


class Connection:
    """To one box. `send` and `close` from any thread, the rest from one."""

    def __init__(self, transport: Transport, image_bytes: int) -> None:
        self._transport = transport
        self._messages: Mailbox[Message | BoxGone | None] = Mailbox(_WAITING_BYTES, _WAITING_MESSAGES)
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._reader = MessageReader(transport.stdout, image_bytes)
        for target in (self._read, self._keep_lease):
            threading.Thread(target=target, daemon=True).start()

    @property
    def bad_messages(self) -> int:
        return self._reader.bad

    def send(self, message: Message, bulk: bytes = b"") -> None:
        """Raises BoxGone."""
        line = json.dumps(message).encode("ascii") + b"\n"
        try:
            with self._writing:
                self._transport.stdin.write(line)
                if bulk:
                    self._transport.stdin.write(bulk)
                self._transport.stdin.flush()
        except (OSError, ValueError) as error:
            raise BoxGone(self._transport.cause() or str(error)) from error

    def next(self, deadline: float, otherwise: str) -> Message:
        """The next message. Raises BoxGone at the box's end, and `otherwise` when none came until the deadline."""
        left_s = deadline - time.monotonic()
        try:
            if left_s < 0:
                raise queue.Empty  # a box that always has something to say is over its time all the same
            message = self._messages.get(left_s)
        except queue.Empty:
            raise BoxGone(otherwise) from None
        return self._alive(message)

    def waiting(self) -> Iterator[Message]:
        """What has come already, without waiting. Raises BoxGone at the box's end."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._alive(self._messages.get(0))

    @contextlib.contextmanager
    def expecting_file(self, max_bytes: int) -> Iterator[None]:
        """Within it a file of this size is taken; else it would be read past."""
        self._reader.file_bytes = max_bytes
        try:
            yield
        finally:
            self._reader.file_bytes = 0

    def close(self) -> None:
        """End the box; nothing of it is left when this returns."""
        self._closed.set()
        self._transport.kill()

    def _alive(self, message: Message | BoxGone | None) -> Message:
        if message is None:
            raise BoxGone(self._wait_for_cause())
        if isinstance(message, BoxGone):
            raise message
        return message

    def _wait_for_cause(self) -> str:
        """The engine knows the cause a moment after the stream has ended."""
        deadline = time.monotonic() + _CAUSE_WITHIN_S
        while not (cause := self._transport.cause()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return cause or "its stream ended"

    def _read(self) -> None:
        try:
            while not self._closed.is_set() and (message := self._reader.next()) is not None:
                self._messages.put(message, self._reader.size)
        except (BoxGone, OSError, ValueError) as error:
            gone = error if isinstance(error, BoxGone) else BoxGone(str(error))
            self._messages.put(gone, 0)
        self._messages.put(None, 0)

    def _keep_lease(self) -> None:
        while not self._closed.wait(LEASE_EVERY_S):
            with contextlib.suppress(BoxGone):
                self.send({"type": "ping"})
