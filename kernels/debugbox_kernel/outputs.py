"""Runs in the box. The kernel's messages as protocol outputs, cut to the limits before they leave.

The kernel process is the attacker: a message of an unknown type or shape is dropped and counted.
"""

import base64
import binascii
import json
from collections import deque

PIECE = 1 << 16  # characters an output line carries at most: escaped, they stay far below the line limit
RECORD = "application/vnd.debugbox."
_TABLE = RECORD + "table+json"
_MAX_ERROR_CHARS = 1 << 16
_MAX_DATA_CHARS = 800_000  # of an output's data as JSON, so that its line stays below the line limit


class CellOutputs:
    """What one cell gave back so far: sends its head as it comes, keeps its tail, counts the rest.

    `limits`: `text_chars`, `outputs`, `images`, `image_bytes` of one cell.
    """

    def __init__(self, cell, wire, limits):
        self._cell, self._wire, self._limits = cell, wire, limits
        self._head_left = limits["text_chars"] // 2
        self._tail = deque()
        self._tail_chars = 0
        self._cut = 0
        self._sent = 0
        self._images = 0
        self.dropped_outputs = 0

    def text(self, name, text):
        """Text of a stream: whole while there is room in the head, then through the tail's window."""
        head, rest = text[: self._head_left], text[self._head_left :]
        self._head_left -= len(head)
        self._send_text(name, head, 0)
        if rest:
            self._tail.append((name, rest))
            self._tail_chars += len(rest)
            self._trim()

    def _trim(self):
        room = self._limits["text_chars"] // 2
        while self._tail_chars > room:
            name, oldest = self._tail.popleft()
            over = min(self._tail_chars - room, len(oldest))
            self._cut += over
            self._tail_chars -= over
            if over < len(oldest):
                self._tail.appendleft((name, oldest[over:]))

    def finish(self):
        """Send the tail; the first piece carries the count of what was cut before it."""
        cut, self._cut = self._cut, 0
        for name, text in self._tail:
            self._send_text(name, text, cut)
            cut = 0
        self._tail.clear()
        self._tail_chars = 0

    def _send_text(self, name, text, dropped):
        # Streams are bounded by characters, not by pieces: 200 prints are not 200 outputs.
        for start in range(0, len(text), PIECE):
            self._wire.send(
                "output",
                id=self._cell,
                kind="text",
                name=name,
                text=text[start : start + PIECE],
                dropped=dropped,
            )
            dropped = 0

    def one(self, kind, name, **fields):
        """Any output that is not a stream's text; over the limit it is counted only."""
        if self._sent >= self._limits["outputs"]:
            self.dropped_outputs += 1
            return
        if len(json.dumps(fields.get("data", {}))) > _MAX_DATA_CHARS:
            fields["data"] = {}
            fields["text"] = "[data over its limit left out] " + fields["text"]
            self.dropped_outputs += 1
        self._sent += 1
        self._wire.send("output", id=self._cell, kind=kind, name=name, **fields)

    def image(self, name, png, text, data):
        if self._images >= self._limits["images"] or len(png) > self._limits["image_bytes"]:
            self.dropped_outputs += 1
            return
        self._images += 1
        self.one("image", name, text=_cut(text)[0], data=data, size=len(png), bulk=png)


def _cut(text, room=PIECE):
    """Head and tail of `text`, and how many characters lie between them."""
    if len(text) <= room:
        return text, 0
    return text[: room // 2] + "\n[...]\n" + text[-room // 2 :], len(text) - room


def forward(message_type, content, outputs):
    """One iopub message as outputs. Raises TypeError, KeyError or ValueError on a malformed one."""
    if message_type == "stream":
        outputs.text(_name(content["name"]), _string(content["text"]))
    elif message_type == "error":
        _forward_error(content, outputs)
    elif message_type in ("display_data", "execute_result", "update_display_data"):
        name = "result" if message_type == "execute_result" else "display"
        _forward_display(name, content["data"], outputs)


def _forward_error(content, outputs):
    lines = content["traceback"]
    if not isinstance(lines, list):
        raise TypeError("traceback")
    text, dropped = _cut("\n".join(_string(line) for line in lines), _MAX_ERROR_CHARS)
    data = {
        "ename": _string(content["ename"])[:200],
        "evalue": _string(content["evalue"])[:4000],
        "frames": [],
    }
    if isinstance(content.get("frames"), list):
        data["frames"] = [_frame(each) for each in content["frames"][-50:]]
    outputs.one("error", data["ename"], text=text, data=data, dropped=dropped)


def _frame(frame):
    return {
        "file": _string(frame["file"])[:500],
        "line": int(frame["line"]),
        "function": _string(frame["function"])[:200],
        "source": _string(frame["source"])[:500],
    }


def _forward_display(name, data, outputs):
    """The best of the bundle that has a place in a finding: record, table, PNG, plain text."""
    if not isinstance(data, dict):
        raise TypeError("data")
    text, dropped = _cut(_string(data.get("text/plain", "")))
    for kind in ("symptom", "recipe", "measurement", "probe"):
        record = data.get(RECORD + kind + "+json")
        if isinstance(record, dict):
            return outputs.one("record", kind, text=text, data=record)
    if isinstance(data.get(_TABLE), dict):
        return outputs.one("table", name, text=text, data=data[_TABLE])
    if "image/png" in data:
        audit = data.get(RECORD + "figure+json", {})
        return outputs.image(name, _png(data["image/png"]), text, audit if isinstance(audit, dict) else {})
    return outputs.one("text", name, text=text, dropped=dropped)


def _png(encoded):
    try:
        return base64.b64decode(_string(encoded))
    except binascii.Error as error:
        raise ValueError("png") from error


def _string(value):
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def _name(value):
    return value if value in ("stdout", "stderr") else "stdout"
