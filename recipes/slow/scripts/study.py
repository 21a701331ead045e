"""What an investigation of slowness has measured so far: plain data, filled by `studying`, told by `concluding`."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from debugbox_recipes.fitting import LINEAR, exponent, holds, is_exponential, series, shares
from debugbox_recipes.harness import Program
from debugbox_recipes.knob import Knob

from .measuring import Counted

COVER = 0.9  # of the exponent's excess over linear that must be gone


@dataclass(frozen=True)
class Level:
    """One call site on the way to the hot line: how often it is entered, and the work below, at each size."""

    file: str
    line: int
    function: str
    callee: str
    entries: Tuple[float, ...]
    below: Tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def entered(self) -> float:
        """The exponent of the entries."""
        return exponent(self.entries)

    @property
    def each(self) -> float:
        """The exponent of the work per entry."""
        return exponent(self.below) - self.entered


@dataclass
class Trial:
    """A function's results kept, and the exponent that was left."""

    place: Dict[str, Any]
    power: Optional[float]  # None: the output changed, or it failed
    removed: Optional[float]
    hits: int

    @property
    def enough(self) -> bool:
        return self.removed is not None and self.removed >= COVER


@dataclass
class Study:
    """All that was measured. Grows step by step; `stopped` says why it went no further."""

    program: Program
    question: Optional[str]
    knob: Optional[Knob] = None
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    rungs: List[Counted] = field(default_factory=list)
    chain: List[Level] = field(default_factory=list)  # from the outermost call to the hot line
    hot: str = ""
    cause: Optional[Level] = None
    dispatched: bool = False  # the cause's line calls several functions: the hot line says more
    clock_size: int = 0  # the largest that was timed
    clock: str = ""  # agrees, disagrees, more (than the counts), unknown
    slow_lines: List[Tuple[str, float]] = field(default_factory=list)  # by the clock: place and share of the time
    trials: List[Trial] = field(default_factory=list)
    controls: List[Trial] = field(default_factory=list)

    @property
    def work(self) -> List[float]:
        return [float(rung.work) for rung in self.rungs]

    @property
    def power(self) -> float:
        return exponent(self.work) if len(self.rungs) >= 3 else 0.0

    @property
    def final(self) -> float:
        """The exponent that all the work tends to: the hot line's, where most of it will be."""
        share = dict(self.ahead).get(self.hot, 0.0)
        return max(self.power, exponent(self.lines[self.hot])) if share >= 0.5 else self.power

    @property
    def superlinear(self) -> bool:
        return self.power > LINEAR

    @property
    def by_clock(self) -> bool:
        """The counts are innocent; the time is not."""
        return not self.superlinear and self.clock == "more"

    @property
    def exponential(self) -> bool:
        return is_exponential(self.work)

    @property
    def predicted(self) -> bool:
        return holds(self.work) or self.exponential

    @property
    def lines(self) -> Dict[str, List[float]]:
        return series([rung.by_line() for rung in self.rungs])

    @property
    def functions(self) -> Dict[str, str]:
        return self.rungs[-1].functions() if self.rungs else {}

    @property
    def ahead(self) -> List[Tuple[str, float]]:
        """Lines by their share at ten times the largest size."""
        return shares(self.lines, 10.0)

    @property
    def proof(self) -> Optional[Trial]:
        return next((trial for trial in self.trials if trial.enough), None)
