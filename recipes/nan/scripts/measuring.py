"""Runs the program as it is, looked at, or with values exchanged, and counts what it prints. In the kernel."""

import re
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

from debugbox_recipes.harness import Program, ProgramRun, run_program

UNIT = "numbers"
METRIC = "numbers printed that are not finite"
_TOKEN = re.compile(r"(?<![\w.])[-+]?(?:nan|inf|infinity)(?![\w])|<NA>", re.IGNORECASE)
_TESTS = re.compile(r"\b\d+ (?:passed|failed|error)")


@dataclass(frozen=True)
class Printed:
    """One run, and how many numbers it printed that are not finite. `trouble` says why nothing follows from it."""

    run: ProgramRun
    count: int
    trouble: str = ""

    @property
    def result(self) -> Mapping[str, Any]:
        """What the process that saw most wrote down."""
        return max(self.run.results, key=lambda each: len(each.get("modules", ())), default={})

    def counts(self, key: str) -> Dict[str, int]:
        total: Dict[str, int] = {}
        for result in self.run.results:
            for place, count in result.get(key, {}).items():
                total[place] = total.get(place, 0) + int(count)
        return total

    @property
    def under_pytest(self) -> bool:
        return bool(_TESTS.search(self.run.stdout[-400:]))


def printed_by(run: ProgramRun) -> int:
    """On standard output, and in the message the program ends with."""
    last = run.stderr.strip().splitlines()[-1:] if run.exit_code else []
    return sum(len(_TOKEN.findall(text)) for text in (run.stdout, *last))


class Measuring:
    """All runs within `time_limit_s`."""

    def __init__(self, program: Program, time_limit_s: float) -> None:
        self.program = program
        self._ends = time.monotonic() + time_limit_s

    @property
    def left_s(self) -> float:
        return self._ends - time.monotonic()

    def native(self) -> Printed:
        return self._printed(None)

    def looked_at(self, detail: Sequence[Sequence[Any]] = ()) -> Printed:
        return self._printed({"observer": "nonfinite", "detail": [list(each) for each in detail]})

    def exchanged(self, places: Sequence[Mapping[str, Any]], before: Optional[Printed] = None) -> Printed:
        """With values exchanged. Another end than the unchanged program's is no measurement."""
        done = self._printed({"observer": "exchange", "exchange": list(places)})
        plain = before
        if not done.trouble and done.run.exit_code != 0 and plain is None:
            plain = self.native()
        if done.trouble or done.run.exit_code == 0 or plain is None:
            return done
        alike = done.run.exit_code == plain.run.exit_code and (done.count or done.under_pytest)
        return done if alike else Printed(done.run, done.count, f"it ends otherwise: {done.run.failure}")

    def _printed(self, plan: Optional[Dict[str, Any]]) -> Printed:
        if self.left_s < 2:
            empty = ProgramRun(None, "", "", "", 0.0, True)
            return Printed(empty, 0, "no time was left")
        run = run_program(self.program, timeout_s=self.left_s * (0.3 if plan is None else 0.6), plan=plan)
        trouble = "" if run.exit_code not in (None, 127) else run.failure
        if plan is not None and not run.results and not trouble:
            trouble = "the program cannot be looked at (it starts Python with -I, -E or -S, or it is no Python)"
        return Printed(run, printed_by(run), trouble)


def measurement(done: Printed, noted: List[str]) -> Dict[str, Any]:
    """The symptom record of one run."""
    details = {"applied": done.counts("applied"), "changed": done.counts("changed")}
    record = {"expected": 0.0, "unit": UNIT, "details": details}
    if done.trouble:
        return {**record, "measured": None, "state": "cannot measure", "note": done.trouble}
    note = "; ".join([f"{done.count} of the numbers printed are not finite", *noted])
    return {**record, "measured": float(done.count), "state": "present" if done.count else "absent", "note": note}
