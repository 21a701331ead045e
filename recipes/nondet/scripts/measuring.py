"""Runs the program as it is, at a level of chance, or with lines pinned, and compares what it says. In the kernel."""

import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.entropy import ADDRESS, CLOCK, HASH_ORDER, LISTING, PROCESS, RANDOM, ZONE
from debugbox_recipes.harness import Program, ProgramRun, run_program

FACTORS = (HASH_ORDER, RANDOM, CLOCK, ZONE, LISTING, PROCESS, ADDRESS)
ALWAYS = (HASH_ORDER, RANDOM, ZONE)  # also where no line of the repository shows it: a library may depend on them
LEVELS = 8
ZONES = ("UTC0", "IST-5:30", "NST3:30", "PST8", "NZT-12:45", "BRT3", "JST-9", "SST11")  # POSIX: needs no data files
EXIT = "the exit code"  # as `output`: only how a run ends is compared
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_TOOK = re.compile(r"\bin \d+(\.\d+)?s\b")  # pytest's last line


@dataclass(frozen=True)
class Outcome:
    """What one run gave: the output, by its digest too, and the sites that ran."""

    run: ProgramRun
    text: str
    digest: str
    sites: Tuple[Mapping[str, Any], ...] = ()

    @property
    def trouble(self) -> str:
        """Why nothing can be compared, or ''."""
        if self.run.timed_out:
            return self.run.failure
        return self.run.failure if self.run.exit_code in (126, 127) else ""

    def differs_from(self, other: "Outcome") -> bool:
        return self.digest != other.digest

    def without_addresses(self) -> str:
        return _ADDRESS.sub("<address>", self.text)


class Measuring:
    """Runs within `time_limit_s` in all, one after another: two at once might write to the same files."""

    def __init__(self, program: Program, time_limit_s: float, output: str = "") -> None:
        self.program, self.output = program, output
        self.ends = time.monotonic() + time_limit_s
        self.run_s = 0.0  # what a run takes, the last ones counting most: one slow start must not end the search
        self.runs = 0

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()

    def has_time_for(self, runs: int) -> bool:
        return self.left_s > runs * self.run_s + 1.0

    def natural(self) -> Outcome:
        """As a user runs it: with another hash seed each time."""
        return self._run(None, {"PYTHONHASHSEED": "random"})

    def at(self, level: int, vary: Sequence[str], pins: Sequence[Mapping[str, Any]] = ()) -> Outcome:
        """With the factors in `vary` at this level and all others at level 0."""
        places = [{"file": pin["file"], "line": pin["line"], "quote": pin.get("quote", "")} for pin in pins]
        chance = {"level": level, "vary": list(vary), "pins": places}
        variables = {
            "PYTHONHASHSEED": str(level if HASH_ORDER in vary else 0),
            "TZ": ZONES[level % len(ZONES) if ZONE in vary else 0],
            "PYTEST_ADDOPTS": f"{os.environ.get('PYTEST_ADDOPTS', '')} --assert=plain",  # else it loads tests past us
        }
        return self._run({"observer": "chance", "chance": chance}, variables)

    def _run(self, plan: Optional[Mapping[str, Any]], variables: Mapping[str, str]) -> Outcome:
        limit_s = max(2.0, min(60.0, self.left_s))
        run = run_program(self.program, timeout_s=limit_s, plan=plan, variables=variables)
        self.runs += 1
        self.run_s = (2 * self.run_s + run.duration_s) / 3 if self.run_s else run.duration_s
        return self._outcome(run)

    def _outcome(self, run: ProgramRun) -> Outcome:
        text, whole = run.stdout, run.stdout_sha256
        if self.output == EXIT:
            text, whole = _TOOK.sub("", (run.stdout.strip().splitlines() or [""])[-1]), ""
        elif self.output:
            content = _content(Path(self.program.repo) / self.output)
            text, whole = content.decode("utf-8", "replace"), hashlib.sha256(content).hexdigest()
        elif "pytest" in self.program.command:
            text = _TOOK.sub("in <time>", text)
            whole = hashlib.sha256(text.encode()).hexdigest()
        digest = f"{run.exit_code} {whole[:16]}"
        result = max(run.results, key=lambda each: len(each.get("chance", ())), default=None)
        return Outcome(run, text, digest, tuple(result["chance"]) if result else ())


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def distinct(outcomes: Sequence[Outcome]) -> int:
    return len({outcome.digest for outcome in outcomes})


def joined(outcomes: Sequence[Outcome]) -> List[Dict[str, Any]]:
    """The sites of several runs, by place: how often each ran at most, and for which factors."""
    found: Dict[Tuple[str, int], Dict[str, Any]] = {}
    for outcome in outcomes:
        for row in outcome.sites:
            known = found.setdefault((row["file"], row["line"]), {**row, "factors": {}, "changed": 0})
            for factor, count in row["factors"].items():
                known["factors"][factor] = max(count, known["factors"].get(factor, 0))
            known["changed"] = max(known["changed"], row["changed"])
    return [found[place] for place in sorted(found)]


def counts(outcomes: Sequence[Outcome], pins: Sequence[Mapping[str, Any]]) -> Tuple[Dict[str, int], Dict[str, int]]:
    """`applied` and `changed` by place, of all runs together."""
    applied: Dict[str, int] = {f"{pin['file']}:{pin['line']}": 0 for pin in pins}
    changed = dict(applied)
    for row in (row for outcome in outcomes for row in outcome.sites if row["pin"]):
        applied[row["pin"]] = applied.get(row["pin"], 0) + sum(row["factors"].values())
        changed[row["pin"]] = changed.get(row["pin"], 0) + row["changed"]
    return applied, changed
