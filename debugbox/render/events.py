"""What happens in a run as JSON lines, for tools: the same events as the live view, one object a line."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from debugbox.finding import Cell, Finding, to_plain
from debugbox.foreign import cleaned
from debugbox.render.lane import NamedLane


class EventLines:
    """A view that writes `{"event": …, "at_s": …, …}`: `at_s` counts from the start; unknown events may be added.

    Events: step_started, step_updated, step_ended, note, cell (without its outputs), usage, finding.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._began = clock()

    @contextmanager
    def step(self, name: str, detail: str = "") -> Iterator["_Step"]:
        step = _Step(self, name, detail)
        self.write("step_started", name=name, detail=detail)
        try:
            yield step
        finally:
            self.write("step_ended", name=name, detail=step.detail)

    @contextmanager
    def lane(self, name: str, detail: str = "") -> Iterator[NamedLane]:
        """One agent of several."""
        with self.step(name, detail):
            yield NamedLane(self, name)

    def activity(self, text: str) -> None:
        """What goes on between events is for people."""

    def note(self, text: str) -> None:
        self.write("note", text=text)

    def cell(self, cell: Cell) -> None:
        plain = to_plain(cell)
        del plain["outputs"]
        self.write("cell", **plain)

    def on_event(self, name: str, /, **data: Any) -> None:
        if name == "usage":
            self.write("usage", line=str(data["line"]))

    def ask(self) -> str | None:
        return None

    def finding(self, finding: Finding, notebook: str) -> None:
        """The last line: the record, and where its notebook is."""
        self.write("finding", notebook=notebook, finding=json.loads(finding.to_json(indent=None)))

    def write(self, event: str, /, **data: Any) -> None:
        at_s = round(self._clock() - self._began, 3)
        # In one piece: several agents write from threads of their own.
        self._stream.write(json.dumps({"event": event, "at_s": at_s, **cleaned(data)}) + "\n")
        self._stream.flush()


class _Step:
    def __init__(self, view: EventLines, name: str, detail: str) -> None:
        self._view, self._name = view, name
        self.detail = detail

    def update(self, text: str) -> None:
        self.detail = text
        self._view.write("step_updated", name=self._name, detail=text)

    def result(self, text: str) -> None:
        self.detail = text
