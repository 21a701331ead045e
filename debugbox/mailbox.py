"""What a box has said and nobody has taken yet: bounded in bytes, so that the rest waits in the box. Used by `box`.

A queue bounded by count held 64 messages of 1 MiB, which JSON makes 25 times as large: 250 MB of the host.
"""

import queue
import threading
import time
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One thread puts, one takes."""

    def __init__(self, max_bytes: int, max_items: int) -> None:
        self._max_bytes, self._max_items = max_bytes, max_items
        self._waiting: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def put(self, item: T, size: int) -> None:
        """Wait until there is room: always, when nothing waits."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._has_room(size))
            self._waiting.append((item, size))
            self._bytes += size
            self._changed.notify_all()

    def get(self, timeout_s: float) -> T:
        """The oldest item. Raises queue.Empty when none came in time."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._waiting:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise queue.Empty
                self._changed.wait(left_s)
            item, size = self._waiting.popleft()
            self._bytes -= size
            self._changed.notify_all()
        return item

    def _has_room(self, size: int) -> bool:
        return self._bytes + size <= self._max_bytes and len(self._waiting) < self._max_items
