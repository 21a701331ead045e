"""Numbers with 160 significant bits, as pairs (mantissa, exponent) of plain ints. Runs in the program's process.

Plain ints were faster here than `mpmath.libmp` without gmpy2 (its odd-mantissa normalisation costs more than the
operation); mpmath is used only for functions such as sin. A value is mantissa * 2**exponent.
"""

from math import isqrt
from typing import Tuple, Union

BITS = 160  # three times a double's 53: room for a cancellation of 100 bits
_SLACK = 240  # mantissas are cut back to BITS only beyond this, which saves most of the cuts
_FAR = 4 * BITS  # an operand this many bits below the other cannot be seen in the result

Wide = Tuple[int, int]
ZERO: Wide = (0, 0)


def widen(value: Union[float, int]) -> Wide:
    """`value` without any rounding. Raises OverflowError or ValueError for infinity and NaN."""
    if isinstance(value, int):
        return (int(value), 0)
    mantissa, denominator = value.as_integer_ratio()
    return (mantissa, 1 - denominator.bit_length())


def cut(mantissa: int, exponent: int) -> Wide:
    """Round towards minus infinity to BITS bits where the mantissa has grown too long."""
    length = mantissa.bit_length()
    if length <= _SLACK:
        return (mantissa, exponent)
    return (mantissa >> (length - BITS), exponent + length - BITS)


def add(a: Wide, b: Wide) -> Wide:
    mantissa_a, exponent_a = a
    mantissa_b, exponent_b = b
    if not mantissa_a:
        return b
    if not mantissa_b:
        return a
    shift = exponent_a - exponent_b
    if shift < 0:
        mantissa_a, mantissa_b, exponent_b, shift = mantissa_b, mantissa_a, exponent_a, -shift
    if shift > _FAR and mantissa_a.bit_length() + shift - mantissa_b.bit_length() > _FAR:
        return cut(mantissa_a << BITS, exponent_b + shift - BITS)
    return cut((mantissa_a << shift) + mantissa_b, exponent_b)


def negate(a: Wide) -> Wide:
    return (-a[0], a[1])


def subtract(a: Wide, b: Wide) -> Wide:
    return add(a, (-b[0], b[1]))


def multiply(a: Wide, b: Wide) -> Wide:
    return cut(a[0] * b[0], a[1] + b[1])


def divide(a: Wide, b: Wide) -> Wide:
    """Raises ZeroDivisionError."""
    shift = max(0, BITS + 2 - a[0].bit_length() + b[0].bit_length())
    return cut((a[0] << shift) // b[0], a[1] - b[1] - shift)


def integer_power(a: Wide, n: int) -> Wide:
    """a ** n for any int n. Raises ZeroDivisionError for 0 ** -n."""
    result: Wide = (1, 0)
    base = a
    left = abs(n)
    while left:
        if left & 1:
            result = multiply(result, base)
        left >>= 1
        if left:
            base = multiply(base, base)
    return result if n >= 0 else divide((1, 0), result)


def square_root(a: Wide) -> Wide:
    """Raises ValueError for a negative value."""
    mantissa, exponent = a
    shift = max(0, 2 * BITS + 2 - mantissa.bit_length())
    shift += (exponent - shift) & 1
    return cut(isqrt(mantissa << shift), (exponent - shift) // 2)


def floor(a: Wide) -> int:
    return a[0] << a[1] if a[1] >= 0 else a[0] >> -a[1]


def narrow(a: Wide) -> float:
    """The nearest double (ties to even, subnormals included). Raises OverflowError."""
    mantissa, exponent = a
    if exponent >= 0:
        return float(mantissa << exponent)
    if exponent < -2300:  # int / int would build a needlessly long divisor; keep 200 bits
        extra = min(-exponent - 2300, max(0, mantissa.bit_length() - 200))
        mantissa, exponent = mantissa >> extra, exponent + extra
        if exponent < -2300:
            return 0.0 * mantissa
    return mantissa / (1 << -exponent)
