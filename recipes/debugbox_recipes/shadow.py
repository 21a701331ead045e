"""Shadow execution: floats that know their exact value and where their error came from. Runs in the program's process.

A `Shadow` is the computed double together with the 160-bit value exact arithmetic would have given (along the computed
branches) and the split of its error, computed - exact, by site. An operation adds its own rounding to its own site and
passes its operands' parts on, scaled by slopes chosen so that the split closes (secants, not derivatives).
Values without error stay plain floats: they cost nothing and are taken for exact.
"""

import math
from typing import Any, Dict, List, Optional, Tuple

from . import functions, wide
from .carrier import Carrier
from .lost import LostShadows
from .recorder import Recorder
from .sites import SiteTable
from .trail import NOWHERE, Trail, extended, joined, relative
from .wide import Wide

Split = Dict[int, float]
MAX_PARTS = 200  # sites in one value's split; beyond, the small ones go to OTHERS
OTHERS = -2
_CANCELS = 1e3  # a sum that is so much smaller than its terms


class Shadow(Carrier):
    __slots__ = ("exact", "parts", "trail")
    exact: Wide
    parts: Split
    trail: Trail


NUMBERS = frozenset((float, Shadow, int, bool))


def exact_value(number: Any) -> Wide:
    return number.exact if type(number) is Shadow else wide.widen(number)


def plain(number: Any) -> Any:
    return float(number) if type(number) is Shadow else number


def shadow(value: float, exact: Wide, parts: Split, trail: Trail = NOWHERE) -> float:
    if len(parts) > MAX_PARTS:
        parts = _fewer(parts)
    number = float.__new__(Shadow, value)
    number.exact = exact
    number.parts = parts
    number.trail = trail
    return number


def _fewer(parts: Split) -> Split:
    ranked = sorted(parts.items(), key=lambda item: -abs(item[1]))
    kept = dict(ranked[: MAX_PARTS // 2])
    kept[OTHERS] = kept.get(OTHERS, 0.0) + sum(part for _, part in ranked[MAX_PARTS // 2 :])
    return kept


def error_of(number: float) -> float:
    """computed - exact"""
    if type(number) is not Shadow:
        return 0.0
    return narrow_or_zero(wide.subtract(wide.widen(number), number.exact))


def trail_of(number: Any) -> Trail:
    return number.trail if type(number) is Shadow else NOWHERE


def read(number: float) -> Tuple[float, Split, Trail]:
    """The recorder's reader: error of a watched value, its split, and where it grew."""
    return error_of(number), number.parts if type(number) is Shadow else {}, trail_of(number)


def narrow_or_zero(value: Wide) -> float:
    try:
        return wide.narrow(value)
    except OverflowError:
        return 0.0


def scaled(parts: Split, factor: float) -> Split:
    return {site: part * factor for site, part in parts.items()}


def merged(first: Split, second: Split) -> Split:
    result = dict(first)
    for site, part in second.items():
        result[site] = result.get(site, 0.0) + part
    return result


class SiteStatistics:
    """Counts by site number, as parallel lists (they are touched at every operation)."""

    def __init__(self, table: SiteTable, recorder: Recorder) -> None:
        self.table, self.recorder = table, recorder
        self.executed: List[int] = []
        self.rounded: List[int] = []
        self.largest_rounding: List[float] = []
        self.magnitude: List[float] = []  # the largest operand at that rounding
        self.introduced: List[float] = []  # the sum of all roundings' sizes
        self.exponents: List[float] = []  # the sum of the binary exponents of the largest operands
        self.absorbed: List[float] = []  # largest by smallest operand, at that rounding

    def grow(self) -> None:
        """Make room for the sites of modules loaded since."""
        missing = len(self.table.sites) - len(self.executed)
        self.executed += [0] * missing
        self.rounded += [0] * missing
        for numbers in (self.largest_rounding, self.magnitude, self.introduced, self.exponents, self.absorbed):
            numbers += [0.0] * missing

    def of(self, number: int) -> Dict[str, Any]:
        self.grow()
        return {
            "executed": self.executed[number],
            "rounded": self.rounded[number],
            "largest_rounding": self.largest_rounding[number],
            "magnitude": self.magnitude[number],
            "usual_magnitude": self._usual_magnitude(number),
            "introduced": self.introduced[number],
            "absorbed": min(self.absorbed[number], 1e300),
        }

    def _usual_magnitude(self, number: int) -> float:
        """The geometric mean of the largest operands: one huge operand hardly moves it."""
        return math.pow(2.0, min(1000.0, self.exponents[number] / max(1, self.rounded[number])))

    def count(self, site: int) -> None:
        try:
            self.executed[site] += 1
        except IndexError:
            self.grow()
            self.executed[site] += 1
        if not self.executed[site] & 511:
            self.recorder.check_deadline()

    def rounding(self, site: int, local: float, size: float, small: float) -> None:
        self.rounded[site] += 1
        self.introduced[site] += abs(local)
        self.exponents[site] += math.frexp(size)[1]
        if abs(local) > self.largest_rounding[site]:
            self.largest_rounding[site] = abs(local)
            self.magnitude[site] = size
            self.absorbed[site] = size / small if small else 0.0


class Arithmetic:
    """The operations on shadows. Every method takes the site first and computes the double as the program would."""

    def __init__(self, statistics: SiteStatistics) -> None:
        self.statistics = statistics
        self.lost = LostShadows()

    def finish(
        self, site: int, value: float, exact: Optional[Wide], local: float, parts: Split, size: float,
        small: float = 0.0, trail: Trail = NOWHERE,
    ) -> float:  # fmt: skip
        """The result of an operation: `local` is its own rounding; `exact` None means value - local.

        `size` and `small` are its largest and, of a sum, its smallest operand.
        """
        self.statistics.count(site)
        if local:
            self.statistics.rounding(site, local, size, small)
            parts[site] = parts.get(site, 0.0) + local
        elif not parts:
            return value
        if exact is None:
            exact = wide.subtract(wide.widen(value), wide.widen(local))
        self.lost.made(value)
        return shadow(value, exact, parts, trail)

    def linear(self, site: int, a: Any, b: Any, sign: int) -> Any:
        """a + sign * b"""
        x, y = plain(a), plain(b)
        value = x + y if sign > 0 else x - y
        if type(value) is not float or not math.isfinite(value):
            return value
        local = self._rounding_of_sum(value, x, y * sign)
        small, size = sorted((abs(x), abs(y)))
        shadowed_a, shadowed_b = type(a) is Shadow, type(b) is Shadow
        if not shadowed_a:
            self.lost.look(x)
        if not shadowed_b:
            self.lost.look(y)
        if not shadowed_a and not shadowed_b:
            return self.finish(site, value, None, local, {}, size, small)
        parts: Split = a.parts if shadowed_a else {}
        if shadowed_b:
            parts = merged(parts, b.parts if sign > 0 else scaled(b.parts, -1.0))
        elif local:
            parts = dict(parts)
        exact_b = exact_value(b)
        exact = wide.add(exact_value(a), exact_b if sign > 0 else wide.negate(exact_b))
        trail = NOWHERE
        cancels = size > _CANCELS * abs(value)
        if cancels or trail_of(a) or trail_of(b):
            moved = error_of(a), error_of(b)
            trail = joined([(trail_of(a), moved[0]), (trail_of(b), moved[1])])
            if cancels:
                inherited = moved[0] + sign * moved[1]
                before = max(relative(moved[0], x), relative(moved[1], y))
                name = "add" if sign > 0 else "sub"
                trail = extended(trail, site, (before, relative(inherited, value), name, (x, y)))
        return self.finish(site, value, exact, local, parts, size, small, trail)

    @staticmethod
    def _rounding_of_sum(value: float, x: Any, y: Any) -> float:
        """value - (x + y), exactly (Knuth's TwoSum; ints beyond doubles the long way)."""
        if type(x) is float and type(y) is float:
            back = value - x
            local = -((x - (value - back)) + (y - back))
            if math.isfinite(local):
                return local
        return narrow_or_zero(wide.subtract(wide.widen(value), wide.add(wide.widen(x), wide.widen(y))))

    def product(self, site: int, a: Any, b: Any) -> Any:
        x, y = plain(a), plain(b)
        value = x * y
        if type(value) is not float or not math.isfinite(value):
            return value
        wide_x, wide_y = wide.widen(x), wide.widen(y)
        local = narrow_or_zero(wide.subtract(wide.widen(value), wide.multiply(wide_x, wide_y)))
        size = max(abs(x), abs(y))
        if type(a) is not Shadow and type(b) is not Shadow:
            self.lost.look(a)
            self.lost.look(b)
            return self.finish(site, value, wide.multiply(wide_x, wide_y), local, {}, size)
        exact_a, exact_b = exact_value(a), exact_value(b)
        self.lost.look(b if type(a) is Shadow else a)
        parts = scaled(a.parts, y) if type(a) is Shadow else {}
        if type(b) is Shadow:  # x*y - X*Y = (x - X)*y + X*(y - Y)
            parts = merged(parts, scaled(b.parts, narrow_or_zero(exact_a)))
        trail = NOWHERE
        if trail_of(a) or trail_of(b):
            trail = joined([(trail_of(n), relative(error_of(n), plain(n))) for n in (a, b)])
        return self.finish(site, value, wide.multiply(exact_a, exact_b), local, parts, size, trail=trail)

    def function(self, site: int, name: str, value: Any, arguments: Tuple[Any, ...]) -> Any:
        """`value` = name(*arguments) as the program computed it. Slopes are secants between computed and exact."""
        if type(value) is not float or not math.isfinite(value) or not set(map(type, arguments)) <= NUMBERS:
            return value
        here = [wide.widen(plain(a)) for a in arguments]
        try:
            before = functions.evaluate(name, here)
            local = narrow_or_zero(wide.subtract(wide.widen(value), before))
            parts: Split = {}
            grown, worst, inherited = [], 0.0, 0.0
            for position, argument in enumerate(arguments):
                if type(argument) is not Shadow:
                    continue
                here[position] = argument.exact
                after = functions.evaluate(name, here)
                change = narrow_or_zero(wide.subtract(before, after))
                moved = error_of(argument)
                if moved:
                    parts = merged(parts, scaled(argument.parts, change / moved))
                    inherited += change
                    worst = max(worst, relative(moved, plain(argument)))
                    grown.append((argument.trail, change))
                before = after
        except functions.CannotEvaluate:
            if any(type(a) is Shadow for a in arguments):
                self.statistics.recorder.unfollowed[name] += 1
            return value
        size = max((abs(plain(a)) for a in arguments), default=0.0)
        operands = tuple(map(plain, arguments))
        trail = extended(joined(grown), site, (worst, relative(inherited, value), name, operands))
        return self.finish(site, value, before, local, parts, size, trail=trail)

    def total(self, site: int, value: Any, items: List[Any]) -> Any:
        """`value` = the sum of `items` as the program computed it."""
        if type(value) is not float or not math.isfinite(value):
            return value
        computed = exact = wide.ZERO
        parts: Split = {}
        for item in items:
            computed = wide.add(computed, wide.widen(plain(item)))
            if type(item) is Shadow:
                parts = merged(parts, item.parts)
                exact = wide.add(exact, item.exact)
            else:
                exact = wide.add(exact, wide.widen(item))
        local = narrow_or_zero(wide.subtract(wide.widen(value), computed))
        size = max((abs(plain(item)) for item in items), default=0.0)
        errors = [error_of(item) for item in items]
        trail = joined([(trail_of(item), error) for item, error in zip(items, errors)])  # noqa: B905  # 3.9
        if size > _CANCELS * abs(value):
            before = max(relative(error, plain(item)) for item, error in zip(items, errors))  # noqa: B905
            trail = extended(trail, site, (before, relative(sum(errors), value), "sum", ()))
        return self.finish(site, value, exact, local, parts, size, trail=trail)
