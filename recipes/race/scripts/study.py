"""What an investigation of a race has seen so far: plain data."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from debugbox_recipes.harness import Program
from debugbox_recipes.source import Source

from .measuring import Outcome, share


@dataclass(frozen=True)
class Window:
    """Statements from `line` to `last`, that use values shared without a lock; `named` is the line to show."""

    file: str
    line: int
    last: int
    named: int
    units: Tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f" to {self.last}" if self.last > self.line else "")

    @property
    def key(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Trial:
    """Runs under some condition, and what became of them."""

    name: str
    outcomes: List[Outcome]
    kind: str = "noise"  # plain, serial, noise, slowed, window, locked, control

    @property
    def share(self) -> str:
        return share(self.outcomes)


@dataclass
class Study:
    """All that was seen. `stopped` says why it went no further."""

    program: Program
    question: Optional[str]
    source: Source
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    trials: List[Trial] = field(default_factory=list)
    reference: str = ""  # serial, plain, or exit: what a good run is told by
    by_itself: bool = False  # every plain run fails: no noise is needed
    units: Dict[str, List[Any]] = field(
        default_factory=dict
    )  # by name: accesses of at least two threads, without a lock
    ran: List[Tuple[str, int]] = field(default_factory=list)  # lines that threads ran
    windows: List[Window] = field(default_factory=list)
    failing: Optional[Trial] = None  # the trial that the lock is judged by
    noisy: List[Window] = field(default_factory=list)  # pauses are made in these
    locks: Dict[Tuple[str, ...], List[Outcome]] = field(
        default_factory=dict
    )  # by where it pauses and what is locked: the runs
    locked: List[Window] = field(default_factory=list)  # the fewest that one lock has to be around
    proven: Optional[Trial] = None
    needed: Dict[str, bool] = field(default_factory=dict)  # by window: does it fail with the others locked only?
    controls: List[Tuple[str, int]] = field(default_factory=list)  # a lock there changes nothing
    message: str = ""  # how it fails

    @property
    def drawable(self) -> bool:
        return bool(self.trials) and (not self.stopped or len(self.trials) > 2)

    @property
    def proof(self) -> bool:
        return bool(self.locked) and self.proven is not None and all(self.needed.values())

    def trial(self, kind: str) -> List[Trial]:
        return [each for each in self.trials if each.kind == kind]

    def place(self, file: str, line: int) -> Dict[str, Any]:
        return self.source.place(file, line)

    def places(self, windows: List[Window]) -> List[Mapping[str, Any]]:
        """As a plan wants them."""
        return [
            {"file": each.file, "line": each.line, "last": each.last, "quote": self.source.quote(each.file, each.line)}
            for each in windows
        ]


def together(windows: List[Window]) -> str:
    """Windows in a few words: the same windows, the same words."""
    return ", ".join(map(str, windows[:2])) + (f" and {len(windows) - 2} more" if len(windows) > 2 else "")
