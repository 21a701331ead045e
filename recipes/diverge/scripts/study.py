"""What a comparison of two runs has found so far: plain data, filled by `studying`, told by `concluding`."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Set, Tuple

from debugbox_recipes.endings import Ending
from debugbox_recipes.harness import Program
from debugbox_recipes.source import Source

from .aligning import Comparison, Point, Site, Trace
from .outcome import FOLLOWS, STAYS, Outcome


@dataclass
class Trial:
    """The run asked about with the other's value at one point, or at several. `became`: later points that are then as
    in the other run."""

    points: List[Point]
    share: Optional[float]
    changed: int
    became: Set[int] = field(default_factory=set)

    @property
    def point(self) -> Point:
        return self.points[0]

    @property
    def follows(self) -> bool:
        return self.share is not None and self.share <= FOLLOWS

    @property
    def stays(self) -> bool:
        return self.share is not None and self.share >= STAYS and self.changed > 0


@dataclass
class Study:
    """All that was measured. Grows step by step; `stopped` says why it went no further."""

    program: Program
    question: str
    source: Source
    other: Optional[Program] = None
    commit: str = ""
    why: str = ""
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    mine: List[Ending] = field(default_factory=list)
    theirs: List[Ending] = field(default_factory=list)
    outcome: Optional[Outcome] = None
    trace: Optional[Trace] = None
    other_trace: Optional[Trace] = None
    comparison: Optional[Comparison] = None
    written: Dict[Tuple[Site, int], str] = field(default_factory=dict)  # the other's value, by which time
    read: Dict[Site, Tuple[Any, Any]] = field(default_factory=dict)  # those values themselves, where plain
    shown: Dict[Site, Tuple[str, str]] = field(default_factory=dict)  # mine and the other's, where they first differ
    movable: List[Site] = field(default_factory=list)  # numbers and texts where the two do not differ: for controls
    trials: List[Trial] = field(default_factory=list)
    joint: Optional[Trial] = None  # the fewest points that matter only together
    origin: List[Point] = field(default_factory=list)
    apart: bool = False  # the difference there is not all the difference there is
    by_choice: bool = False  # everything differs from the input on: named is the first condition that decides
    singular: bool = False  # any other value there would do: what cannot take that one stands further down
    again: List[Optional[float]] = field(default_factory=list)  # with it put in once more, nothing written down

    @property
    def points(self) -> List[Point]:
        return self.comparison.points if self.comparison else []

    @property
    def drawable(self) -> bool:
        return bool(self.trials) and not self.stopped

    @property
    def followers(self) -> List[Trial]:
        return [trial for trial in self.trials if trial.follows]

    @property
    def harmless(self) -> List[Trial]:
        """Differences that change nothing: alone, and all of them together with what does not matter alone."""
        needed = {point.site for point in self.joint.points} if self.joint else set()
        return [trial for trial in self.trials if not trial.follows and trial.point.site not in needed]

    @property
    def end(self) -> Site:
        """The last place that the value which matters is handed to."""
        point = self.followers[-1].point if self.followers else self.origin[-1]
        return point.copies[-1] if point.copies else point.site

    @property
    def proof(self) -> bool:
        again = [share is not None and share <= FOLLOWS for share in self.again]
        return bool(self.origin) and self.apart and not self.singular and len(again) > 1 and all(again)

    @property
    def other_words(self) -> str:
        """The other run, named."""
        if self.commit:
            return f"the commit {self.commit[:10]}"
        return f"`{self.other.command}`" if self.other else "the other run"

    def values(self, site: Site) -> Tuple[str, str]:
        return self.shown.get(site, ("?", "?"))

    def details(self) -> Dict[str, Any]:
        """Counts for the record."""
        marks = self.comparison.marks if self.comparison else []
        return {
            "events": len(marks), "same": marks.count(0), "other_value": marks.count(1), "only_here": marks.count(2),
            "only_there": self.comparison.only_there if self.comparison else 0,
        }  # fmt: skip
