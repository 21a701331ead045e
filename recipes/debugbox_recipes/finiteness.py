"""Is every number in this value finite, which are not, and what would the value be with other numbers there?

In the program's process. NumPy, pandas and torch are used where the program has loaded them, never imported.
"""

import cmath
import math
import sys
from typing import Any, Callable, Dict, List, Optional, Tuple

_LONGEST = 2000  # entries of a list or dict that are looked at; longer ones are looked at when they are used
_SHOWN = 4
Counts = Tuple[int, int]  # nan, infinite


def _numpy() -> Any:
    return sys.modules.get("numpy")


def as_array(value: Any) -> Optional[Any]:
    """The value's numbers as a NumPy array of floats, or None where it has none of those."""
    numpy = _numpy()
    kind = type(value)
    if numpy is None:
        return None
    if isinstance(value, numpy.ndarray):
        return value if value.dtype.kind in "fc" else None
    if isinstance(value, numpy.generic):
        return numpy.asarray(value) if value.dtype.kind in "fc" else None
    name = kind.__module__.partition(".")[0]
    if name == "pandas" and hasattr(value, "select_dtypes"):
        return value.select_dtypes("number").to_numpy(dtype=float, na_value=math.nan)
    if name == "pandas" and getattr(getattr(value, "dtype", None), "kind", "-") in "fc" and hasattr(value, "to_numpy"):
        return value.to_numpy(dtype=float, na_value=math.nan)
    if name == "torch" and hasattr(value, "is_floating_point") and value.is_floating_point():
        return value.detach().cpu().double().numpy()
    return None


def _of_number(value: Any) -> Counts:
    if cmath.isfinite(value):
        return 0, 0
    return (1, 0) if cmath.isnan(value) else (0, 1)


def _of_decimal(value: Any) -> Counts:
    return (0, 0) if value.is_finite() else (1, 0) if value.is_nan() else (0, 1)


def _of_array(value: Any) -> Counts:
    array, numpy = as_array(value), _numpy()
    if array is None or array.size == 0 or numpy.isfinite(array).all():
        return 0, 0
    nan = int(numpy.isnan(array).sum())
    return nan, int((~numpy.isfinite(array)).sum()) - nan


def _of_items(value: Any) -> Counts:
    if len(value) > _LONGEST:
        return 0, 0
    items = value.values() if isinstance(value, dict) else value
    counts = [_of_number(item) for item in items if isinstance(item, (float, complex))]
    return sum(each[0] for each in counts), sum(each[1] for each in counts)


def checker(kind: type) -> Optional[Callable[[Any], Counts]]:
    """How values of this type are looked at; None where they hold no floats."""
    numpy = _numpy()
    if issubclass(kind, (float, complex)):
        return _of_number
    if numpy is not None and issubclass(kind, (numpy.ndarray, numpy.generic)):
        return _of_array
    if kind.__module__ == "decimal" and kind.__name__ == "Decimal":
        return _of_decimal
    whose = kind.__module__.partition(".")[0]
    if whose in ("pandas", "torch") and (hasattr(kind, "dtype") or hasattr(kind, "select_dtypes")):
        return _of_array
    return _of_items if kind in (list, tuple, dict) else None


class Look:
    """Counts what is not finite; how each type is looked at is found out once. Never raises."""

    def __init__(self) -> None:
        self._checkers: Dict[type, Optional[Callable[[Any], Counts]]] = {}

    def __call__(self, value: Any) -> Counts:
        kind = type(value)
        try:
            check = self._checkers[kind]
        except KeyError:
            check = self._checkers[kind] = checker(kind)
        if check is None:
            return 0, 0
        try:
            return check(value)
        except Exception:  # noqa: BLE001  # a value of the user's that cannot be looked at is none of ours
            return 0, 0


def bad_mask(value: Any) -> Optional[Any]:
    """Which elements of an array are not finite."""
    array = as_array(value)
    return None if array is None or not array.ndim else ~_numpy().isfinite(array)


def described(value: Any) -> Dict[str, Any]:
    """A value in plain JSON: its type, shape and range, and where it is not finite."""
    said: Dict[str, Any] = {"type": type(value).__name__}
    array = as_array(value)
    if array is None or array.ndim == 0:
        if isinstance(value, (int, float, complex, str, bool, type(None))) or array is not None:
            said["value"] = repr(value.item() if array is not None and hasattr(value, "item") else value)[:60]
        elif isinstance(value, (list, tuple, dict)):
            said["length"] = len(value)
            said["bad"] = [repr(k)[:20] for k, v in _pairs(value)][:_SHOWN]
        return said
    numpy = _numpy()
    finite = array[numpy.isfinite(array)] if array.dtype.kind == "f" else array[:0]
    said["shape"] = list(array.shape)
    said["dtype"] = str(getattr(value, "dtype", array.dtype))
    said["zeros"] = int((array == 0).sum())
    said["nan"], said["inf"] = _of_array(array)
    if finite.size:
        said["min"], said["max"] = (_plain(each) for each in (finite.min(), finite.max()))
    where = numpy.argwhere(~numpy.isfinite(array))[:_SHOWN]
    said["bad"] = [", ".join(map(str, index)) for index in where.tolist()]
    return said


def _plain(number: Any) -> str:
    short = f"{float(number):.6g}"
    return (
        short
        if float(short) == float(number) or not float(short).is_integer() or not 0.5 < abs(number) < 10
        else repr(float(number))
    )  # 1.0000000000000002


def _pairs(value: Any) -> List[Tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return [(k, v) for k, v in pairs if isinstance(v, (float, complex)) and not cmath.isfinite(v)]


def finite_instead(value: Any, stand_in: float) -> Any:
    """The value with `stand_in` where it is not finite: NumPy arrays in place, others as a copy."""
    numpy = _numpy()
    if isinstance(value, dict):
        return {**value, **{key: stand_in for key, _ in _pairs(value)}}
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        bad = {key for key, _ in _pairs(value)}
        return type(value)(stand_in if n in bad else each for n, each in enumerate(value))
    if numpy is not None and isinstance(value, numpy.ndarray) and value.ndim:
        target = value if value.flags.writeable else value.copy()
        numpy.copyto(target, stand_in, where=~numpy.isfinite(target))
        return target
    if hasattr(value, "where") and as_array(value) is not None and hasattr(value, "isna"):  # pandas
        return value.where(~(value.isna() | value.isin([math.inf, -math.inf])), stand_in)
    if hasattr(value, "nan_to_num"):  # torch
        return value.nan_to_num(stand_in, stand_in, stand_in)
    return type(value)(stand_in)


def moved(value: Any) -> Any:
    """The value a little changed: floats a thousandth larger, a whole number by one, a text by one character.

    The same object where it is none of these.
    """
    numpy = _numpy()
    if type(value) is int:
        return value + 1
    if type(value) is str:
        return value + "_"
    if type(value) is float and math.isfinite(value):
        return value * 1.001 if value else 1e-3
    if numpy is not None and isinstance(value, numpy.ndarray) and value.dtype.kind in "fc" and value.size:
        return (value * 1.001).astype(value.dtype, copy=False)
    if numpy is not None and isinstance(value, numpy.floating) and numpy.isfinite(value):
        return type(value)(value * 1.001)
    return value
