"""Runs the program as it is, with its history written down, or with a value exchanged. In the kernel."""

import re
import time
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence

from debugbox_recipes.harness import Program, ProgramRun, run_program

METRIC = "does the program end with this exception (1) or well (0)"
KINDS = ("Assign", "Return")
_LAST = re.compile(r"^(?:\w+\.)*(\w+)(?::|$)")
_FRAME = re.compile(r'^\s*File "([^"]+)", line \d+', re.MULTILINE)
_PYTEST_AT = re.compile(r"^(\S+\.py):\d+: (\w+)\s*$", re.MULTILINE)
_TESTS = re.compile(r"\b\d+ (?:passed|failed|error)")


@dataclass(frozen=True)
class Ended:
    """How one run ended: the exception and the file of its innermost frame, '' where it ended well."""

    run: ProgramRun
    exception: str = ""
    file: str = ""

    @property
    def well(self) -> bool:
        return self.run.exit_code == 0

    @property
    def crash(self) -> Mapping[str, Any]:
        """What the process that crashed wrote down."""
        found = [each["crash"] for each in self.run.results if each.get("crash")]
        return max(found, key=lambda each: len(each.get("chain", ())), default={})

    @property
    def sites(self) -> Sequence[Sequence[Any]]:
        main: Mapping[str, Any] = max(self.run.results, key=lambda each: len(each.get("modules", ())), default={})
        sites: Sequence[Sequence[Any]] = main.get("sites", ())
        return sites

    def same(self, exception: str, file: str) -> bool:
        return not self.well and self.exception == exception and (not file or self.file.endswith(file))

    def counts(self, key: str) -> Dict[str, int]:
        total: Dict[str, int] = {}
        for result in self.run.results:
            for place, count in result.get(key, {}).items():
                total[place] = total.get(place, 0) + int(count)
        return total


class Measuring:
    """All runs within `time_limit_s`."""

    def __init__(self, program: Program, time_limit_s: float) -> None:
        self.program = program
        self._ends = time.monotonic() + time_limit_s

    @property
    def left_s(self) -> float:
        return self._ends - time.monotonic()

    def native(self) -> Ended:
        return self._ended(None)

    def with_history(self) -> Ended:
        return self._ended({"observer": "history"})

    def exchanged(self, places: Sequence[Mapping[str, Any]]) -> Ended:
        return self._ended({"observer": "exchange", "exchange": [{**each, "kinds": list(KINDS)} for each in places]})

    def _ended(self, plan: Optional[Dict[str, Any]]) -> Ended:
        run = run_program(self.program, timeout_s=max(2.0, self.left_s * 0.4), plan=plan)
        return ended_of(run)


def ended_of(run: ProgramRun) -> Ended:
    """From the traceback on standard error, or from pytest's report."""
    if run.exit_code == 0:
        return Ended(run)
    at = _PYTEST_AT.findall(run.stdout)
    if _TESTS.search(run.stdout[-400:]):
        return Ended(run, at[0][1] if at else "", at[0][0] if at else "")
    last = run.stderr.strip().splitlines()[-1:] or [""]
    named = _LAST.match(last[0])
    frames = _FRAME.findall(run.stderr)
    raised = "Traceback (most recent call last)" in run.stderr
    return Ended(run, named[1] if named and raised else "", frames[-1] if frames and raised else "")


def measurement(done: Ended, exception: str, file: str) -> Dict[str, Any]:
    """The symptom record of one run. Another end than either is neither presence nor absence."""
    details = {"applied": done.counts("applied"), "changed": done.counts("changed")}
    record = {"expected": 0.0, "unit": "", "details": details}
    if done.well:
        return {**record, "measured": 0.0, "state": "absent", "note": "it ends well"}
    if done.same(exception, file):
        return {**record, "measured": 1.0, "state": "present", "note": f"it ends with {exception} in {file}"}
    return {**record, "measured": None, "state": "cannot measure", "note": f"it ends otherwise: {done.run.failure}"}
