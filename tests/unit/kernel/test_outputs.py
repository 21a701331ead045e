"""Head and tail of a cell's text within the limit, the count of the rest exact; displays counted, updates replaced."""

import base64
from typing import Any, cast

import pytest
from debugbox_kernel.outputs import CellOutputs, forward
from debugbox_kernel.wire import Wire
from hypothesis import given
from hypothesis import strategies as st

LIMITS = {"text_chars": 100, "outputs": 3, "images": 2, "image_bytes": 50}


class FakeWire:
    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, type_: str, bulk: bytes = b"", **fields: Any) -> None:
        assert type_ == "output"
        self.sent.append({**fields, "bulk": bulk})


def outputs_of(cell: int = 7) -> tuple[CellOutputs, FakeWire]:
    wire = FakeWire()
    return CellOutputs(cell, cast(Wire, wire), LIMITS), wire


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(max_size=80)), max_size=30))
def test_what_is_sent_and_what_is_dropped_is_what_was_written(pieces: list[tuple[str, str]]) -> None:
    outputs, wire = outputs_of()
    for name, text in pieces:
        outputs.text(name, text)
    outputs.finish()
    written = "".join(text for _, text in pieces)
    dropped = sum(each["dropped"] for each in wire.sent)
    sent = "".join(each["text"] for each in wire.sent)
    if not dropped:
        assert sent == written and len(written) <= LIMITS["text_chars"]
        return
    marker = f"\n[... {dropped} characters cut here: box.out(7).text has it ...]\n"
    head, _, tail = sent.partition(marker)
    assert written.startswith(head) and written.endswith(tail)
    assert len(head) + len(tail) + dropped == len(written) and len(head) == len(tail) == 50


def test_what_the_kernel_dropped_counts_as_well() -> None:
    outputs, wire = outputs_of()
    forward("stream", {"name": "stdout", "text": "tail", "dropped": 40}, outputs)
    outputs.finish()
    assert sum(each["dropped"] for each in wire.sent) == 40


def test_data_that_would_not_fit_a_line_are_left_out_and_said_to_be() -> None:
    outputs, wire = outputs_of()
    record = {"application/vnd.debugbox.symptom+json": {"note": "x" * 900_000}, "text/plain": "words"}
    forward("display_data", {"data": record}, outputs)
    (sent,) = wire.sent
    assert sent["data"] == {} and sent["text"].startswith("[data over its limit left out]")
    assert outputs.dropped_outputs == 1


def test_displays_over_the_limit_are_counted() -> None:
    outputs, wire = outputs_of()
    for _ in range(5):
        forward("display_data", {"data": {"text/plain": "x"}}, outputs)
    assert len(wire.sent) == 3 and outputs.dropped_outputs == 2


def test_the_last_update_comes_at_the_end_under_the_same_number() -> None:
    outputs, wire = outputs_of()
    for kind, text in (("display_data", "1"), ("update_display_data", "2"), ("update_display_data", "3")):
        forward(kind, {"data": {"text/plain": text}, "transient": {"display_id": "d"}}, outputs)
    outputs.finish()
    assert [(each["text"], each["display"]) for each in wire.sent] == [("1", 1), ("3", 1)]


def test_an_update_of_an_earlier_cells_display_is_an_output_of_its_own() -> None:
    outputs, wire = outputs_of()
    forward("update_display_data", {"data": {"text/plain": "x"}, "transient": {"display_id": "old"}}, outputs)
    assert [each["text"] for each in wire.sent] == ["x"]


def test_pictures_are_limited_in_number_and_size() -> None:
    outputs, wire = outputs_of()
    for size in (10, 60, 10, 10):
        data = {"image/png": base64.b64encode(bytes(size)).decode()}
        forward("display_data", {"data": data}, outputs)
    assert [len(each["bulk"]) for each in wire.sent] == [10, 0, 10] and outputs.dropped_outputs == 2
    assert "its picture is left out: 2 of a cell are kept, of at most 50 bytes" in wire.sent[1]["text"]


def test_too_many_displays_leave_room_for_records_errors_and_last_states() -> None:
    outputs, wire = outputs_of()
    shown = {"data": {"text/plain": "x"}, "transient": {"display_id": "d"}}
    for _ in range(5):
        forward("display_data", shown, outputs)
    forward("display_data", {"data": {"application/vnd.debugbox.symptom+json": {"state": "present"}}}, outputs)
    forward("error", {"ename": "E", "evalue": "", "traceback": ["E: told"]}, outputs)
    forward("update_display_data", {**shown, "data": {"text/plain": "last"}}, outputs)
    outputs.finish()
    assert [(each["kind"], each["text"]) for each in wire.sent[-3:]] == [
        ("record", ""),
        ("error", "E: told"),
        ("text", "last"),
    ]


def test_long_results_share_their_room_and_an_error_keeps_its_end() -> None:
    outputs, wire = outputs_of()
    for _ in range(3):
        forward("display_data", {"data": {"text/plain": "x" * 5000}}, outputs)
    forward("error", {"ename": "E", "evalue": "", "traceback": ["y" * 9000, "E: the end"]}, outputs)
    assert [5000 - each["dropped"] for each in wire.sent[:3]] == [500] * 3
    assert wire.sent[3]["text"].endswith("\nE: the end") and wire.sent[3]["dropped"] > 4000


def test_what_the_kernel_cut_from_a_result_is_in_the_count() -> None:
    outputs, wire = outputs_of()
    cut = {"application/vnd.debugbox.cut+json": {"characters": 1000}}
    forward("execute_result", {"data": {"text/plain": "abcd", **cut}}, outputs)
    assert wire.sent[0]["dropped"] == 1000 and "1000 characters cut here" in wire.sent[0]["text"]
    assert wire.sent[0]["text"].startswith("ab\n") and wire.sent[0]["text"].endswith("\ncd")


def test_a_traceback_keeps_its_last_line() -> None:
    outputs, wire = outputs_of()
    lines = ["x" * 100_000, "ValueError: the end"]
    forward("error", {"ename": "ValueError", "evalue": "the end", "traceback": lines}, outputs)
    assert wire.sent[0]["text"].endswith("\nValueError: the end") and wire.sent[0]["dropped"] > 0


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("stream", {}),
        ("stream", {"name": "stdout", "text": 1}),
        ("error", {"ename": "E", "evalue": "", "traceback": "no list"}),
        ("error", {"ename": "E", "evalue": "", "traceback": [], "frames": [1]}),
        ("display_data", {"data": 1}),
        ("display_data", {"data": {"image/png": "not base64!"}}),
        ("update_display_data", {"data": {}}),
    ],
)
def test_malformed_messages_are_refused(kind: str, content: dict[str, Any]) -> None:
    outputs, _ = outputs_of()
    with pytest.raises((TypeError, KeyError, ValueError)):
        forward(kind, content, outputs)


def test_unknown_kinds_are_nothing() -> None:
    outputs, wire = outputs_of()
    for kind in ("clear_output", "comm_open", "execute_input"):
        forward(kind, {}, outputs)
    assert not wire.sent
