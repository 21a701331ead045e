"""Runs in the box, in the kernel: what a reviewer cannot read from a figure's pixels.

Labels, units, scales, how many points each artist has, and the data behind it, within a limit.
"""

from __future__ import annotations

import math
import re
from itertools import islice
from typing import Any

MAX_POINTS = 1000  # of one artist; of more, every k-th is kept
MAX_NUMBERS = 30_000  # of one figure: as JSON about half of what an output may carry
MAX_ARTISTS = 24  # of one pair of axes
_UNIT = re.compile(r"[\[(]\s*([^\])]{1,30}?)\s*[\])]\s*$")

Facts = dict[str, Any]


class Budget:
    """How many numbers of a figure may still be kept."""

    def __init__(self, numbers: int = MAX_NUMBERS) -> None:
        self._left = numbers

    def sample(self, *columns: Any) -> Facts:
        """Columns of equal length, thinned out where they are too long: `every` says to which part."""
        count = len(columns[0])
        room = min(MAX_POINTS, self._left // max(1, len(columns)))
        every = max(1, -(-count // room)) if room else 0
        self._left -= len(columns) * (-(-count // every) if every else 0)
        names = ("x", "y", "z")
        kept = {name: _numbers(column, every) for name, column in zip(names, columns)}  # noqa: B905 (Python 3.9 has no strict)
        return {"points": count, **({"every": every} if every != 1 else {}), **kept}


def describe(figure: Any) -> Facts:
    """The title, and for each pair of axes its labels, units, scales, limits and artists."""
    budget = Budget()
    suptitle = getattr(figure, "_suptitle", None)
    title = suptitle.get_text() if suptitle is not None else ""
    return {"title": title, "axes": [_axes(each, budget) for each in figure.axes]}


def _axes(axes: Any, budget: Budget) -> Facts:
    artists = [*_artists(axes, budget)]
    facts = {"title": axes.get_title(), "x": _axis(axes, "x"), "y": _axis(axes, "y"), "artists": artists[:MAX_ARTISTS]}
    if hasattr(axes, "get_zlabel"):
        facts["z"] = _axis(axes, "z")
    if len(artists) > MAX_ARTISTS:
        facts["more_artists"] = len(artists) - MAX_ARTISTS
    return facts


def _axis(axes: Any, name: str) -> Facts:
    label = str(getattr(axes, "get_%slabel" % name)())
    facts = {
        "label": label,
        "unit": _unit(label),
        "scale": str(getattr(axes, "get_%sscale" % name)()),
        "limits": _numbers(getattr(axes, "get_%slim" % name)(), 1),
    }
    axis = getattr(axes, name + "axis")
    # The attribute is deprecated since matplotlib 3.10, the method is new there.
    converter = axis.get_converter() if hasattr(axis, "get_converter") else axis.converter
    kind = type(converter).__name__
    if "Date" in kind:
        facts["values"] = "days since 1970-01-01"
    elif "Category" in kind:
        facts["values"] = "categories, by number"
    return facts


def _unit(label: str) -> str:
    """`hPa` of `pressure [hPa]` or `pressure (hPa)`."""
    found = _UNIT.search(label)
    return found.group(1) if found else ""


def _artists(axes: Any, budget: Budget) -> Any:
    in_containers: set[int] = set()
    yield from (_line(line, budget) for line in axes.lines)
    yield from (_collection(each, budget) for each in axes.collections)
    for container in axes.containers:
        bars = [each for each in container if hasattr(each, "get_height")]
        if bars:
            in_containers.update(map(id, bars))
            yield _bars(bars, str(container.get_label()), budget)
    loose = [patch for patch in axes.patches if id(patch) not in in_containers]
    boxes = [patch for patch in loose if hasattr(patch, "get_height") and hasattr(patch, "get_x")]
    if boxes:
        yield _bars(boxes, "", budget)
    yield from ({"kind": type(patch).__name__, **_label(patch), "points": 1} for patch in loose if patch not in boxes)
    yield from (_image(image, budget) for image in axes.images)


def _line(line: Any, budget: Budget) -> Facts:
    columns = line.get_data_3d() if hasattr(line, "get_data_3d") else line.get_data(orig=False)
    return {"kind": "line", **_label(line), **budget.sample(*columns)}


def _collection(collection: Any, budget: Budget) -> Facts:
    """A scatter has offsets; a filled area, a mesh or a set of lines has paths or values instead."""
    kind = type(collection).__name__
    values = collection.get_array()
    if kind in ("PathCollection", "Path3DCollection"):
        offsets = collection.get_offsets()
        facts = budget.sample([pair[0] for pair in offsets], [pair[1] for pair in offsets])
        if values is not None:
            facts["values"] = budget.sample(_flat(values))["x"]
        return {"kind": "scatter", **_label(collection), **facts}
    if values is not None:
        return {"kind": kind, **_label(collection), **_grid(values, budget)}
    paths = collection.get_paths()
    count = sum(len(path.vertices) for path in paths)
    corners = [pair for path in islice(paths, 200) for pair in path.vertices]
    facts = budget.sample([pair[0] for pair in corners], [pair[1] for pair in corners])
    return {"kind": kind, **_label(collection), **facts, "paths": len(paths), "points": count}


def _bars(bars: list[Any], label: str, budget: Budget) -> Facts:
    centres = [bar.get_x() + bar.get_width() / 2 for bar in bars]
    facts = budget.sample(centres, [bar.get_y() + bar.get_height() for bar in bars])
    facts["width"] = _numbers([bar.get_width() for bar in bars[:1]], 1)
    facts["bottom"] = _numbers([bar.get_y() for bar in bars[:1]], 1)
    return {"kind": "bar", "label": label, **facts}


def _image(image: Any, budget: Budget) -> Facts:
    return {"kind": "image", **_label(image), **_grid(image.get_array(), budget)}


def _grid(array: Any, budget: Budget) -> Facts:
    flat = _flat(array)
    sample = budget.sample(flat)
    facts: Facts = {"points": len(flat), "shape": [int(each) for each in array.shape], "values": sample["x"]}
    if "every" in sample:
        facts["every"] = sample["every"]
    if len(flat):
        facts["range"] = _numbers([flat.min(), flat.max()], 1)
    return facts


def _flat(array: Any) -> Any:
    return array.ravel() if hasattr(array, "ravel") else array


def _label(artist: Any) -> Facts:
    label = str(artist.get_label())
    return {"label": "" if label.startswith("_") else label}


def _numbers(values: Any, every: int) -> list[Any]:
    """Each `every`-th number as JSON carries it: what is no finite number is None, what is none at all its text."""
    if not every:
        return []
    part = values[::every] if hasattr(values, "__getitem__") else list(values)[::every]
    return [_number(value) for value in part]


def _number(value: Any) -> Any:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)[:40]
    return number if math.isfinite(number) else None


def words(audit: Facts) -> str:
    """The stand-in text: what the figure shows, for a reader without eyes on it."""
    parts = [audit["title"]] if audit["title"] else []
    for axes in audit["axes"]:
        artists = ", ".join("%s of %d" % (each["kind"], each["points"]) for each in axes["artists"][:6])
        labels = "%s over %s" % (axes["y"]["label"] or "no label", axes["x"]["label"] or "no label")
        parts.append("; ".join(part for part in (axes["title"], labels, artists) if part))
    return "figure: " + " | ".join([*parts, *filter(None, [audit.get("drawn", "")])])
