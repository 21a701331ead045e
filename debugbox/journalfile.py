"""Reads a journal's file back. What a kill left half-written is skipped and counted. Neighbour: `journal`."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from debugbox.finding import Cell, Check, Conclusion, Cost, parse

MAX_BYTES = 200 * 1024**2  # of a file: twice what a journal grows to before it leaves pictures out


@dataclass(frozen=True, kw_only=True)
class Records:
    """What a journal holds. `damaged` counts lines that could not be read: after a kill, the last one."""

    header: dict[str, Any]
    cells: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()
    cost: Cost = field(default_factory=Cost)
    conclusion: Conclusion | None = None
    checks: tuple[Check, ...] = ()
    damaged: int = 0


def read(path: Path) -> Records:
    """A journal's records. Raises OSError, and ValueError when not even its header can be read."""
    kinds: dict[str, list[Any]] = {}
    damaged = 0
    for line in _lines(path):
        try:
            kind, value = _record(line)
        except (ValueError, TypeError, KeyError, RecursionError):
            damaged += 1
            continue
        kinds.setdefault(kind, []).append(value)
    if "header" not in kinds:
        raise ValueError("its first record is missing")
    return _records(kinds, damaged)


def _lines(path: Path) -> list[bytes]:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(file, "rb") as stream:
        return stream.read(MAX_BYTES).splitlines()


_SHAPES: dict[str, type] = {"cell": Cell, "usage": Cost, "conclusion": Conclusion, "check": Check}
_PLAIN: dict[str, type] = {"header": dict, "provenance": dict, "note": str}


def _record(line: bytes) -> tuple[str, Any]:
    """Raises ValueError, TypeError or KeyError for anything that is not a record of ours."""
    record = json.loads(line)
    kind, value = record["kind"], record["value"]
    if kind in _SHAPES:
        return kind, parse(_SHAPES[kind], value)
    if not isinstance(value, _PLAIN[kind]):
        raise TypeError(f"{kind} is {type(value).__name__}")
    return kind, value


def _records(kinds: dict[str, list[Any]], damaged: int) -> Records:
    header = kinds["header"][0]
    known = header.get("provenance")
    provenance = dict(known) if isinstance(known, dict) else {}
    for more in kinds.get("provenance", ()):
        provenance.update(more)
    return Records(
        header={**header, "provenance": provenance},
        cells=tuple(kinds.get("cell", ())),
        notes=tuple(kinds.get("note", ())),
        cost=kinds.get("usage", [Cost()])[-1],
        conclusion=kinds.get("conclusion", [None])[-1],
        checks=tuple(kinds.get("check", ())),
        damaged=damaged,
    )
