"""What an investigation of nondeterminism has found so far: plain data, filled by `studying`, told by `concluding`."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from debugbox_recipes.harness import Program

from .measuring import Outcome, distinct

Rows = List[Mapping[str, Any]]


@dataclass
class Factor:
    """One factor varied alone, all others held."""

    name: str
    outcomes: List[Outcome]

    @property
    def guilty(self) -> bool:
        return distinct(self.outcomes) > 1


@dataclass
class Study:
    """All that was measured. Grows step by step; `stopped` says why it went no further."""

    program: Program
    question: Optional[str]
    output: str = ""
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    natural: List[Outcome] = field(default_factory=list)
    held: List[Outcome] = field(default_factory=list)  # A/A: everything at level 0, several times
    factors: List[Factor] = field(default_factory=list)
    levels: List[Outcome] = field(default_factory=list)  # the guilty factors varied together, by level
    sites: Rows = field(default_factory=list)  # lines that take something from the guilty factors
    others: Rows = field(default_factory=list)  # other lines that take something from chance
    all_pinned: int = 0  # different outputs with all sites pinned
    minimal: Rows = field(default_factory=list)
    proven: List[Outcome] = field(default_factory=list)  # with the minimal sites pinned, by level
    without: Dict[str, int] = field(default_factory=dict)  # by place: different outputs with the others pinned only
    as_well: Rows = field(default_factory=list)  # other lines, each of which would do by itself
    controls: Dict[str, Tuple[int, int]] = field(default_factory=dict)  # by place: different outputs, values changed
    complete: bool = True  # the search for the fewest lines came to its end
    by_address: bool = False  # held runs differ because plain objects are ordered by their addresses

    @property
    def drawable(self) -> bool:
        return bool(self.levels) and not self.stopped

    @property
    def repeatable(self) -> bool:
        """A/A: with everything held, the same output each time."""
        return bool(self.held) and distinct(self.held) == 1

    @property
    def differs_by_itself(self) -> bool:
        return distinct(self.natural) > 1

    @property
    def guilty(self) -> List[str]:
        return [factor.name for factor in self.factors if factor.guilty]

    @property
    def proof(self) -> bool:
        """Pinned at few lines, each of them needed, the output is one."""
        alone = [count > 1 for count in self.without.values()]
        return bool(self.minimal) and distinct(self.proven) == 1 and all(alone)

    @property
    def pair(self) -> Optional[Tuple[Outcome, Outcome]]:
        """Two runs that gave different outputs."""
        for runs in (self.levels, self.natural, self.held):
            other = next((each for each in runs[1:] if each.differs_from(runs[0])), None)
            if other is not None:
                return runs[0], other
        return None


def place(row: Mapping[str, Any]) -> str:
    return f"{row['file']}:{row['line']}"
