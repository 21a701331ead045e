"""When does a series change its level or its slope, and between which rows? Plain Python, for the kernel.

A series that only remembers itself wanders without a cause. So each value is first explained by a straight line and by
the values before it (prewhitening); a change must explain more than it does in series made by the same rule
without one. Drawn by a generator of our own, so the same series gives the same answer anywhere.
"""

import math
import random
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

LEAST = 24  # values of a series that is looked at
_LONGEST = 400  # longer series are averaged in blocks
_EDGE = 8  # values before and after a change
_DRAWS = 399  # series made without a change; where one of them shows as strong a change, nothing is claimed
_INTERVAL = 7.35  # likelihood ratio of the 95 % interval of a change point (Yao 1987, Hansen 2000)
_PRACTICAL = 0.5  # of the spread: smaller changes of level are not worth a name
_MOST = 6
Column = List[float]


@dataclass(frozen=True)
class Change:
    """`index` is the first value after it; it lies within `low` to `high` (95 %). `chance`: how often by chance."""

    index: int
    low: int
    high: int
    before: float
    after: float
    spread: float  # standard deviation within the two parts
    kind: str  # level or slope
    chance: float

    @property
    def size(self) -> float:
        return self.after - self.before


def changes_in(values: Sequence[float]) -> List[Change]:
    """All changes, in order: the strongest, then those of the parts to its left and right."""
    found: List[Change] = []
    parts = [(0, len(values))]
    while parts and len(found) < _MOST:
        start, end = parts.pop(0)
        change = change_in(values[start:end])
        if change is not None:
            found.append(_moved(change, start))
            parts += [(start, start + change.index), (start + change.index, end)]
    return sorted(found, key=lambda change: change.index)


def _moved(change: Change, by: int) -> Change:
    return Change(
        change.index + by, change.low + by, change.high + by, change.before, change.after, change.spread,
        change.kind, change.chance,
    )  # fmt: skip


def change_in(values: Sequence[float]) -> Optional[Change]:
    """The strongest change, where there is one beyond chance and large enough to matter."""
    block = max(1, -(-len(values) // _LONGEST))
    series = [_mean(values[i : i + block]) for i in range(0, len(values) - block + 1, block)]
    if len(series) < LEAST:
        return None
    fit = Fit.of(series)
    best = fit.best() if fit is not None else None
    if fit is None or best is None:
        return None
    index, low, high = (position * block for position in (best.index, best.low, best.high + 1))
    change = _described(values, index, low, high - 1, best.kind)
    if abs(change.size) < _PRACTICAL * change.spread and best.kind == "level":
        return None
    chance = _by_chance(fit, best.strength)
    return None if chance is None else _described(values, index, low, high - 1, best.kind, chance)


def _described(values: Sequence[float], index: int, low: int, high: int, kind: str, chance: float = 1.0) -> Change:
    before, after = values[:index], values[index:]
    spread = math.sqrt((_variance(before) * len(before) + _variance(after) * len(after)) / len(values))
    return Change(index, low, min(high, len(values) - 1), _mean(before), _mean(after), spread, kind, chance)


@dataclass(frozen=True)
class Best:
    """Where a change explains most, in the series that was fitted."""

    index: int
    low: int
    high: int
    kind: str
    strength: float


class Fit:
    """A series explained by a line and by its own past, and what a change at each place would explain beyond."""

    def __init__(self, series: Column, order: int, basis: List[Column], rest: Column) -> None:
        self.series, self.order, self.basis, self.rest = series, order, basis, rest
        self.left = _dot(rest, rest)

    @staticmethod
    def of(series: Column, order: Optional[int] = None) -> Optional["Fit"]:
        """None where nothing is left to explain: a constant, or a series without any chance in it."""
        fits = [_fitted(series, each) for each in ((1, 2) if order is None else (order,))]
        known = [fit for fit in fits if fit is not None]
        scale = _variance(series) * len(series)
        if not known or any(fit.left <= 1e-12 * scale for fit in known) or not scale:
            return None
        return min(known, key=lambda fit: len(series) * math.log(fit.left) + fit.order * math.log(len(series)))

    def strengths(self, kind: str) -> List[Tuple[int, float, float]]:
        """For each place: the F of a change there, and the squares it leaves."""
        tails = [_tails(column, kind) for column in (self.rest, *self.basis)]
        count, found = len(self.rest), []
        edge = max(_EDGE, count // 20)
        for at in range(edge, count - edge + 1):
            rest = count - at
            size = float(rest) if kind == "level" else rest * (rest - 1) * (2 * rest - 1) / 6.0
            room = size - sum(tail[at] ** 2 for tail in tails[1:])
            gain = min(tails[0][at] ** 2 / room, self.left) if room > 1e-9 * size else 0.0
            left = max(self.left - gain, 1e-12 * self.left)
            found.append((at + self.order, gain / left * (count - self.order - 3), left))
        return found

    def best(self) -> Optional[Best]:
        rows = [
            (strength, kind, at, left) for kind in ("level", "slope") for at, strength, left in self.strengths(kind)
        ]
        if not rows:
            return None
        strength, kind, at, least = max(rows)
        limit = math.log(least) + _INTERVAL / len(self.rest)
        near = [place for _, its, place, left in rows if its == kind and math.log(left) <= limit]
        # The values before it explain a part of a step's first values too: it may have begun so much earlier.
        return Best(at, max(0, min(near) - self.order), max(near), kind, strength)

    def made(self, chance: random.Random) -> Column:
        """Another series by the same rule, without a change."""
        line, slope, *past = self.coefficients
        made = self.series[: self.order]
        widest = 1e3 * (max(self.series) - min(self.series))
        for step in range(len(self.rest)):
            value = line + slope * (step + self.order) + chance.choice(self.rest)
            value += sum(weight * made[-back] for back, weight in enumerate(past, 1))
            made.append(max(-widest, min(widest, value)) if math.isfinite(value) else 0.0)
        return made

    @property
    def coefficients(self) -> Column:
        """Line and weights of the past, by least squares; a short series looks less persistent than it is."""
        columns = _columns(self.series, self.order)
        target = self.series[self.order :]
        found = _solved([[_dot(a, b) for b in columns] for a in columns], [_dot(a, target) for a in columns])
        persistence = sum(found[2:])
        wanted = min(0.99, persistence + (1 + 3 * persistence) / len(self.series)) if persistence > 0 else persistence
        old = found[2]
        found[2] += wanted - persistence
        found[0] -= (found[2] - old) * _mean(self.series)
        return found


def _by_chance(fit: Fit, strength: float) -> Optional[float]:
    """The chance of as strong a change in a series without any; None where it is not rare."""
    chance = random.Random(20)
    for _ in range(_DRAWS):
        again = Fit.of(fit.made(chance), fit.order)
        best = again.best() if again is not None else None
        if best is not None and best.strength >= strength:
            return None
    return 1 / (_DRAWS + 1)


def strength_near(values: Sequence[float], low: int, high: int) -> float:
    """F of the strongest change between two rows: for a series of which the time is already known."""
    block = max(1, -(-len(values) // _LONGEST))
    series = [_mean(values[i : i + block]) for i in range(0, len(values) - block + 1, block)]
    fit = Fit.of(series) if len(series) >= LEAST else None
    if fit is None:
        return 0.0
    rows = [row for kind in ("level", "slope") for row in fit.strengths(kind)]
    return max((f for at, f, _ in rows if low // block - 1 <= at <= high // block + 1), default=0.0)


def wander(values: Sequence[float], index: int) -> float:
    """How far the means before and after `index` lie apart by the series' own memory: its 99 % bound."""
    before, after = values[:index], values[index:]
    flat = [v - _mean(before) for v in before] + [v - _mean(after) for v in after]
    squares = _dot(flat, flat)
    if not squares or min(len(before), len(after)) < 2:
        return 0.0
    memory = max(0.0, min(0.98, _dot(flat[1:], flat[:-1]) / squares))
    spread = math.sqrt(squares / len(flat) * (1 + memory) / (1 - memory))
    return 2.576 * spread * math.sqrt(1 / len(before) + 1 / len(after))


def _fitted(series: Column, order: int) -> Optional[Fit]:
    basis: List[Column] = []
    for column in _columns(series, order):
        rest = _without(column, basis)
        length = math.sqrt(_dot(rest, rest))
        if length > 1e-7 * math.sqrt(_dot(column, column) or 1.0):
            basis.append([each / length for each in rest])
    if len(basis) < order + 2:
        return None
    return Fit(series, order, basis, _without(series[order:], basis))


def _columns(series: Column, order: int) -> List[Column]:
    count = len(series) - order
    past = [series[order - back : order - back + count] for back in range(1, order + 1)]
    return [[1.0] * count, [float(step + order) for step in range(count)], *past]


def _without(column: Column, basis: Sequence[Column]) -> Column:
    rest = list(column)
    for _ in range(2):  # once more: what rounding left
        for unit in basis:
            share = _dot(rest, unit)
            rest = [value - share * each for value, each in zip(rest, unit)]  # noqa: B905  # strict= came with 3.10
    return rest


def _tails(column: Column, kind: str) -> Column:
    """For each place, the sum from there on; for a slope, each value as often as it is rows away."""
    tails, total, sloped = [0.0] * (len(column) + 1), 0.0, 0.0
    for at in range(len(column) - 1, -1, -1):
        sloped += total
        total += column[at]
        tails[at] = total if kind == "level" else sloped
    return tails


def _solved(rows: List[Column], right: Column) -> Column:
    """Linear equations, by elimination with the largest pivot."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(rows, right)]  # noqa: B905  # strict= came with 3.10
    for at in range(size):
        pivot = max(range(at, size), key=lambda row: abs(rows[row][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for row in range(size):
            if row != at and rows[at][at]:
                share = rows[row][at] / rows[at][at]
                rows[row] = [a - share * b for a, b in zip(rows[row], rows[at])]  # noqa: B905  # see above
    return [rows[at][size] / rows[at][at] if rows[at][at] else 0.0 for at in range(size)]


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(map(float.__mul__, one, other))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _variance(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values) / len(values) if values else 0.0
