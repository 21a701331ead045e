"""The tables of a finding: what a cell showed as a table, and the data behind a plot, from its audit.

Both come from the box, so nothing in them is believed to have a certain type.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Any

from debugbox.finding import Measurement, Output
from debugbox.foreign import clean_line
from debugbox.render.words import RUN_COLUMNS, counted, field_text, is_number, run_rows

MAX_ROWS = 200  # of one table behind a plot; the record has what the box kept
_COLUMNS = ("x", "y", "z", "values")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Texts, ready to be shown. `numeric` tells which columns are read by their right edge."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    note: str = ""


def shown_table(output: Output) -> Table | None:
    """The rows of a table output, or None where it has none."""
    columns, rows = output.data.get("columns"), output.data.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    good = [row for row in rows if isinstance(row, list)]
    index = output.data.get("index")
    if isinstance(index, list) and len(index) == len(rows) == len(good):
        columns, good = ["", *columns], [[key, *row] for key, row in zip(index, good, strict=True)]
    return _table("", columns, good, _shape_note(output.data.get("shape"), len(good)))


def _shape_note(shape: Any, shown: int) -> str:
    if not isinstance(shape, list) or not shape or not all(isinstance(size, int) for size in shape):
        return ""
    whole = " x ".join(f"{size:,}" for size in shape)
    return f"{whole}; the first {shown} rows are shown" if shape[0] > shown else whole


def runs_table(runs: Sequence[Measurement]) -> Table:
    """What a symptom's runs measured; a column in which nothing stands is left out."""
    rows = run_rows(runs)
    used = [i for i in range(len(RUN_COLUMNS)) if any(row[i] not in (None, "") for row in rows)]
    return _table("", [RUN_COLUMNS[i] for i in used], [[row[i] for i in used] for row in rows], "")


def plot_tables(output: Output) -> list[Table]:
    """One table for each set of artists that share their x, in the order they were drawn."""
    axes = output.data.get("axes")
    return [table for each in (axes if isinstance(axes, list) else []) for table in _axes_tables(each)]


def _axes_tables(axes: Any) -> Iterator[Table]:
    if not isinstance(axes, dict) or not isinstance(axes.get("artists"), list):
        return
    artists = [each for each in axes["artists"] if isinstance(each, dict) and _data(each)]
    for _, group in groupby(artists, key=lambda artist: repr((artist.get("x"), artist.get("every")))):
        yield _artists_table(axes, list(group))


def _data(artist: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: artist[name] for name in _COLUMNS if isinstance(artist.get(name), list) and artist[name]}


def _artists_table(axes: dict[str, Any], artists: list[dict[str, Any]]) -> Table:
    first = _data(artists[0])
    shared = [("x", first["x"])] if "x" in first else []
    columns = [(_axis_label(axes, name) or name, values) for name, values in shared]
    for artist in artists:
        for name, values in _data(artist).items():
            if name != "x":
                columns.append((_column_name(axes, artist, name), values))
    rows = list(zip_longest(*(values for _, values in columns), fillvalue=""))
    kinds = " and ".join(dict.fromkeys(clean_line(str(each.get("kind", "data"))) for each in artists))
    title = ": ".join(part for part in (clean_line(str(axes.get("title") or "")), kinds) if part)
    return _table(title, [name for name, _ in columns], rows[:MAX_ROWS], _points_note(artists[0], len(rows)))


def _axis_label(axes: dict[str, Any], name: str) -> str:
    axis = axes.get(name)
    return clean_line(str(axis.get("label") or "")) if isinstance(axis, dict) else ""


def _column_name(axes: dict[str, Any], artist: dict[str, Any], name: str) -> str:
    """The artist's own label, else the axis'; labels that begin with `_` are matplotlib's for "none"."""
    label = clean_line(str(artist.get("label") or ""))
    own = "" if label.startswith("_") else label
    return own or _axis_label(axes, name) or name


def _points_note(artist: dict[str, Any], kept: int) -> str:
    points, every = artist.get("points"), artist.get("every", 1)
    parts = [counted(points, "point")] if isinstance(points, int) and not isinstance(points, bool) else []
    if isinstance(every, int) and every > 1:
        parts.append(f"the box kept one of {every}")
    if kept > MAX_ROWS:
        parts.append(f"the first {MAX_ROWS} rows of {kept:,} are shown")
    return ", ".join(parts)


def _table(title: str, columns: Sequence[Any], rows: Sequence[Sequence[Any]], note: str) -> Table:
    width = len(columns)
    even = [[*row, *[""] * width][:width] for row in rows]
    return Table(
        title=title,
        columns=tuple(field_text(name) for name in columns),
        rows=tuple(tuple(field_text(value) for value in row) for row in even),
        numeric=tuple(bool(even) and all(is_number(row[i]) for row in even) for i in range(width)),
        note=note,
    )
