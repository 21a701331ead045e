"""Runs the program as it is, looked at, or with values repeated, and reads the series that it prints. In the kernel."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from debugbox_recipes.harness import Program, ProgramRun, run_program
from debugbox_recipes.levels import LEAST, wander
from debugbox_recipes.printed import Series, series_in

METRIC = "shift of the series' mean at the change, beyond what the series does by itself (99 %)"
_KEPT_BYTES = 4 << 20  # of what the program prints
UNIT = "units of the series"


@dataclass(frozen=True)
class Printed:
    """One run and its series by name. `trouble` says why nothing follows from it."""

    run: Optional[ProgramRun]
    series: Mapping[str, Series]
    trouble: str = ""

    @property
    def result(self) -> Mapping[str, Any]:
        """What the process that saw most wrote down."""
        runs = self.run.results if self.run else ()
        return max(runs, key=lambda each: len(each.get("modules", ())), default={})

    def counts(self, key: str) -> Dict[str, int]:
        total: Dict[str, int] = {}
        for result in self.run.results if self.run else ():
            for place, count in result.get(key, {}).items():
                total[place] = total.get(place, 0) + int(count)
        return total


def shift(series: Series, at: int) -> float:
    """How far the mean moves at row `at`, without what the series' own memory would make of it."""
    before, after = series.values[:at], series.values[at:]
    if not before or not after:
        return 0.0
    size = abs(sum(after) / len(after) - sum(before) / len(before))
    return max(0.0, size - wander(series.values, at))


class Measuring:
    """All runs within `time_limit_s`; without a command, the file is read instead."""

    def __init__(self, program: Program, time_limit_s: float, file: str = "") -> None:
        self.program, self.file = program, file
        self._ends = time.monotonic() + time_limit_s

    @property
    def left_s(self) -> float:
        return self._ends - time.monotonic()

    def native(self) -> Printed:
        return self._of_file() if self.file else self._printed(None)

    def looked_at(self, rows: int, detail: Sequence[Sequence[Any]] = ()) -> Printed:
        plan = {"observer": "passing", "rows": rows, "detail": [list(each) for each in detail]}
        return self._printed(plan)

    def repeated(self, places: Sequence[Mapping[str, Any]]) -> Printed:
        return self._printed({"observer": "passing", "repeat": list(places)})

    def _of_file(self) -> Printed:
        try:
            text = (Path(self.program.repo) / self.file).read_text("utf-8", "replace")
        except OSError as error:
            return Printed(None, {}, f"{self.file} cannot be read: {error.strerror}")
        return Printed(None, by_name(series_in(text, LEAST)))

    def _printed(self, plan: Optional[Dict[str, Any]]) -> Printed:
        if self.left_s < 2:
            return Printed(None, {}, "no time was left")
        limit_s = self.left_s * (0.3 if plan is None else 0.6)
        run = run_program(self.program, timeout_s=limit_s, plan=plan, kept_bytes=_KEPT_BYTES)
        trouble = run.failure
        if run.dropped_bytes and not trouble:
            trouble = f"it prints more than the {_KEPT_BYTES >> 20} MiB that are read"
        if plan is not None and not run.results and not trouble:
            trouble = "the program cannot be looked at (it starts Python with -I, -E or -S, or it is no Python)"
        return Printed(run, by_name([] if trouble else series_in(run.stdout, LEAST)), trouble)


def by_name(series: Sequence[Series]) -> Dict[str, Series]:
    return {each.name: each for each in series}


def measurement(done: Printed, name: str, at: int, noted: List[str]) -> Dict[str, Any]:
    """The symptom record of one run."""
    details = {"applied": done.counts("applied"), "changed": done.counts("changed")}
    record = {"expected": 0.0, "unit": UNIT, "details": details}
    series = done.series.get(name)
    trouble = done.trouble or ("" if series else f"the series {name!r} is not printed")
    if trouble or series is None:
        return {**record, "measured": None, "state": "cannot measure", "note": trouble}
    moved = float(f"{shift(series, at):.6g}")
    note = "; ".join([f"{name}: the mean moves by {moved:g} more than by itself at row {at + 1}", *noted])
    return {**record, "measured": moved, "state": "present" if moved else "absent", "note": note}
