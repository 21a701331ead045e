"""Exponents from exact counts at doubled sizes. Runs in the box, in the kernel."""

import math
from typing import Dict, List, Mapping, Sequence, Tuple

LINEAR = 1.3  # up to here work counts as linear; n log n gives about 1.15 at some hundred
_LARGEST = 8.0
Series = Sequence[float]


def exponent(values: Series) -> float:
    """The power of the size that the last three values grow with; sizes double.

    From the differences: what does not depend on the size (imports, start) drops out. 0 where nothing grows.
    """
    first, second, third = values[-3:]
    before, after = second - first, third - second
    if after <= 0:
        return 0.0
    if before <= 0:
        return _LARGEST if first <= 0 and second <= 0 else 0.0
    return max(0.0, min(_LARGEST, math.log2(after / before)))


def is_exponential(values: Series) -> bool:
    """The local exponents rise by about as much as the size: no power fits."""
    if len(values) < 4:
        return False
    before, after = exponent(values[-4:-1]), exponent(values[-3:])
    return after >= 3.0 and after > 1.5 * before + 0.3


def holds(values: Series) -> bool:
    """Whether the last value is predicted by those before it, within a quarter."""
    if len(values) < 4:
        return False
    predicted = values[-2] + (values[-2] - values[-3]) * 2 ** exponent(values[-4:-1])
    return abs(predicted / values[-1] - 1) <= 0.25


def order(power: float) -> str:
    """In words, for a title: n^2, n^2.9, linear."""
    if power <= LINEAR:
        return "linear"
    nearest = round(power)
    return f"n^{nearest}" if abs(power - nearest) <= 0.12 else f"n^{power:.1f}"


def shares(counts: Mapping[str, Series], times: float = 1.0) -> List[Tuple[str, float]]:
    """Each line's share of the work at `times` the largest size, the largest first."""
    ahead = {line: max(values[-1], 0.0) * times ** exponent(values) for line, values in counts.items()}
    whole = sum(ahead.values()) or 1.0
    return sorted(((line, part / whole) for line, part in ahead.items()), key=lambda item: (-item[1], item[0]))


def series(rows: Sequence[Mapping[str, float]]) -> Dict[str, List[float]]:
    """By line, a value for each size; 0 where a line did not run."""
    lines = {line for row in rows for line in row}
    return {line: [float(row.get(line, 0.0)) for row in rows] for line in lines}
