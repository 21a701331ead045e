"""One box that is started before somebody asks for it, so that its start passes beside a running cell. Used by `box`.

What is started is a clean box on the unchanged snapshot; what the one who takes it wants otherwise is told to it then.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from debugbox.errors import DebugboxError


class Running(Protocol):
    @property
    def is_alive(self) -> bool: ...

    def kill(self) -> None: ...


BoxType = TypeVar("BoxType", bound=Running)


class Spare(Generic[BoxType]):
    """At most one box at a time. Any thread may call."""

    def __init__(self, start: Callable[[], BoxType]) -> None:
        self._start = start
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="spare-box")
        self._guard = threading.Lock()
        self._coming: Future[BoxType] | None = None
        self._closed = False

    def prepare(self) -> None:
        """Begin to start one, unless there is one."""
        with self._guard:
            if self._coming is None and not self._closed:
                self._coming = self._pool.submit(self._start)

    def take(self) -> BoxType | None:
        """The box, waited for where it is on its way; None where there is none that lives.

        One that could not be started is not told: whoever asks starts another, and has the error then.
        """
        coming = self._forget()
        if coming is None:
            return None
        try:
            box = coming.result()
        except (DebugboxError, OSError):
            return None
        except BaseException:  # Ctrl-C while it was waited for
            coming.add_done_callback(_kill)
            raise
        if box.is_alive:
            return box
        box.kill()
        return None

    def close(self) -> None:
        """Nothing is left when this returns."""
        with self._guard:
            self._closed = True
        coming = self._forget()
        if coming is not None:
            coming.add_done_callback(_kill)
        self._pool.shutdown(wait=True)

    def _forget(self) -> "Future[BoxType] | None":
        with self._guard:
            coming, self._coming = self._coming, None
        return coming


def _kill(coming: "Future[BoxType]") -> None:
    if not coming.cancelled() and coming.exception() is None:
        coming.result().kill()
