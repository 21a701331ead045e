"""What an investigation of drift has measured so far: plain data, filled by `studying`, told by `concluding`."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from debugbox_recipes.harness import Program
from debugbox_recipes.sinks import Sink

from .amplifying import Amplifier, culprit, to_change, unit_of
from .measuring import DOUBLE, Line, Native, lines_of
from .shaking import Shaken
from .stepping import Halved

TOLERANCE = 1e-9  # relative: a million times a double's own rounding
_UNITS = 2000.0  # roundings of a type that leave a number good enough: four digits of a float32
COVER = 0.9  # of the error that the suspects must explain, and that keeping them exact must remove


@dataclass
class Trial:
    """One intervention: what was kept exact, and what was left of the error."""

    name: str
    lines: Tuple[Line, ...]
    native: Native
    error: Optional[float]
    removed: Optional[float]  # share of the error that is gone

    @property
    def enough(self) -> bool:
        return self.removed is not None and self.removed >= COVER


@dataclass
class Study:
    """All that was measured. Grows step by step; `stopped` says why it went no further."""

    program: Program
    question: Optional[str]
    tolerance: float
    stopped: str = ""
    shadow_s: float = 0.0
    arrays: bool = False  # NumPy's arrays were followed, in a wider type
    limits: List[str] = field(default_factory=list)
    watch: str = ""
    why_watch: str = ""
    shadow: Dict[str, Any] = field(default_factory=dict)  # the shadow run's result
    native: List[Native] = field(default_factory=list)  # the A/A pair
    lines: List[Line] = field(default_factory=list)
    amplifiers: List[Amplifier] = field(
        default_factory=list
    )  # on the way of the watched value's error, strongest first
    suspects: List[Line] = field(default_factory=list)
    trials: List[Trial] = field(default_factory=list)
    trace_watch: str = ""  # the value assigned at the first suspect, where the watched series is short
    trace: Dict[str, Any] = field(default_factory=dict)  # its series
    sinks: Dict[str, Sink] = field(default_factory=dict)
    checks: Dict[str, Any] = field(default_factory=dict)
    halved: Optional[Halved] = None  # the value with a smaller step, where rounding is not the problem
    shaken: Optional[Shaken] = None  # the value under random rounding, where part of the arithmetic was not seen

    @property
    def series(self) -> Dict[str, Any]:
        series: Dict[str, Any] = self.shadow["series"][self.watch]
        return series

    @property
    def chosen(self) -> Dict[str, Any]:
        chosen: Dict[str, Any] = self.series["chosen"]
        return chosen

    @property
    def expected(self) -> float:
        return float(self.chosen["value"] - self.chosen["error"])

    @property
    def error(self) -> float:
        return float(self.chosen["error"])

    @property
    def noise(self) -> float:
        values = [native.value for native in self.native if native.value is not None]
        return abs(values[0] - values[1]) if len(values) == 2 else 0.0

    @property
    def present(self) -> bool:
        return deviates(self.error, self.chosen["scale"], self.allowed, self.noise)

    @property
    def unit(self) -> float:
        """The relative rounding of the type in which the error came in."""
        return unit_of(lines_of(self.shadow, self.chosen)) if self.arrays else DOUBLE

    @property
    def allowed(self) -> float:
        """The tolerance; where nobody set one and the type is short, what its digits allow."""
        return max(self.tolerance, _UNITS * self.unit) if self.tolerance == TOLERANCE else self.tolerance

    @property
    def to_change(self) -> Optional[Amplifier]:
        """The amplifier that has to be changed, or None where a source has to be."""
        if not self.present or not self.suspects or to_change(self.suspects, self.amplifiers) == "source":
            return None
        return culprit(self.amplifiers)

    @property
    def blind(self) -> bool:
        """Whether part of the arithmetic was not followed, so that an error may be missing."""
        result = self.shadow
        return bool(result["foreign"] or result["lost"] or result["unfollowed"] or self.series["foreign"])

    @property
    def exact(self) -> bool:
        """The self-checks: same values bit for bit, the split closes, the run was complete, nothing went unseen."""
        return all(self.checks.get(name, False) for name in ("same_values", "closes", "complete", "all_seen"))


def deviates(error: float, scale: float, tolerance: float, noise: float) -> bool:
    """Beyond the tolerance (relative to the value's usual size) and ten times the noise."""
    return abs(error) > tolerance * scale and abs(error) > 10 * noise
