"""What an investigation of a hang has seen so far: plain data."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from debugbox_recipes.harness import Program, ProgramRun
from debugbox_recipes.source import Source

from .measuring import Watched


@dataclass(frozen=True)
class Line:
    """A source line of the repository, and what it is in the hang."""

    file: str
    line: int
    role: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Trial:
    """An intervention at one line, and what became of the program."""

    line: Line
    kind: str  # without_lock, end_loop
    done: Watched
    control: bool = False
    turns: int = 0

    @property
    def ends(self) -> bool:
        return self.done.state == "ended" and not self.done.trouble and any(self.done.counts("changed").values())


@dataclass
class Study:
    """All that was seen. `stopped` says why it went no further."""

    program: Program
    question: Optional[str]
    source: Source
    stopped: str = ""
    limits: List[str] = field(default_factory=list)
    native: Optional[ProgramRun] = None
    runs: List[Watched] = field(default_factory=list)  # the A/A pair
    followed: Optional[Watched] = None  # with the loops followed
    loops: List[Tuple[str, str]] = field(default_factory=list)  # that the symptom has to follow
    pauses: List[Tuple[str, int]] = field(default_factory=list)  # without which it may end
    lines: List[Line] = field(default_factory=list)  # what is named, first the one to change
    trials: List[Trial] = field(default_factory=list)
    others: List[Tuple[Line, int]] = field(default_factory=list)  # where the same could be done; turns of a loop

    @property
    def drawable(self) -> bool:
        return self.hung is not None

    @property
    def hung(self) -> Optional[Watched]:
        """The run that tells most."""
        if self.followed is not None and self.followed.state == "looping":
            return self.followed
        return next((run for run in self.runs if run.hangs or run.state == "working"), None)

    @property
    def state(self) -> str:
        return self.hung.state if self.hung is not None else ""

    @property
    def loop(self) -> Mapping[str, Any]:
        return (self.hung.loop if self.hung is not None else None) or {}

    @property
    def proof(self) -> Optional[Trial]:
        return next((trial for trial in self.trials if trial.ends and not trial.control), None)

    @property
    def symptom_plan(self) -> Dict[str, Any]:
        return {"loops": [list(each) for each in self.loops], "pauses": [list(each) for each in self.pauses]}
