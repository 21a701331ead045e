"""Runs the program step by step: what is a step, how many, and what is left over after each. Runs in the box.

`Measuring` keeps the time budget; everything else is a plain result.
"""

import math
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from debugbox_recipes.harness import Program, ProgramRun, run_program

ROUNDS = 9  # the first one warms up
PROBE_S = 60.0  # one run
_LONGEST_S = 4.0  # of steps in one native run: there are up to twenty
_SLOWER = 10  # allocating under tracemalloc
_MOST_STEPS = 20_000
_FEWEST_STEPS = 2 * ROUNDS
# How many steps, the most that fit: many tell leaks from filling caches. Few choices, so that the same number is chosen
# again when the cell is replayed on a busier machine.
_SIZES = (2000, 360, 90)
DRIVER = Path(__file__).resolve().parents[2] / "debugbox_recipes" / "drive.py"


@dataclass(frozen=True)
class Step:
    """What is repeated: a loop's iteration (`file:line`), a call (`module:function`), or a test (`test`)."""

    name: str
    quote: str = ""  # of a loop's line
    function: str = ""
    per_round: int = 0
    factor: int = 1  # how much longer the loop is made
    stop_after: bool = False  # end the program with the last round
    natural: int = 0  # steps that the program does by itself; 0 where there is no such number
    seconds: float = 0.0  # one step
    again: bool = False  # made longer, it gets the same inputs again

    @property
    def kind(self) -> str:
        return "test" if self.name == "test" else "loop" if re.search(r"\.py:\d+$", self.name) else "call"

    @property
    def steps(self) -> int:
        return self.per_round * ROUNDS

    def plan(self) -> Dict[str, Any]:
        plan: Dict[str, Any] = {"kind": self.kind}
        if self.kind == "loop":
            file, _, line = self.name.rpartition(":")
            plan.update(file=file, line=int(line), quote=self.quote)
        rounds = {"rounds": ROUNDS, "per_round": self.per_round}
        more = {"factor": self.factor, "stop_after": self.stop_after}
        return {"observer": "growth", "step": plan, **rounds, **more}

    def sized(self, steps: float) -> "Step":
        """With at least this many steps in all, where the loop can be made longer."""
        per_round = max(2, math.ceil(steps / ROUNDS))
        factor = max(1, math.ceil(per_round * ROUNDS / self.natural)) if self.natural else 1
        return replace(self, per_round=per_round, factor=factor)

    def words(self) -> str:
        if self.kind == "test":
            return "one call of the test"
        return f"one call of {self.name}" if self.kind == "call" else f"one iteration of the loop at {self.name}"


@dataclass(frozen=True)
class Growing:
    """One run's count of memory blocks at the end of each round."""

    run: ProgramRun
    step: Step
    result: Optional[Dict[str, Any]]

    @property
    def trouble(self) -> str:
        """Why the run cannot serve for measuring, or ''."""
        if self.run.timed_out:
            return self.run.failure
        if self.result is None:
            return f"no step was seen ({self.run.failure or 'the loop did not run'})"
        if self.result["rounds_done"] < ROUNDS:
            return (
                f"only {self.result['steps']} of {self.step.steps} steps were done ({self.run.failure or 'it ended'})"
            )
        return ""

    @property
    def differences(self) -> List[int]:
        """Blocks that each round after the first left over."""
        blocks = self.result["blocks"] if self.result else []
        return [blocks[n + 1] - blocks[n] for n in range(len(blocks) - 1)]

    @property
    def per_step(self) -> float:
        """Blocks left over by one step, in the second half of the run: the median round."""
        return _median(self.differences[ROUNDS // 2 :]) / self.step.per_round

    @property
    def at_first(self) -> float:
        """The same in the first half."""
        return _median(self.differences[: ROUNDS // 2]) / self.step.per_round

    @property
    def grows(self) -> bool:
        """In the second half too: beyond a few blocks, in nearly every round, and not less than half as fast."""
        late = self.differences[ROUNDS // 2 :]
        enough = self.per_step * self.step.per_round >= 8 and self.per_step >= 0.01
        return enough and sum(one > 0 for one in late) >= len(late) - 1 and self.per_step >= 0.5 * self.at_first

    @property
    def resident_per_step(self) -> float:
        """Bytes of resident memory that one step left over, in the second half."""
        held = self.result["resident"] if self.result else [0]
        return (held[-1] - held[len(held) // 2]) / self.step.per_round / (ROUNDS - 1 - ROUNDS // 2)

    def counts(self, key: str) -> Dict[str, int]:
        """`applied` or `changed` by file:line."""
        return dict(self.result[key]) if self.result else {}


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return float(ordered[len(ordered) // 2]) if ordered else 0.0


class Measuring:
    """Runs of one program, within `time_limit_s` in all."""

    def __init__(self, program: Program, time_limit_s: float) -> None:
        self.program = program
        self.ends = time.monotonic() + time_limit_s

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()

    def plain(self) -> ProgramRun:
        return run_program(self.program, timeout_s=self._limit())

    def _limit(self, at_most: float = PROBE_S) -> float:
        return max(1.0, min(at_most, self.left_s))

    def loops(self) -> ProgramRun:
        """With all loops of the user's timed."""
        plan = {"observer": "growth", "look": True}
        return run_program(self.program, timeout_s=self._limit(), plan=plan)

    def grow(self, step: Step, truncate: Sequence[Mapping[str, Any]] = ()) -> Growing:
        """Blocks only: the program runs nearly as fast as by itself."""
        return self._run(step, {"truncate": list(truncate)}, PROBE_S)

    def deep(self, step: Step) -> Growing:
        """Containers and types too: a look at the heap each round."""
        return self._run(step, {"deep": True}, PROBE_S)

    def lines(self, step: Step) -> Growing:
        """By tracemalloc: some ten times slower where much is allocated, so with fewer steps."""
        size = fitting((step.steps, *(size for size in _SIZES if size < step.steps)), step.seconds * _SLOWER / 5)
        fewer = replace(step, per_round=max(2, size // ROUNDS), stop_after=step.stop_after or size < step.steps)
        return self._run(fewer, {"deep": True, "lines": True}, 2 * PROBE_S)

    def insertions(self, step: Step, paths: Sequence[Any]) -> Growing:
        """Every line traced for a few steps."""
        few = replace(step, per_round=2, stop_after=True)
        return self._run(few, {"insertions": list(paths)}, PROBE_S)

    def _run(self, step: Step, more: Mapping[str, Any], at_most: float) -> Growing:
        program = self.program
        if step.kind == "call":
            command = f"python {DRIVER} {step.name} {step.steps + 1}"
            program = replace(program, command=command)
        run = run_program(program, timeout_s=self._limit(at_most), plan={**step.plan(), **more})
        results = [one for one in run.results if "blocks" in one]
        return Growing(run, step, max(results, key=lambda one: (one["rounds_done"], one["steps"]), default=None))

    def sized(self, step: Step) -> Step:
        """A call or a test, timed, with as many steps as are worth their time."""
        probe = self._run(replace(step, per_round=1), {}, PROBE_S)
        seconds = probe.result["seconds"] / ROUNDS if probe.result and probe.result["rounds_done"] else 0.01
        return replace(step.sized(fitting(_SIZES, seconds)), seconds=seconds)


def fitting(sizes: Sequence[int], seconds: float) -> int:
    """The first number of steps that does not take too long, else the last."""
    return next((size for size in sizes if size * seconds <= _LONGEST_S), sizes[-1])


def loop_step(loops: Sequence[Mapping[str, Any]], quote_of: Any) -> Optional[Step]:
    """The outermost loop with at least half of the time of the longest one, and enough iterations to be steps."""
    usable = [loop for loop in loops if loop["iterations"] >= (6 if loop["extension"] else _FEWEST_STEPS)]
    if not usable:
        return None
    longest = max(loop["seconds"] for loop in usable)
    chosen = [loop for loop in usable if loop["seconds"] >= longest / 2]
    best = min(chosen, key=lambda loop: (loop["depth"], -loop["seconds"]))
    name = f"{best['file']}:{best['line']}"
    count, seconds = best["iterations"], best["seconds"] / best["iterations"]
    step = Step(
        name,
        quote_of(best["file"], best["line"]),
        best["function"],
        natural=count,
        seconds=seconds,
        again=best["extension"] == "again",
    )
    if best["extension"]:
        sizes = (min(max(4 * count, 2000), max(count, _MOST_STEPS)), max(count, 360), max(count, 90))
        size = fitting(sizes, seconds)
        if size * seconds <= 2 * _LONGEST_S:
            return step.sized(size)
    size = fitting((min(count, _MOST_STEPS), *(size for size in _SIZES if size < count)), seconds)
    return replace(step, per_round=max(2, size // ROUNDS), factor=1, stop_after=size < count)
