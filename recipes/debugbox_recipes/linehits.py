"""Which of the user's lines ran, test by test. In the program's process.

Python 3.12 and later: `sys.monitoring`, LINE as local events of the user's functions only, switched off at a line's
first hit and on again for the next test. Below: `sys.settrace`. Lines of modules and class bodies count for no test:
they run when something is imported, which is whichever test comes first.
"""

import sys
import threading
from types import CodeType, FrameType
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

_TOOLS = (4, 3)  # 0 to 2 and 5 belong to debuggers, coverage, profilers and optimisers
_OPTIMIZED = 0x1  # co_flags of a function's code, not of a module's or class's

Hits = Set[Tuple[int, int]]  # number of the code object, line


class LineHits:
    """Register code with `add`; `take` gives what ran since the last `take`, in order of first hit."""

    def __init__(self) -> None:
        self.files: List[str] = []  # by number of the code object
        self.functions: List[str] = []
        self.error = ""  # why lines are missing
        self._codes: Dict[int, Tuple[int, CodeType]] = {}  # by id; the object is held, so that its id is not used again
        self._hits: Dict[Tuple[int, int], None] = {}

    def add(self, code: CodeType, file: str, scope: str = "") -> None:
        """All functions of a module's code."""
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                name = f"{scope}.{constant.co_name}" if scope else constant.co_name
                if constant.co_flags & _OPTIMIZED:
                    self._codes[id(constant)] = (len(self.files), constant)
                    self.files.append(file)
                    self.functions.append(name)
                    self.watch(constant)
                self.add(constant, file, name)

    def take(self) -> List[Tuple[int, int]]:
        taken, self._hits = list(self._hits), {}
        self.restart()
        return taken

    @property
    def count(self) -> int:
        """Lines seen since the last `take`."""
        return len(self._hits)

    def watch(self, code: CodeType) -> None:
        """Called with each function's code as it is added."""

    def restart(self) -> None:
        """Lines that were hit are to be seen again."""

    def start(self) -> None:
        raise NotImplementedError


class MonitoredLines(LineHits):
    """By `sys.monitoring`. Its traps have tests: a DISABLE outlives its tool, exceptions leave callbacks."""

    def __init__(self, monitoring: Any) -> None:
        super().__init__()
        self._monitoring = monitoring
        self._tool: Optional[int] = None

    def start(self) -> None:
        """Take a free tool; where none is, `error` says who holds them."""
        free = [tool for tool in _TOOLS if self._monitoring.get_tool(tool) is None]
        if not free:
            held = ", ".join(str(self._monitoring.get_tool(tool)) for tool in _TOOLS)
            self.error = f"no line was seen: {held} hold the monitoring tools"
            return
        self._tool = free[0]
        self._monitoring.use_tool_id(self._tool, "debugbox")
        self._monitoring.register_callback(self._tool, self._monitoring.events.LINE, self._on_line)
        self._monitoring.restart_events()

    def watch(self, code: CodeType) -> None:
        if self._tool is not None:
            self._monitoring.set_local_events(self._tool, code, self._monitoring.events.LINE)

    def restart(self) -> None:
        if self._tool is not None:
            self._monitoring.restart_events()

    def _on_line(self, code: CodeType, line: int) -> Any:
        try:
            self._hits[self._codes[id(code)][0], line] = None
        except Exception as error:  # noqa: BLE001  # it would go on into the user's program
            self.error = f"a line was missed: {error!r}"
        return self._monitoring.DISABLE


class TracedLines(LineHits):
    """By `sys.settrace`. A debugger or a coverage tool that sets its own takes the trace function away: it is told."""

    def start(self) -> None:
        threading.settrace(self._on_call)
        sys.settrace(self._on_call)

    def restart(self) -> None:
        if sys.gettrace() is None or getattr(sys.gettrace(), "__self__", None) is not self:
            self.error = self.error or "part of the lines was missed: another tool traces the program (coverage?)"
            sys.settrace(self._on_call)

    def _on_call(self, frame: FrameType, event: str, argument: Any) -> Any:
        known = self._codes.get(id(frame.f_code))
        return self._tracer(known[0]) if known is not None else None

    def _tracer(self, number: int) -> Callable[[FrameType, str, Any], Any]:
        def on_line(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                self._hits[number, frame.f_lineno] = None
            return on_line

        return on_line


def line_hits() -> LineHits:
    """The engine of this interpreter."""
    monitoring = getattr(sys, "monitoring", None)
    return MonitoredLines(monitoring) if monitoring is not None else TracedLines()
