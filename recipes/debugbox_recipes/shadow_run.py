"""The runtime of a shadow run: what rewritten modules call, and the operators of `Shadow`. In the program's process.

Code that is not rewritten (libraries, pytest's test modules) meets shadows through their operators; its roundings are
booked on the caller's line.
"""

import math
import operator
import statistics as stdlib_statistics
import sys
from typing import Any, Callable, Dict, Iterable, Iterator, Tuple

from . import functions, wide
from .carrier import Followed, assignment_functions, follower
from .recorder import Recorder
from .shadow import NUMBERS, Arithmetic, Shadow, SiteStatistics, exact_value, plain, read, scaled, shadow
from .sites import OPERATORS, SiteTable


def _flat(arguments: Iterable[Any]) -> Iterator[Any]:
    """Arguments and, of those that are lists or tuples, the items (math.dist, math.sumprod)."""
    for argument in arguments:
        if isinstance(argument, (list, tuple)):
            yield from argument
        else:
            yield argument


# Libraries whose numbers are not followed. A user's own class with operators is made of floats that are.
OTHER_NUMBERS = frozenset(
    ("numpy", "pandas", "torch", "jax", "cupy", "decimal", "fractions", "gmpy2", "mpmath", "sympy")
)
_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")


def caller_place(depth: int) -> Tuple[str, int, str]:
    """File, line and function of the code `depth` calls above the caller of this."""
    frame = sys._getframe(depth + 1)
    return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name


class ShadowRun:
    """One per process. `names` is what is called; `site_counts` what was counted."""

    def __init__(self, recorder: Recorder, table: SiteTable, relative: Callable[[str], Any]) -> None:
        self.recorder, self.table, self.relative = recorder, table, relative
        self.statistics = SiteStatistics(table, recorder)
        self.arithmetic = Arithmetic(self.statistics)
        recorder.reader = read
        self._give_operators()

    def totals(self) -> Dict[str, Any]:
        """What the result says besides the sites."""
        return {"lost": self.arithmetic.lost.count}

    def site_counts(self, number: int) -> Dict[str, Any]:
        return self.statistics.of(number)

    # --- operations of rewritten code

    def apply(self, name: str, site: int, a: Any, b: Any) -> Any:
        """One operation on two numbers of NUMBERS."""
        if name == "add" or name == "sub":
            return self.arithmetic.linear(site, a, b, 1 if name == "add" else -1)
        if name == "mul":
            return self.arithmetic.product(site, a, b)
        value = getattr(operator, name)(plain(a), plain(b))
        if name == "floordiv":
            self._whole(value, a, b)
            return value
        if name == "mod":  # as computed: the exact operands are reduced by the same quotient
            quotient = plain(a) // plain(b)
            self._whole(quotient, a, b)
            return self.arithmetic.function(site, "remainder_by", value, (a, b, quotient))
        return self.arithmetic.function(site, name, value, (a, b))

    def _whole(self, quotient: Any, a: Any, b: Any) -> None:
        """Count a flip where the exact operands have another whole quotient."""
        if type(a) is Shadow or type(b) is Shadow:
            exact_b = exact_value(b)
            if exact_b[0] and wide.floor(wide.divide(exact_value(a), exact_b)) != quotient:
                self._flip(4)

    def _operation(self, name: str, in_python: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        foreign = self.recorder.foreign

        def operate(site: int, a: Any, b: Any) -> Any:
            type_a, type_b = type(a), type(b)
            if type_a in NUMBERS and type_b in NUMBERS:
                if type_a is int and type_b is int and name not in ("truediv", "pow"):
                    return in_python(a, b)
                return self.apply(name, site, a, b)
            for kind in (type_a, type_b):
                library = kind.__module__.partition(".")[0]
                if library in OTHER_NUMBERS:
                    foreign[f"{library}.{kind.__name__}"] += 1
            return in_python(a, b)

        return operate

    def names(self) -> Dict[str, Any]:
        operations: Dict[str, Callable[..., Any]] = {}
        for name in OPERATORS.values():
            operations[name] = self._operation(name, getattr(operator, name))
            operations["i" + name] = self._operation(name, getattr(operator, "i" + name))
        return {
            **operations,
            **assignment_functions(operations, self.recorder.watch),
            "watch": self.recorder.watch,
            "function": follower(self._followed(operations)),
        }

    def _followed(self, operations: Dict[str, Callable[..., Any]]) -> Dict[int, Followed]:
        table: Dict[int, Followed] = {}
        for name, function in vars(math).items():
            if callable(function) and name not in ("isnan", "isfinite", "isinf", "isclose"):
                table[id(function)] = self._function(name, function)
        table[id(math.prod)] = self._product
        for name in OPERATORS.values():
            table[id(getattr(operator, name))] = operations[name]
        for whole in (int, math.floor, math.ceil, math.trunc):
            table[id(whole)] = self._integer(whole)
        for remainder in (math.fmod, math.remainder):
            table[id(remainder)] = self._remainder(remainder)
        table[id(pow)] = self._function("pow", pow)
        table[id(round)] = self._round
        table[id(divmod)] = lambda site, a, b: (operations["floordiv"](site, a, b), operations["mod"](site, a, b))
        for summing in (sum, math.fsum):
            table[id(summing)] = self._sum(summing)
        for mean in (stdlib_statistics.mean, stdlib_statistics.fmean):
            table[id(mean)] = self._mean(mean)
        return table

    def _function(self, name: str, function: Callable[..., Any]) -> Followed:
        def called(site: int, *arguments: Any, **options: Any) -> Any:
            value = function(*map(plain, arguments), **options)
            if name in functions.KNOWN and not options:
                return self.arithmetic.function(site, name, value, arguments)
            if type(value) is float and any(type(a) is Shadow for a in _flat(arguments)):
                self.recorder.unfollowed[name] += 1
            return value

        return called

    def _remainder(self, function: Callable[[Any, Any], Any]) -> Followed:
        """By the quotient that was computed, as for %."""

        def called(site: int, a: Any, b: Any) -> Any:
            value = function(plain(a), plain(b))
            if not {type(a), type(b)} <= NUMBERS or not math.isfinite(value) or not math.isfinite(b):
                return value
            taken = wide.subtract(wide.widen(plain(a)), wide.widen(value))
            quotient = wide.floor(wide.add(wide.divide(taken, wide.widen(plain(b))), (1, -1)))
            return self.arithmetic.function(site, "remainder_by", value, (a, b, quotient))

        return called

    def _product(self, site: int, values: Any, *, start: Any = 1) -> Any:
        for value in values:
            start = self.apply("mul", site, start, value) if type(value) in NUMBERS else start * value
        return start

    def _integer(self, function: Any) -> Followed:
        def called(site: int, *arguments: Any, **options: Any) -> Any:
            value = function(*map(plain, arguments), **options)
            if len(arguments) == 1 and type(arguments[0]) is Shadow:
                low = wide.floor(arguments[0].exact)
                right = value == low if function is math.floor else low <= value <= low + 1
                if not right:
                    self._flip(2)
            return value

        return called

    def _round(self, site: int, *arguments: Any, **options: Any) -> Any:
        value = round(*map(plain, arguments), **options)
        return self.arithmetic.function(site, "round", value, (*arguments, *options.values()))

    def _sum(self, summing: Callable[..., Any]) -> Followed:
        def called(site: int, values: Any, *start: Any, **options: Any) -> Any:
            items = list(values)
            first = [*start, *options.values()]
            if not set(map(type, items)) | set(map(type, first)) <= NUMBERS:
                return summing(items, *first)
            value = summing([plain(item) for item in items], *map(plain, first))
            return self.arithmetic.total(site, value, items + first)

        return called

    def _mean(self, mean: Callable[..., Any]) -> Followed:
        def called(site: int, values: Any, **options: Any) -> Any:
            items = list(values)
            if options or not set(map(type, items)) <= NUMBERS:
                return mean(items, **options)
            value = mean([plain(item) for item in items])
            total = self.arithmetic.total(site, math.fsum(map(plain, items)), items)
            return self.arithmetic.function(site, "truediv", value, (total, len(items)))

        return called

    # --- operators of Shadow, for code that is not rewritten

    def _flip(self, depth: int) -> None:
        file, line, _ = caller_place(depth)
        self.recorder.flips[f"{self.relative(file) or file}:{line}"] += 1

    def _site_of_caller(self) -> int:
        file, line, function = caller_place(2)
        return self.table.number(self.relative(file) or file, line, 0, function, "outside")

    def _give_operators(self) -> None:
        for name in OPERATORS.values():
            setattr(Shadow, f"__{name}__", self._overload(name, False))
            setattr(Shadow, f"__r{name}__", self._overload(name, True))
        for name in _COMPARISONS:
            setattr(Shadow, f"__{name}__", self._comparison(name))
        give: Any = Shadow
        give.__hash__ = float.__hash__
        give.__neg__ = lambda one: shadow(-plain(one), wide.negate(one.exact), scaled(one.parts, -1.0), one.trail)
        give.__pos__ = lambda one: one
        give.__abs__ = lambda one: one if plain(one) >= 0 else -one

    def _overload(self, name: str, swapped: bool) -> Callable[..., Any]:
        def method(one: Any, other: Any, *modulus: Any) -> Any:
            if type(other) not in NUMBERS:
                return NotImplemented
            first, second = (other, one) if swapped else (one, other)
            return self.apply(name, self._site_of_caller(), first, second)

        return method

    def _comparison(self, name: str) -> Callable[[Any, Any], Any]:
        compare = getattr(operator, name)

        def method(one: Any, other: Any) -> Any:
            if type(other) not in NUMBERS:
                return getattr(float, f"__{name}__")(one, other)
            computed = compare(plain(one), plain(other))
            if math.isfinite(other):
                difference = wide.subtract(exact_value(one), exact_value(other))[0]
                if compare(difference, 0) != computed:
                    self._flip(2)
            return computed

        return method
