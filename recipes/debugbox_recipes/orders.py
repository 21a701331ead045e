"""Runs a suite's tests in other orders, alone, and with shared state put back. In the program's process, under pytest.

The observer `orders`. Plan: one of `survey` (orders to try), `search` (which of the tests before a victim matter),
`state` (what they leave behind, and which of it matters), `repeat` (orders, each several times) and `only` (these
tests, as pytest runs them). With `restore` units are put back after each test; `chance` is that of `chance`. Each order
runs in a fork after the collection, so that no order sees what another has done.
"""

import functools
import itertools
import os
import random
import sys
import time
from types import FrameType
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from . import forks, importing
from .chance import Chance
from .ddmin import ddmin
from .growth import write_result
from .state import LOADED_AGAIN, Container, Snapshot, short

_running: List["Orders"] = []
_TRACED = 8  # units whose writing line is looked for

Outcomes = List[Dict[str, Any]]  # id, outcome, exception, message


def running() -> "Orders":
    return _running[0]


class Orders:
    """The plan at work; `pytest_orders` tells it of the tests."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.plan, self.pid = plan, os.getpid()
        self.chance = Chance(plan.get("chance") or {})
        self.user_code = importing.UserCode(plan["repo"], self.chance.transform)
        self.result: Dict[str, Any] = {"modules": [], "orders": True}
        self.items: Dict[str, Any] = {}
        self.ended: Outcomes = []
        self.snapshot: Optional[Snapshot] = None
        self.restored: Dict[str, int] = {}
        self._ends = time.monotonic() + float(plan.get("deadline_s") or 60.0)
        self._longest_s = float(plan.get("longest_s") or 30.0)

    # --- told by the plugin

    def collected(self, items: Sequence[Any]) -> bool:
        """Everything the plan asks for; False where the tests are to run as they are."""
        self.items = {item.nodeid: item for item in items}
        self.result["tests"] = list(self.items)
        self.result["folder"] = str(items[0].config.rootpath) if items else ""
        for task in ("survey", "search", "state", "repeat"):
            if self.plan.get(task) is not None:
                getattr(self, f"_{task}")(self.plan[task])
                return True
        if self.plan.get("restore"):
            self.snapshot = Snapshot(self.user_code.relative)
        return False

    def after_test(self) -> None:
        """The intervention `restore_state`."""
        if self.snapshot is None:
            return
        for path, different in self.snapshot.put_back(list(self.plan["restore"])).items():
            self.restored[path] = self.restored.get(path, 0) + different

    def time_is_up(self) -> bool:
        return time.monotonic() > self._ends

    # --- tasks

    def _survey(self, wanted: Mapping[str, Any]) -> None:
        names = list(self.items)
        orders: List[Tuple[str, List[str]]] = [("in order", names)] * int(wanted.get("repeats", 2))
        orders += [("reversed", names[::-1])]
        for seed in range(int(wanted.get("shuffles", 3))):
            orders.append((f"shuffled {seed}", random.Random(seed).sample(names, len(names))))
        runs: List[Dict[str, Any]] = []
        for name, order in orders:
            if runs and self.time_is_up():
                break
            runs.append({"order": name, "ids": order, "ended": self.in_a_fork(order)})
        self.result["runs"] = runs
        alone: Dict[str, Any] = {}
        for name in names:
            if self.time_is_up():
                break
            ended = self.in_a_fork([name])
            alone[name] = ended[0] if ended else None
        self.result["alone"] = alone

    def _search(self, wanted: Mapping[str, Any]) -> None:
        """Which of the tests before the victim make it end as wanted."""
        victim = str(wanted["victim"])
        before = [name for name in wanted["before"] if name in self.items]

        def enough(some: Sequence[str]) -> bool:
            return bool(self._victim([*some, victim])["outcome"] == wanted["outcome"])

        found = ddmin(before, enough, go_on=lambda: not self.time_is_up())
        if found is not None:
            self.result.update(kept=found.kept, complete=found.complete, asked=found.asked)

    def _repeat(self, wanted: Sequence[Mapping[str, Any]]) -> None:
        """Each order several times, with units put back before its last test."""
        ended: Dict[str, List[str]] = {}
        for one in wanted:
            for _ in range(int(one["times"])):
                if not self.time_is_up():
                    ended.setdefault(one["name"], []).append(self._restored(one["order"], one.get("restore") or ()))
        self.result["repeated"] = ended

    def only(self, items: List[Any]) -> None:
        """Nothing but these tests, in this order."""
        wanted = self.plan.get("only")
        if wanted is not None:
            known = {item.nodeid: item for item in items}
            items[:] = [known[name] for name in wanted if name in known]

    def _victim(self, order: Sequence[str]) -> Dict[str, Any]:
        ended = self.in_a_fork(order)
        return ended[-1] if ended else {"outcome": "did not end"}

    def in_a_fork(self, order: Sequence[str]) -> Outcomes:
        said = forks.in_a_fork(lambda: {"ended": self.run(order)}, self._longest_s)
        return said["ended"] if said else []

    def run(self, order: Sequence[str], between: Any = None) -> Outcomes:
        """The tests in this order, in this process."""
        self.ended = []
        for position, name in enumerate(order):
            item = self.items[name]
            following = self.items[order[position + 1]] if position + 1 < len(order) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if between is not None:
                between(position)
        return self.ended

    def _state(self, wanted: Mapping[str, Any]) -> None:
        """What the tests before the victim leave behind, which units decide how it ends, and who wrote them."""
        victim, before = str(wanted["victim"]), list(wanted["before"])
        order = [*before, victim]
        changed = self._changed_by(before)
        self.result["left_behind"] = changed
        plain = self._victim(order)["outcome"]

        def flips(units: Sequence[Mapping[str, Any]]) -> bool:
            paths = [unit["path"] for unit in units]
            return self._restored(order, paths) not in (plain, "did not end")

        found = ddmin(changed, flips, go_on=lambda: not self.time_is_up()) if changed else None
        needed = list(found.kept) if found is not None else []
        self.result.update(
            plain=plain, needed=[unit["path"] for unit in needed], complete=bool(found and found.complete)
        )
        rest = [unit for unit in changed if unit not in needed]
        watched = [unit["path"] for unit in [*needed, *rest[: _TRACED - len(needed)]]]
        self.result["writers"] = self._writers(before, watched) if watched else {}

    def _changed_by(self, before: Sequence[str]) -> List[Dict[str, Any]]:
        def work() -> Dict[str, Any]:
            snapshot = Snapshot(self.user_code.relative)
            self.run(before)
            rows = [{"path": path, "before": short(old), "after": short(new)} for path, old, new in snapshot.changes()]
            return {"rows": sorted(rows, key=lambda row: row["path"])}

        said = forks.in_a_fork(work, self._longest_s)
        return said["rows"] if said else []

    def _restored(self, order: Sequence[str], paths: Sequence[str]) -> str:
        def work() -> Dict[str, Any]:
            snapshot = Snapshot(self.user_code.relative)

            def between(position: int) -> None:
                if position == len(order) - 2:
                    snapshot.put_back(list(paths))

            return {"ended": self.run(order, between)}

        said = forks.in_a_fork(work, self._longest_s)
        return str(said["ended"][-1]["outcome"]) if said and said["ended"] else "did not end"

    def _writers(self, before: Sequence[str], paths: Sequence[str]) -> Dict[str, Any]:
        def work() -> Dict[str, Any]:
            writers = Writers(Snapshot(self.user_code.relative), paths)
            sys.settrace(writers.on_call)
            try:
                self.run(before)
            finally:
                sys.settrace(None)
            return writers.found

        return forks.in_a_fork(work, 4 * self._longest_s) or {}

    def note(self, name: str, outcome: str, exception: str, message: str) -> None:
        self.ended.append({"id": name, "outcome": outcome, "exception": exception, "message": message})

    def dump(self) -> None:
        if os.getpid() == self.pid:
            self.result.update(restored=self.restored, ended=self.ended, modules=self.user_code.loaded)
            self.result.update(chance=self.chance.rows(), places_found=self.chance.found)
            write_result(dict(self.plan), self.result)


class Writers:
    """Looks at a few units after each of the user's lines: the last line before a change has written it."""

    def __init__(self, snapshot: Snapshot, paths: Sequence[str]) -> None:
        self.snapshot = snapshot
        self.relative = snapshot.relative
        self.found: Dict[str, Any] = {}
        self._units = [(path, self._reader(path)) for path in paths]
        self._known = {path: _mark(read()) for path, read in self._units}
        self._last: List[Dict[str, Any]] = []

    def _reader(self, path: str) -> Any:
        """A quick way to the unit: nothing but what holds it is looked at, and nothing is copied."""
        holders = [each for each in self.snapshot.containers.values() if path.startswith(each.path)]
        for holder in sorted(holders, key=lambda each: -len(each.path)):
            if holder.kind == "whole" and holder.path == path:
                return functools.partial(_same, holder.thing)
            if holder.kind == "cache" and holder.path == path:
                return holder.contents
            if path == f"{holder.path}{LOADED_AGAIN}":
                return functools.partial(_attribute, holder.thing, "__spec__")
            if holder.kind == "attributes" and path[len(holder.path)] == ".":
                return functools.partial(_attribute, holder.thing, path[len(holder.path) + 1 :])
            if holder.kind == "dict" and path[len(holder.path)] == "[":
                return _Entry(holder, path)
        return functools.partial(self.snapshot.value, path)

    def on_call(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self.relative(frame.f_code.co_filename) is None:
            return None
        return self._on_line

    def _on_line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self._look()
        if event == "line":
            self._last = self._stack(frame)
        return self._on_line

    def _look(self) -> None:
        for path, read in self._units:
            now = _mark(read())
            if now != self._known[path]:
                self._known[path] = now
                self.found[path] = self._last

    def _stack(self, frame: Optional[FrameType]) -> List[Dict[str, Any]]:
        frames: List[Dict[str, Any]] = []
        while frame is not None and len(frames) < 8:
            file = self.relative(frame.f_code.co_filename)
            if file is not None:
                code = frame.f_code
                name = str(getattr(code, "co_qualname", code.co_name)).replace("<locals>.", "")
                frames.append({"file": file, "line": frame.f_lineno, "function": name})
            frame = frame.f_back
        return frames


def _same(thing: Any) -> Any:
    return thing


def _attribute(thing: Any, name: str) -> Any:
    return vars(thing).get(name)


class _Entry:
    """A dictionary's value by path; the key is looked for again only when the dictionary has grown or shrunk."""

    def __init__(self, holder: Container, path: str) -> None:
        self.holder, self.path = holder, path
        self.length, self.key = -1, None  # type: int, Any

    def __call__(self) -> Any:
        thing = self.holder.thing
        if len(thing) != self.length:
            self.length = len(thing)
            self.key = next((key for key in thing if self.holder.key_path(key) == self.path), None)
        return None if self.key is None else thing.get(self.key)


def _mark(value: Any) -> Any:
    """What tells a value from another one, quickly: identity, and of containers the length and some members'."""
    if isinstance(value, (list, set, tuple, dict, frozenset)):
        return id(value), len(value), [id(each) for each in itertools.islice(iter(value), 20)]
    return value if isinstance(value, (int, float, str, bytes, bool, type(None))) else id(value)


def start(plan: Mapping[str, Any]) -> None:
    """Put the plugin where this process will be a pytest run."""
    import atexit
    import builtins

    observer = Orders(plan)
    if plan.get("chance"):
        observer.chance.install()
        importing.install(observer.user_code, builtins)
    _running.append(observer)
    plugins = [os.environ.get("PYTEST_PLUGINS", ""), f"{__package__}.pytest_orders"]
    os.environ["PYTEST_PLUGINS"] = ",".join(filter(None, plugins))
    atexit.register(observer.dump)
