"""Runs in the box, in the supervisor. The kernel's messages as protocol outputs, cut to the limits before they leave.

The kernel process is the attacker: a message of an unknown type or shape is dropped and counted.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter, deque
from typing import Any

from .wire import Wire

PIECE = 1 << 16  # characters an output line carries at most: escaped, they stay far below the line limit
RECORD = "application/vnd.debugbox."
RECORDS = ("symptom", "recipe", "measurement", "probe")
_TABLE = RECORD + "table+json"
_CUT = RECORD + "cut+json"
# Beside what a program prints: a result may take so much even when the words of others have used up the room.
_LEAST_CHARS = {"error": 4000}
_LEAST_OTHER_CHARS = 500
MAX_ERRORS = 20  # a cell with too many displays may still fail, and must be able to say so
_MAX_DATA_CHARS = 800_000  # of an output's data as JSON, so that its line stays below the line limit


class CellOutputs:
    """What one cell gave back so far: sends its head as it comes, keeps its tail, counts the rest.

    `limits`: `text_chars`, `outputs`, `images`, `image_bytes` of one cell.
    """

    def __init__(self, cell: int, wire: Wire, limits: dict[str, Any]) -> None:
        self._cell, self._wire, self._limits = cell, wire, limits
        self._head_left: int = limits["text_chars"] // 2
        self._tail: deque[tuple[str, str]] = deque()
        self._tail_chars = 0
        self._cut = 0
        self._words_left: int = limits["text_chars"] // 2  # of all that is no stream
        self._sent: Counter[str] = Counter()  # outputs by kind; displays of every kind count as one
        self._images = 0
        self._displays: dict[str, int] = {}  # display ids of the kernel, by our own numbers
        self._shown: set[int] = set()  # those of them that were sent
        self._updates: dict[int, dict[str, Any]] = {}  # the last update of each
        self.dropped_outputs = 0

    def text(self, name: str, text: str, dropped: int = 0) -> None:
        """Text of a stream: whole while there is room in the head, then through the tail's window.

        `dropped` characters before it were left out already.
        """
        self._cut += dropped
        head, rest = text[: self._head_left], text[self._head_left :]
        self._head_left -= len(head)
        self._send_text(name, head, 0)
        if rest:
            self._tail.append((name, rest))
            self._tail_chars += len(rest)
            self._trim()

    def _trim(self) -> None:
        room = self._limits["text_chars"] // 2
        while self._tail_chars > room:
            name, oldest = self._tail.popleft()
            over = min(self._tail_chars - room, len(oldest))
            self._cut += over
            self._tail_chars -= over
            if over < len(oldest):
                self._tail.appendleft((name, oldest[over:]))

    def finish(self) -> None:
        """Send the last updates and the tail; the first piece carries the count of what was cut before it."""
        for number, data in self._updates.items():
            self._display("display", data, number)
        self._updates.clear()
        cut, self._cut = self._cut, 0
        tail = list(self._tail) if self._tail or not cut else [("stdout", "")]
        for number, (name, text) in enumerate(tail):
            first = number == 0 and cut > 0
            self._send_text(name, _marker(cut, self._cell) + text if first else text, cut if first else 0)
        self._tail.clear()
        self._tail_chars = 0

    def _send_text(self, name: str, text: str, dropped: int) -> None:
        # Streams are bounded by characters, not by pieces: 200 prints are not 200 outputs.
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE]
            self._wire.send("output", id=self._cell, kind="text", name=name, text=piece, dropped=dropped)
            dropped = 0

    def display(self, name: str, content: dict[str, Any]) -> None:
        """The best of a bundle that has a place in a finding: record, table, PNG, plain text."""
        data = content["data"]
        if not isinstance(data, dict):
            raise TypeError("data")
        self._display(name, data, self._number(content))

    def update(self, content: dict[str, Any]) -> None:
        """Another state of an earlier display: the last one takes its place when the cell ends."""
        transient, data = content.get("transient"), content["data"]
        id = transient.get("display_id") if isinstance(transient, dict) else None
        if not isinstance(id, str) or not isinstance(data, dict):
            raise TypeError("display_id")
        if id not in self._displays:
            return self.display("display", content)  # of an earlier cell, which is frozen
        self._updates[self._displays[id]] = data
        return None

    def _number(self, content: dict[str, Any]) -> int:
        """Our number of a display that can be updated; 0 of one that cannot."""
        transient = content.get("transient")
        id = transient.get("display_id") if isinstance(transient, dict) else None
        if not isinstance(id, str) or len(self._displays) >= self._limits["outputs"]:
            return 0
        return self._displays.setdefault(id, len(self._displays) + 1)

    def _display(self, name: str, data: dict[str, Any], number: int) -> None:
        text, gone = _string(data.get("text/plain", "")), _gone(data)
        for kind in RECORDS:
            record = data.get(RECORD + kind + "+json")
            if isinstance(record, dict):
                return self.one("record", kind, text, data=record)
        if isinstance(data.get(_TABLE), dict):
            return self.one("table", name, text, number, gone, data=data[_TABLE])
        if "image/png" in data:
            return self._image(name, text, number, data)
        return self.one("text", name, text, number, gone)

    def _image(self, name: str, text: str, number: int, data: dict[str, Any]) -> None:
        """A picture, or its words alone where there are too many, or it is too large."""
        png = _png(data["image/png"])
        audit = data.get(RECORD + "figure+json", {})
        if self._images >= self._limits["images"] or len(png) > self._limits["image_bytes"]:
            lost = self.dropped_outputs + 1  # once, also where there is no room for its words
            why = "%d of a cell are kept, of at most %d bytes" % (self._limits["images"], self._limits["image_bytes"])
            self.one("text", name, "%s\n[its picture is left out: %s]" % (text, why), number)
            self.dropped_outputs = lost
            return
        self._images += 1
        audit = audit if isinstance(audit, dict) else {}
        self.one("image", name, text, number, data=audit, size=len(png), bulk=png)

    def one(self, kind: str, name: str, text: str, display: int = 0, gone: int = 0, **fields: Any) -> None:
        """Any output that is not a stream's text; over the limit it is counted only.

        `gone` characters are missing from the middle of `text` already.
        """
        if not self._has_room(kind, display):
            self.dropped_outputs += 1
            return
        if len(json.dumps(fields.get("data", {}))) > _MAX_DATA_CHARS:
            fields["data"] = {}
            text = "[data over its limit left out] " + text
            self.dropped_outputs += 1
        text, dropped = self._within_room(kind, text, gone)
        if display:
            fields["display"] = display
        self._wire.send("output", id=self._cell, kind=kind, name=name, text=text, dropped=dropped, **fields)

    def _has_room(self, kind: str, display: int) -> bool:
        """Records and errors have room of their own; a display's new state takes the place of the old one."""
        if display in self._shown:
            return True
        counted = kind if kind in ("error", "record") else "display"
        if self._sent[counted] >= (MAX_ERRORS if kind == "error" else self._limits["outputs"]):
            return False
        self._sent[counted] += 1
        if display:
            self._shown.add(display)
        return True

    def _within_room(self, kind: str, text: str, gone: int) -> tuple[str, int]:
        room = max(_LEAST_CHARS.get(kind, _LEAST_OTHER_CHARS), min(PIECE, self._words_left))
        kept, dropped = _cut(text, self._cell, room, gone)
        self._words_left -= len(kept)
        return kept, dropped


def _marker(cut: int, cell: int) -> str:
    """What stands where text was cut, and how to see it."""
    where = "box.out(%d).text has it" % cell if cell else "background output is not kept"
    return "\n[... %d characters cut here: %s ...]\n" % (cut, where)


def _cut(text: str, cell: int, room: int, gone: int = 0) -> tuple[str, int]:
    """Head and tail of `text`, and how many characters lie between them, the `gone` ones included."""
    if len(text) <= room and not gone:
        return text, 0
    half = min(room, len(text)) // 2
    cut = len(text) - 2 * half + gone
    return text[:half] + _marker(cut, cell) + text[len(text) - half :], cut


def _gone(content: dict[str, Any]) -> int:
    """How many characters the kernel has cut from the text of a display, as it says."""
    said = content.get(_CUT)
    return _count(said.get("characters")) if isinstance(said, dict) else 0


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 60 else 0


def forward(message_type: str, content: dict[str, Any], outputs: CellOutputs) -> None:
    """One iopub message as outputs. Raises TypeError, KeyError or ValueError on a malformed one."""
    if message_type == "stream":
        outputs.text(stream_name(content), _string(content["text"]), _count(content.get("dropped")))
    elif message_type == "error":
        _forward_error(content, outputs)
    elif message_type == "execute_result":
        outputs.display("result", content)
    elif message_type == "display_data":
        outputs.display("display", content)
    elif message_type == "update_display_data":
        outputs.update(content)
    # `clear_output` is not obeyed: what was shown stays in the record.


def stream_name(content: dict[str, Any]) -> str:
    return "stderr" if content["name"] == "stderr" else "stdout"


def _forward_error(content: dict[str, Any], outputs: CellOutputs) -> None:
    lines = content["traceback"]
    if not isinstance(lines, list):
        raise TypeError("traceback")
    text = "\n".join(_string(line) for line in lines)
    data: dict[str, Any] = {
        "ename": _string(content["ename"])[:200],
        "evalue": _string(content["evalue"])[:4000],
        "frames": [],
    }
    if isinstance(content.get("frames"), list):
        data["frames"] = [_frame(each) for each in content["frames"][-50:]]
    outputs.one("error", data["ename"], text, gone=_count(content.get("dropped")), data=data)


def _frame(frame: Any) -> dict[str, Any]:
    return {
        "file": _string(frame["file"])[:500],
        "line": int(frame["line"]),
        "function": _string(frame["function"])[:200],
        "source": _string(frame["source"])[:500],
    }


def _png(encoded: Any) -> bytes:
    try:
        return base64.b64decode(_string(encoded))
    except binascii.Error as error:
        raise ValueError("png") from error


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value
