"""Where an error grew on its way: the operations that multiplied a value's relative error. In the program's process.

A `Shadow` carries the trail of its own error, so that at the watched value only lines on the path of *its* error are
named, and none that amplified an error of another value (module constants, another branch of the computation).
"""

import math
from typing import Any, Dict, Iterable, List, Tuple

AMPLIFYING = 1e3  # a relative error that grows less in one operation is everyday arithmetic
_MOST = 20  # operations in one trail; the strongest stay
_CARRIES = 0.01  # of the inherited error: an operand below that share brought none of it

# site -> relative error before, after, and the operation with its operands
Step = Tuple[float, float, str, Tuple[float, ...]]
Trail = Dict[int, Step]
NOWHERE: Trail = {}  # shared, never changed


def relative(error: float, value: float) -> float:
    """`error` = computed - exact, against the larger of the two: never much above 1 for a value that is all error."""
    size = max(abs(value), abs(value - error))
    return abs(error) / size if size else 0.0


def factor(step: Step) -> float:
    return step[1] / step[0]


def joined(trails: Iterable[Tuple[Trail, float]]) -> Trail:
    """The trails of an operation's operands, each given with the size of the error it contributes."""
    known = [(trail, abs(error)) for trail, error in trails]
    floor = _CARRIES * max((error for _, error in known), default=0.0)
    found = [trail for trail, error in known if trail and error > floor]
    if len(found) <= 1:
        return found[0] if found else NOWHERE
    result = dict(found[0])
    for trail in found[1:]:
        for site, step in trail.items():
            if site not in result or factor(step) > factor(result[site]):
                result[site] = step
    return _strongest(result)


def extended(trail: Trail, site: int, step: Step) -> Trail:
    """`trail` with this operation, where it amplified."""
    if not step[0] or not math.isfinite(step[1]) or factor(step) < AMPLIFYING:
        return trail
    known = trail.get(site)
    if known is not None and factor(known) >= factor(step):
        return trail
    return _strongest({**trail, site: step})


def _strongest(trail: Trail) -> Trail:
    if len(trail) <= _MOST:
        return trail
    ranked = sorted(trail.items(), key=lambda item: -factor(item[1]))
    return dict(ranked[:_MOST])


def as_json(trail: Trail) -> Dict[str, Dict[str, Any]]:
    """By site number."""
    return {
        str(site): {"before": before, "after": after, "operation": name, "operands": _finite(operands)}
        for site, (before, after, name, operands) in trail.items()
    }


def _finite(operands: Tuple[float, ...]) -> List[float]:
    return [float(operand) for operand in operands if math.isfinite(operand)]
