"""What an investigation of a flaky test has found so far: plain data, filled by `studying`, told by `concluding`."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from debugbox_recipes.harness import Program

POLLUTED, NEEDY, CHANCE = "polluted", "needs another test", "chance"

CONTROL = "control: other state put back"


@dataclass(frozen=True)
class Unit:
    """A piece of shared state: its path, its value before and after, and the lines that wrote it, innermost first."""

    path: str
    before: str
    after: str
    stack: Tuple[Mapping[str, Any], ...]


@dataclass
class Study:
    """All that was measured. Grows step by step; `stopped` says why it went no further."""

    program: Program
    question: str
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    folder: str = ""  # pytest's root, to which test ids are relative
    tests: List[str] = field(default_factory=list)
    runs: List[Mapping[str, Any]] = field(default_factory=list)  # order, ids, ended
    alone: Dict[str, Any] = field(default_factory=dict)
    victim: str = ""
    kind: str = ""
    message: str = ""
    before: List[str] = field(default_factory=list)  # tests before the victim in the order that is explained
    matter: List[str] = field(default_factory=list)  # those of them that matter
    around: List[str] = field(default_factory=list)  # those, and others that leave something behind, as a control
    complete: bool = True
    needed: List[Unit] = field(default_factory=list)
    others: List[Unit] = field(default_factory=list)
    rates: Dict[str, Tuple[int, int]] = field(default_factory=dict)  # condition -> failed, runs
    chance: Optional[Any] = None  # the study of `nondet`, where it is chance

    @property
    def drawable(self) -> bool:
        return bool(self.victim and self.rates) and not self.stopped

    def outcomes(self, test: str) -> Dict[str, List[str]]:
        """How a test ended, by condition."""
        found: Dict[str, List[str]] = {}
        for run in self.runs:
            ended = [each["outcome"] for each in run["ended"] if each["id"] == test]
            found.setdefault(str(run["order"]), []).extend(ended)
        if self.alone.get(test):
            found["alone"] = [self.alone[test]["outcome"]]
        return found

    def is_mixed(self, test: str) -> bool:
        ended = {outcome for outcomes in self.outcomes(test).values() for outcome in outcomes}
        return {"passed", "failed"} <= ended

    @property
    def restored(self) -> str:
        """The condition in which what is needed was put back."""
        return "after it, state put back" if len(self.matter) == 1 else "after them, state put back"

    @property
    def after(self) -> str:
        return "after it" if len(self.matter) == 1 else "after them"

    @property
    def proof(self) -> bool:
        """With the needed state put back the victim ends each time as it does alone; with other state put back not."""
        wanted = {"after it": 1.0, "alone": 0.0, "back": 0.0}
        seen = {"after it": self.rates.get(self.after), "alone": self.rates.get("alone")}
        seen["back"] = self.rates.get(self.restored)
        full = [runs is not None and runs[1] >= 10 and runs[0] / runs[1] == wanted[key] for key, runs in seen.items()]
        return bool(self.kind == POLLUTED and self.needed and all(full) and not self.any_helps)

    @property
    def any_helps(self) -> bool:
        """Other state put back helps as well: it is no matter of this piece."""
        failed, runs = self.rates.get(CONTROL, (0, 0))
        return failed < runs
