"""The observer `growth`: what is left over after each step of the program. In the program's process.

A step is an iteration of a marked loop, a repetition of one test, or a call made by `drive.py`. The plan has `look`
(True: only time the loops), or `step` ({"kind": "loop", "file", "line", "quote"}, or {"kind": "test"}, or {"kind":
"call"}), `rounds`, `per_round` (steps), `factor` (how much longer the loop is made), `deep` (containers, types and
lines too), `insertions` (paths: which lines put something in) and `truncate` ([{"place", "path"}]).
"""

import array
import atexit
import builtins
import gc
import json
import os
import sys
import time
from types import FrameType
from typing import Any, Callable, Dict, List, Optional

from . import importing
from .heap import Cutter
from .loops import LoopTable, LoopTimes, extended, mark_loops
from .paths import follow
from .sites import PREFIX

Relative = Callable[[Optional[str]], Optional[str]]


class Growth:
    """Counts steps; at the end of each round, counts what is alive."""

    def __init__(self, plan: Dict[str, Any], relative: Relative) -> None:
        self.plan, self.relative = plan, relative
        self.pid = os.getpid()
        self.started = time.perf_counter()
        self.seconds = 0.0  # until the end of the last round, from the first step
        self.begun = 0  # steps
        self.open = False  # the step that was begun is not over
        rounds = int(plan["rounds"])
        # Not lists of ints: what is measured is the number of blocks, and each int would be one.
        self.blocks = array.array("q", [0] * rounds)
        self.resident = array.array("q", [0] * rounds)
        self.rounds_done = 0
        self.cutters = [(one["place"], one["path"], Cutter()) for one in plan.get("truncate", ())]
        self.deep: Any = None
        self.insertions: Any = None
        if plan.get("deep"):
            from .growing import Deep

            self.deep = Deep(plan, relative)
        if plan.get("insertions"):
            from .insertions import Insertions

            self.insertions = Insertions(plan["insertions"], relative)

    def enter(self, number: int) -> bool:
        return True

    def more(self, number: int, iterable: Any) -> Any:
        return extended(iterable, self.plan["factor"])

    def step(self, number: int = 0) -> None:
        """A step begins; all before it are over."""
        if os.getpid() != self.pid:
            return
        if self.open:
            self._over(sys._getframe(1))
        elif not self.begun:
            self.started = time.perf_counter()
        self.begun += 1
        self.open = True

    def exit(self, number: int = 0) -> None:
        """The loop was left, and with it its last step. Entered again, it goes on counting."""
        if self.open and os.getpid() == self.pid:
            self._over(sys._getframe(1))
            self.open = False

    def _over(self, frame: FrameType) -> None:
        for _, path, cutter in self.cutters:
            try:
                cutter.cut(follow(path, frame, self.relative))
            except (LookupError, AttributeError):
                continue  # it is not there yet
        if self.insertions:
            self.insertions.step_over(self.begun, frame)
        if self.begun == self.plan["per_round"] * (self.rounds_done + 1) and self.rounds_done < len(self.blocks):
            self._round(frame)

    def _round(self, frame: FrameType) -> None:
        self.seconds = time.perf_counter() - self.started
        gc.collect()
        gc.collect()  # what finalizers of the first let go of
        self.blocks[self.rounds_done] = sys.getallocatedblocks()
        self.resident[self.rounds_done] = resident_bytes()
        if self.deep:
            self.deep.round(self.rounds_done, frame)
        self.rounds_done += 1
        if self.rounds_done == len(self.blocks) and self.plan.get("stop_after"):
            self.dump(last=True)

    def result(self) -> Dict[str, Any]:
        return {
            "steps": self.begun,
            "seconds": self.seconds,
            "rounds_done": self.rounds_done,
            "blocks": list(self.blocks[: self.rounds_done]),
            "resident": list(self.resident[: self.rounds_done]),
            "applied": _summed(self.cutters, "applied"),
            "changed": _summed(self.cutters, "changed"),
            **(self.deep.result() if self.deep else {}),
            **(self.insertions.result() if self.insertions else {}),
        }

    def dump(self, last: bool = False) -> None:
        """Write the result file; `last`: and end the process here, its steps were enough."""
        if os.getpid() != self.pid or not self.begun:
            return
        write_result(self.plan, {"modules": [], **self.result()})
        if last:
            sys.stdout.flush()
            os._exit(0)


def _summed(cutters: List[Any], what: str) -> Dict[str, int]:
    total: Dict[str, int] = {}
    for place, _, cutter in cutters:
        total[place] = total.get(place, 0) + getattr(cutter, what)
    return total


def resident_bytes() -> int:
    """Memory of the process as the kernel sees it; 0 where /proc is not there."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def write_result(plan: Dict[str, Any], result: Dict[str, Any]) -> None:
    """Whole or not at all: another process may look for it."""
    path = f"{plan['result']}.{os.getpid()}.json"
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump({"series": {}, **result}, file)
    os.replace(path + ".part", path)


class Look:
    """All loops, timed, to choose one whose iterations are steps."""

    def __init__(self, plan: Dict[str, Any], user_code: importing.UserCode, times: LoopTimes) -> None:
        self.plan, self.user_code, self.times, self.pid = plan, user_code, times, os.getpid()

    def dump(self) -> None:
        if os.getpid() != self.pid:
            return
        self.times.end()
        loops = [vars(loop) for loop in self.times.table.loops if loop.iterations]
        write_result(self.plan, {"loops": loops, "modules": self.user_code.loaded})


def start(plan: Dict[str, Any]) -> None:
    """Put the observer into this process."""
    table = LoopTable()
    step = plan.get("step") or {}

    def wanted(file: str, lines: List[str], node: Any) -> bool:
        if plan.get("look"):
            return True
        return step.get("kind") == "loop" and file == step["file"] and _is_at(step, lines, node.lineno)

    def transform(tree: Any, file: str, lines: List[str]) -> Any:
        return mark_loops(tree, file, table, lambda node: wanted(file, lines, node))

    user_code = importing.UserCode(plan["repo"], transform)
    runtime: Any
    if plan.get("look"):
        runtime = LoopTimes(table)
        atexit.register(Look(plan, user_code, runtime).dump)
    else:
        runtime = Growth(plan, user_code.relative)
        atexit.register(runtime.dump)
    for name in ("enter", "step", "more", "exit"):
        setattr(builtins, PREFIX + name, getattr(runtime, name))
    importing.install(user_code, builtins)
    if step.get("kind") == "test":
        _join_pytest()


def _is_at(step: Dict[str, Any], lines: List[str], line: int) -> bool:
    """The loop that is meant: on its line, or the only one with its text where the file has moved on."""
    quote = step.get("quote", "").strip()
    there = [text.strip() for text in lines]
    if not quote or quote in there[step["line"] - 1 : step["line"]]:
        return bool(line == step["line"])
    return there[line - 1] == quote and there.count(quote) == 1


def _join_pytest() -> None:
    """Have pytest, if this process runs it, load our plugin. Its other options stay as they are."""
    from . import pytest_steps  # loaded now: the path to it is taken away again

    options = os.environ.get("PYTEST_ADDOPTS", "")
    os.environ["PYTEST_ADDOPTS"] = f"{options} -p {pytest_steps.__name__}".strip()
