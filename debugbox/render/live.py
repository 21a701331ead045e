"""What a person sees on stderr while an investigation runs: one line for each step, a live line on a terminal.

Piped, it is a plain log. No foreign text is ever read as markup.
"""

import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from debugbox.finding import Cell
from debugbox.foreign import clean_line
from debugbox.render.words import counted, duration

NAME_COLUMNS = 12
DETAIL_COLUMNS = 55  # leaves room for name and duration in 80 columns
MAX_LINE_CHARS = 400  # of a log line; a resolver's complaint can be a page
REFRESH_PER_S = 8
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Step:
    """A step that is running: `update` tells what it does now, `result` what its last line will say."""

    def __init__(self, name: str, detail: str, started_s: float, tell: Callable[["Step"], None]) -> None:
        self.name = clean_line(name)
        self.detail = clean_line(detail)
        self.doing = ""  # seen while it runs, not in its last line
        self.started_s = started_s
        self._tell = tell

    def update(self, text: str) -> None:
        self.detail = clean_line(text)
        self._tell(self)

    def result(self, text: str) -> None:
        self.detail = clean_line(text)


class View:
    """The live view. `quiet` shows nothing at all; the result on stdout and errors are not its business."""

    def __init__(self, stream: TextIO, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False, quiet=quiet)
        self._is_live = self._console.is_terminal and not self._console.is_dumb_terminal and not quiet
        self._clock = clock
        self._steps: list[Step] = []
        self._live: Live | None = None
        self._usage = ""
        self._said = ""
        self._heard = ""

    @contextmanager
    def step(self, name: str, detail: str = "") -> Iterator[Step]:
        """A step of the run; its line with its duration is printed when it ends, however it ends."""
        step = Step(name, detail, self._clock(), self._updated)
        self._begin(step)
        ended = "stopped"
        try:
            yield step
            ended = ""
        finally:
            self._end(step)
            took = duration(self._clock() - step.started_s)
            self._line(step.name, _brief(step.detail), f"{ended} {took}".strip(), style="red" if ended else "")

    @contextmanager
    def lane(self, name: str, detail: str = "") -> Iterator["View"]:
        """One agent of several: a live line of its own, and its name before all that it tells."""
        with self.step(name, detail) as step:
            yield _Lane(self, step)

    def note(self, text: str) -> None:
        """A line worth reading later."""
        for line in text.splitlines() or [""]:
            for part in textwrap.wrap(clean_line(line), self._room(NAME_COLUMNS + 1)) or [""]:
                self._line("", part)

    def cell(self, cell: Cell) -> None:
        """A cell that has ended: its purpose, how it ended, how long it took."""
        outcome = "" if cell.status == "ok" else f"{cell.status} "
        style = "" if cell.status == "ok" else "yellow"
        self._line(f"cell {cell.id}", cell.purpose, f"{outcome}{duration(cell.duration_s)}", style=style)

    def usage(self, text: str) -> None:
        """What the run has cost so far: kept in sight on a terminal, a line each time it changes in a log."""
        self._usage = clean_line(text)
        if not self._is_live and self._usage != self._said:
            self._said = self._usage
            self._line("cost", self._usage)

    def activity(self, text: str) -> None:
        """What goes on at this moment: seen on a terminal, not logged."""
        if self._steps:
            self._steps[-1].doing = clean_line(text)

    def ask(self) -> str | None:
        """A line from the person at the terminal, the live lines hidden meanwhile; None at the end of the input."""
        if self._live is not None:
            self._live.stop()
        try:
            return self._console.input("interrupted; say what to look at, or Ctrl-C to conclude: ")
        except EOFError:
            return None
        finally:
            if self._live is not None:
                self._live.start()

    def on_event(self, name: str, /, **data: Any) -> None:
        """An event of a run; `events` lists the names and their data. Unknown ones are passed over.

        So is `cell_finished`: the bench tells of each cell through `cell`, also where no agent is at work.
        """
        if name == "usage":
            self.usage(str(data["line"]))
        elif name == "note":
            self.note(str(data["text"]))
        elif name == "dropped":
            self.note(f"a reply was dropped: {data['why']}")
        elif name == "retry":
            self._retry(**data)
        else:
            self._happening(name, data)

    def _retry(self, *, why: str, left_s: float, retry: int, of: int) -> None:
        """Told every second: the log gets a line for each retry, the terminal counts down."""
        said = f"{why}; retry {retry} of {of}"
        if said != self._said:
            self._said = said
            self.note(said)
        self.activity(f"{why}; again in {left_s:.0f} s")

    def _happening(self, name: str, data: dict[str, Any]) -> None:
        if name == "turn_started":
            self._heard = ""
            self.activity(f"turn {data['turn']} of {data['of']}")
        elif name in ("thinking", "text"):
            self._heard = (self._heard + str(data["text"]))[-2000:]
            self.activity(self._heard.strip().rpartition("\n")[2])
        elif name == "writing":
            self.activity(f"writing, {counted(int(data['characters']), 'character')}")
        elif name == "tool_called":
            lines = f" ({counted(int(data['code_lines']), 'line')})" if data["code_lines"] else ""
            self.activity(f"{data['tool']}: {data['purpose']}{lines}" if data["purpose"] else str(data["tool"]))

    def _begin(self, step: Step) -> None:
        self._steps.append(step)
        if self._is_live and self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._frame,
                refresh_per_second=REFRESH_PER_S,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _end(self, step: Step) -> None:
        self._steps.remove(step)
        if not self._steps and self._live is not None:
            self._live.stop()
            self._live = None

    def _updated(self, step: Step) -> None:
        if not self._is_live:
            self._line(step.name, step.detail)

    def _line(self, name: str, detail: str, after: str = "", *, style: str = "") -> None:
        text = Text(f"{clean_line(name):<{NAME_COLUMNS}} ", style="bold")
        tail = f"  {clean_line(after)}" if after else ""
        body = _cut(clean_line(detail), self._room(len(text.plain) + len(tail)))
        text.append(body, style=f"not bold {style}".strip())
        text.append(tail, style="not bold dim")
        text.rstrip()
        self._console.print(text, soft_wrap=True)

    def _room(self, taken: int) -> int:
        return max(20, self._console.width - taken) if self._is_live else MAX_LINE_CHARS

    def _frame(self) -> Text:
        """The live lines: what runs, for how long, and the cost."""
        now = self._clock()
        spinner = _SPINNER[int(now * REFRESH_PER_S) % len(_SPINNER)]
        frame = Text(no_wrap=True, overflow="ellipsis")
        for step in list(self._steps):
            took = duration(now - step.started_s)
            frame.append(f"{step.name:<{NAME_COLUMNS - 2}} {spinner} ", style="bold cyan")
            frame.append(_cut(step.doing or step.detail, self._room(NAME_COLUMNS + 3 + len(took))))
            frame.append(f"  {took}\n", style="dim")
        if self._usage:
            frame.append(_cut(f"{'':<{NAME_COLUMNS}} {self._usage}", self._room(0)), style="dim")
        frame.rstrip()
        return frame


class _Lane(View):
    """A view that tells through another one, from a thread of its own."""

    def __init__(self, view: View, step: Step) -> None:
        self._view, self._step = view, step
        self._said = self._heard = ""

    @contextmanager
    def step(self, name: str, detail: str = "") -> Iterator[Step]:
        number = self._step.name.rpartition(" ")[2]
        with self._view.step(f"{name} {number}", detail) as step:
            yield step

    def activity(self, text: str) -> None:
        self._step.doing = clean_line(text)

    def note(self, text: str) -> None:
        self._view.note(f"{self._step.name}: {text}")

    def cell(self, cell: Cell) -> None:
        self._view.cell(replace(cell, purpose=f"{self._step.name}: {cell.purpose}"))

    def usage(self, text: str) -> None:
        self._view.usage(f"{self._step.name}, {text}")


def _brief(detail: str) -> str:
    """An engine explains itself in brackets: they go where the line would be too long, the finding has them."""
    return detail if len(detail) <= DETAIL_COLUMNS else detail.partition(" (")[0]


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"
