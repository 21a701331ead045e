"""Runs the program: as it is, natively with one value recorded, and under shadow execution. Runs in the box.

`Measuring` keeps the time budget; everything else is a plain result.
"""

import time
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

from debugbox_recipes.harness import Program, ProgramRun, places, run_program

DOUBLE = 2.0**-53  # the relative rounding of one double
PROBE_S = 60.0  # one native run of the program


@dataclass(frozen=True)
class Native:
    """A native run with one watch. `value` is the watched value at the asked index (None: it was not reached)."""

    run: ProgramRun
    result: Optional[Dict[str, Any]]
    series: Optional[Dict[str, Any]]

    @property
    def value(self) -> Optional[float]:
        return self.series["wanted"] if self.series else None

    @property
    def trouble(self) -> str:
        """Why the run cannot serve for measuring, or ''."""
        if self.run.timed_out:
            return self.run.failure
        if self.result is None:
            return f"the program left no record ({self.run.failure or 'a Python with -I, -E or -S, or os._exit'})"
        if not self.series or not self.series["count"]:
            return f"the watched value was never reached ({self.run.failure or 'the line did not run'})"
        return ""

    @property
    def last(self) -> Optional[float]:
        """The last value of the series."""
        points = self.series["points"] if self.series else []
        return float(points[-1][1]) if points else None

    def counts(self, key: str) -> Dict[str, int]:
        """`applied` or `changed` by file:line."""
        sites = self.result["sites"] if self.result else []
        counted: Dict[str, int] = {}
        for site in sites:
            place = f"{site['file']}:{site['line']}"
            counted[place] = counted.get(place, 0) + site.get(key, 0)
        return counted


@dataclass(frozen=True)
class ShadowResult:
    run: ProgramRun
    result: Optional[Dict[str, Any]]

    @property
    def partial(self) -> bool:
        return bool(self.result and self.result["partial"])


class Measuring:
    """Runs of one program, within `time_limit_s` in all."""

    def __init__(self, program: Program, time_limit_s: float, arrays: bool = False) -> None:
        self.program = program
        self.arrays = arrays  # whether NumPy's arrays are followed
        self.ends = time.monotonic() + time_limit_s

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()

    def plain(self) -> ProgramRun:
        """The program as it is: no hook."""
        return run_program(self.program, timeout_s=max(1.0, min(PROBE_S, self.left_s)))

    def look(self) -> ProgramRun:
        """With the hook, watching nothing: which of the user's modules are loaded."""
        return run_program(self.program, timeout_s=max(1.0, min(PROBE_S, self.left_s)), plan={})

    def native(self, watch: str, index: Optional[int], keep: Sequence[Mapping[str, Any]] = ()) -> Native:
        """Plain arithmetic, except at the places in `keep`. Kept lines may make it some ten times slower."""
        return self._observed(watch, {"index": index, "keep": places(keep), "arrays": self.arrays})

    def with_numbers(self, watch: str, numbers: Sequence[Mapping[str, Any]]) -> Native:
        """A native run with literals of the source exchanged."""
        return self._observed(watch, {"numbers": list(numbers)})

    def shaken(self, watch: str, index: Optional[int], seed: int, only: Optional[Sequence[str]] = None) -> Native:
        """A run with random rounding: at these places, or everywhere."""
        noise = {"seed": seed, "only": None if only is None else list(only)}
        return self._observed(watch, {"mode": "noise", "arrays": True, "noise": noise, "index": index})

    def _observed(self, watch: str, plan: Mapping[str, Any]) -> Native:
        run = run_program(
            self.program, timeout_s=max(1.0, min(PROBE_S, self.left_s)), plan={"watches": [watch], **plan}
        )
        result = run.result_with(watch)
        return Native(run, result, result["series"].get(watch) if result else None)

    def shadow(self, watches: Sequence[str], *, limit_s: float) -> ShadowResult:
        """Stopped by itself at the limit, with what is known by then."""
        plan = {"mode": "shadow", "watches": list(watches), "deadline_s": limit_s, "arrays": self.arrays}
        run = run_program(self.program, timeout_s=limit_s + 15, plan=plan)
        seen = max(watches, key=lambda w: _count(run, w), default=None)
        return ShadowResult(run, run.result_with(seen))


def _count(run: ProgramRun, watch: str) -> int:
    return max((r["series"][watch]["count"] for r in run.results if watch in r["series"]), default=0)


@dataclass(frozen=True)
class Line:
    """What a shadow run says of one source line (its sites in all functions together)."""

    file: str
    line: int
    function: str
    share: float  # of the watched value's error; may be negative or above 1 where lines compensate
    contribution: float
    executed: int
    rounded: int
    largest_rounding: float
    magnitude: float  # the largest operand at the largest rounding
    usual_magnitude: float
    introduced: float  # the sum of the sizes of all its roundings
    absorbed: float  # largest by smallest operand, at the largest rounding of a sum
    rewritten: bool  # False: library code, met through the numbers' own operators
    unit: float = DOUBLE  # the relative rounding of the narrowest type it computes in

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def lines_of(result: Mapping[str, Any], chosen: Mapping[str, Any]) -> List[Line]:
    """The split of the chosen point by line, largest share first."""
    split = {int(site): part for site, part in chosen["split"].items()}
    whole = sum(split.values())
    by_place: Dict[Any, Line] = {}
    for number, site in enumerate(result["sites"]):
        part, place = split.get(number, 0.0), (site["file"], site["line"])
        known = by_place.get(place)
        by_place[place] = Line(
            file=site["file"],
            line=site["line"],
            function=site["function"] or (known.function if known else ""),
            share=(part / whole if whole else 0.0) + (known.share if known else 0.0),
            contribution=part + (known.contribution if known else 0.0),
            executed=max(site["executed"], known.executed if known else 0),
            rounded=site["rounded"] + (known.rounded if known else 0),
            largest_rounding=max(site["largest_rounding"], known.largest_rounding if known else 0.0),
            magnitude=max(site["magnitude"], known.magnitude if known else 0.0),
            usual_magnitude=max(site["usual_magnitude"], known.usual_magnitude if known else 0.0),
            introduced=site["introduced"] + (known.introduced if known else 0.0),
            absorbed=max(site["absorbed"], known.absorbed if known else 0.0),
            rewritten=site["operations"] != ["outside"] or bool(known and known.rewritten),
            unit=max(site.get("unit", DOUBLE), known.unit if known else DOUBLE),
        )
    return sorted(by_place.values(), key=lambda line: -abs(line.contribution))
