"""What a box says, parsed as hostile: the host's reading half of docs/box-protocol.md.

A message that breaks a rule is dropped and counted; after `MAX_BAD` of them the box is ended. All text
is cleaned at this door, so nothing behind it meets control characters or lone surrogates.
"""

import json
import math
import re
from collections.abc import Callable
from typing import IO, Any

from debugbox.errors import BoxGone
from debugbox.foreign import clean_text, cleaned

MAX_LINE = 1 << 20
MAX_FRAME = 16 << 20
MAX_BAD = 100
MAX_DEPTH = 40
MAX_VALUES = 50_000  # of one message: an empty object takes 3 bytes here and 72 in memory
_VALUE_BYTES = 100
_PIECE_BYTES = 1 << 16
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')

Message = dict[str, Any]


class BadMessage(ValueError):
    """One message that breaks the protocol."""


def _is_number(value: object) -> bool:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 1e18
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 60


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


_SHAPES: dict[str, dict[str, Callable[[object], bool]]] = {
    "ready": {
        "protocol": _is_count,
        "python": _is_text,
        "kernel": _is_text,
        "enforced": _is_object,
        "unenforced": _is_list,
    },
    "unpacked": {"files": _is_count, "bytes": _is_count},
    "output": {"id": _is_count, "kind": _is_text, "name": _is_text},
    "done": {
        "id": _is_count,
        "status": lambda value: value in ("ok", "error", "timeout"),
        "duration_s": _is_number,
        "cpu_s": _is_number,
        "memory_bytes": _is_count,
        "dropped_outputs": _is_count,
        "oom_kills": _is_count,
        "kernel_lost": _is_text,
    },
    "kernel_died": {"cause": _is_text},
    "file": {"path": _is_text, "size": _is_count},
    "pong": {},
    "refused": {"what": _is_text, "why": _is_text},
}
_OUTPUT_KINDS = {"text", "error", "image", "table", "record"}


class MessageReader:
    """Reads messages from a box's stream, one at a time, within fixed memory.

    `size` is about what the last message takes in memory. Pictures above `image_bytes` are read past and counted, and
    so are files above `file_bytes`: 0 while nobody has asked for one.
    """

    def __init__(self, stream: IO[bytes], image_bytes: int = MAX_FRAME) -> None:
        self._stream, self._image_bytes = stream, image_bytes
        self.file_bytes = 0
        self.bad = 0
        self.size = 0

    def next(self) -> Message | None:
        """The next good message (with `bulk` where bytes followed it), or None when the box is gone.

        Raises:
            BoxGone: the box spoke out of turn more than `MAX_BAD` times.
        """
        while line := self._line():
            try:
                return self._with_bulk(parse(line), len(line) + _VALUE_BYTES * line.count(b","))
            except BadMessage as error:
                self._count(str(error))
        return None

    def _line(self) -> bytes:
        """A line of at most `MAX_LINE` bytes; a longer one is read past, in pieces, and counted."""
        while True:
            line = self._stream.readline(MAX_LINE)
            if line.endswith(b"\n") or not line:
                return line
            if len(line) < MAX_LINE:
                return b""  # cut off in the middle: the box is gone
            while line and not line.endswith(b"\n"):
                line = self._stream.readline(MAX_LINE)
            self._count("a line over its limit")

    def _with_bulk(self, message: Message, size: int) -> Message:
        self.size = size
        if message["type"] != "file" and message.get("kind") != "image":
            return message
        announced = message.get("size", 0)
        if not _is_count(announced) or announced > MAX_FRAME:
            # What follows cannot be told from messages any more.
            raise BoxGone("it announced a frame over its limit")
        if announced > (self.file_bytes if message["type"] == "file" else self._image_bytes):
            self._read_past(announced)
            raise BadMessage("a frame that nobody asked for")
        message["bulk"] = self._stream.read(announced)
        self.size += announced
        if len(message["bulk"]) < announced:
            raise BoxGone("it ended in the middle of a frame")
        return message

    def _read_past(self, size: int) -> None:
        while size and (piece := self._stream.read(min(size, _PIECE_BYTES))):
            size -= len(piece)

    def _count(self, why: str) -> None:
        self.bad += 1
        if self.bad > MAX_BAD:
            raise BoxGone(f"it spoke out of turn {self.bad} times (last: {why})")


def parse(line: bytes) -> Message:
    """One line as a message of a known type and shape, its text cleaned. Raises BadMessage."""
    if _depth(line) > MAX_DEPTH:
        raise BadMessage("nested too deeply")
    if line.count(b",") > MAX_VALUES and _STRING.sub(b"", line).count(b",") > MAX_VALUES:
        raise BadMessage("too many values")
    try:
        message = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadMessage("not JSON") from error
    type_ = message.get("type") if isinstance(message, dict) else None
    if not _is_text(type_) or type_ not in _SHAPES:
        raise BadMessage("of no known type")
    for field, fits in _SHAPES[type_].items():
        if not fits(message.get(field)):
            raise BadMessage(f"{type_}: a wrong {field}")
    if type_ == "output":
        _check_output(message)
    cleaned_message: Message = cleaned(message)
    return cleaned_message


def _check_output(message: Message) -> None:
    if message["kind"] not in _OUTPUT_KINDS or len(message["name"]) > 200:
        raise BadMessage("output: a wrong kind")
    if not _is_text(message.get("text", "")) or not _is_object(message.get("data", {})):
        raise BadMessage("output: a wrong text or data")
    if not _is_count(message.get("dropped", 0)) or not _is_count(message.get("display", 0)):
        raise BadMessage("output: a wrong dropped or display")


def _no_constant(name: str) -> None:
    raise BadMessage(f"{name} is not a number")


def _depth(line: bytes) -> int:
    """The deepest nesting of brackets, those in strings included: an upper bound is all that is needed.

    A text full of brackets must not look deep, so strings are skipped when the quick count is too high.
    """
    if line.count(b"[") + line.count(b"{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    in_string = escaped = False
    for byte in line:
        if in_string:
            in_string = escaped or byte != 0x22
            escaped = byte == 0x5C and not escaped
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


__all__ = ["MAX_FRAME", "BadMessage", "Message", "MessageReader", "clean_text", "parse"]
