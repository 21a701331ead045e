"""What an investigation of a change in a series has measured so far: plain data."""

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

from debugbox_recipes.flow import Spot
from debugbox_recipes.harness import Program
from debugbox_recipes.levels import Change
from debugbox_recipes.printed import Series
from debugbox_recipes.repeats import Repeating, Trial
from debugbox_recipes.source import Source

from .measuring import Printed


@dataclass
class Study(Repeating):
    """All that was measured. `stopped` says why it went no further."""

    program: Program
    question: Optional[str]
    source: Source
    file: str = ""  # the data file that is looked at instead of a program
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    native: List[Printed] = field(default_factory=list)  # the A/A pair
    changes: Dict[str, List[Change]] = field(default_factory=dict)  # by series; those without are there too
    name: str = ""
    change: Optional[Change] = None
    shifts: Tuple[float, ...] = ()  # of the A/A pair
    spots: List[Spot] = field(default_factory=list)  # in the order of evaluation
    steady: List[Spot] = field(default_factory=list)  # that do not change: for controls
    trials: List[Trial] = field(default_factory=list)
    controls: List[Trial] = field(default_factory=list)
    row: Optional[Tuple[str, int]] = None  # a data file's first changed row

    @property
    def drawable(self) -> bool:
        return bool(self.changes)

    @property
    def series(self) -> Series:
        return self.native[0].series[self.name]

    @property
    def with_it(self) -> List[str]:
        """Other printed series that change at the same rows."""
        if self.change is None:
            return []
        low, high = self.change.low, self.change.high
        return [
            name for name, changes in self.changes.items()
            if name != self.name and any(each.low <= high and each.high >= low for each in changes)
        ]  # fmt: skip
