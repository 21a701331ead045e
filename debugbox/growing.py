"""A cell while it runs: what comes back is added to it, and it is frozen into a `Cell` when it ends.

Used by `box`. The record is the host's: what was sent, when, and what had come back by then.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from debugbox.finding import Cell, CellStatus, Output, OutputKind
from debugbox.foreign import reencode_png
from debugbox.messages import Message
from debugbox.settings import Limits

OnOutput = Callable[[Output], None]
MAX_SWITCHES = 500  # between stdout and stderr, whose order is kept
MAX_IMAGE_BYTES = 20 << 20  # of a cell's pictures together
MAX_DATA_BYTES = 16 << 20  # of its tables, records and figures' data together, as they are in memory
_STREAMS = ("stdout", "stderr")


def output_of(message: Message) -> Output | None:
    """A message as an output, its picture re-encoded; None when the picture is not one."""
    png = b""
    if message["kind"] == "image":
        try:
            png = reencode_png(message["bulk"])
        except ValueError:
            return None
    return Output(
        kind=message["kind"],
        name=message["name"],
        text=message.get("text", ""),
        png=png,
        data=message.get("data", {}),
        dropped=message.get("dropped", 0),
    )


def as_background(outputs: "Outputs") -> tuple[Output, ...]:
    """Outputs that belong to no cell, under that name: none of them is a record, or says how a cell ended."""
    return tuple(_nobodys(output) for output in outputs.frozen())


def _nobodys(output: Output) -> Output:
    if output.kind in ("error", "record"):
        return Output(kind="text", name="background", text=output.text, dropped=output.dropped)
    return replace(output, name="background")


def _words_of(output: Output) -> Output:
    """`output` without what is large about it; of plain text nothing."""
    if not output.png and not output.data:
        return replace(output, text="")
    kind: OutputKind = "error" if output.kind == "error" else "text"
    return replace(output, kind=kind, png=b"", data={}, text=f"{output.text}\n[left out: over the cell's limit]")


def _size_in_memory(data: Mapping[str, Any]) -> int:
    """About: a small value takes 2 bytes of JSON and up to 72 here."""
    if not data:
        return 0
    written = json.dumps(data)
    return len(written) + 72 * written.count(",")


@dataclass
class Outputs:
    """Outputs in the order in which they came, within the host's own limits: the box keeps its own, or says so.

    Text that follows text of the same stream continues it. After `MAX_SWITCHES` pieces it joins the last one of its
    stream, so a program that writes to both in turn cannot make a million outputs.
    """

    limits: Limits
    dropped: int = 0
    _every: list[Output] = field(default_factory=list)
    _texts: dict[int, list[str]] = field(default_factory=dict)  # of a stream's outputs, by their place
    _last: dict[str, int] = field(default_factory=dict)  # a stream's last place
    _displays: dict[int, int] = field(default_factory=dict)  # the box's number of a display -> its place
    _chars: int = 0
    _images: int = 0
    _image_bytes: int = 0
    _data_bytes: int = 0

    def add(self, output: Output, display: int = 0) -> bool:
        """Keep `output`, in the place of an earlier state of the same display; False where it is over a limit.

        Of a picture or data over a limit the words are kept.
        """
        if not self._fits(output):
            self.dropped += 1
            output = _words_of(output)
            if not output.text or not self._fits(output):
                return False
        self._count(output)
        if output.kind == "text" and output.name in _STREAMS:
            self._add_text(output)
        elif display in self._displays:
            self._every[self._displays[display]] = output
        else:
            self._every.append(output)
            if display:
                self._displays[display] = len(self._every) - 1
        return True

    def frozen(self) -> tuple[Output, ...]:
        whole = {place: "".join(pieces) for place, pieces in self._texts.items()}
        return tuple(replace(each, text=whole.get(place, each.text)) for place, each in enumerate(self._every))

    def _fits(self, output: Output) -> bool:
        few = len(self._every) < self.limits.cell_outputs + 2 * MAX_SWITCHES
        # Twice: results, tracebacks and captions have text of their own beside the streams'.
        short = self._chars + len(output.text) <= 2 * self.limits.cell_text_chars
        small = self._image_bytes + len(output.png) <= MAX_IMAGE_BYTES
        images = self._images + (output.kind == "image") <= 2 * self.limits.cell_images
        return few and short and small and images and self._data_bytes + _size_in_memory(output.data) <= MAX_DATA_BYTES

    def _count(self, output: Output) -> None:
        self._chars += len(output.text)
        self._images += output.kind == "image"
        self._image_bytes += len(output.png)
        self._data_bytes += _size_in_memory(output.data)

    def _add_text(self, output: Output) -> None:
        place = self._last.get(output.name, -1)
        continues = place == len(self._every) - 1 or len(self._texts) >= MAX_SWITCHES
        if place >= 0 and continues and not output.dropped:
            self._texts[place].append(output.text)
            return
        self._every.append(output)
        self._last[output.name] = len(self._every) - 1
        self._texts[len(self._every) - 1] = [output.text]


@dataclass
class GrowingCell:
    """`setup` cells are replayed in a new box. `on_output` is called for each output as it comes."""

    id: int
    code: str
    purpose: str
    setup: bool
    limits: Limits
    background: Outputs  # of earlier cells, since the last one ended
    on_output: OnOutput | None = None
    outputs: Outputs = field(init=False)
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.outputs = Outputs(self.limits)

    def take(self, message: Message) -> None:
        """One `output` message of this cell; what is no picture is counted only."""
        output = output_of(message)
        if output is None:
            self.outputs.dropped += 1
        else:
            self.add(output, message.get("display", 0))

    def add(self, output: Output, display: int = 0) -> None:
        if self.outputs.add(output, display) and self.on_output:
            self.on_output(output)

    def finish(self, done: Message, *, cause: str = "") -> Cell:
        """The cell as the box reports its end."""
        return self._frozen(
            done["status"],
            duration_s=done["duration_s"],
            cpu_s=done["cpu_s"],
            memory_bytes=done["memory_bytes"],
            dropped_outputs=done["dropped_outputs"] + self.outputs.dropped,
            cause=cause,
        )

    def died(self, cause: str) -> Cell:
        """The cell when its kernel or box has ended: what had come back stays."""
        duration_s = time.monotonic() - self.began
        return self._frozen("died", duration_s=duration_s, cause=cause, dropped_outputs=self.outputs.dropped)

    def _frozen(self, status: CellStatus, **details: Any) -> Cell:
        return Cell(
            id=self.id,
            purpose=self.purpose,
            code_sha256=hashlib.sha256(self.code.encode("utf-8", "surrogatepass")).hexdigest(),
            code_lines=len(self.code.strip().splitlines()),
            started=self.started,
            status=status,
            outputs=(*self.outputs.frozen(), *as_background(self.background)),
            setup=self.setup,
            **details,
        )
