"""Runs the program at several sizes: counting its work, or timing it. Runs in the box.

Sizes are chosen by counts, never by the clock: a replay on a busier machine must choose the same.
"""

import resource
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.harness import Program, ProgramRun
from debugbox_recipes.knob import SIZES, Knob, ladder, run_at

BUDGET = 1_000_000  # events of one run: a second or two. Counts are exact, so that larger sizes say nothing more
_MOST_S = 60.0  # one run


@dataclass(frozen=True)
class Counted:
    """One run's work at one size."""

    size: int
    run: ProgramRun
    result: Optional[Dict[str, Any]]

    @property
    def trouble(self) -> str:
        """Why the run cannot serve for measuring, or ''."""
        if self.run.timed_out:
            return self.run.failure
        if self.result is None:
            return f"the program left no record ({self.run.failure or 'a Python with -I, -E or -S, or os._exit'})"
        if self.result["error"]:
            return str(self.result["error"])
        if self.result["partial"]:
            return f"at size {self.size} there is too much work to count"
        if self.run.exit_code:
            return self.run.failure
        return "" if self.result["work"] else "none of the repository's code ran"

    @property
    def work(self) -> int:
        return int(self.result["work"]) if self.result else 0

    def counts(self, key: str) -> Dict[str, int]:
        """`applied` or `changed` by file:line."""
        return dict(self.result[key]) if self.result else {}

    def by_line(self, key: str = "lines") -> Dict[str, float]:
        """Events (or seconds) by `file:line`."""
        sums: Dict[str, float] = {}
        for file, line, _, value in self.result[key] if self.result else ():
            place = f"{file}:{line}"
            sums[place] = sums.get(place, 0.0) + value
        return sums

    def functions(self) -> Dict[str, str]:
        """The function that each `file:line` is in."""
        return {f"{file}:{line}": name for file, line, name, _ in self.result["lines"]} if self.result else {}


class Measuring:
    """Runs of one program, within `time_limit_s` in all."""

    def __init__(self, program: Program, time_limit_s: float) -> None:
        self.program = program
        self.ends = time.monotonic() + time_limit_s

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()

    def run(self, knob: Optional[Knob], size: int, plan: Optional[Mapping[str, Any]]) -> ProgramRun:
        """At this size; without a plan as it is (a constant in the source needs one)."""
        return run_at(self.program, knob, size, plan, max(1.0, min(_MOST_S, self.left_s)))

    def count(
        self,
        knob: Optional[Knob],
        size: int,
        *,
        memoise: Sequence[Mapping[str, Any]] = (),
        timed: bool = False,
        most: int = BUDGET,
    ) -> Counted:
        """The work at one size, with some functions' results kept."""
        plan = {"observer": "counts", "most": most, "memoise": list(memoise), "timed": timed}
        run = self.run(knob, size, plan)
        results = [result for result in run.results if "work" in result]
        return Counted(size, run, max(results, key=lambda result: int(result["work"]), default=None))

    def seconds(self, knob: Knob, size: int, repeats: int = 2) -> Optional[float]:
        """Processor time of the shortest of some plain runs, as a busy machine changes it little; None: one failed."""
        took = []
        for _ in range(repeats):
            before = _used_s()
            run = self.run(knob, size, None)
            if run.exit_code != 0:
                return None
            took.append(_used_s() - before)
        return min(took)

    def ladder(self, knob: Knob) -> Tuple[List[Counted], str]:
        """Runs at doubled sizes until the budget is spent; at least four, or why not."""

        def enough(rungs: List[Counted]) -> bool:
            return _ahead(rungs) > BUDGET or _plenty(rungs, knob.base)

        return ladder(knob.base, lambda size: self.count(knob, size), enough, lambda: self.left_s)


def _used_s() -> float:
    """Of all children that have ended, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ahead(rungs: Sequence[Counted]) -> float:
    """The work that the next doubling will take, if it grows as it did."""
    before, now = rungs[-2].work, rungs[-1].work
    return float(now) * now / max(before, 1)


def _plenty(rungs: Sequence[Counted], base: int) -> bool:
    """Enough sizes, as large as asked for, and most of the work depends on the size."""
    varying = rungs[-1].work - rungs[0].work
    return len(rungs) >= SIZES and rungs[-1].size >= base and varying > 4 * rungs[0].work
