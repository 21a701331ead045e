"""Runs in the box, in the kernel: tables as typed rows, cut, with their shape and types."""

from __future__ import annotations

import math
from typing import Any

ROWS, COLUMNS = 50, 20
_MAX_TEXT = 200
_EXACT_INTEGER = 1 << 53  # beyond it a JSON reader rounds

Table = dict[str, Any]


def register(formatter: Any) -> None:
    """Tell IPython's formatter what the libraries' tables look like, without importing them."""
    for module in ("pandas", "pandas.core.frame"):  # pandas 3 names itself; before, the module counted
        formatter.for_type_by_name(module, "DataFrame", _pandas_frame)
    for module in ("pandas", "pandas.core.series"):
        formatter.for_type_by_name(module, "Series", lambda series: _pandas_frame(series.to_frame()))
    for module in ("polars", "polars.dataframe.frame"):
        formatter.for_type_by_name(module, "DataFrame", _polars_frame)
    for module in ("polars", "polars.series.series"):
        formatter.for_type_by_name(module, "Series", lambda series: _polars_frame(series.to_frame()))
    formatter.for_type_by_name("numpy", "ndarray", _array)


def _pandas_frame(frame: Any) -> Table:
    part = frame.iloc[:ROWS, :COLUMNS]
    columns = [_text(name) for name in part.columns]
    rows = [[_cell(value) for value in row] for row in part.itertuples(index=False, name=None)]
    return _table(frame.shape, columns, [str(kind) for kind in part.dtypes], rows, [_text(key) for key in part.index])


def _polars_frame(frame: Any) -> Table:
    part = frame[:, : min(COLUMNS, frame.width)].head(ROWS)
    rows = [[_cell(value) for value in row] for row in part.rows()]
    return _table(frame.shape, part.columns, [str(kind) for kind in part.dtypes], rows, [])


def _array(array: Any) -> Table | None:
    """One- and two-dimensional arrays are tables, with a column for each field; others stay text."""
    if array.dtype.names:
        return _records(array) if array.ndim == 1 else None
    if array.ndim not in (1, 2):
        return None
    whole = array.reshape(-1, 1) if array.ndim == 1 else array
    columns = [str(number) for number in range(min(COLUMNS, whole.shape[1]))]
    rows = [[_cell(value) for value in row] for row in _values(whole[:ROWS, :COLUMNS])]
    return _table(array.shape, columns, [str(array.dtype)] * len(columns), rows, [])


def _records(array: Any) -> Table:
    names = list(array.dtype.names)[:COLUMNS]
    fields = [_values(array[name][:ROWS]) for name in names]
    rows = [[_cell(value) for value in row] for row in zip(*fields)]  # noqa: B905 (Python 3.9 has no strict)
    return _table((len(array), len(array.dtype.names)), names, [str(array.dtype[name]) for name in names], rows, [])


def _values(part: Any) -> Any:
    """Python values; dates as text, because numpy would give nanoseconds as bare numbers."""
    return (part.astype(str) if part.dtype.kind in "mM" else part).tolist()


def _table(shape: Any, columns: Any, kinds: list[str], rows: list[list[Any]], index: list[str]) -> Table:
    return {"shape": list(shape), "columns": list(columns), "types": kinds, "rows": rows, "index": index}


def _cell(value: Any) -> Any:
    """A value that JSON carries: None, booleans and numbers as they are, NaN and everything else as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, int):
        return int(value) if abs(value) < _EXACT_INTEGER else _integer(value)
    if type(value).__module__ == "numpy" and type(value).__name__.startswith(("int", "uint", "float", "bool")):
        return _cell(value.item())
    return _text(value)


def _integer(value: int) -> str:
    """All digits of it; of an integer that Python refuses to print (over 4300 digits), its size."""
    return _text(value) if value.bit_length() < 2000 else "<integer of %d bits>" % value.bit_length()


def _text(value: Any) -> str:
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001 (a __str__ of the user's may raise anything)
        return "<its text cannot be had: %s>" % type(error).__name__
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
