"""Counts the work of the user's code: events per line, and what lies below each call. In the program's process.

An event is a line that runs, or a generator or coroutine that is left or resumed: `yield from` delegates item after
item without a line event, and counting lines alone once accused the change that introduced it.

A call site's work is everything that happens until its callee returns, counted once where calls nest in themselves.
What a generator does belongs to the line that consumes it. Libraries and C code have no events: their time is the
time of the user's line that calls them.
"""

import time
from threading import get_ident
from types import CodeType, FrameType
from typing import Any, Callable, Dict, List, Optional, Tuple

Relative = Callable[[Optional[str]], Optional[str]]
Site = Tuple[int, int]  # number of the code object, line
Below = Tuple[int, int, int]  # number of the calling code object, line, number of the called one
OUTSIDE: Site = (-1, 0)


class Workload:
    """Counts by code object. Those are told apart by `id`, for hashing one is slow; each is held, so that its id is
    not used again."""

    def __init__(self, relative: Relative, *, most: Optional[int], timed: bool, full: Callable[[], None]) -> None:
        self.relative, self.timed, self.full = relative, timed, full
        self.most = most or 2**62
        self.work = 0
        self.error = ""  # why counting ended early
        self.codes: List[CodeType] = []
        self.files: List[str] = []
        self.counts: List[Dict[int, int]] = []
        self.numbers: Dict[int, int] = {}  # id of a code object -> its number, or -1 for code that is not the user's
        self.foreign: List[CodeType] = []
        self.entries: Dict[Below, int] = {}
        self.below: Dict[Below, int] = {}
        self.seconds: Dict[Site, float] = {}
        self._clock = time.perf_counter
        self._last = (OUTSIDE, self._clock())
        self._stacks: Dict[int, List[Tuple[Below, int]]] = {}
        self._nested: Dict[Below, int] = {}

    def number(self, code: CodeType) -> int:
        """The code object's number; -1 where it is not the user's."""
        known = self.numbers.get(id(code))
        if known is not None:
            return known
        file = self.relative(code.co_filename)
        if file is None:
            self.foreign.append(code)
            self.numbers[id(code)] = -1
            return -1
        self.numbers[id(code)] = len(self.codes)
        self.codes.append(code)
        self.files.append(file)
        self.counts.append({})
        return len(self.codes) - 1

    def event(self, number: int, line: int) -> None:
        """One unit of work at a line."""
        counts = self.counts[number]
        counts[line] = counts.get(line, 0) + 1
        self.work += 1
        if self.timed:
            self._time((number, line))
        if self.work > self.most:
            self.full()

    def _time(self, site: Site) -> None:
        now = self._clock()
        before, since = self._last
        self.seconds[before] = self.seconds.get(before, 0.0) + now - since
        self._last = (site, self._clock())  # what this took is nobody's

    def pushed(self, number: int, frame: FrameType, *, starts: bool) -> None:
        """A user's function begins or goes on; `frame` is its own."""
        caller = frame.f_back
        while caller is not None and self.number(caller.f_code) < 0:
            caller = caller.f_back
        line = caller.f_lineno if caller is not None else 0
        site = (self.number(caller.f_code) if caller is not None else -1, line, number)
        if starts:
            self.entries[site] = self.entries.get(site, 0) + 1
        self._nested[site] = self._nested.get(site, 0) + 1
        self._stacks.setdefault(get_ident(), []).append((site, self.work))

    def popped(self) -> None:
        """It returned, was left, or raised."""
        stack = self._stacks.get(get_ident())
        if not stack:
            return
        site, before = stack.pop()
        self._nested[site] -= 1
        if not self._nested[site]:
            self.below[site] = self.below.get(site, 0) + self.work - before

    def result(self) -> Dict[str, Any]:
        lines = [
            [self.files[n], line, self.name(n), count]
            for n, counts in enumerate(self.counts)
            for line, count in counts.items()
        ]
        calls = [self._call(site) for site in self.entries if site[0] >= 0]
        seconds = [[self.files[n], line, self.name(n), s] for (n, line), s in self.seconds.items() if n >= 0]
        return {"work": self.work, "lines": lines, "calls": calls, "seconds": seconds}

    def _call(self, site: Below) -> List[Any]:
        """Caller's file, line and function; callee's file, line and function, and kind; entries; work below."""
        caller, line, callee = site
        code = self.codes[callee]
        kind = "generator" if code.co_flags & 0x2A0 else "function" if code.co_flags & 1 else "class"
        first = [self.files[caller], line, self.name(caller)]
        second = [self.files[callee], code.co_firstlineno, self.name(callee), kind]
        return [*first, *second, self.entries[site], self.below.get(site, 0)]

    def name(self, number: int) -> str:
        code = self.codes[number]
        return str(getattr(code, "co_qualname", code.co_name)).replace("<locals>.", "")
