"""What an investigation of a memory peak has measured so far, filled by `studying`, told by `concluding`."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from debugbox_recipes.fitting import exponent, holds
from debugbox_recipes.harness import Program
from debugbox_recipes.knob import Knob

from .chains import Alive, Level, is_more
from .measuring import Height

COVER = 0.9  # of the growth that must be gone
LEAST_BYTES, LEAST_SHARE = 1 << 16, 0.1  # that the peak must grow by between the sizes


@dataclass
class Trial:
    """Lists taken lazily, and the growth that was left."""

    places: Tuple[Dict[str, Any], ...]
    removed: Optional[float]  # None: the output is another, or it failed
    passed: int  # items that were passed on one by one

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
    rungs: List[Height] = field(default_factory=list)  # followed: where the highest moment is
    plain: List[Height] = field(default_factory=list)  # the smallest and the largest size, twice (that is the noise)
    alive: Optional[Alive] = None
    hot: str = ""
    chain: List[Level] = field(default_factory=list)  # from the outermost line to the one that allocates most
    keeper: Optional[Level] = None  # of these the one that keeps it
    cause: Optional[Level] = None  # its line, or the one that fills what it keeps
    leaks: bool = False  # each step leaves something behind: another recipe's matter
    trials: List[Trial] = field(default_factory=list)
    controls: List[Trial] = field(default_factory=list)

    @property
    def drawable(self) -> bool:
        return bool(self.rungs) and (not self.stopped or self.leaks)

    @property
    def peaks(self) -> List[float]:
        return [float(rung.peak) for rung in self.rungs]

    @property
    def power(self) -> float:
        return exponent(self.peaks) if len(self.rungs) >= 3 else 0.0

    @property
    def settled(self) -> bool:
        return holds(self.peaks)

    @property
    def growth(self) -> float:
        """Bytes between the smallest and the largest size, in plain runs."""
        return float(self.plain[1].peak - self.plain[0].peak) if len(self.plain) > 1 else 0.0

    @property
    def noise(self) -> float:
        pairs = zip(self.plain[:2], self.plain[2:])  # noqa: B905  # strict= came with 3.10
        return float(max((abs(first.peak - second.peak) for first, second in pairs), default=0))

    @property
    def grows(self) -> bool:
        return (
            len(self.plain) > 1 and is_growth(self.plain[0].peak, self.plain[1].peak) and (self.growth > 5 * self.noise)
        )

    @property
    def accounted(self) -> bool:
        """Whether the line that keeps explains half of the growth."""
        if self.keeper is None or not self.grows:
            return False
        return self.keeper.held[-1] - self.keeper.held[0] >= (self.peaks[-1] - self.peaks[-len(self.keeper.held)]) / 2

    @property
    def shares(self) -> List[Tuple[str, float]]:
        """Lines that allocate more with a larger size, by their share of what is alive, to a twentieth."""
        lines = self.alive.lines if self.alive is not None else {}
        growing = {line: held[-1] for line, held in lines.items() if is_more(held)}
        whole = sum(growing.values()) or 1.0
        rows = [(line, round(20 * held / whole) / 20) for line, held in growing.items()]
        return sorted((row for row in rows if row[1]), key=lambda row: (-row[1], row[0]))

    @property
    def proof(self) -> Optional[Trial]:
        """The fewest lists that are enough: what was tried last."""
        return next((trial for trial in reversed(self.trials) if trial.enough), None)


def is_growth(smallest: float, largest: float) -> bool:
    return largest - smallest >= max(LEAST_BYTES, LEAST_SHARE * largest)
