"""Plain words for where an error came in, where it grew, and which of the two to change. Runs in the box."""

from typing import List

from .amplifying import Amplifier, class_of, culprit
from .study import Study

_MOST = 5


def amplifying_lines(study: Study) -> List[Amplifier]:
    """Lines that made the error large without being its source."""
    sources = {str(line) for line in study.suspects}
    return [each for each in study.amplifiers if str(each) not in sources][:_MOST]


def type_of(study: Study) -> str:
    """The floating-point type in which the error came in, as programmers call it."""
    names = {2.0**-24: "float32", 2.0**-11: "float16"}
    return names.get(study.unit, "double")


def kind_of_error(study: Study) -> str:
    """See `amplifying.class_of`."""
    return class_of(study.suspects or study.lines[:1], study.amplifiers)


def how_it_grew(study: Study) -> str:
    """What the first source does, and what became of it on its way."""
    line, kind = study.suspects[0], kind_of_error(study)
    if kind == "absorption":
        return (
            f"operands of up to {line.magnitude:.3g} absorb digits of small ones there: a single rounding loses up to"
            f" {line.largest_rounding:.3g}, and nothing brings it back"
        )
    first = culprit(study.amplifiers)
    if first is not None:
        swallowed = first.cancels and line.absorbed > 1e3
        source = f", where a term {line.absorbed:.1g} times larger swallows digits of the other," if swallowed else ""
        return (
            f"a rounding of at most {line.largest_rounding:.2g}{source} is a relative error of {first.before:.1g}"
            f" until {first}, which makes it {first.after:.1g} ({_operation(first)}, amplification {first.factor:.0e})"
        )
    if kind == "accumulation":
        return f"{line.rounded} roundings of at most {line.largest_rounding:.3g} each add up{_visible(study)}"
    return f"one rounding of {line.largest_rounding:.3g}{_visible(study)}"


def _visible(study: Study) -> str:
    later = amplifying_lines(study)
    if not later:
        return ""
    what = later[0]
    return f"; {what} ({_operation(what)}) makes it visible, from {what.before:.1g} relative to {what.after:.1g}"


def what_to_do(study: Study) -> str:
    """One sentence: the place to change, and what kind of change."""
    first = study.to_change
    if first is not None:
        better = "subtract before rounding, or rearrange" if first.cancels else "use a better conditioned formula there"
        return f"To change: {first} ({better}); where the rounding comes in it is as small as a double allows."
    later = amplifying_lines(study)
    if later and study.suspects:
        named = " and ".join(map(str, later[:2]))
        return f"To change: {study.suspects[0]}, where digits are lost; {named} only {_shows(later)} it."
    return ""


def _shows(later: List[Amplifier]) -> str:
    return "shows" if len(later) == 1 else "show"


def why_amplifier(amplifier: Amplifier) -> str:
    what = _operation(amplifier)
    small = f"{amplifier.before:.1g}, no more than everyday rounding"
    own = f"its own roundings are {percent(amplifier.line.share)} of the error"
    return (
        f"{what} multiplies the relative error by {amplifier.factor:.1g}: {small}, becomes {amplifier.after:.1g}; {own}"
    )


def _operation(amplifier: Amplifier) -> str:
    """`acos(0.99999999999997)`, `2458827.5 - 2458826.25`."""
    operands = [f"{operand:.17g}" for operand in amplifier.operands]
    if amplifier.cancels:
        sign = {"add": " + ", "sub": " - "}.get(amplifier.operation, "")
        return sign.join(operands) if sign and len(operands) == 2 else "a sum that almost cancels"
    return f"{amplifier.operation}({', '.join(operands)})"


def percent(share: float) -> str:
    """`58.6%`; a share that rounds to nothing has no sign."""
    text = f"{share:.1%}"
    return "0.0%" if text == "-0.0%" else text
