"""What an investigation of drifting data has measured so far: plain data."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from debugbox_recipes.flow import Spot
from debugbox_recipes.harness import Program
from debugbox_recipes.repeats import Repeating, Trial
from debugbox_recipes.shifts import Shift
from debugbox_recipes.source import Source

from .measuring import Pair, Spec


@dataclass(frozen=True)
class Drift:
    """A column that differs, and how."""

    column: str
    shift: Shift
    words: str = ""  # of a difference of the schema


@dataclass(frozen=True)
class Segment:
    """Rows with one value in one column. `left`: the difference without them."""

    column: str
    value: Any
    rows: Tuple[int, int]  # in the reference, in the current set
    shares: Tuple[float, float]
    left: float
    row: int  # its first in the current set
    known: bool = True  # the column is one of the data sets', not only a value inside the program

    def __str__(self) -> str:
        value = f"{self.value:g}" if isinstance(self.value, float) else str(self.value or "nothing")
        return f"{self.column} = {value}"


@dataclass
class Study(Repeating):
    """All that was measured. `stopped` says why it went no further."""

    program: Program
    question: Optional[str]
    source: Source
    spec: Spec
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    native: List[Pair] = field(default_factory=list)  # the A/A pair of runs
    shifts: Dict[str, List[Shift]] = field(default_factory=dict)  # by column, large enough to matter
    drifts: List[Drift] = field(default_factory=list)  # those that stand, the clearest first
    compared: int = 0
    segments: List[Segment] = field(default_factory=list)  # those without which least is left, first
    spots: List[Spot] = field(default_factory=list)  # in the order of evaluation
    steady: List[Spot] = field(default_factory=list)
    categories: Dict[str, List[Any]] = field(default_factory=dict)  # texts inside the program, by row
    trials: List[Trial] = field(default_factory=list)
    controls: List[Trial] = field(default_factory=list)
    row: Optional[Tuple[str, int]] = None  # of the data file that brings it into the program
    readers: List[Mapping[str, Any]] = field(default_factory=list)  # lines that name the column

    @property
    def drawable(self) -> bool:
        return bool(self.drifts)

    @property
    def pair(self) -> Pair:
        return self.native[0]

    @property
    def main(self) -> Optional[Drift]:
        return self.drifts[0] if self.drifts else None

    @property
    def explains(self) -> Optional[Segment]:
        """The segment without which the column is as it was; of several one of a column, with the fewest rows."""
        floor = self.main.shift.floor if self.main else 0.0
        quiet = [each for each in self.segments if each.left <= floor]
        return min(quiet, key=lambda each: (not each.known, sum(each.rows), str(each)), default=None)
