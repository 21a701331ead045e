"""One agent of several, for a view that writes line by line: its name stands before what it tells."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

from debugbox.finding import Cell


class Lines(Protocol):
    """A view that writes lines, from any thread."""

    def step(self, name: str, detail: str = "") -> AbstractContextManager[Any]: ...
    def activity(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
    def cell(self, cell: Cell) -> None: ...
    def on_event(self, name: str, /, **data: Any) -> None: ...


class NamedLane:
    """Passes everything on, with the name."""

    def __init__(self, view: Lines, name: str) -> None:
        self._view, self._name = view, name

    def step(self, name: str, detail: str = "") -> AbstractContextManager[Any]:
        return self._view.step(f"{self._name}: {name}", detail)

    def activity(self, text: str) -> None:
        self._view.activity(f"{self._name}: {text}")

    def note(self, text: str) -> None:
        self._view.note(f"{self._name}: {text}")

    def cell(self, cell: Cell) -> None:
        self._view.cell(replace(cell, purpose=f"{self._name}: {cell.purpose}"))

    def on_event(self, name: str, /, **data: Any) -> None:
        if "line" in data:
            data = {**data, "line": f"{self._name}, {data['line']}"}
        self._view.on_event(name, **data)
