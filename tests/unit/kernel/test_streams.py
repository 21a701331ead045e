"""The queue of both streams: order, what waits, and descriptors read before what is printed after them."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from debugbox_kernel import streams as module
from debugbox_kernel.lastwords import LastWords, Recorder
from debugbox_kernel.streams import BoxStream, Descriptors, Outlet, encodable, encodable_data


class FakeThread:
    """ipykernel's publishing thread, which does what it is asked when `work` is called."""

    def __init__(self) -> None:
        self.thread = threading.Thread()  # never started: `flush` then sends by itself
        self.socket = object()
        self.io_loop = self
        self.asked: list[Callable[[], None]] = []

    def schedule(self, action: Callable[[], None]) -> None:
        self.asked.append(action)

    def call_later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Never: tests flush."""

    def work(self) -> None:
        while self.asked:
            self.asked.pop(0)()


class FakeSession:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def msg(self, kind: str, content: dict[str, Any], parent: Any) -> dict[str, Any]:
        return content

    def send(self, socket: Any, content: dict[str, Any], ident: bytes) -> None:
        self.sent.append((content["name"], content["text"]))


class Streams:
    def __init__(self, folder: Path) -> None:
        self.pipes = {name: os.pipe() for name in ("stdout", "stderr")}
        for reader, _ in self.pipes.values():
            os.set_blocking(reader, False)
        path = str(folder / "last-words")
        self.last = LastWords(path)
        self.session, self.thread = FakeSession(), FakeThread()
        ends = {name: reader for name, (reader, _) in self.pipes.items()}
        self.outlet = Outlet(self.session, self.thread, Descriptors(ends), Recorder(path))
        self.out, self.err = BoxStream(self.outlet, "stdout"), BoxStream(self.outlet, "stderr")


@pytest.fixture
def streams(tmp_path: Path) -> Iterator[Streams]:
    module.owners.begin({})
    made = Streams(tmp_path)
    yield made
    for pipe in made.pipes.values():
        for fd in pipe:
            os.close(fd)


def test_both_streams_keep_their_order(streams: Streams) -> None:
    for stream, text in ((streams.out, "1"), (streams.out, "2"), (streams.err, "3"), (streams.out, "4")):
        stream.write(text)
    streams.out.flush()
    assert streams.session.sent == [("stdout", "12"), ("stderr", "3"), ("stdout", "4")]


def test_what_lies_in_a_descriptor_comes_before_what_is_printed_after(streams: Streams) -> None:
    streams.out.write("1")
    os.write(streams.pipes["stdout"][1], "ä".encode())
    streams.out.write("2")
    streams.out.flush()
    assert streams.session.sent == [("stdout", "1ä2")]


def test_a_character_cut_in_two_writes_is_whole(streams: Streams) -> None:
    first, second = "ä".encode()[:1], "ä".encode()[1:]
    os.write(streams.pipes["stdout"][1], first)
    streams.out.write("")
    os.write(streams.pipes["stdout"][1], second)
    streams.out.flush()
    assert streams.session.sent == [("stdout", "ä")]


def test_a_million_changes_of_stream_are_few_messages(streams: Streams) -> None:
    for number in range(5000):
        (streams.out, streams.err)[number % 2].write(f"{number}\n")
    streams.out.flush()
    assert len(streams.session.sent) == module.MAX_RUNS
    assert "".join(text for name, text in streams.session.sent if name == "stdout").endswith("4998\n")


def test_what_was_not_flushed_is_in_the_recorder(streams: Streams) -> None:
    streams.out.write("waits")
    assert not streams.session.sent and streams.last.missing("stdout") == ("waits", 0)


def test_flushing_each_line_is_no_message_of_each_and_nothing_waits_for_long(streams: Streams) -> None:
    for number in range(500):
        streams.out.write(f"{number}\n")
        streams.out.flush()
    assert len(streams.session.sent) < 5, "a slow machine may have let the time between two sends pass"
    assert streams.last.missing("stdout")[0].endswith("499\n")
    streams.out.write("x" * 100_000)
    streams.out.flush()  # more than the recorder has for certain
    assert "".join(text for _, text in streams.session.sent).endswith("499\n" + "x" * 100_000)


def test_writing_what_is_no_text_is_the_error_of_python(streams: Streams) -> None:
    with pytest.raises(TypeError, match="must be str, not bytes"):
        streams.out.write(b"x")  # type: ignore[arg-type]  # that is the test


def test_a_closed_stream_still_writes(streams: Streams) -> None:
    streams.out.close()
    streams.out.write("x")
    assert not streams.out.closed and streams.out.fileno() == 1 and streams.err.fileno() == 2


def test_a_forked_child_writes_whole_lines_to_the_descriptor(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.outlet, "_pid", -1)  # as if we were the child
    written: list[bytes] = []
    monkeypatch.setattr(os, "write", lambda fd, data: written.append(bytes(data)) or len(data))
    for piece in ("a", " ", "b", "\n", "rest"):
        streams.out.write(piece)
    assert written == [b"a b\n"]
    streams.out.flush()
    assert written == [b"a b\n", b"rest"] and not streams.session.sent


@pytest.mark.parametrize(("text", "sent"), [("plain", "plain"), ("ä漢", "ä漢"), ("\ud800x", "\\ud800x")])
def test_text_is_made_fit_for_json(text: str, sent: str) -> None:
    assert encodable(text) == sent
    assert encodable_data({text: [text, 1, (text,)]}) == {sent: [sent, 1, [sent]]}
