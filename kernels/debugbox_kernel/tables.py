"""Runs in the box, in the kernel: tables as typed rows, cut, with their shape and types."""

import math

ROWS, COLUMNS = 50, 20
_MAX_TEXT = 200


def register(formatter):
    """Tell IPython's formatter what the libraries' tables look like, without importing them."""
    formatter.for_type_by_name("pandas.core.frame", "DataFrame", _pandas_frame)
    formatter.for_type_by_name("pandas.core.series", "Series", lambda series: _pandas_frame(series.to_frame()))
    formatter.for_type_by_name("pandas", "DataFrame", _pandas_frame)
    formatter.for_type_by_name("pandas", "Series", lambda series: _pandas_frame(series.to_frame()))
    formatter.for_type_by_name("polars.dataframe.frame", "DataFrame", _polars_frame)
    formatter.for_type_by_name("numpy", "ndarray", _array)


def _pandas_frame(frame):
    part = _corner(len(frame), frame.shape[1], lambda rows, columns: frame.iloc[rows, columns])
    columns = [str(name) for name in part.columns]
    rows = [[_cell(value) for value in row] for row in part.itertuples(index=False, name=None)]
    return _table(frame.shape, columns, [str(kind) for kind in part.dtypes], rows, [str(key) for key in part.index])


def _polars_frame(frame):
    part = frame[:, : min(COLUMNS, frame.width)].head(ROWS)
    rows = [[_cell(value) for value in row] for row in part.rows()]
    return _table(frame.shape, part.columns, [str(kind) for kind in part.dtypes], rows, [])


def _array(array):
    """One- and two-dimensional arrays are tables; others stay text."""
    if array.ndim not in (1, 2) or array.dtype.names:
        return None
    whole = array.reshape(-1, 1) if array.ndim == 1 else array
    part = whole[:ROWS, :COLUMNS]
    columns = [str(number) for number in range(part.shape[1])]
    rows = [[_cell(value) for value in row] for row in part.tolist()]
    return _table(array.shape, columns, [str(array.dtype)] * len(columns), rows, [])


def _corner(rows, columns, take):
    return take(slice(0, min(rows, ROWS)), slice(0, min(columns, COLUMNS)))


def _table(shape, columns, kinds, rows, index):
    return {"shape": list(shape), "columns": list(columns), "types": kinds, "rows": rows, "index": index}


def _cell(value):
    """A value that JSON carries: numbers and booleans as they are, everything else as its text."""
    if value is None or isinstance(value, (bool, str)):
        return value[:_MAX_TEXT] if isinstance(value, str) else value
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value if abs(value) < 1 << 53 or isinstance(value, float) else str(value)[:_MAX_TEXT]
    item = getattr(value, "item", None)
    if callable(item) and type(value).__module__ == "numpy":
        return _cell(item())
    return str(value)[:_MAX_TEXT]
