"""Did a cell, run again in a fresh box, give the same? Numbers within the noise, everything else to the letter."""

import math
import re
from typing import Any

from debugbox.finding import Cell, Output

RELATIVE = 1e-9
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# Not part of what a cell says: addresses, and how long something took on this machine.
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_DURATION = re.compile(r"(?<![\w.])\d+(?:\.\d+)?\s?(?:ms|us|µs|s|seconds)\b")


def differences(first: Cell, again: Cell) -> list[str]:
    """What differs between two runs of one cell, a sentence each."""
    if first.status != again.status:
        return [f"it ended with {again.status} instead of {first.status}"]
    before, after = _kept(first), _kept(again)
    if len(before) != len(after):
        return [f"it gave {len(after)} outputs instead of {len(before)}"]
    pairs = zip(before, after, strict=True)
    return [f"its {old.kind} output differs" for old, new in pairs if not _alike(old, new)]


def _kept(cell: Cell) -> list[Output]:
    return [output for output in cell.outputs if output.name not in ("stderr", "background")]


def _alike(old: Output, new: Output) -> bool:
    if (old.kind, old.name) != (new.kind, new.name):
        return False
    if old.kind in ("record", "image", "table") and old.data:
        return _same_data(old.data, new.data)
    return _same_text(old.text, new.text)


def _same_text(old: str, new: str) -> bool:
    old, new = (_DURATION.sub("<time>", _ADDRESS.sub("<address>", text)) for text in (old, new))
    if old == new:
        return True
    if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
        return False
    pairs = zip(_NUMBER.findall(old), _NUMBER.findall(new), strict=True)
    return all(_close(float(one), float(other)) for one, other in pairs)


def _same_data(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same_data(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same_data, old, new))
    if isinstance(old, str) and isinstance(new, str):
        return _same_text(old, new)
    if _is_number(old) and _is_number(new):
        return _close(old, new)
    return type(old) is type(new) and bool(old == new)  # True is not 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=1e-300)
