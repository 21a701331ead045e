"""Tables come back as typed rows, cut, with their shape: never as HTML, and never by importing a library."""

from typing import Any

import pytest

from debugbox.box import Box
from tests.contract.cells import of_kind, run, text


def table(box: Box, code: str) -> Any:
    (only,) = of_kind(run(box, code), "table")
    return only.data


def test_arrays_come_as_rows(shared_box: Box) -> None:
    data = table(shared_box, "import numpy as np\nnp.arange(6).reshape(2, 3)")
    assert data["shape"] == [2, 3] and data["rows"] == [[0, 1, 2], [3, 4, 5]] and data["types"] == ["int64"] * 3


@pytest.mark.parametrize(
    ("code", "cell"),
    [
        ("[float('nan')]", "nan"),
        ("[float('-inf')]", "-inf"),
        ("np.array([None], dtype=object)", None),
        ("np.array(['2020-01-02'], dtype='M8[ns]')", "2020-01-02T00:00:00.000000000"),
        ("[2**60]", str(2**60)),
        ("np.array([10**5000], dtype=object)", "<integer of 16610 bits>"),
        ("[1 + 2j]", "(1+2j)"),
        ("[True]", True),
        ("['a' * 500]", "a" * 199 + "…"),
        (r"['\ud800']", r"\ud800"),
    ],
    ids=str,
)
def test_values_survive_or_say_what_they_were(shared_box: Box, code: str, cell: Any) -> None:
    data = table(shared_box, f"import numpy as np\nnp.asarray({code})")
    assert data["rows"] == [[cell]]


def test_records_have_a_column_for_each_field(shared_box: Box) -> None:
    data = table(shared_box, "import numpy as np\nnp.array([(1, 2.5)], dtype=[('a', int), ('b', float)])")
    assert data["columns"] == ["a", "b"] and data["rows"] == [[1, 2.5]]


def test_a_large_table_is_cut_and_keeps_its_shape(shared_box: Box) -> None:
    data = table(shared_box, "import numpy as np\nnp.zeros((10_000, 100))")
    assert data["shape"] == [10_000, 100] and len(data["rows"]) == 50 and len(data["rows"][0]) == 20


def test_pandas_comes_as_rows(library_box: Box) -> None:
    code = (
        "import pandas as pd, datetime\n"
        "pd.DataFrame({'n': [1, 2], 'x': [0.5, None], 't': pd.to_datetime(['2020-01-01', None]), 'o': [None, [1]]}, "
        "index=['a', 'b'])"
    )
    data = table(library_box, code)
    assert data["rows"] == [[1, 0.5, "2020-01-01 00:00:00", None], [2, "nan", "NaT", "[1]"]]
    assert data["index"] == ["a", "b"] and data["columns"] == ["n", "x", "t", "o"]
    assert data["types"][:2] == ["int64", "float64"] and data["types"][2].startswith("datetime64")


def test_a_pandas_series_and_a_multi_index_are_tables(library_box: Box) -> None:
    assert table(library_box, "pd.Series([1, 2], name='s')")["columns"] == ["s"]
    code = "pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([('a', 'b')]), index=[(1, 2)])"
    assert table(library_box, code)["columns"] == ["('a', 'b')"]


def test_polars_comes_as_rows(library_box: Box) -> None:
    data = table(
        library_box, "import polars as pl\npl.DataFrame({'a': [1, None], 'd': [datetime.date(2020, 1, 1)] * 2})"
    )
    assert data["rows"] == [[1, "2020-01-01"], [None, "2020-01-01"]] and data["types"] == ["Int64", "Date"]
    assert table(library_box, "pl.Series('s', [1.5])")["rows"] == [[1.5]]


def test_a_table_keeps_its_words_too(library_box: Box) -> None:
    (shown,) = of_kind(run(library_box, "pd.DataFrame({'n': [1]})"), "table")
    assert "n" in shown.text and "<table" not in shown.text and not text(run(library_box, "1;"))
