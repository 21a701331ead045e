"""What an investigation of a crash has seen so far: plain data."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional

from debugbox_recipes.harness import Program
from debugbox_recipes.source import Source

from .measuring import Ended

MISLEADING = 2  # steps back from where the traceback ends, from which on it tells little


@dataclass(frozen=True)
class Hop:
    """One place that the bad value came through. `nth`: which assignment or return of its line, -1 for none."""

    file: str
    line: int
    function: str
    text: str
    nth: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Trial:
    """Another value at one place, and how the program ended."""

    hop: Hop
    literal: Any
    done: Ended
    control: bool = False

    @property
    def acted(self) -> bool:
        return any(self.done.counts("changed").values())

    @property
    def ends_well(self) -> bool:
        return self.done.well and self.acted


@dataclass
class Study:
    """All that was seen. `stopped` says why it went no further."""

    program: Program
    question: Optional[str]
    source: Source
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    native: List[Ended] = field(default_factory=list)  # the A/A pair
    crash: Mapping[str, Any] = field(default_factory=dict)
    chain: List[Hop] = field(default_factory=list)  # from the crash to the origin
    trials: List[Trial] = field(default_factory=list)
    others: List[Hop] = field(default_factory=list)  # places for controls

    @property
    def drawable(self) -> bool:
        return bool(self.chain)

    @property
    def origin(self) -> Hop:
        return self.chain[-1]

    @property
    def file(self) -> str:
        """Where the traceback ends."""
        frames = self.crash.get("frames") or [["", 0, ""]]
        return str(frames[0][0])

    @property
    def exception(self) -> str:
        return str(self.crash.get("exception", ""))

    @property
    def bad(self) -> Mapping[str, Any]:
        return self.crash.get("bad") or {}

    @property
    def proof(self) -> Optional[Trial]:
        return next((trial for trial in self.trials if trial.ends_well and not trial.control), None)

    @property
    def exact(self) -> bool:
        """Each step back was an event that was written down for this very frame or object."""
        return bool(self.crash.get("exact")) and len(self.chain) > 1 and not self.stopped


def hops_of(crash: Mapping[str, Any]) -> List[Hop]:
    rows: List[Dict[str, Any]] = list(crash.get("chain") or ())
    found = [Hop(each["file"], each["line"], each["function"], each["text"], each["nth"]) for each in rows]
    return [hop for n, hop in enumerate(found) if n == 0 or str(hop) != str(found[n - 1])]
