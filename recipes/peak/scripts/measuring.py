"""Runs the program at several sizes and asks how high its memory goes. Runs in the box, in the kernel.

Sizes are chosen by counts of events and bytes, never by the clock: a replay on a busier machine must choose the same.
"""

import time
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.harness import Program, ProgramRun
from debugbox_recipes.knob import Knob, ladder, run_at

EVENTS, BYTES = 1_000_000, 1 << 26  # of one run: what is alive at larger sizes says nothing more
_MOST_S = 60.0  # one run
_NEARLY = 0.97  # of the highest value: before the last small crests, whose line says nothing


@dataclass(frozen=True)
class Height:
    """One run: how high its memory went."""

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
            return f"at size {self.size} there is too much to look at"
        if self.result["refused"]:
            return "a list that is taken lazily is needed more than once"
        if self.run.exit_code:
            return self.run.failure
        return ""

    @property
    def peak(self) -> int:
        return int(self.result["peak"]) if self.result else 0

    @property
    def moment(self) -> Dict[str, Any]:
        return dict(self.result["moment"]) if self.result else {"file": "", "line": 0}

    @property
    def alive(self) -> Optional[Dict[str, Any]]:
        return self.result["alive"] if self.result else None

    def counts(self, key: str) -> Dict[str, int]:
        """`applied` or `changed` by file:line."""
        return dict(self.result[key]) if self.result else {}


class Measuring:
    """Runs of one program, within `time_limit_s` in all."""

    def __init__(self, program: Program, time_limit_s: float) -> None:
        self.program = program
        self.ends = time.monotonic() + time_limit_s

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()

    def _run(self, knob: Optional[Knob], size: int, look: str, **plan: Any) -> Height:
        whole = {"observer": "peaks", "look": look, **plan}
        run = run_at(self.program, knob, size, whole, max(1.0, min(_MOST_S, self.left_s)))
        results = [result for result in run.results if "peak" in result]
        return Height(size, run, max(results, key=lambda result: int(result["peak"]), default=None))

    def moment(self, knob: Optional[Knob], size: int) -> Height:
        """The highest moment, to the line."""
        return self._run(knob, size, "moment", most=EVENTS, most_bytes=BYTES)

    def held(self, knob: Optional[Knob], at: Height) -> Height:
        """What is alive when it has come nearly as high."""
        return self._run(knob, at.size, "held", above=_NEARLY * at.peak)

    def height(self, knob: Optional[Knob], size: int, lazily: Sequence[Mapping[str, Any]] = ()) -> Height:
        """How high it goes without being followed, with some lists taken lazily."""
        return self._run(knob, size, "height", lazily=list(lazily))

    def ladder(self, knob: Knob) -> Tuple[List[Height], str]:
        """Moments at doubled sizes until the budget is spent; at least four, or why not."""

        def enough(rungs: List[Height]) -> bool:
            return _too_much_ahead(rungs) or _plenty(rungs, knob.base)

        return ladder(knob.base, lambda size: self.moment(knob, size), enough, lambda: self.left_s)


def _too_much_ahead(rungs: Sequence[Height]) -> bool:
    """The next doubling, if it grows as it did."""
    return any(
        now * now / max(before, 1) > most
        for before, now, most in (
            (_events(rungs[-2]), _events(rungs[-1]), EVENTS),
            (rungs[-2].peak, rungs[-1].peak, BYTES),
        )
    )


def _events(height: Height) -> int:
    return int(height.result["work"]) if height.result else 0


def _plenty(rungs: Sequence[Height], base: int) -> bool:
    """As large as asked for, and most of the memory depends on the size."""
    return rungs[-1].size >= base and rungs[-1].peak > 5 * rungs[0].peak
