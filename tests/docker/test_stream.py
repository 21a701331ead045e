"""Requirement: the attach stream is taken apart in bounded memory, whatever its frames say."""

import io
import socket
import struct
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugbox.engines.docker_transport import MAX_FRAME_BYTES, STDERR_TAIL_BYTES, AttachedInput, AttachedOutput


def frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">B3xI", kind, len(payload)) + payload


def read_all(stream: bytes) -> tuple[bytes, AttachedOutput]:
    ours, engines = socket.socketpair()
    with ours, engines:
        sender = threading.Thread(target=lambda: (engines.sendall(stream), engines.shutdown(socket.SHUT_WR)))
        sender.start()
        output = AttachedOutput(ours)
        said = io.BufferedReader(output, 1 << 16).read()
        ours.shutdown(socket.SHUT_RDWR)  # a stream that is given up is not read to its end
        sender.join()
    return said, output


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=200)), max_size=20))
def test_stdout_is_what_was_sent_on_it_and_stderr_its_tail(frames: list[tuple[int, bytes]]) -> None:
    said, output = read_all(b"".join(frame(kind, payload) for kind, payload in frames))
    assert said == b"".join(payload for kind, payload in frames if kind == 1)
    stderr = b"".join(payload for kind, payload in frames if kind == 2)
    assert output.last_words == stderr[-STDERR_TAIL_BYTES:].decode("utf-8", "replace").strip()
    assert output.fault == ""


@pytest.mark.parametrize(
    ("stream", "said", "fault"),
    [
        pytest.param(b"", b"", "", id="nothing"),
        pytest.param(frame(1, b"") * 1000 + frame(1, b"x"), b"x", "", id="empty frames"),
        pytest.param(frame(1, b"ok") + b"\1\0\0", b"ok", "", id="half a header"),
        pytest.param(struct.pack(">B3xI", 1, 10) + b"half", b"half", "broke off", id="half a payload"),
        pytest.param(frame(1, b"ok") + frame(3, b"x"), b"ok", "understood", id="unknown kind"),
        pytest.param(b"\1\1\0\0\0\0\0\1x", b"", "understood", id="padding that is not zero"),
        pytest.param(b"HTTP/1.1 500 x\r\n\r\n", b"", "understood", id="not the protocol"),
        pytest.param(struct.pack(">B3xI", 1, MAX_FRAME_BYTES + 1), b"", "understood", id="too long"),
        pytest.param(struct.pack(">B3xI", 2, 0xFFFFFFFF), b"", "understood", id="too long on stderr"),
    ],
)
def test_a_hostile_stream_ends_with_its_fault_named(stream: bytes, said: bytes, fault: str) -> None:
    got, output = read_all(stream)
    assert got == said and fault in output.fault and bool(fault) == bool(output.fault)
    assert output.ended.is_set()


def test_the_last_words_of_a_noisy_box_are_its_last() -> None:
    _, output = read_all(frame(2, b"noise " * 100_000) + frame(2, b"ImportError: zmq\n"))
    assert output.last_words.endswith("ImportError: zmq")
    assert len(output.last_words) <= STDERR_TAIL_BYTES


def test_a_frame_of_sixteen_mebibytes_is_read_in_pieces() -> None:
    ours, engines = socket.socketpair()
    with ours, engines:
        payload = bytes(MAX_FRAME_BYTES)
        sender = threading.Thread(target=engines.sendall, args=(frame(1, payload),))
        sender.start()
        stdout = io.BufferedReader(AttachedOutput(ours), 1 << 16)
        tracemalloc.start()
        left = len(payload)
        while left:
            left -= len(stdout.read(min(left, 1 << 16)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        sender.join()
    assert peak < 1 << 20


def test_closing_the_input_keeps_the_output_open() -> None:
    ours, engines = socket.socketpair()
    with ours, engines:
        given_to_box = AttachedInput(ours)
        given_to_box.write(b"a line\n")
        given_to_box.close()
        given_to_box.close()
        assert engines.recv(100) == b"a line\n" and engines.recv(100) == b""
        engines.sendall(frame(1, b"still here"))
        engines.shutdown(socket.SHUT_WR)
        assert io.BufferedReader(AttachedOutput(ours)).read() == b"still here"
