"""Random rounding, where the shadow does not follow: does the value stand it, and which lines does it not? In the box.

All sites are shaken in a few runs; then each line alone; then all lines but those that count, which must leave the
value in peace. There is no exact value here: what is measured is how far the value spreads.
"""

import math
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from .measuring import Measuring, Native

SAMPLES = 5
_ALONE = 4  # samples of one line
_MOST_LINES = 12  # shaken alone, those with most shaken operations
_MOST_SUSPECTS = 4
_COUNTS = 0.2  # of the largest spread that one line makes alone
_LEFT = 0.3  # of the whole spread, without the suspects: at most


@dataclass(frozen=True)
class Spread:
    """The watched value in several runs. `size` is the standard deviation."""

    values: Tuple[float, ...]

    @property
    def size(self) -> float:
        if len(self.values) < 2:
            return 0.0
        mean = math.fsum(self.values) / len(self.values)
        return math.sqrt(math.fsum((value - mean) ** 2 for value in self.values) / (len(self.values) - 1))

    @property
    def digits(self) -> float:
        """Significant decimal digits that all runs share, at most those of a double."""
        mean = abs(math.fsum(self.values) / len(self.values))
        if not self.size:
            return 15.9
        return max(0.0, min(15.9, -math.log10(self.size / mean))) if mean else 0.0


@dataclass(frozen=True)
class Shaken:
    """What random rounding showed. `lines` are places with their functions, `alone` the spread each makes alone."""

    whole: Spread
    alone: Dict[str, float]
    functions: Dict[str, str]
    hidden: Tuple[str, ...]  # places of calls whose inside is not seen
    suspects: Tuple[str, ...]
    others: Optional[Spread]  # all lines shaken but the suspects


def samples(
    measuring: Measuring, watch: str, index: Optional[int], count: int, only: Optional[Sequence[str]] = None
) -> Tuple[Spread, List[Native]]:
    """The value in `count` runs; fewer where the time is up or a run fails."""
    runs: List[Native] = []
    for seed in range(1, count + 1):
        if measuring.left_s < 3:
            break
        runs.append(measuring.shaken(watch, index, seed, only))
    values = [run.value if index is not None else run.last for run in runs]
    return Spread(tuple(value for value in values if value is not None)), runs


def shake(measuring: Measuring, watch: str, index: int, enough: float) -> Optional[Shaken]:
    """None where no two runs gave a value, or nothing could be shaken.

    Lines are looked for where the spread is `enough`.
    """
    whole, runs = samples(measuring, watch, index, SAMPLES)
    results = [run.result for run in runs if run.result]
    if len(whole.values) < 2 or not results:
        return None
    sites = [site for site in results[0]["sites"] if site["shaken"]]
    if not sites:
        return None
    functions = {f"{site['file']}:{site['line']}": str(site["function"]) for site in sites}
    hidden = tuple(sorted({f"{site['file']}:{site['line']}" for site in sites if site["hidden"]}))
    if whole.size <= enough:
        return Shaken(whole, {}, functions, hidden, (), None)
    counted = dict.fromkeys(functions, 0)
    for site in sites:
        counted[f"{site['file']}:{site['line']}"] += site["shaken"]
    lines = sorted(functions, key=lambda place: (place not in hidden, -counted[place]))[:_MOST_LINES]
    alone = {place: samples(measuring, watch, index, _ALONE, [place])[0].size for place in lines}
    largest = _largest(alone)
    # Every rounding before it matters to a call that is ill-conditioned: that call is to be named, not they.
    ill = [place for place in largest if place in hidden]
    suspects = (ill or largest)[:_MOST_SUSPECTS]
    rest = [place for place in functions if place not in suspects]
    others, _ = samples(measuring, watch, index, _ALONE, rest)
    held = len(others.values) > 1 and others.size <= _LEFT * whole.size
    return Shaken(whole, alone, functions, hidden, tuple(suspects) if held or ill else (), others)


def _largest(alone: Dict[str, float]) -> List[str]:
    most = max(alone.values(), default=0.0)
    ranked = sorted(alone, key=lambda place: (-alone[place], place))
    return [place for place in ranked if most and alone[place] >= _COUNTS * most]
