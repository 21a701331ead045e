"""The observer `waits`: what each thread and task waits for, sample by sample, while a program hangs. In the program.

Plan: `every_s`, `most_s` (when to stop), `without_lock` (places), `pauses` ([file, line]), `loops` ([file, function]:
their turns are followed), `end_loop` (places with `turns`). A raw thread takes the samples, so the program counts no
thread more; it ends the process once a circle of waits has stood for three samples. Results are written at each sample.
"""

import _thread
import atexit
import builtins
import faulthandler
import os
import sys
import threading
import time
from types import FrameType
from typing import Any, Dict, List, Optional, Tuple

from . import coroutines, importing, locks
from .growth import write_result
from .mutations import place_in
from .turns import Turns

HUNG_EXIT = 86
_FRAMES, _KEPT = 40, 12
_CIRCLE = 3  # samples in which it stands


class Waits:
    """The plan at work."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan, self.pid = plan, os.getpid()
        self.turns = Turns(plan)
        self.user_code = importing.UserCode(plan["repo"], self.transform)
        self.book = locks.Book(self.user_code.relative)
        self.samples: List[Dict[str, Any]] = []
        self.circles: List[Any] = []
        self.died: List[Dict[str, Any]] = []
        self.found: List[str] = []
        self.taken = 0
        self.ended = False
        self._writing = _thread.allocate_lock()  # the watching thread and the end of the program both write

    def transform(self, tree: Any, file: str, lines: List[str]) -> Any:
        for place in self.plan.get("without_lock", ()):
            line = place_in(place, lines) if place["file"] == file else None
            if line is not None:
                name = f"{file}:{place['line']}"
                self.book.skipped[file, line] = (name, [0, 0])
                self.found.append(name)
        return self.turns.transform(tree, file, lines, self.found)

    def start(self) -> None:
        if not self.plan["most_s"]:
            return  # nobody asked: only the plan's changes are made
        _thread.start_new_thread(self._watch, ())

    def started_in_child(self) -> None:
        self.samples, self.circles, self.pid, self.taken = [], [], os.getpid(), 0
        self._writing = _thread.allocate_lock()  # the parent's watching thread may have held the other one
        self.start()

    # --- sampling

    def _watch(self) -> None:
        began, me = time.monotonic(), _thread.get_ident()
        every_s, most_s = float(self.plan["every_s"]), float(self.plan["most_s"])
        faulthandler.dump_traceback_later(most_s - 0.5, file=2)  # should this thread never get the interpreter
        while time.monotonic() - began < most_s and not self.ended:
            time.sleep(every_s)
            faulthandler.cancel_dump_traceback_later()  # it reads the stacks of running threads: that can crash them
            try:
                self._sample(me, time.monotonic() - began)
                self.dump()
            except Exception as error:  # noqa: BLE001  # this thread has nobody to tell
                self.samples.append({"error": f"{type(error).__name__}: {error}", "threads": []})
            if self._circle_stands():
                self.dump()
                os._exit(HUNG_EXIT)

    def _sample(self, me: int, since_s: float) -> None:
        names = {thread.ident: thread for thread in threading.enumerate()}
        threads, frames = [], sys._current_frames()
        for ident, frame in frames.items():
            if ident != me:
                threads.append(self._thread(ident, frame, names.get(ident)))
        tasks = coroutines.tasks_of(frames.values(), self.user_code.relative)
        del frames
        self.circles.append(_circle({each["id"]: each["for"] for each in [*threads, *tasks] if each["for"]}))
        sample = {"since_s": since_s, "cpu_s": time.process_time(), "threads": threads, "tasks": tasks,
                  "turns": self.turns.sample(), "circle": self.circles[-1]}  # fmt: skip
        self.samples = [*self.samples, sample][-_KEPT:]
        self.taken += 1

    def _thread(self, ident: int, frame: FrameType, thread: Optional[Any]) -> Dict[str, Any]:
        stack, inner = self._stack(frame)
        said: Dict[str, Any] = {
            "id": self._id(ident), "name": thread.name if thread is not None else f"thread {ident}",
            "main": ident == threading.main_thread().ident, "daemon": bool(thread is not None and thread.daemon),
            "stack": stack, "inner": inner, "for": "", "lock": None, "step": frame.f_lasti,
        }  # fmt: skip
        waiting = self.book.waiting.get(self.book.threads.get(ident, 0))
        if waiting is not None:
            said["lock"] = _lock(*waiting)
            said["for"] = f"thread {waiting[0].owner}" if waiting[0].owner is not None else ""
        else:
            joined = _joined(frame)
            said["for"] = self._id(joined) if joined is not None else ""
        return said

    def _id(self, ident: int) -> str:
        """A thread that never took a recorded lock goes by the interpreter's number, which is far above ours."""
        return f"thread {self.book.threads.get(ident, ident)}"

    def _stack(self, frame: Optional[FrameType]) -> Tuple[List[Any], List[str]]:
        """The user's frames, innermost first; and what of libraries lies above them."""
        stack: List[Any] = []
        inner: List[str] = []
        for _ in range(_FRAMES):
            if frame is None:
                break
            file = self.user_code.relative(frame.f_code.co_filename)
            if file is not None:
                stack.append([file, frame.f_lineno, getattr(frame.f_code, "co_qualname", frame.f_code.co_name)])
            elif not stack and not frame.f_code.co_filename.startswith(os.path.dirname(__file__)):
                inner.append(f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}")
            frame = frame.f_back
        return stack, inner

    def _circle_stands(self) -> bool:
        last = self.circles[-_CIRCLE:]
        return len(last) == _CIRCLE and bool(last[0]) and all(each == last[0] for each in last)

    # --- the end

    def thread_died(self, told: Any) -> None:
        frame, deepest = told.exc_traceback, None
        while frame is not None:
            file = self.user_code.relative(frame.tb_frame.f_code.co_filename)
            deepest = [file, frame.tb_lineno, frame.tb_frame.f_code.co_name] if file else deepest
            frame = frame.tb_next
        name = told.thread.name if told.thread is not None else "a thread"
        message = f"{told.exc_type.__name__}: {told.exc_value}"[:200]
        self.died.append({"thread": name, "message": message, "at": deepest})

    def finish(self) -> None:
        self.ended = True
        faulthandler.cancel_dump_traceback_later()
        self.dump()

    def dump(self) -> None:
        with self._writing:
            write_result(self.plan, self._result())

    def _result(self) -> Dict[str, Any]:
        applied = {name: counts[0] for name, counts in self.book.skipped.values()}
        changed = {name: counts[1] for name, counts in self.book.skipped.values()}
        ended = self.turns.ended()
        return {
            "modules": self.user_code.loaded, "ended": self.ended, "samples": self.samples, "taken": self.taken,
            "died": self.died, "places_found": self.found, "orders": self._orders(), "loops": self.turns.described(),
            "applied": {**applied, **ended["applied"]}, "changed": {**changed, **ended["changed"]},
            "acquired": [[*place, count] for place, count in list(self.book.acquisitions.items()) if place[1]],
            "argv": " ".join(map(str, getattr(sys, "argv", [])))[:200],
        }  # fmt: skip

    def _orders(self) -> List[Any]:
        """Two locks taken one after the other by one thread, and the other way round by another."""
        found, orders = [], dict(self.book.orders)
        for (first, second), (a, b, taken, asked, thread) in orders.items():
            back = orders.get((second, first))
            if back is not None and first < second and back[4] != thread:
                found.append({"first": [list(taken), list(asked)], "second": [list(back[2]), list(back[3])],
                              "made": [list(a.made), list(b.made)]})  # fmt: skip
        return found[:20]


def _lock(lock: Any, site: Any) -> Dict[str, Any]:
    return {"at": list(site), "made": list(lock.made), "taken": list(lock.taken), "owner": lock.owner is not None,
            "reentrant": lock.reentrant}  # fmt: skip


def _joined(frame: Optional[FrameType]) -> Optional[int]:
    """The thread that `Thread.join` waits for."""
    for _ in range(4):
        if frame is None:
            return None
        if frame.f_code.co_name == "join" and frame.f_globals.get("__name__") == "threading":
            joined = frame.f_locals.get("self")
            return getattr(joined, "ident", None)
        frame = frame.f_back
    return None


def _circle(waits: Dict[str, str]) -> List[str]:
    """Threads or tasks that wait for each other in a circle; [] where there is none."""
    for start in waits:
        path: List[str] = []
        at = start
        while at in waits and at not in path:
            path.append(at)
            at = waits[at]
        if at in path:
            circle = path[path.index(at) :]
            first = circle.index(min(circle))
            return circle[first:] + circle[:first]
    return []


def start(plan: Dict[str, Any]) -> None:
    """Put the observer into this process."""
    observer = Waits(plan)
    observer.book.pauses = {
        (str(file), int(line)): float(plan.get("pause_s", 0.2)) for file, line in plan.get("pauses", ())
    }
    locks.install(observer.book)
    observer.turns.install(builtins)
    importing.install(observer.user_code, builtins)
    hook = threading.excepthook

    def on_death(told: Any) -> None:
        observer.thread_died(told)
        hook(told)

    threading.excepthook = on_death
    os.register_at_fork(after_in_child=observer.started_in_child)
    atexit.register(observer.finish)
    observer.start()
