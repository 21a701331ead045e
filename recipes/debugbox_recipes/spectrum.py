"""Observes a run for `suspects`: tests and the lines they ran, and changed statements. In the program's process.

Started by `target` for plans with `observer: spectrum`: `lines` (whether to follow them), `mutations` (places with
`kind` and `nth`), `one_by_one`, `test_timeout_s`. A program that is no pytest run is one test, called `PROGRAM`.
"""

import ast
import atexit
import json
import math
import os
import sys
import time
from types import CodeType, TracebackType
from typing import Any, Dict, List, Mapping, Optional, Tuple, Type

from . import importing
from .linehits import LineHits, line_hits
from .mutations import Mutations

PROGRAM = "the program"
_KEPT_LINES = 200_000  # line hits in all; later tests keep only how they ended

_running: List["Spectrum"] = []


def running() -> "Spectrum":
    return _running[0]


class _Code(importing.UserCode):
    """The user's code as it is loaded, tests left out: they are not what is wrong."""

    hits: Optional[LineHits] = None

    def compile(self, source: bytes, path: str, shown_as: str, *, script: bool = False) -> CodeType:
        code = super().compile(source, path, shown_as, script=script)
        if self.hits is not None:
            self.hits.add(code, self.relative(path) or path)
        return code


class Spectrum:
    """One per process; `dump` writes the result file."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.plan, self.pid = plan, os.getpid()
        self.test_timeout_s = float(plan.get("test_timeout_s") or 60.0)
        self._ends = time.monotonic() + float(plan.get("deadline_s") or math.inf)
        self.mutations = Mutations(plan.get("mutations") or ())
        self.code = _Code(plan["repo"], self._transform)
        self.hits = line_hits() if plan.get("lines") else None
        self.code.hits = self.hits
        self.one_by_one = bool(plan.get("one_by_one"))  # the changes are tried in forks of this process
        if self.one_by_one:
            self.mutations.active.clear()
        self.tests: List[Dict[str, Any]] = []
        self.trials: List[Optional[Dict[str, Any]]] = []  # first without a change, then by number
        self.errors: Dict[str, str] = {}
        self.under_pytest = False
        self._kept = 0
        self._call: List[Tuple[int, int]] = []
        self._aside: List[Tuple[int, int]] = []
        self._described: Optional[int] = None  # lines seen when the last failing assertion began to be described
        self._failure: Optional[Dict[str, Any]] = None
        self.folder = os.getcwd()

    def _transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        return self.mutations.transform(tree, file, lines)

    def relative(self, path: str) -> Optional[str]:
        return self.code.relative(path)

    def install(self, builtins: Any) -> None:
        if self.hits is not None:
            self.hits.start()
        importing.install(self.code, builtins)
        self._hook = sys.excepthook
        sys.excepthook = self._on_uncaught
        atexit.register(self.dump)

    @property
    def time_is_up(self) -> bool:
        return time.monotonic() > self._ends

    # --- a test's life, told by `pytest_tests`

    def begin(self) -> None:
        self._take()
        self._call, self._aside = [], []

    def describing(self) -> None:
        """An assertion has failed: what runs from here on only shows its values."""
        self._described = self.hits.count if self.hits is not None else None

    def end_of_call(self, failed: bool) -> None:
        """What teardown runs does not count, nor what describing the failure does."""
        lines = self._take()
        self._call = self._aside + (lines[: self._described] if failed else lines)
        self._aside, self._described = [], None

    def end(self, test: Dict[str, Any]) -> None:
        lines = self._call or self._aside + self._take()
        self._kept += len(lines)
        test["lines"] = self._by_file(lines) if self._kept < _KEPT_LINES else None
        self.tests.append(test)

    def set_aside(self) -> List[Tuple[int, int]]:
        kept = self._aside + self._take()
        self._aside, self._described = [], None
        return kept

    def put_back(self, kept: List[Tuple[int, int]]) -> None:
        self._take()
        self._aside = kept

    def not_collected(self, name: str, why: str) -> None:
        self.errors[name or "collection"] = why

    def end_now(self, test: Dict[str, Any]) -> None:
        """A test that cannot be interrupted: keep what is known and go."""
        test["lines"] = None
        self.tests.append(test)
        self.dump()
        os._exit(3)

    # --- the end

    def _take(self) -> List[Tuple[int, int]]:
        return self.hits.take() if self.hits is not None else []

    def _by_file(self, lines: List[Tuple[int, int]]) -> Dict[str, List[int]]:
        found: Dict[str, List[int]] = {}
        assert self.hits is not None or not lines
        for number, line in lines:
            found.setdefault(self.hits.files[number], []).append(line)  # type: ignore[union-attr]  # see above
        return found

    def _on_uncaught(self, kind: Type[BaseException], error: BaseException, trace: Optional[TracebackType]) -> None:
        self._failure = {"exception": kind.__name__, "message": " ".join(str(error).split())[:400], "trace": error}
        self._hook(kind, error, trace)

    def _program(self) -> Dict[str, Any]:
        """The whole run as one test. How it ended is the harness's to know: an exit code is not seen from inside."""
        failure = dict(self._failure or {"exception": "", "message": ""})
        error = failure.pop("trace", None)
        frames = _frames(self, error) if error is not None else []
        lines = self._by_file(self._take())
        return {"id": PROGRAM, "outcome": "", "phase": "call", "file": "", "name": "", "frames": frames, "lines": lines,
                **failure}  # fmt: skip

    def dump(self) -> None:
        """Write the result file; not in a forked child, whose tests are its parent's."""
        if os.getpid() != self.pid:
            return
        result = {
            "mode": "spectrum", "series": {}, "modules": self.code.loaded, "not_rewritten": self.code.failed,
            "tests": self.tests if self.under_pytest else [self._program()], "under_pytest": self.under_pytest,
            "trials": self.trials, "errors": self.errors, "stopped": self.time_is_up, "folder": self.folder,
            "sites": self.mutations.sites(), "places_found": self.mutations.found,
            "unseen": self.hits.error if self.hits is not None else "",
        }  # fmt: skip
        path = f"{self.plan['result']}.{self.pid}.json"
        with open(path + ".part", "w", encoding="utf-8") as file:
            file.write(json.dumps(result, allow_nan=False))
        os.replace(path + ".part", path)


def _frames(observer: Spectrum, error: BaseException) -> List[Dict[str, Any]]:
    import traceback

    found = traceback.extract_tb(error.__traceback__, limit=200)
    named = [{"file": observer.relative(f.filename), "line": f.lineno, "function": f.name} for f in reversed(found)]
    return [frame for frame in named if frame["file"]][:50]


def start(plan: Mapping[str, Any]) -> None:
    """Put the observer in force, and the plugin where this process will be a pytest run."""
    import builtins

    observer = Spectrum(plan)
    _running.append(observer)
    observer.install(builtins)
    plugins = [os.environ.get("PYTEST_PLUGINS", ""), f"{__package__}.pytest_tests"]
    os.environ["PYTEST_PLUGINS"] = ",".join(filter(None, plugins))
