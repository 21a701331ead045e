"""Runs the program under the watchdog and says what its samples mean. In the kernel."""

import re
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.harness import Program, ProgramRun, run_program

METRIC = "does the command stand still for ever (1) or end (0)"
EVERY_S, MOST_S = 0.5, 12.0
HUNG_EXIT = 86  # as `debugbox_recipes.waits` ends a program whose circle of waits stands
_STILL = 8  # samples without any change
_IDLE = 0.03  # CPU seconds a second; a loop on a crowded machine still gets more
_TESTS = re.compile(r"\b\d+ (?:passed|failed|error)")


@dataclass(frozen=True)
class Watched:
    """One run under the watchdog. `state`: ended, circle, abandoned, waiting, looping, working, unseen."""

    run: ProgramRun
    state: str
    result: Mapping[str, Any] = field(default_factory=dict)
    loop: Optional[Mapping[str, Any]] = None  # the one that takes turns
    trouble: str = ""

    @property
    def hangs(self) -> bool:
        return self.state in ("circle", "abandoned", "waiting", "looping")

    @property
    def last(self) -> Mapping[str, Any]:
        samples = self.result.get("samples") or [{}]
        return dict(samples[-1])

    @property
    def waiters(self) -> List[Mapping[str, Any]]:
        """Threads and tasks, those of the circle first."""
        everybody = [*self.last.get("threads", ()), *self.last.get("tasks", ())]
        circle = self.last.get("circle") or []
        return sorted(everybody, key=lambda each: (each["id"] not in circle, str(each["name"])))

    @property
    def circle(self) -> List[Mapping[str, Any]]:
        ids = self.last.get("circle") or []
        return [each for each in self.waiters if each["id"] in ids]

    def counts(self, key: str) -> Dict[str, int]:
        total: Dict[str, int] = {}
        for result in self.run.results:
            for place, count in result.get(key, {}).items():
                total[place] = total.get(place, 0) + int(count)
        return total


class Measuring:
    """All runs within `time_limit_s`; a watched one takes `most_s` at most."""

    def __init__(self, program: Program, time_limit_s: float, most_s: float = MOST_S) -> None:
        self.program, self.most_s = program, most_s
        self._ends = time.monotonic() + time_limit_s

    @property
    def left_s(self) -> float:
        return self._ends - time.monotonic()

    def native(self, patience_s: float) -> ProgramRun:
        return run_program(self.program, timeout_s=max(2.0, min(patience_s, self.left_s)))

    def watched(self, **plan: Any) -> Watched:
        """Under the watchdog, with these parts of a plan (`without_lock`, `pauses`, `loops`, `end_loop`)."""
        if self.left_s < self.most_s + 2:
            return Watched(_nothing(), "unseen", trouble="no time was left")
        whole = {"observer": "waits", "every_s": EVERY_S, "most_s": self.most_s, **plan}
        run = run_program(self.program, timeout_s=self.most_s + 1.0, plan=whole)
        return judged(run)


def _nothing() -> ProgramRun:
    return ProgramRun(None, "", "", "", 0.0, True)


def judged(run: ProgramRun) -> Watched:
    """What became of a run."""
    hung = [each for each in run.results if not each.get("ended") and each.get("samples")]
    result = max(hung, key=lambda each: (bool(each["samples"][-1].get("circle")), len(each["modules"])), default=None)
    if not run.timed_out and run.exit_code != HUNG_EXIT:
        main = max(run.results, key=lambda each: len(each.get("modules", ())), default={})
        fine = run.exit_code == 0 or bool(_TESTS.search(run.stdout[-400:]))
        return Watched(run, "ended", main, trouble="" if fine else run.failure)
    if result is None:
        why = "it starts no Python that could be watched"
        if "most recent call first" in run.stderr:
            why = "its threads do not let the watchdog run: C code holds the interpreter"
        return Watched(run, "unseen", trouble=f"it does not end, but {why}")
    state, loop = _state(result)
    return Watched(run, state, result, loop)


def _state(result: Mapping[str, Any]) -> Tuple[str, Optional[Mapping[str, Any]]]:
    samples = [sample for sample in result["samples"] if sample.get("threads")]
    if not samples:
        return "unseen", None
    if samples[-1].get("circle"):
        return "circle", None
    if _abandoned(samples[-1]):
        return "abandoned", None
    loop = _loop(result, samples)
    if loop is not None and (loop["repeats"] or loop.get("away") or loop.get("deciding")):
        return "looping", loop
    last = samples[-_STILL:]
    wall = last[-1]["since_s"] - last[0]["since_s"]
    idle = last[-1]["cpu_s"] - last[0]["cpu_s"] < _IDLE * wall
    if len(last) == _STILL and idle and all(_stacks(each) == _stacks(last[0]) for each in last):
        return "waiting", loop
    return "working", loop


def _abandoned(sample: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    """Threads that wait for a lock whose holder has ended."""
    alive = {each["id"] for each in sample["threads"]}
    return [each for each in sample["threads"] if each["lock"] and each["for"] and each["for"] not in alive]


def abandoned(done: Watched) -> List[Mapping[str, Any]]:
    return _abandoned(done.last)


def _stacks(sample: Mapping[str, Any]) -> List[Any]:
    return [(each["name"], each["stack"], each.get("step")) for each in [*sample["threads"], *sample["tasks"]]]


def _loop(result: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]) -> Optional[Mapping[str, Any]]:
    """The innermost `while` that took turns without being entered anew while all was watched.

    What a `for` goes through is not seen, so it is never judged.
    """
    last = samples[-6:]
    before = {number: (entered, count) for number, entered, count in last[0].get("turns", ())}
    going = [
        number for number, entered, count in last[-1].get("turns", ())
        if number in before and before[number][0] == entered and count > before[number][1]
    ]  # fmt: skip
    known = dict(zip([row[0] for row in last[-1].get("turns", ())], result.get("loops", ())))  # noqa: B905  # 3.9
    depths: Dict[str, int] = {}  # of each function, from the outermost frame; generators are not always on a stack
    for stack in (each["stack"] for sample in last for each in sample["threads"]):
        for position, frame in enumerate(reversed(stack)):
            name = frame[2].rpartition(".")[-1]
            depths[name] = max(depths.get(name, 0), position)

    def depth(number: int) -> Tuple[int, int]:
        name = known[number]["function"].rpartition(".")[-1] or "<module>"
        return depths.get(name, -1), int(known[number]["line"])

    chosen = max((number for number in going if known.get(number, {}).get("while")), key=depth, default=None)
    if chosen is None:
        return None
    loop = dict(known[chosen])
    loop["repeats"] = 0 < loop.get("states", 0) <= loop.get("looked", 0) // 4 and not loop.get("opaque")
    return loop


def measurement(done: Watched) -> Dict[str, Any]:
    """The symptom record of one run."""
    details = {"applied": done.counts("applied"), "changed": done.counts("changed")}
    record = {"expected": 0.0, "unit": "", "details": details}
    if done.hangs:
        return {**record, "measured": 1.0, "state": "present", "note": f"it stands still: {WORDS[done.state]}"}
    if done.state == "ended" and not done.trouble:
        return {**record, "measured": 0.0, "state": "absent", "note": "it ends"}
    why = done.trouble or f"it had not ended after {MOST_S:g} s, but it was still working"
    return {**record, "measured": None, "state": "cannot measure", "note": why}


WORDS = {
    "circle": "threads or tasks wait for each other in a circle",
    "abandoned": "a lock is waited for whose holder has ended",
    "waiting": "nothing runs, and nobody is known who would go on",
    "looping": "a loop goes on in which nothing changes that could end it",
}
