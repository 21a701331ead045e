"""Runs the two programs: as they are, with their values written down, with values put in. In the kernel."""

import time
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.endings import Ending, ending_of
from debugbox_recipes.harness import Program, ProgramRun, run_program

from .aligning import Catalogue, Trace, trace_of

_LONGEST_S = 60.0
Place = Mapping[str, Any]


class Measuring:
    """All runs within `time_limit_s`."""

    def __init__(self, time_limit_s: float) -> None:
        self._ends = time.monotonic() + time_limit_s
        self.run_s = 0.0

    @property
    def left_s(self) -> float:
        return self._ends - time.monotonic()

    def has_time_for(self, runs: int) -> bool:
        return self.left_s > runs * self.run_s + 1.0

    def plain(self, program: Program) -> Ending:
        return ending_of(self._run(program, None))

    def traced(
        self, program: Program, catalogue: Catalogue, wanted: Sequence[int] = (), places: Sequence[Place] = ()
    ) -> Tuple[Ending, Optional[Trace], Dict[str, int]]:
        """How it ended, its events (None where no process of it was followed), and how often each place was changed."""
        plan = {"observer": "divergence", "wanted": list(wanted), "exchange": list(places)}
        run = self._run(program, plan)
        seen = [each for each in run.results if each.get("events") is not None]
        most = max(seen, key=lambda each: len(each["events"]), default=None)
        trace = trace_of(most, catalogue) if most is not None else None
        return ending_of(run), trace, counted(run, "changed")

    def exchanged(self, program: Program, places: Sequence[Place]) -> Ending:
        """How it ends with values put in and nothing else."""
        return ending_of(self._run(program, {"observer": "exchange", "exchange": list(places)}))

    def _run(self, program: Program, plan: Optional[Dict[str, Any]]) -> ProgramRun:
        run = run_program(program, timeout_s=max(2.0, min(_LONGEST_S, self.left_s * 0.4)), plan=plan)
        self.run_s = max(self.run_s, run.duration_s)
        return run


def counted(run: ProgramRun, key: str) -> Dict[str, int]:
    """How often each place was applied, or changed, in all processes."""
    total: Dict[str, int] = {}
    for result in run.results:
        for place, count in result.get(key, {}).items():
            total[place] = total.get(place, 0) + int(count)
    return total
