"""What an investigation of numbers that are not finite has measured so far: plain data."""

import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from debugbox_recipes.harness import Program
from debugbox_recipes.source import Source

from .measuring import Printed

COVER = 0.9  # of the printed numbers that must be finite with the place changed
_MEANT = re.compile(
    r"(?i)^(float\(['\"][-+]?(nan|inf|infinity)['\"]\)|[\w.]*\b(nan|inf|infty|infinity|na|nat|huge_val))$"
)


@dataclass(frozen=True)
class Spot:
    """An expression that gave numbers which are not finite."""

    file: str
    line: int
    nth: int
    function: str
    text: str
    first: int  # values looked at until then
    last: int
    values: int  # that were not finite
    evaluated: int
    before: int  # finite values it gave before
    nan: int
    inf: int
    born: int = 0  # times that its operands were finite
    births: Tuple[Mapping[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def key(self) -> Tuple[str, int, int]:
        return self.file, self.line, self.nth

    @property
    def meant(self) -> bool:
        """The program asks for such a number by its name."""
        return bool(_MEANT.match(self.text))

    @property
    def what(self) -> str:
        return "nan" if self.nan and not self.inf else "inf" if self.inf and not self.nan else "nan and inf"


@dataclass
class Trial:
    """Spots whose numbers were replaced by finite ones, and what was still printed."""

    spots: Tuple[Spot, ...]
    stand_in: Optional[float]  # None: a control, its numbers a thousandth larger
    printed: Printed
    gone: Optional[float]  # share; None where the run says nothing

    @property
    def enough(self) -> bool:
        return self.gone is not None and self.gone >= COVER and sum(self.printed.counts("changed").values()) > 0


@dataclass
class Study:
    """All that was measured. `stopped` says why it went no further."""

    program: Program
    question: Optional[str]
    source: Source
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    native: List[Printed] = field(default_factory=list)  # the A/A pair
    spots: List[Spot] = field(default_factory=list)  # by the time of their first such number
    finite: List[Spot] = field(default_factory=list)  # expressions that gave none: for controls
    trials: List[Trial] = field(default_factory=list)
    controls: List[Trial] = field(default_factory=list)
    seen: int = 0

    @property
    def drawable(self) -> bool:
        return bool(self.spots)

    @property
    def count(self) -> int:
        return self.native[0].count if self.native else 0

    @property
    def noise(self) -> int:
        counts = [each.count for each in self.native]
        return max(counts) - min(counts) if counts else 0

    @property
    def births(self) -> List[Spot]:
        """Where such numbers come from finite ones; those that the program asks for by name last."""
        return sorted((s for s in self.spots if s.born), key=lambda spot: (spot.meant, spot.first))

    @property
    def proof(self) -> Optional[Trial]:
        """The trial with the fewest places that was enough."""
        return min((trial for trial in self.trials if trial.enough), key=lambda trial: len(trial.spots), default=None)

    @property
    def causes(self) -> Tuple[Spot, ...]:
        """What is named: what makes the printed numbers finite, else the first birth that nobody asked for."""
        if self.proof is not None:
            return self.proof.spots
        return tuple(spot for spot in self.births if not spot.meant)[:1]


def spot_of(row: Mapping[str, Any], text: str) -> Spot:
    names = ("file", "line", "nth", "function", "first", "last", "values", "evaluated", "before", "nan", "inf", "born")
    given: Dict[str, Any] = {name: row[name] for name in names}
    return Spot(text=text, births=tuple(row["births"]), **given)
