"""Runs the program as it is, with threads one after another, or with noise, and says how it ended. In the kernel."""

import re
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

from debugbox_recipes.harness import Program, ProgramRun, run_program

METRIC = "does the command fail in any of 10 runs in which threads pause at the named windows (1) or in none (0)"
RUNS = 10
MOST = 8  # failures among these runs that count as "most": none in ten others then happens by luck once in 500
LINE, INSTRUCTION = "line", "instruction"
GOOD, FAILED, HUNG, BROKEN = "good", "failed", "hung", "broken"
_PAUSES, _LONGEST_S = 200, 0.003
_CHANCES = {LINE: (0.3, 0.1, 0.03), INSTRUCTION: (0.1, 0.03, 0.01)}  # by seed: a long program needs rare pauses
_A_PASS = (2.0, 1.0)  # pauses each time that a thread passes through a window
_PASSING = re.compile(
    r"0x[0-9a-f]{6,}|\b\d+(?:\.\d+)?\s?(?:ms|us|µs|s|seconds)\b|\b\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?", re.IGNORECASE
)

Places = Sequence[Mapping[str, Any]]


def _pauses(windows: int) -> int:
    """In all, or in each window: fewer where there are many, as with one lock around them each pause is waited for."""
    return max(30, _PAUSES // max(1, windows))


@dataclass(frozen=True)
class Outcome:
    """One run. `state`: good, failed, hung (not at its end in time), broken (it could not be observed)."""

    state: str
    run: ProgramRun
    why: str = ""

    @property
    def text(self) -> str:
        return text_of(self.run)

    @property
    def result(self) -> Mapping[str, Any]:
        """Of the process in which most modules of the user's ran."""
        return max(self.run.results, key=lambda each: len(each.get("modules", ())), default={})


def text_of(run: ProgramRun) -> str:
    """What it prints, without durations and addresses, and in no order: any thread may come first, even within a line
    (`print` writes a line and its end one after the other)."""
    return "".join(sorted(_PASSING.sub("", run.stdout)))


def failing(outcomes: Sequence[Outcome]) -> int:
    return sum(each.state == FAILED for each in outcomes)


def share(outcomes: Sequence[Outcome]) -> str:
    """How many fail, in words that another ten runs bear out."""
    count = failing(outcomes)
    if not count:
        return "none"
    return "most" if count >= MOST / RUNS * len(outcomes) else "some"


class Measuring:
    """All runs within `limit_s`. `reference` is what a good run prints; None: only how it ends counts."""

    patience_s = 30.0  # for a run without pauses

    def __init__(self, program: Program, limit_s: float) -> None:
        self.program = program
        self._ends = time.monotonic() + limit_s
        self.reference: Optional[str] = None
        self.longest_s = 1.0  # of a run that was seen
        self.took_s = 0.1  # a plain run

    @property
    def left_s(self) -> float:
        return self._ends - time.monotonic()

    def has_time_for(self, runs: int) -> bool:
        return self.left_s > runs * self.longest_s + 2

    def plain(self) -> Outcome:
        outcome = self._run(None, self.patience_s)
        self.took_s = max(self.took_s, outcome.run.duration_s)
        return outcome

    def serial(self) -> Outcome:
        return self._run({"observer": "races", "serial": True}, self.patience_s)

    def noisy(
        self,
        level: str,
        seed: int,
        *,
        windows: Places = (),
        locked: Places = (),
        spin: bool = False,
        gather: bool = False,
    ) -> Outcome:
        """With pauses: anywhere, or in these windows only; with these windows under one lock."""
        chance = _A_PASS[seed % len(_A_PASS)] if windows else _CHANCES[level][seed % len(_CHANCES[level])]
        noise = {"level": level, "seed": seed, "chance": chance, "most": _pauses(len(windows)), "longest_s": _LONGEST_S,
                 "in_windows": bool(windows), "spin": spin}  # fmt: skip
        plan: Dict[str, Any] = {"observer": "races", "noise": noise, "windows": list(windows), "locked": list(locked)}
        return self._run({**plan, "gather": gather}, 15.0 + 25 * self.took_s)

    def quiet(self, locked: Places) -> Outcome:
        """Without noise, for a program that fails by itself."""
        return self._run({"observer": "races", "locked": list(locked)}, 15.0 + 5 * self.took_s)

    def several(
        self, windows: Places, locked: Places = (), *, runs: int = RUNS, until_failure: bool = False
    ) -> List[Outcome]:
        """Runs with pauses in these windows; without any windows, as it is."""
        found: List[Outcome] = []
        for seed in range(runs):
            if windows:
                found.append(self.noisy(INSTRUCTION, seed, windows=windows, locked=locked))
            else:
                found.append(self.quiet(locked))
            if found[-1].state in (HUNG, BROKEN) or (until_failure and found[-1].state == FAILED):
                break
        return found

    def _run(self, plan: Optional[Dict[str, Any]], timeout_s: float) -> Outcome:
        run = run_program(self.program, timeout_s=max(2.0, min(timeout_s, self.left_s)), plan=plan)
        self.longest_s = max(self.longest_s, run.duration_s)
        return self.judged(run)

    def judged(self, run: ProgramRun) -> Outcome:
        error = next((each["error"] for each in run.results if each.get("error")), "")
        if run.timed_out:
            return Outcome(HUNG, run, f"it had not ended after {run.duration_s:.0f} s")
        if error:
            return Outcome(BROKEN, run, error)
        if run.exit_code != 0:
            return Outcome(FAILED, run, run.failure)
        if self.reference is not None and text_of(run) != self.reference:
            return Outcome(FAILED, run, "it prints something else")
        return Outcome(GOOD, run)
