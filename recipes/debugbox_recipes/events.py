"""Feeds a `Workload` with events: `sys.monitoring` on Python 3.12 and later, `sys.settrace` below. In the program's
process.
"""

import sys
import threading
from types import CodeType, FrameType
from typing import Any, Callable, Dict, Optional

from .workload import Workload

_TOOLS = (3, 4)  # 0 to 2 and 5 belong to debuggers, coverage, profilers and optimisers
_GENERATOR = 0x2A0  # co_flags of generators, coroutines and asynchronous generators


def watch(workload: Workload) -> str:
    """Begin; gives why it could not, or ''."""
    if hasattr(sys, "monitoring"):
        return _Monitoring(workload).start()
    _Tracing(workload).start()
    return ""


class _Monitoring:
    """Events of all code; locations that are not the user's are switched off at their first event."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # 3.12
        self.tool: Optional[int] = None
        self.lines: Dict[int, Dict[int, int]] = {}  # id of a code object -> offset -> line

    def start(self) -> str:
        monitoring, events = self.monitoring, self.monitoring.events
        free = [tool for tool in _TOOLS if monitoring.get_tool(tool) is None]
        if not free:
            return f"the monitoring tools are taken, by {', '.join(map(monitoring.get_tool, _TOOLS))}"
        self.tool = free[0]
        monitoring.use_tool_id(self.tool, "debugbox")
        callbacks: Dict[int, Callable[..., Any]] = {
            events.LINE: self._line,
            events.PY_START: self._start,
            events.PY_RESUME: self._resume,
            events.PY_THROW: self._throw,
            events.PY_YIELD: self._yield,
            events.PY_RETURN: self._return,
            events.PY_UNWIND: self._unwind,
        }
        for event, callback in callbacks.items():
            monitoring.register_callback(self.tool, event, self._guarded(callback))
        monitoring.set_events(self.tool, sum(callbacks))
        monitoring.restart_events()  # what an earlier tool switched off stays off otherwise
        return ""

    def _guarded(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """An exception of ours would surface in the user's program: it ends the counting instead."""

        def call(*arguments: Any) -> Any:
            try:
                return callback(*arguments)
            except Exception as error:  # noqa: BLE001  # whatever it is, it must not reach the user's code
                self.monitoring.set_events(self.tool, 0)
                self.workload.error = f"{type(error).__name__}: {error}"
                return None

        return call

    def _line(self, code: CodeType, line: int) -> Any:
        number = self.workload.number(code)
        if number < 0:
            return self.monitoring.DISABLE
        self.workload.event(number, line)
        return None

    def _start(self, code: CodeType, offset: int) -> Any:
        number = self.workload.number(code)
        if number < 0:
            return self.monitoring.DISABLE
        self.workload.pushed(number, sys._getframe(2), starts=True)
        return None

    def _resume(self, code: CodeType, offset: int) -> Any:
        number = self.workload.number(code)
        if number < 0:
            return self.monitoring.DISABLE
        self.workload.pushed(number, sys._getframe(2), starts=False)
        self.workload.event(number, self._line_at(code, offset))
        return None

    def _throw(self, code: CodeType, offset: int, exception: BaseException) -> None:
        number = self.workload.number(code)  # cannot be switched off
        if number >= 0:
            self.workload.pushed(number, sys._getframe(2), starts=False)

    def _yield(self, code: CodeType, offset: int, value: Any) -> Any:
        number = self.workload.number(code)
        if number < 0:
            return self.monitoring.DISABLE
        self.workload.event(number, self._line_at(code, offset))
        self.workload.popped()
        return None

    def _return(self, code: CodeType, offset: int, value: Any) -> Any:
        if self.workload.number(code) < 0:
            return self.monitoring.DISABLE
        self.workload.popped()
        return None

    def _unwind(self, code: CodeType, offset: int, exception: BaseException) -> None:
        if self.workload.number(code) >= 0:
            self.workload.popped()

    def _line_at(self, code: CodeType, offset: int) -> int:
        known = self.lines.get(id(code))
        if known is None:
            known = self.lines[id(code)] = {}
            for start, end, line in code.co_lines():
                known.update(dict.fromkeys(range(start, end, 2), line or code.co_firstlineno))
        return known.get(offset, code.co_firstlineno)


class _Tracing:
    """The same by `sys.settrace`; functions that are not the user's are not traced."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload

    def start(self) -> None:
        threading.settrace(self._call)
        sys.settrace(self._call)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        number = self.workload.number(frame.f_code)
        if number < 0:
            return None
        again = bool(frame.f_code.co_flags & _GENERATOR)
        self.workload.pushed(number, frame, starts=not again or _starts(frame))
        if again:
            self.workload.event(number, frame.f_lineno)

        def local(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                self.workload.event(number, frame.f_lineno)
            elif event == "return":
                if again:
                    self.workload.event(number, frame.f_lineno)
                self.workload.popped()
            return local

        return local


def _starts(frame: FrameType) -> bool:
    """Whether a generator's frame runs for the first time. 3.11 resumes even then, with argument 0."""
    return frame.f_lasti < 0 or (sys.version_info >= (3, 11) and frame.f_code.co_code[frame.f_lasti + 1] == 0)
