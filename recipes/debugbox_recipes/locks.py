"""Locks that know who holds them, who waits for them, and where they were made. In the program's process.

`threading.Lock` and `threading.RLock` are replaced before the user's code runs, so that libraries' locks are seen too;
Conditions, Events, Semaphores and Queues are built of them. The intervention `without_lock` passes a line's
acquisitions by; `pauses` lets other threads run after an acquisition, which brings out what otherwise depends on luck.
"""

import _thread
import itertools
import sys
import threading
import time
from types import FrameType
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

Site = Tuple[str, int, str]  # file, line, function; the file as the interpreter names it where it is not the user's
_NOWHERE: Site = ("", 0, "")


class Book:
    """What all recorded locks of this process write into."""

    def __init__(self, relative: Callable[[Optional[str]], Optional[str]]) -> None:
        self._relative = relative
        self._files: Dict[str, Optional[str]] = {}
        self._here = threading.local()
        self._numbers = itertools.count(1)
        self.threads: Dict[int, int] = {}  # the interpreter's number of a thread -> ours
        self.waiting: Dict[int, Tuple[Any, Site]] = {}  # thread -> lock, where
        self.held: Dict[int, List[Any]] = {}
        self.orders: Dict[Tuple[int, int], Tuple[Any, Any, Site, Site, int]] = {}  # held before, then asked for
        self.skipped: Dict[Tuple[str, int], Tuple[str, List[int]]] = {}  # place -> its name, [applied, changed]
        self.pauses: Mapping[Tuple[str, int], float] = {}
        self.acquisitions: Dict[Tuple[str, int], int] = {}

    def me(self) -> int:
        """This thread's number. The interpreter's own goes to the next thread as soon as one has ended."""
        number = getattr(self._here, "number", None)
        if number is None:
            number = self._here.number = next(self._numbers)
            self.threads[_thread.get_ident()] = number
        return int(number)

    def relative(self, name: str) -> Optional[str]:
        """A source file of the user's by its path in the repository, else None."""
        if name not in self._files:
            self._files[name] = None if name == __file__ else self._relative(name)
        return self._files[name]

    def site(self) -> Site:
        """The user's line that leads here; where there is none, the nearest of a library."""
        frame: Optional[FrameType] = sys._getframe(2)
        nearest = _NOWHERE
        while frame is not None:
            name = frame.f_code.co_filename
            file = self.relative(name)
            if file is not None:
                return file, frame.f_lineno, frame.f_code.co_name
            if nearest is _NOWHERE and name != __file__:
                nearest = (name, frame.f_lineno, frame.f_code.co_name)
            frame = frame.f_back
        return nearest

    def passes_by(self, site: Site) -> bool:
        known = self.skipped.get(site[:2])
        if known is None:
            return False
        known[1][0] += 1
        known[1][1] += 1
        return True


class RecordedLock:
    """In the place of `threading.Lock`."""

    book: Book
    _make: Any = staticmethod(_thread.allocate_lock)
    reentrant = False

    def __init__(self) -> None:
        self._inner: Any = self._make()
        self.made = self.book.site()
        self.owner: Optional[int] = None
        self.taken: Site = _NOWHERE
        self.count = 0
        self._passed: Dict[int, int] = {}

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me, book = self.book.me(), self.book
        site = book.site()
        if book.skipped and book.passes_by(site):
            self._passed[me] = self._passed.get(me, 0) + 1
            return True
        self._note_order(me, site)
        got = bool(self._inner.acquire(False))
        if not got and blocking and timeout != 0:
            book.waiting[me] = (self, site)
            try:
                got = bool(self._inner.acquire(True, timeout))
            finally:
                book.waiting.pop(me, None)
        if got:
            self._got(me, site)
        return got

    def _note_order(self, me: int, site: Site) -> None:
        book = self.book
        book.acquisitions[site[:2]] = book.acquisitions.get(site[:2], 0) + 1
        for other in book.held.get(me, ()):
            if other is not self and (id(other), id(self)) not in book.orders:
                book.orders[id(other), id(self)] = (other, self, other.taken, site, me)

    def _got(self, me: int, site: Site) -> None:
        self.owner, self.count = me, self.count + 1
        if self.count == 1:
            self.taken = site
            self.book.held.setdefault(me, []).append(self)
        pause = self.book.pauses.get(site[:2])
        if pause:
            time.sleep(pause)

    def release(self) -> None:
        me = self.book.me()
        if self._passed.get(me):
            self._passed[me] -= 1
            return
        if self.count == 1 or not self.reentrant:
            held = self.book.held.get(self.owner or 0, [])
            held[:] = [other for other in held if other is not self]
            self.owner, self.count = None, 0
        else:
            self.count -= 1
        self._inner.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def locked(self) -> bool:
        return self.owner is not None

    def _at_fork_reinit(self) -> None:
        self._inner._at_fork_reinit()
        self.owner, self.count = None, 0

    def __repr__(self) -> str:
        return f"<recorded {self._inner!r}>"


class RecordedRLock(RecordedLock):
    """In the place of `threading.RLock`; with what `Condition` asks of one."""

    _make = staticmethod(threading.RLock)
    reentrant = True

    def _is_owned(self) -> bool:
        return bool(self._inner._is_owned())

    def _release_save(self) -> Any:
        count, self.count, self.owner = self.count, 0, None
        held = self.book.held.get(self.book.me(), [])
        held[:] = [other for other in held if other is not self]
        return self._inner._release_save(), count

    def _acquire_restore(self, state: Any) -> None:
        saved, count = state
        self._inner._acquire_restore(saved)
        self.owner, self.count = self.book.me(), count
        self.book.held.setdefault(self.owner, []).append(self)


def install(book: Book) -> None:
    """From here on new locks are recorded ones."""
    RecordedLock.book = book
    threading.Lock = RecordedLock  # type: ignore[assignment]  # that is the point
    threading.RLock = RecordedRLock  # type: ignore[assignment]
