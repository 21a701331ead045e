"""The intervention `keep_exact`: at the named source lines, results are not rounded. Runs in the program's process.

An operation on a kept line gives an `Extended`: the nearest double that also carries the 160-bit result. Operations on
other lines use what it carries but round their own result to a plain double, so that exactly the rounding of the
kept lines is gone, whatever lies downstream. Comparisons, hashing and printing see the double.
"""

import builtins
import math
import operator
import sys
from collections import Counter
from typing import Any, Callable, Dict, List, Optional

from . import functions, wide
from .carrier import Carrier, Followed, assignment_functions, follower
from .recorder import Recorder
from .sites import NO_SITE, OPERATORS
from .wide import Wide

_EXACT_OPERATIONS = ("add", "sub", "mul", "truediv", "mod", "pow")


class Extended(Carrier):
    __slots__ = ("exact",)
    exact: Wide


_NUMBERS = frozenset((float, Extended, int, bool))


def extend(exact: Wide) -> float:
    """`exact` as an Extended, or as a plain double where it is one. Raises OverflowError."""
    double = wide.narrow(exact)
    if wide.subtract(exact, wide.widen(double))[0] == 0:
        return double
    number = float.__new__(Extended, double)
    number.exact = exact
    return number


def exact_value(number: float) -> Wide:
    return number.exact if type(number) is Extended else wide.widen(number)


def _plain(number: Any) -> Any:
    return float(number) if type(number) is Extended else number


def _exact_result(name: str, plain: Any, arguments: Any) -> Optional[Wide]:
    """The 160-bit result where the program's own (`plain`) is a finite float, else None."""
    if type(plain) is not float or not math.isfinite(plain):
        return None
    if not all(type(a) in _NUMBERS and (type(a) is int or math.isfinite(a)) for a in arguments):
        return None
    try:
        return functions.evaluate(name, [exact_value(a) for a in arguments])
    except functions.CannotEvaluate:
        return None


def _rounded(name: str, plain: Any, arguments: Any) -> Any:
    exact = _exact_result(name, plain, arguments)
    return plain if exact is None else wide.narrow(exact)


def _overload(name: str, plain_operation: Callable[[Any, Any], Any], swapped: bool) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any, *modulus: Any) -> Any:
        if type(other) not in _NUMBERS:
            return NotImplemented
        arguments = (other, self) if swapped else (self, other)
        plain = plain_operation(_plain(arguments[0]), _plain(arguments[1]))
        return _rounded(name, plain, arguments)

    return method


for _name in _EXACT_OPERATIONS:
    _operation = getattr(operator, _name)
    setattr(Extended, f"__{_name}__", _overload(_name, _operation, False))
    setattr(Extended, f"__r{_name}__", _overload(_name, _operation, True))


def _give_signs(extended: Any) -> None:
    """-x, +x and abs(x) round nothing, on kept lines or not."""
    extended.__neg__ = lambda self: extend(wide.negate(self.exact))
    extended.__pos__ = lambda self: self
    extended.__abs__ = lambda self: self if self >= 0 else -self


_give_signs(Extended)


class KeepExact:
    """The runtime of a native run: plain arithmetic, but for the kept lines. Counts what it did, by site number."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.applied: Counter = Counter()  # type: ignore[type-arg]  # int -> int
        self.changed: Counter = Counter()  # type: ignore[type-arg]

    def totals(self) -> Dict[str, int]:
        """Nothing besides the sites."""
        return {}

    def site_counts(self, number: int) -> Dict[str, int]:
        return {"applied": self.applied[number], "changed": self.changed[number]}

    def kept(self, site: int, name: str, plain: Any, arguments: Any) -> Any:
        """The result of one operation of a kept line."""
        exact = _exact_result(name, plain, arguments)
        if exact is None:
            return plain
        result = extend(exact)
        self.applied[site] += 1
        self.changed[site] += type(result) is Extended
        return result

    def operations(self) -> Dict[str, Callable[..., Any]]:
        result: Dict[str, Callable[..., Any]] = {}
        for name in OPERATORS.values():
            result[name] = self._operation(name, getattr(operator, name))
            result["i" + name] = self._operation(name, getattr(operator, "i" + name))
        return result

    def _operation(self, name: str, in_python: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        plain_operation = getattr(operator, name)

        def operate(site: int, a: Any, b: Any) -> Any:
            if site == NO_SITE or name == "floordiv" or type(a) not in _NUMBERS or type(b) not in _NUMBERS:
                return in_python(a, b)
            return self.kept(site, name, plain_operation(_plain(a), _plain(b)), (a, b))

        return operate

    def names(self) -> Dict[str, Any]:
        """What the rewritten modules call."""
        operations = self.operations()
        table: Dict[int, Followed] = {id(sum): self._sum, id(math.fsum): self._fsum}
        for name in functions.KNOWN:
            table[id(getattr(math, name))] = self._function(name, getattr(math, name))
        table[id(round)] = self._function("round", round)
        for name in _EXACT_OPERATIONS:
            table[id(getattr(operator, name))] = operations[name]
        table[id(pow)] = self._function("pow", pow)
        return {
            **operations,
            **assignment_functions(operations, self.recorder.watch),
            "watch": self.recorder.watch,
            "function": follower(table),
        }

    def _function(self, name: str, function: Callable[..., Any]) -> Followed:
        def called(site: int, *arguments: Any, **options: Any) -> Any:
            plain = function(*map(_plain, arguments), **options)
            if options:
                return plain
            if site != NO_SITE:
                return self.kept(site, name, plain, arguments)
            if any(type(a) is Extended for a in arguments):
                return _rounded(name, plain, arguments)
            return plain

        return called

    def _sum(self, site: int, values: Any, start: Any = 0) -> Any:
        items: List[Any] = list(values)
        return self._total(site, items, start, lambda plain: sum(plain, _plain(start)))

    def _fsum(self, site: int, values: Any) -> Any:
        return self._total(site, list(values), 0, math.fsum)

    def _total(self, site: int, items: List[Any], start: Any, plain_sum: Callable[[List[Any]], Any]) -> Any:
        """A kept sum is exact. Another rounds as sum() does: at each step, or once where it compensates (3.12)."""
        if not all(type(item) in _NUMBERS for item in items) or type(start) not in _NUMBERS:
            return builtins.sum(items, start)
        plain = plain_sum([_plain(item) for item in items])
        extended = any(type(item) is Extended for item in items)
        if type(plain) is not float or not math.isfinite(plain) or (site == NO_SITE and not extended):
            return plain
        stepwise = site == NO_SITE and sys.version_info < (3, 12)
        exact = exact_value(start)
        for item in items:
            exact = wide.add(exact, exact_value(item))
            if stepwise:
                exact = wide.widen(wide.narrow(exact))
        if site == NO_SITE:
            return wide.narrow(exact)
        result = extend(exact)
        self.applied[site] += 1
        self.changed[site] += type(result) is Extended
        return result
