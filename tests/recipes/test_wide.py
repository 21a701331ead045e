"""160-bit numbers agree with correctly rounded double arithmetic, and with fractions where those are exact."""

import math
from fractions import Fraction

from debugbox_recipes import functions, wide
from hypothesis import assume, given
from hypothesis import strategies as st

from .conftest import needs_mpmath

doubles = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e120, max_value=1e120)


def fraction(number: wide.Wide) -> Fraction:
    return Fraction(number[0]) * Fraction(2) ** number[1]


@given(doubles)
def test_widening_and_narrowing_lose_nothing(x: float) -> None:
    assert wide.narrow(wide.widen(x)) == x


@given(doubles, doubles)
def test_operations_narrow_to_what_the_hardware_rounds_to(x: float, y: float) -> None:
    a, b = wide.widen(x), wide.widen(y)
    assert wide.narrow(wide.add(a, b)) == x + y
    assert wide.narrow(wide.multiply(a, b)) == x * y
    assume(y != 0 and (x == 0 or 1e-250 < abs(x / y) < 1e250))
    assert wide.narrow(wide.divide(a, b)) == x / y


@given(doubles, doubles, doubles)
def test_sums_of_far_apart_terms_keep_160_bits(x: float, y: float, z: float) -> None:
    total = wide.add(wide.add(wide.widen(x), wide.widen(y)), wide.widen(z))
    true = Fraction(x) + Fraction(y) + Fraction(z)
    largest = max(abs(Fraction(v)) for v in (x, y, z))
    assert abs(fraction(total) - true) <= largest * Fraction(1, 2**150)


@given(st.floats(min_value=0, max_value=1e300))
def test_square_root(x: float) -> None:
    assert wide.narrow(wide.square_root(wide.widen(x))) == math.sqrt(x)


def test_huge_and_tiny_exponents() -> None:
    assert wide.narrow((1, -1074)) == 5e-324
    assert wide.narrow((3, -5000)) == 0.0
    assert wide.narrow(wide.add((1, 900), (1, -900))) == 2.0**900


@needs_mpmath
def test_functions_are_right_to_the_last_bit_or_two() -> None:
    assert functions.prepare()
    two_arguments = {"pow", "atan2", "hypot", "fmod", "copysign"}
    for name in functions.KNOWN - {"ldexp", "fma"}:
        arguments = (1.7, 0.6) if name in two_arguments else (1.7,) if name == "acosh" else (0.7,)
        exact = wide.narrow(functions.evaluate(name, [wide.widen(a) for a in arguments]))
        assert math.isclose(exact, getattr(math, name)(*arguments), rel_tol=4e-15), (
            name
        )  # libm's own lgamma is 1e-15 off
