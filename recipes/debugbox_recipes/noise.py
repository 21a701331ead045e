"""Noise: threads pause at lines, or at single instructions, so that others overtake them. In the program's process.

Python 3.12 and later: `sys.monitoring`, events of the user's and of libraries' functions. Below: `sys.settrace`, with
`f_trace_opcodes` for instructions. The interpreter itself changes threads at calls and at the end of a loop's turn
only, so what goes wrong between two instructions of one line hardly ever happens without this.

Who pauses is drawn from a seed, by thread. A pause ends when other threads have got on, at the latest after
`longest_s`; nothing here takes a lock.
"""

import _thread
import os
import sys
import threading
import time
from types import CodeType, FrameType
from typing import Any, Callable, Dict, List, Mapping, Optional

_TOOLS = (4, 3)  # 0 to 2 and 5 belong to debuggers, coverage, profilers and optimisers
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_NAP_S, _GATE_S = 0.00005, 0.05
_MOST_STEPS = 40
_FIRST, _OFTEN = 8, 0.2  # passes through a window in which any instruction may pause that often: some happen but once
_SHORT = 5  # instructions of a pass, at least
_MODULUS = 1 << 31

OnLine = Callable[[FrameType, int], None]


class Pauses:
    """When a thread pauses, and until when.

    `chance` of an event; `most` pauses in all, or in each window; `in_windows`: only inside windows, until another
    thread has left one; `chance` is then how many pauses a pass through a window has, however long that is, but for
    the first passes;
    `spin`: the pauses are spent working, with no other thread let in. That is the control for what only takes longer.
    """

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.chance, self.seed = float(plan["chance"]), int(plan["seed"])
        self.most, self.longest_s = int(plan["most"]), float(plan["longest_s"])
        self.in_windows, self.spin = bool(plan.get("in_windows")), bool(plan.get("spin"))
        self.steps = self.left = self.spent = 0
        self.inside: Dict[int, List[int]] = {}  # by thread: the windows it is in
        self.spent_in: Dict[int, int] = {}
        self.events: Dict[int, int] = {}  # by window: from them, how long a pass is
        self.passes: Dict[int, int] = {}
        self._drawn: Dict[int, int] = {}
        self._began = 0

    def enter(self, window: int) -> None:
        self.inside.setdefault(_thread.get_ident(), []).append(window)
        self.passes[window] = self.passes.get(window, 0) + 1

    def leave(self) -> None:
        self.inside[_thread.get_ident()].pop()
        self.left += 1

    @property
    def over(self) -> bool:
        return not self.in_windows and self.spent >= self.most

    def event(self) -> None:
        """A line or an instruction of the program is about to run."""
        self.steps += 1
        if self.over or not _others():
            return
        me = _thread.get_ident()
        if me not in self._drawn:
            self._begin(me)
        if self.in_windows and not self._may_pause(me):
            return
        drawn = self._drawn[me] = (self._drawn[me] * 1103515245 + 12345) % _MODULUS
        if (drawn >> 8) % 10000 < self._chance(me) * 10000:
            self._pause(drawn >> 8)

    def _may_pause(self, me: int) -> bool:
        windows = self.inside.get(me)
        return windows is not None and windows != [] and self.spent_in.get(windows[-1], 0) < self.most

    def _chance(self, me: int) -> float:
        if not self.in_windows:
            return self.chance
        window = self.inside[me][-1]
        self.events[window] = self.events.get(window, 0) + 1
        if self.passes[window] <= _FIRST:
            return _OFTEN if self.spent_in.get(window, 0) < self.most // 2 else 0.0
        mean = self.events[window] / self.passes[window]
        return min(0.5, self.chance / max(mean, _SHORT))

    def _begin(self, me: int) -> None:
        """A thread's first event: it waits for the next thread, else short ones would be over before others begin."""
        self._began += 1
        self._drawn[me] = (self.seed * 7919 + self._began * 104729 + 1) % _MODULUS
        if me != threading.main_thread().ident and not self.spin:
            before = self._began
            self._wait(lambda: self._began > before, _GATE_S)

    def _pause(self, drawn: int) -> None:
        self.spent += 1
        if self.spin:
            until = time.perf_counter() + self.longest_s
            while time.perf_counter() < until:
                pass
        elif self.in_windows:
            window, left = self.inside[_thread.get_ident()][-1], self.left
            self.spent_in[window] = self.spent_in.get(window, 0) + 1
            whole = drawn % 2 == 0  # what another thread does after its window may be what goes wrong
            self._wait(lambda: not whole and self.left > left, self.longest_s)
        else:
            enough = self.steps + 1 + drawn % _MOST_STEPS
            self._wait(lambda: self.steps >= enough, self.longest_s)

    @staticmethod
    def _wait(done: Callable[[], bool], longest_s: float) -> None:
        until = time.monotonic() + longest_s
        time.sleep(_NAP_S)
        while not done() and time.monotonic() < until:
            time.sleep(_NAP_S)


def _others() -> int:
    """How many threads there are beside the main one."""
    return int(_thread._count())


class Noise:
    """Events of the functions of interest, from all threads. `on_line` is told each line of the user's code."""

    def __init__(
        self,
        pauses: Pauses,
        relative: Callable[[Optional[str]], Optional[str]],
        instructions: bool,
        on_line: Optional[OnLine],
    ) -> None:
        self.pauses, self.instructions, self.on_line = pauses, instructions, on_line
        self.error = ""
        self._relative = relative
        self._kinds: Dict[str, str] = {}

    def kind(self, code: CodeType) -> str:
        """'user', 'library', or '' for the standard library and for ourselves."""
        name = code.co_filename
        if name not in self._kinds:
            user = self._relative(name) is not None
            library = not name.startswith(_OURS) and any(part in name for part in _LIBRARIES)
            self._kinds[name] = "user" if user else "library" if library else ""
        return self._kinds[name]

    def start(self) -> None:
        raise NotImplementedError


class MonitoredNoise(Noise):
    """By `sys.monitoring`: local events of functions as they are first entered."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        self._tool = -1
        self._codes: List[CodeType] = []

    def start(self) -> None:
        monitoring = self._monitoring
        free = [tool for tool in _TOOLS if monitoring.get_tool(tool) is None]
        if not free:
            held = ", ".join(str(monitoring.get_tool(tool)) for tool in _TOOLS)
            self.error = f"no thread was made to pause: {held} hold the monitoring tools"
            return
        self._tool = free[0]
        monitoring.use_tool_id(self._tool, "debugbox")
        events = monitoring.events
        monitoring.register_callback(self._tool, events.PY_START, self._on_start)
        monitoring.register_callback(self._tool, events.LINE, self._on_line)
        monitoring.register_callback(self._tool, events.INSTRUCTION, self._on_instruction)
        monitoring.set_events(self._tool, events.PY_START)
        monitoring.restart_events()

    def _on_start(self, code: CodeType, offset: int) -> Any:
        kind = self.kind(code)
        if kind == "library" and not _others():
            return None  # looked at again when there are threads
        if kind and not (self.pauses.over and self.on_line is None):
            events = self._monitoring.events
            self._codes.append(code)
            wanted = events.INSTRUCTION if self.instructions else events.LINE
            self._monitoring.set_local_events(self._tool, code, wanted)
        return self._monitoring.DISABLE

    def _on_line(self, code: CodeType, line: int) -> None:
        try:
            if self.on_line is not None and self.kind(code) == "user":
                self.on_line(sys._getframe(1), line)
            self._event()
        except Exception as error:  # noqa: BLE001  # it would go on into the user's program
            self.error = f"{type(error).__name__}: {error}"

    def _on_instruction(self, code: CodeType, offset: int) -> None:
        try:
            self._event()
        except Exception as error:  # noqa: BLE001  # it would go on into the user's program
            self.error = f"{type(error).__name__}: {error}"

    def _event(self) -> None:
        self.pauses.event()
        if self.pauses.over and self.on_line is None:
            codes, self._codes = self._codes, []
            for code in codes:
                self._monitoring.set_local_events(self._tool, code, 0)


class TracedNoise(Noise):
    """By `sys.settrace`. A debugger or a coverage tool that sets its own takes the trace function away."""

    def start(self) -> None:
        threading.settrace(self._on_call)
        sys.settrace(self._on_call)

    def _on_call(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self.pauses.over and self.on_line is None:
            return None
        kind = self.kind(frame.f_code)
        if not kind or (kind == "library" and not _others()):
            return None
        frame.f_trace_opcodes = self.instructions
        return self._traced

    def _traced(self, frame: FrameType, event: str, argument: Any) -> Any:
        try:
            if event == "line" and self.on_line is not None and self.kind(frame.f_code) == "user":
                self.on_line(frame, frame.f_lineno)
            if event == ("opcode" if self.instructions else "line"):
                self.pauses.event()
        except Exception as error:  # noqa: BLE001  # it would go on into the user's program
            self.error = f"{type(error).__name__}: {error}"
        return None if self.pauses.over and self.on_line is None else self._traced


def noise(*arguments: Any) -> Noise:
    """The engine of this interpreter."""
    return MonitoredNoise(*arguments) if hasattr(sys, "monitoring") else TracedNoise(*arguments)
