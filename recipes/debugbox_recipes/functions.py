"""Functions of `math` and builtins at 160 bits. Runs in the box, in the program's process.

`evaluate(name, arguments)` is all the rest needs. Simple ones are done on ints, the transcendental ones by mpmath.
"""

import math
from typing import Any, Callable, Dict, Sequence

from . import wide
from .wide import Wide


class CannotEvaluate(Exception):
    """No 160-bit value exists or none can be computed; the caller then takes the double for exact."""


def evaluate(name: str, arguments: Sequence[Wide]) -> Wide:
    """Raises CannotEvaluate for poles, domain errors, unknown functions and a missing mpmath."""
    try:
        simple = SIMPLE.get(name)
        return simple(*arguments) if simple is not None else _with_mpmath(name, arguments)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError, AttributeError) as error:
        raise CannotEvaluate(name) from error


def _power(base: Wide, exponent: Wide) -> Wide:
    whole = wide.floor(exponent)
    if wide.subtract(exponent, (whole, 0))[0] == 0 and abs(whole) < 4096:
        return wide.integer_power(base, whole)
    return _with_mpmath("power", (base, exponent))


def _hypotenuse(*sides: Wide) -> Wide:
    total = wide.ZERO
    for side in sides:
        total = wide.add(total, wide.multiply(side, side))
    return wide.square_root(total)


def _modulo(a: Wide, b: Wide) -> Wide:
    return wide.subtract(a, wide.multiply(b, (wide.floor(wide.divide(a, b)), 0)))


def _c_modulo(a: Wide, b: Wide) -> Wide:
    rest = _modulo((abs(a[0]), a[1]), (abs(b[0]), b[1]))
    return rest if a[0] >= 0 else wide.negate(rest)


def _copy_sign(a: Wide, b: Wide) -> Wide:
    return (-abs(a[0]) if b[0] < 0 else abs(a[0]), a[1])


def _round_decimal(a: Wide, digits: Wide) -> Wide:
    places = wide.floor(digits)
    scale = (10 ** abs(places), 0)
    scaled = wide.multiply(a, scale) if places >= 0 else wide.divide(a, scale)
    whole = (wide.floor(wide.add(scaled, (1, -1))), 0)
    return wide.divide(whole, scale) if places >= 0 else wide.multiply(whole, scale)


SIMPLE: Dict[str, Callable[..., Wide]] = {
    "add": wide.add,
    "sub": wide.subtract,
    "mul": wide.multiply,
    "truediv": wide.divide,
    "mod": _modulo,
    "pow": _power,
    "sqrt": wide.square_root,
    "fabs": lambda a: (abs(a[0]), a[1]),
    "hypot": _hypotenuse,
    "fmod": _c_modulo,
    "copysign": _copy_sign,
    "ldexp": lambda a, n: (a[0], a[1] + wide.floor(n)),
    "fma": lambda a, b, c: wide.add(wide.multiply(a, b), c),
    "round": _round_decimal,
    "remainder_by": lambda a, b, quotient: wide.subtract(a, wide.multiply(b, quotient)),
}

# name in `math` -> what mpmath's context calls it
_MPMATH = {
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "asin", "acos": "acos", "atan": "atan",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh",
    "exp": "exp", "expm1": "expm1", "log": "log", "log10": "log10", "log1p": "log1p", "power": "power",
    "degrees": "degrees", "radians": "radians", "cbrt": "cbrt", "erf": "erf", "erfc": "erfc",
    "gamma": "gamma", "atan2": "atan2", "log2": "log", "exp2": "power", "lgamma": "loggamma",
}  # fmt: skip

KNOWN = frozenset(name for name in {**SIMPLE, **_MPMATH} if hasattr(math, name))

_context: Any = None


def prepare() -> bool:
    """Import mpmath now, before the program runs; False where there is none."""
    global _context
    try:
        import mpmath  # type: ignore[import-not-found,import-untyped,unused-ignore]  # in the box's tools folder
    except ImportError:
        return False
    _context = mpmath.MPContext()
    _context.prec = wide.BITS
    return True


def _with_mpmath(name: str, arguments: Sequence[Wide]) -> Wide:
    if _context is None or name not in _MPMATH:
        raise CannotEvaluate(name)
    values = [_context.ldexp(_context.mpf(mantissa), exponent) for mantissa, exponent in arguments]
    if name == "log2":
        values.append(_context.mpf(2))
    elif name == "exp2":
        values.insert(0, _context.mpf(2))
    result = getattr(_context, _MPMATH[name])(*values)
    sign, mantissa, exponent, _ = result._mpf_  # AttributeError: a complex result
    if not mantissa and exponent:  # libmp's infinities and NaN
        raise CannotEvaluate(name)
    return (-int(mantissa) if sign else int(mantissa), int(exponent))
