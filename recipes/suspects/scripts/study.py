"""What an investigation of a failing test has seen so far: plain data, filled by `studying`, told by `concluding`."""

from dataclasses import dataclass, field
from typing import Any, List, Mapping, Optional, Tuple

from .ranking import Function, Sources, Spectrum
from .running import PROGRAM, Test

LEAST_CONTRAST = 5  # passing tests that run what the failing one runs; with fewer, a ranking says little


@dataclass(frozen=True)
class Trial:
    """One changed statement: what became of the failing test, and of the passing tests that run the line."""

    place: Mapping[str, Any]  # file, line, quote, kind, nth
    words: str
    function: str
    outcome: str  # flipped, same failure, other failure, did not run
    changed: int
    broken: Optional[int] = None  # passing tests that newly fail; None: not examined
    covering: int = 0

    @property
    def where(self) -> str:
        return f"{self.place['file']}:{self.place['line']}"

    @property
    def clean(self) -> bool:
        """It makes the failing test pass, and enough other tests that run the line go on passing."""
        return self.outcome == "flipped" and self.broken == 0 and self.covering >= LEAST_CONTRAST


@dataclass
class Study:
    """All that was seen. `stopped` says why it went no further."""

    sources: Sources
    question: str
    command: str = ""
    folder: str = ""  # where the tests run, relative to the repository
    why_command: str = ""
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    target: Optional[Test] = None  # the failing test that is explained
    cluster: Tuple[Test, ...] = ()  # those that fail alike, the target first
    others: Tuple[Test, ...] = ()  # that fail otherwise, and are left out
    passing: Tuple[Test, ...] = ()
    alone: List[Test] = field(default_factory=list)  # the target run by itself
    alone_s: float = 0.0
    seen: Optional[Spectrum] = None
    ranked: List[Function] = field(default_factory=list)
    trials: List[Trial] = field(default_factory=list)
    patch: str = ""  # a diff that is to be checked

    @property
    def is_program(self) -> bool:
        return self.target is not None and self.target.id == PROGRAM

    @property
    def reproduced(self) -> int:
        """Of the runs of the target by itself."""
        return sum(self.target is not None and same_failure(self.target, test) for test in self.alone)

    @property
    def has_contrast(self) -> bool:
        return self.seen is not None and self.seen.contrast >= LEAST_CONTRAST

    @property
    def ties(self) -> int:
        """Functions that share the first rank's score, the first itself included."""
        return sum(abs(each.score - self.ranked[0].score) < 1e-9 for each in self.ranked) if self.ranked else 0

    @property
    def flip(self) -> Optional[Trial]:
        """The one changed statement that may be offered as an intervention: clean, and in one function only."""
        clean = [trial for trial in self.trials if trial.clean]
        return clean[0] if len({trial.function for trial in clean}) == 1 else None


def same_failure(first: Test, second: Test) -> bool:
    """The same class of error, and raised at the same line of the program or test where both say which."""
    if not second.failed or first.exception != second.exception:
        return False
    lines = [(test.frames[0]["file"], test.frames[0]["line"]) if test.frames else None for test in (first, second)]
    return None in lines or lines[0] == lines[1]
