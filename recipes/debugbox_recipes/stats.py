"""Small statistics for counts: how sure a rate is, whether two rates differ, many tests at once."""

import math
from typing import List, Sequence, Tuple


def wilson(hits: int, runs: int, z: float = 1.96) -> Tuple[float, float]:
    """The interval (95 % by default) of a rate of which `hits` of `runs` were seen."""
    if not runs:
        return 0.0, 1.0
    rate = hits / runs
    centre = (rate + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z * math.sqrt(rate * (1 - rate) / runs + z * z / (4 * runs * runs)) / (1 + z * z / runs)
    return max(0.0, centre - half), min(1.0, centre + half)


def fisher(hits: int, runs: int, other_hits: int, other_runs: int) -> float:
    """Two-sided exact p that two rates are the same."""
    total, all_hits = runs + other_runs, hits + other_hits

    def chance(first: int) -> float:
        ways = math.comb(all_hits, first) * math.comb(total - all_hits, runs - first)
        return ways / math.comb(total, runs)

    seen = chance(hits)
    possible = range(max(0, all_hits - other_runs), min(all_hits, runs) + 1)
    return min(1.0, sum(p for p in map(chance, possible) if p <= seen * (1 + 1e-9)))


def holm(values: Sequence[float]) -> List[float]:
    """p values corrected for how many there are, in the same order."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    corrected, highest = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, values[index] * (len(values) - rank)))
        corrected[index] = highest
    return corrected


def rate_below(runs: int) -> float:
    """With no hit in `runs`, the rate is below this at 95 % (the rule of three)."""
    return min(1.0, 3.0 / runs) if runs else 1.0
