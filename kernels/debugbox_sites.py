"""Runs in the box, in the repository's own processes: which places of an instrumented copy run, and what changes there.

The host (`debugbox.watched`) wraps the values of assignments: `x = f(y)` becomes
`x = __import__("debugbox_sites").at("app.py:3", f(y))`. What happens is appended to a file line by line, at once, so
that no way to end a process loses it. Knows nothing of debugbox's other parts, and imports nothing the target lacks.
"""

import atexit
import os
import sys
from typing import Any, Set

RECORD = os.environ.get("DEBUGBOX_SITES", "/srv/out/sites")
_noted: Set[str] = set()


def at(place: str, value: Any) -> Any:
    """`value`, as it is; notes that `place` ran, and whether a value there could be changed."""
    if "ran " + place not in _noted:
        _note("ran " + place)
    if "changeable " + place not in _noted and changed(value) is not value:
        _note("changeable " + place)
    return value


def change(place: str, value: Any) -> Any:
    """`value`, a little changed where its type allows it; notes that it was."""
    other = changed(value)
    if other is not value:
        _note("changed " + place)
    return other


def changed(value: Any) -> Any:
    """A number or text a little off, a list or tuple with its last item twice; anything else as it is."""
    kind = type(value)
    if kind is int:
        return value + 1
    if kind is float:
        other = value * 1.001 if value else 0.001
        return other if other != value and other == other else value
    if kind is str:
        return value + " "
    if kind in (list, tuple) and value:
        return value + value[-1:]
    return value


def _note(line: str) -> None:
    if line in _noted:
        return
    _noted.add(line)
    file = os.open(RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, (line + "\n").encode("utf-8", "replace"))
    finally:
        os.close(file)


def _note_end() -> None:
    """An exception that ended this process: Python leaves it in `sys.last_type`."""
    error = getattr(sys, "last_type", None)
    if error is not None:
        _note("raised " + error.__name__)


atexit.register(_note_end)
