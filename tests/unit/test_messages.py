"""Each byte of a box is hostile: what breaks a rule is dropped and counted, and nothing of it is believed."""

import contextlib
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from debugbox import messages
from debugbox.errors import BoxGone
from debugbox.messages import BadMessage, MessageReader, parse

DONE: dict[str, Any] = {
    "type": "done",
    "id": 1,
    "status": "ok",
    "duration_s": 0.5,
    "cpu_s": 0.1,
    "memory_bytes": 1,
    "dropped_outputs": 0,
    "oom_kills": 0,
    "kernel_lost": "",
}
OUTPUT: dict[str, Any] = {"type": "output", "id": 1, "kind": "text", "name": "stdout", "text": "x"}


def line(message: Any) -> bytes:
    return json.dumps(message).encode() + b"\n"


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1


def read(stream: bytes, image_bytes: int = messages.MAX_FRAME) -> MessageReader:
    return MessageReader(io.BytesIO(stream), image_bytes)


def test_good_messages_are_parsed() -> None:
    assert parse(line(DONE)) == DONE
    assert parse(line({**OUTPUT, "data": {"rows": nested(30)}}))["data"] == {"rows": nested(30)}


@pytest.mark.parametrize(
    "bad",
    [
        b"{",
        b"\xff\xfe{}",
        b"[]",
        b'"done"',
        b"null",
        b"{}",
        line({**DONE, "type": "exec"}),
        line({"type": 1}),
        line({"type": ["done"]}),
        line({"type": {}}),
        line(DONE).replace(b"0.5", b"NaN"),
        line(DONE).replace(b"0.5", b"-Infinity"),
        line(DONE).replace(b"0.5", b"1e999"),
        line(DONE).replace(b"0.5", b"9" * 5000),
        line(OUTPUT | {"data": {"x": nested(50)}}),
        b"[" * 100_000,
        line(OUTPUT | {"data": {"x": [{}] * 60_000}}),
        line(OUTPUT | {"data": {"x": 0}}).replace(b'"x": 0', b'"x": NaN'),
    ],
)
def test_a_bad_message_is_none(bad: bytes) -> None:
    with pytest.raises(BadMessage):
        parse(bad)


ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TYPES = some.sampled_from(["ready", "unpacked", "output", "done", "kernel_died", "file", "pong", "refused"])
FIELDS = ["id", "kind", "name", "text", "data", "dropped", "display", "status", "size", "path", "what", "why", "bulk"]


@given(ANYTHING | some.dictionaries(some.sampled_from([*DONE, *FIELDS]), ANYTHING), ANYTHING | TYPES)
def test_whatever_it_is_it_is_good_or_bad(message: Any, kind: Any) -> None:
    if isinstance(message, dict):
        message["type"] = kind
    with contextlib.suppress(BoxGone):
        MessageReader(io.BytesIO(line(message))).next()


@pytest.mark.parametrize("field", [name for name in DONE if name != "type"])
@pytest.mark.parametrize("value", [None, True, -1, 1 << 61, [], {}, "other"], ids=repr)
def test_a_field_has_its_type(field: str, value: Any) -> None:
    if field in ("duration_s", "cpu_s") and value == -1 and value is not True:
        return  # a number like any other
    if field == "kernel_lost" and value == "other":
        return
    with pytest.raises(BadMessage):
        parse(line({**DONE, field: value}))


@pytest.mark.parametrize(
    "changed",
    [{"kind": "script"}, {"name": "x" * 300}, {"text": 1}, {"data": []}, {"dropped": -1}, {"display": "1"}],
    ids=str,
)
def test_an_output_has_its_shape(changed: dict[str, Any]) -> None:
    with pytest.raises(BadMessage):
        parse(line({**OUTPUT, **changed}))


def test_brackets_and_commas_in_a_text_are_no_depth_and_no_values() -> None:
    text = '[{"\\,' * 50_000
    assert parse(line({**OUTPUT, "text": text}))["text"] == text


def test_text_is_cleaned_at_the_door() -> None:
    said = parse(b'{"type": "refused", "what": "a\\u001b[2Jb\\u0000", "why": "c\\ud800\\u202ed"}')
    assert (said["what"], said["why"]) == ("a\\x1b[2Jb\\x00", "c\\ud800\\u202ed")
    assert said["why"].encode("utf-8")


def test_a_bad_message_is_counted_and_the_next_one_read() -> None:
    reader = read(b"{}\n" * 3 + line(DONE))
    assert reader.next() == DONE
    assert reader.bad == 3


def test_too_many_bad_messages_end_the_box() -> None:
    reader = read(b"{}\n" * messages.MAX_BAD + line(DONE) + b"{}\n" + line(DONE))
    assert reader.next() == DONE
    with pytest.raises(BoxGone, match="101 times"):
        reader.next()


def test_a_line_over_its_limit_is_read_past() -> None:
    class Counting(io.BytesIO):
        largest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            found = super().readline(size)
            self.largest = max(self.largest, len(found))
            return found

    stream = Counting(b"x" * (3 * messages.MAX_LINE) + b"\n" + line(DONE))
    reader = MessageReader(stream)
    assert reader.next() == DONE
    assert (reader.bad, stream.largest) == (1, messages.MAX_LINE)


def test_a_frame_comes_with_its_message_and_one_that_nobody_asked_for_is_passed_over() -> None:
    picture = line({**OUTPUT, "kind": "image", "size": 5}) + b"12345"
    asked = read(picture).next()
    assert asked is not None and asked["bulk"] == b"12345"
    reader = read(picture + line(DONE), image_bytes=4)
    assert (reader.next(), reader.bad) == (DONE, 1)
    file = read(line({"type": "file", "path": "x", "size": 5}) + b'{"a":' + line(DONE))
    assert (file.next(), file.bad) == (DONE, 1)


@pytest.mark.parametrize("size", [messages.MAX_FRAME + 1, 1 << 59])
def test_a_frame_over_its_limit_ends_the_box(size: int) -> None:
    with pytest.raises(BoxGone, match="a frame over its limit"):
        read(line({**OUTPUT, "kind": "image", "size": size}) + b"x").next()


def test_a_box_that_ends_in_the_middle_is_gone() -> None:
    assert read(line(DONE)[:20]).next() is None
    with pytest.raises(BoxGone, match="in the middle"):
        read(line({**OUTPUT, "kind": "image", "size": 5}) + b"123").next()
