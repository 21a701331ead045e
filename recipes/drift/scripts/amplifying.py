"""Which lines made an error large on its way to the watched value, and what class of error that is. Runs in the box."""

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .measuring import DOUBLE, Line

_FEW_ROUNDINGS = 1000  # of the type's relative rounding: what any few operations leave, and no line could avoid
_ABSORBING = 1e3  # operand to operand: a sum that swallows three digits of the smaller one
_EVENT = 1e3  # an operand so far beyond the line's usual ones is an event
_SUMS = ("add", "sub", "sum")


@dataclass(frozen=True)
class Amplifier:
    """A line on the way of the watched value's error. `before` and `after` are relative errors, as measured there."""

    line: Line
    before: float
    after: float
    operation: str
    operands: Tuple[float, ...]
    unit: float = DOUBLE  # the relative rounding of the type in which the error came in

    @property
    def factor(self) -> float:
        return self.after / self.before

    @property
    def cancels(self) -> bool:
        return self.operation in _SUMS

    @property
    def blameless_input(self) -> bool:
        """What reached it was no more than everyday rounding: nothing upstream could do better."""
        return self.before <= _FEW_ROUNDINGS * self.unit

    def __str__(self) -> str:
        return str(self.line)


def unit_of(lines: Sequence[Line]) -> float:
    """The relative rounding of the type in which the error came in: the coarsest with a tenth of it."""
    return max((line.unit for line in lines if abs(line.share) >= 0.1), default=DOUBLE)


def amplifiers_of(result: Mapping[str, Any], chosen: Mapping[str, Any], lines: Sequence[Line]) -> List[Amplifier]:
    """From the trail of the chosen point; of a line with several sites the strongest."""
    by_place = {str(line): line for line in lines}
    unit = unit_of(lines)
    strongest: Dict[str, Amplifier] = {}
    for number, step in chosen["grew"].items():
        site = result["sites"][int(number)]
        place = f"{site['file']}:{site['line']}"
        operands = tuple(step["operands"])
        found = Amplifier(by_place[place], step["before"], step["after"], step["operation"], operands, unit)
        known = strongest.get(place)
        if known is None or found.factor > known.factor:
            strongest[place] = found
    return sorted(strongest.values(), key=lambda one: -one.factor)


def class_of(sources: Sequence[Line], amplifiers: Sequence[Amplifier]) -> str:
    """By measurement: an event at the source; everyday rounding made large; or many roundings that add up.

    absorption: the largest rounding met an operand far beyond the line's usual ones. cancellation, ill-conditioned
    operation: the error was no more than a few roundings before a subtraction, or a function, multiplied it.
    """
    if sources and sources[0].magnitude > _EVENT * sources[0].usual_magnitude:
        return "absorption"
    first = culprit(amplifiers)
    if first is not None:
        return "cancellation" if first.cancels else "ill-conditioned operation"
    return "accumulation" if not sources or sources[0].rounded > 1 else "a single rounding"


def culprit(amplifiers: Sequence[Amplifier]) -> Optional[Amplifier]:
    """The strongest amplifier that was given nothing worse than everyday rounding, directly or by a weaker one."""
    if not amplifiers or not min(amplifiers, key=lambda one: one.before).blameless_input:
        return None
    return amplifiers[0]


def to_change(sources: Sequence[Line], amplifiers: Sequence[Amplifier]) -> str:
    """`source` or `amplifier`: which of the two a maintainer would have to change.

    A cancellation only shows what a sum before it swallowed; there the sum is to be avoided. A function that is steep
    at its argument, or a difference of rounded products, needs another formula.
    """
    first = culprit(amplifiers)
    if first is None or class_of(sources, amplifiers) == "absorption":
        return "source"
    if first.cancels and sources and sources[0].absorbed > _ABSORBING:
        return "source"
    return "amplifier"
