"""What an investigation of a leak has measured so far: plain data, filled by `studying`, told by `concluding`."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from debugbox_recipes.harness import Program

from .measuring import Growing, Step

CONTROL = "control truncated"  # the name of a trial
COVER = 0.9  # of the growth that must be gone with the suspects truncated


@dataclass(frozen=True)
class Line:
    """A source line of the repository."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Holder:
    """A container that grows, and what is known of it. `bound` is the length it declares for itself."""

    path: Tuple[Any, ...]
    show: str
    followable: bool
    kind: str
    entry: str
    per_step: float  # entries
    length: int  # at the end
    bound: Optional[int]
    owner: Optional[Dict[str, Any]]
    cached: Optional[Line] = None  # of a functools.lru_cache: its function

    @property
    def filling(self) -> bool:
        """It says how long it may become, and it is not there yet."""
        return self.bound is not None and self.length <= self.bound

    def __str__(self) -> str:
        return self.show or f"a {self.kind} that no path leads to"


@dataclass
class Trial:
    """Containers truncated after each step, and what was left of the growth."""

    name: str
    holders: Tuple[Holder, ...]
    growing: Growing
    removed: Optional[float]  # share of the growth that is gone

    @property
    def acted(self) -> bool:
        """The program ended as before, and something was taken out."""
        return self.removed is not None and sum(self.growing.counts("changed").values()) > 0

    @property
    def enough(self) -> bool:
        return self.removed is not None and self.removed >= COVER


@dataclass
class Study:
    """All that was measured. Grows step by step; `stopped` says why it went no further."""

    program: Program
    question: Optional[str]
    step: Step = field(default_factory=lambda: Step(""))
    why_step: str = ""
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    native: List[Growing] = field(default_factory=list)  # the A/A pair
    deep: Dict[str, Any] = field(default_factory=dict)
    lines: List[Dict[str, Any]] = field(
        default_factory=list
    )  # that allocate what stays; measured where nothing holds it
    holders: List[Holder] = field(default_factory=list)  # all that grow
    others: List[Holder] = field(default_factory=list)  # that do not: placebos
    suspects: List[Holder] = field(default_factory=list)
    filling: List[Holder] = field(default_factory=list)
    trials: List[Trial] = field(default_factory=list)
    stacks: Dict[str, List[List[Line]]] = field(default_factory=dict)  # of a holder: the user's lines that fill it
    given: Dict[str, List[Line]] = field(default_factory=dict)  # of a holder: functions that get its entries later
    foreign: Dict[str, str] = field(default_factory=dict)  # of a holder: the library's line that fills it
    keyed: bool = False  # it grows with new inputs only

    @property
    def per_step(self) -> float:
        return self.native[0].per_step if self.native else 0.0

    @property
    def noise(self) -> float:
        values = [growing.per_step for growing in self.native]
        return max(values) - min(values) if values else 0.0

    @property
    def grows(self) -> bool:
        return bool(self.native) and all(growing.grows for growing in self.native) and self.per_step > 5 * self.noise

    def without_bound(self) -> List[Holder]:
        """What grows and says nothing of an end; what a path leads to first."""
        return sorted((h for h in self.holders if not h.filling), key=lambda holder: not holder.followable)

    @property
    def proof(self) -> Optional[Trial]:
        """The trial in which truncating the suspects took the growth away."""
        paths = {holder.show for holder in self.suspects}
        fits = (trial for trial in self.trials if {holder.show for holder in trial.holders} == paths)
        return next((trial for trial in fits if trial.enough), None)
