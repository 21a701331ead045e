"""What a search for the commit has found so far: plain data, filled by `studying`, told by `concluding`."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from debugbox_recipes.endings import Ending
from debugbox_recipes.gitobjects import Commit
from debugbox_recipes.harness import Program

from .hunks import Hunk
from .judging import FAILS, Judge

UNCOMMITTED = "uncommitted work"
AGAIN = 3  # runs of a version whose ending matters


@dataclass
class Study:
    """All that was measured. Grows step by step; `stopped` says why it went no further."""

    program: Program
    question: str
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    line: List[Commit] = field(default_factory=list)  # from the good commit to HEAD, oldest first
    good: Optional[Commit] = None
    why_good: str = ""
    kind: str = FAILS
    judge: Optional[Judge] = None
    tip: List[Ending] = field(default_factory=list)
    at_good: List[Ending] = field(default_factory=list)
    repeats: int = 1  # runs of each version, where the symptom does not come every time
    points: Dict[str, Optional[bool]] = field(default_factory=dict)  # commit -> bad, good, or neither
    values: Dict[str, float] = field(default_factory=dict)
    between: List[Commit] = field(default_factory=list)  # commits that could not be judged, next to the culprit
    culprit: Optional[Commit] = None
    parent: Optional[Commit] = None
    uncommitted: bool = False
    merged: Optional[Commit] = None  # the merge that brought the culprit in
    bad_again: Tuple[int, int] = (0, 0)  # the culprit: bad, of so many runs
    good_again: Tuple[int, int] = (0, 0)  # its parent: good, of so many
    agrees: bool = False  # the second look
    monotone: bool = True
    hunks: List[Hunk] = field(default_factory=list)
    minimal: List[Hunk] = field(default_factory=list)
    needed: List[bool] = field(default_factory=list)
    complete: bool = True
    at_tip: bool = True  # the hunks were taken back from the snapshot, not only from the culprit
    diff: str = ""
    gone: Tuple[int, int] = (0, 0)  # with the hunks taken back: good, of so many
    details: Dict[str, Any] = field(default_factory=dict)

    @property
    def drawable(self) -> bool:
        return bool(self.points) and self.found and not self.stopped

    @property
    def found(self) -> bool:
        return self.culprit is not None or self.uncommitted

    @property
    def sure(self) -> bool:
        """The endpoints were run again, and nothing in between could not be judged."""
        bad, runs = self.bad_again
        bad_again = runs > 1 and bad >= (1 if self.repeats > 1 else runs)
        good_again = self.good_again[0] == self.good_again[1] > 1
        return self.found and bad_again and good_again and self.agrees and not self.between and self.monotone

    @property
    def proof(self) -> bool:
        return bool(self.sure and self.diff and self.gone[1] > 1 and self.gone[0] == self.gone[1] and self.at_tip)

    @property
    def name(self) -> str:
        """The culprit in words."""
        if self.uncommitted:
            return UNCOMMITTED
        assert self.culprit is not None
        return f'{self.culprit.short} "{self.culprit.subject[:70]}"'
