"""The observer `peaks`: how much memory Python's objects take at the highest moment, which line runs then, and what is
alive at that moment, by the lines that allocated it. In the program's process.

The memory is what `tracemalloc` traces: exact, and the same in each run. At each line of the user's code its highest
value is asked for, so that the moment is known to the line without a clock; what is alive then is looked at in a
second run, when that line is reached with as much memory.

The plan has `look` ("height": the highest value only; "moment": the line too; "held": what is alive when the memory
has gone `above` so many bytes; "": nothing, only the changes below), `most` (events) and `most_bytes`, after which it
stops, `constant` (see `counts`) and `lazily` (places, see there).
"""

import ast
import atexit
import builtins
import os
import sys
import tracemalloc
from threading import get_ident
from types import CodeType, FrameType
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import events, importing
from .counts import replace_constant
from .growth import write_result
from .heap import length_function
from .lazily import Lazily
from .workload import OUTSIDE, Relative, Site, Workload

_FRAMES = 24  # of each allocation that is alive
_STEP = 1.01  # a later moment must be this much higher: the first on a plateau says more than the last
_MOST_CHAINS, _MOST_NAMES = 400, 40
_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
Chain = Tuple[Tuple[str, int], ...]  # file and line of the user's frames, the outermost first


class Highest(Workload):
    """Finds the line at which the memory is highest; calls `found` once, after the first that went above a limit."""

    def __init__(
        self, relative: Relative, plan: Dict[str, Any], full: Callable[[], None], found: Callable[[], None]
    ) -> None:
        super().__init__(relative, most=plan.get("most"), timed=False, full=full)
        self.most_bytes = plan.get("most_bytes") or 2**62
        self.found = found
        self.above: float = plan.get("above") or 2**62
        self.peak = self.marked = self.before = self.in_the_end = 0
        self.running = OUTSIDE
        self.moment = OUTSIDE  # the line that ran then
        self.begun: Dict[int, int] = {}  # how often each function began or went on
        self._outer: Dict[int, List[Site]] = {}

    def event(self, number: int, line: int) -> None:
        super().event(number, line)
        self._next((number, line))
        self.in_the_end = self.before
        if self.before > self.most_bytes:
            self.full()

    def pushed(self, number: int, frame: FrameType, *, starts: bool) -> None:
        outer = self.running
        self._next((number, frame.f_lineno))
        self._outer.setdefault(get_ident(), []).append(outer)
        self.begun[number] = self.begun.get(number, 0) + 1

    def popped(self) -> None:
        stack = self._outer.get(get_ident())
        self._next(stack[-1] if stack else OUTSIDE)
        if stack:
            stack.pop()

    def stack(self) -> List[List[Any]]:
        """The user's lines that run, the outermost first: file and line."""
        sites = [*self._outer.get(get_ident(), ()), self.running]
        return [[self.files[number], line] for number, line in sites if number >= 0]

    def _next(self, site: Site) -> None:
        """A line has ended, or was left for another; `site` runs now."""
        self.look()
        if self.peak > self.above:
            self.above = 2**62
            self.found()
        self.running = site

    def look(self) -> None:
        """Whether the line that ran went higher than any before."""
        now, peak = tracemalloc.get_traced_memory()
        self.peak = max(self.peak, peak)
        if peak > self.marked * _STEP:
            self.marked, self.moment = peak, self.running
        self.before = now

    def described(self) -> Dict[str, Any]:
        number, line = self.moment
        moment = {"file": self.files[number], "line": line} if number >= 0 else {"file": "", "line": 0}
        lines = [
            [self.files[n], at, self.name(n), count, self.begun.get(n, 0)]
            for n, counts in enumerate(self.counts)
            for at, count in counts.items()
        ]
        return {"work": self.work, "moment": moment, "in_the_end": self.in_the_end, "lines": lines}


class UserCode(importing.UserCode):
    """Compiling from source takes memory that the program itself would not: it is left out."""

    highest: Highest

    def compile(self, source: bytes, path: str, shown_as: str, *, script: bool = False) -> CodeType:
        self.highest.look()
        code = super().compile(source, path, shown_as, script=script)
        tracemalloc.reset_peak()
        return code


class Peaks:
    """The plan at work."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan, self.pid = plan, os.getpid()
        self.lazily = Lazily(plan.get("lazily") or ())
        self.user_code = UserCode(plan["repo"], self.transform)
        self.highest = self.user_code.highest = Highest(self.user_code.relative, plan, self.stop, self.held)
        self.alive: Optional[Dict[str, Any]] = None

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        constant = self.plan.get("constant")
        if constant and constant["file"] == file:
            replace_constant(tree, constant)
        return ast.fix_missing_locations(self.lazily.transform(tree, file, lines))

    def held(self) -> None:
        """Now is the moment: what is alive, then the end, for there is nothing more to see."""
        highest = self.highest
        during = highest.peak - highest.before  # let go again by the end of the line
        self.alive = {"during": during, "stack": highest.stack(), "names": self._names(), "chains": self._chains()}
        self.stop()

    def _names(self) -> List[List[Any]]:
        """The user's frames: file, line, and the lengths of what their names hold."""
        found = []
        frame: Optional[FrameType] = sys._getframe()
        while frame is not None:
            file = self.user_code.relative(frame.f_code.co_filename)
            if file is not None:
                found.append([file, frame.f_lineno, _lengths(frame)])
            frame = frame.f_back
        return found

    def _chains(self) -> List[List[Any]]:
        """The user's lines on the way to what is alive: chain, bytes, blocks; most bytes first."""
        sums: Dict[Chain, List[int]] = {}
        for one in tracemalloc.take_snapshot().statistics("traceback"):
            frames = list(one.traceback)
            if not frames[-1].filename.startswith(_HERE):
                row = sums.setdefault(self._chain(frames), [0, 0])
                row[0] += one.size
                row[1] += one.count
        largest = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))[:_MOST_CHAINS]
        return [[list(map(list, chain)), *row] for chain, row in largest]

    def _chain(self, frames: List[Any]) -> Chain:
        lines = [(self.user_code.relative(each.filename), each.lineno) for each in frames]
        users = [(file, line) for file, line in lines if file is not None]
        return tuple(each for n, each in enumerate(users) if n == 0 or users[n - 1] != each)

    def stop(self) -> None:
        """Enough is known, or too much is needed: end here."""
        self.dump(partial=self.alive is None)
        sys.stdout.flush()
        os._exit(0)

    def dump(self, partial: bool = False) -> None:
        if os.getpid() != self.pid:
            return
        self.highest.look()
        off = bool(self.plan["look"]) and not tracemalloc.is_tracing()
        lazily = {key: self.lazily.counts(getattr(self.lazily, key)) for key in ("applied", "changed")}
        result = {
            "partial": partial,
            "modules": self.user_code.loaded,
            "error": self.highest.error or ("the program switches tracemalloc off" if off else ""),
            "peak": self.highest.peak,
            "refused": self.lazily.refused,
            "alive": self.alive,
        }
        write_result(self.plan, {**result, **lazily, **self.highest.described()})


def _lengths(frame: FrameType) -> Dict[str, int]:
    """Of what the names of a frame hold, where it has a length; without asking the user's code."""
    found = {}
    for name, value in list(frame.f_locals.items()):
        length = len if type(value) in (str, bytes, tuple, frozenset) else length_function(type(value))
        if length is not None and not name.startswith("__"):
            found[name] = int(length(value))
    return dict(sorted(found.items(), key=lambda item: -item[1])[:_MOST_NAMES])


def start(plan: Dict[str, Any]) -> None:
    """Put the observer into this process."""
    peaks = Peaks(plan)
    importing.install(peaks.user_code, builtins)
    atexit.register(peaks.dump)
    if plan["look"]:
        tracemalloc.start(_FRAMES if plan["look"] == "held" else 1)
    if plan["look"] in ("moment", "held"):
        peaks.highest.error = events.watch(peaks.highest)
