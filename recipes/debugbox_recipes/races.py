"""The observer `races`: threads pause where the plan says, windows get a lock, accesses are noted. In the program.

Plan, each part where wanted: `noise` (see `noise.Pauses`, and `level`: line or instruction), `windows` (places with
`last`: pauses are made inside these only), `locked` (places with `last`: all of them under one lock; the intervention),
`gather` (which values are used without a common lock), `serial` (each thread runs to its end before the next goes on).
"""

import atexit
import builtins
import os
import sys
import threading
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence

from . import importing, locks
from .accesses import AccessTable
from .growth import write_result
from .noise import Noise, Pauses, noise
from .sites import PREFIX
from .windows import Wrapping

KIND = "locked"  # of the intervention
_SERIAL_S, _SERIAL_ALL_S = 1.0, 5.0  # of one thread; of all: some wait for a later one


def places_of(one: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The windows of an intervention of this kind, as the plan wants them; without `last`, one statement."""
    last = (one.get("parameters") or {}).get("last", {})
    return [
        {"file": site["file"], "line": site["line"], "quote": site.get("quote", ""),
         "last": int(last.get(f"{site['file']}:{site['line']}", site["line"]))}
        for site in one["sites"]
    ]  # fmt: skip


class Locked:
    """A window under the one lock that all have. A thread that holds it passes through further windows."""

    def __init__(self, lock: Any) -> None:
        self.lock, self.entered = lock, 0

    def __enter__(self) -> None:
        self.lock.acquire()
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        self.lock.release()


class Window:
    """Where a thread may pause."""

    def __init__(self, pauses: Pauses, number: int) -> None:
        self.pauses, self.number = pauses, number

    def __enter__(self) -> None:
        self.pauses.enter(self.number)

    def __exit__(self, *_: object) -> None:
        self.pauses.leave()


class Races:
    """The plan at work."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan, self.pid = plan, os.getpid()
        self.user_code = importing.UserCode(plan["repo"], self.transform)
        self.book = locks.Book(self.user_code.relative)
        self.table = AccessTable(self.book) if plan.get("gather") else None
        self.noise = self._noise(plan.get("noise"))
        lock = threading.RLock()
        locked: Sequence[Any] = plan.get("locked") or ()
        self.managers: List[Any] = [Locked(lock) for _ in locked]
        self.locked = len(locked)
        windows: Sequence[Any] = plan.get("windows") or () if self.noise is not None else ()
        self.managers += [Window(self.noise.pauses, n) for n in range(len(windows)) if self.noise is not None]
        self.wrapping = Wrapping([*locked, *windows], lambda number: f"{PREFIX}windows[{number}]")

    def _noise(self, plan: Optional[Mapping[str, Any]]) -> Optional[Noise]:
        if not plan:
            return None
        on_line = self.table.on_line if self.table is not None else None
        return noise(Pauses(plan), self.user_code.relative, plan["level"] == "instruction", on_line)

    def transform(self, tree: Any, file: str, lines: List[str]) -> Any:
        if self.table is not None:
            self.table.add(tree, file)
        return self.wrapping.transform(tree, file, lines)

    def dump(self) -> None:
        if os.getpid() != self.pid:
            return
        places = [f"{place['file']}:{place['line']}" for place in self.wrapping.places]
        entered = {place: each.entered for place, each in zip(places, self.managers[: self.locked])}  # noqa: B905
        write_result(self.plan, {
            "modules": self.user_code.loaded,
            "places_found": sorted({places[n] for n in self.wrapping.found if n < self.locked}),
            "windows_found": sorted({places[n] for n in self.wrapping.found if n >= self.locked}),
            "entered": entered, "error": self.noise.error if self.noise is not None else "",
            "pauses": self.noise.pauses.spent if self.noise is not None else 0,
            "units": self.table.described() if self.table is not None else [],
            "ran": [list(each) for each in self.table.ran] if self.table is not None else [],
            "threads": len(self.table.threads) if self.table is not None else 0,
        })  # fmt: skip


def _one_after_another() -> None:
    """A thread that is started is waited for, as long as it does not wait itself for a later one."""
    start, left = threading.Thread.start, [_SERIAL_ALL_S]

    def start_and_wait(thread: threading.Thread) -> None:
        began = time.monotonic()
        start(thread)
        thread.join(max(0.0, min(_SERIAL_S, left[0])))
        left[0] -= time.monotonic() - began

    threading.Thread.start = start_and_wait  # type: ignore[method-assign,assignment]  # that is the point


def start(plan: Dict[str, Any]) -> None:
    """Put the observer into this process."""
    observer = Races(plan)
    setattr(builtins, PREFIX + "windows", observer.managers)
    if observer.table is not None:
        locks.install(observer.book)
    if plan.get("serial"):
        _one_after_another()
    importing.install(observer.user_code, builtins)
    atexit.register(observer.dump)
    if observer.noise is not None:
        if observer.noise.pauses.spin:
            sys.setswitchinterval(1000)  # whoever works goes on working
        observer.noise.start()
