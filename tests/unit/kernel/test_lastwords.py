"""Text that a kernel wrote and that never arrived is found in the recorder's ring: no more of it, and no less."""

from pathlib import Path

import pytest
from debugbox_kernel.lastwords import RING_BYTES, LastWords, Recorder
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Recorder, LastWords]:
    path = str(tmp_path / "last-words")
    last = LastWords(path)
    return Recorder(path), last


def test_nothing_is_missing_when_all_arrived(ends: tuple[Recorder, LastWords]) -> None:
    recorder, last = ends
    recorder.add("stdout", "hello")
    last.heard("stdout", "hello")
    assert last.missing("stdout") == ("", 0)


def test_what_did_not_arrive_is_missing_by_stream(ends: tuple[Recorder, LastWords]) -> None:
    recorder, last = ends
    recorder.add("stdout", "one ")
    recorder.add("stderr", "error")
    recorder.add("stdout", "twö")
    last.heard("stdout", "one ")
    assert last.missing("stdout") == ("twö", 0)
    assert last.missing("stderr") == ("error", 0)


def test_more_than_the_ring_is_counted(ends: tuple[Recorder, LastWords]) -> None:
    recorder, last = ends
    recorder.add("stdout", "x" * 1000)
    recorder.add("stdout", "y" * (RING_BYTES + 5))
    text, gone = last.missing("stdout")
    assert text == "y" * RING_BYTES and gone == 1005


def test_a_new_cell_forgets_what_was_lost_before(ends: tuple[Recorder, LastWords]) -> None:
    recorder, last = ends
    recorder.add("stdout", "lost")
    last.start_cell()
    recorder.add("stdout", "new")
    assert last.missing("stdout") == ("new", 0)


def test_a_file_that_the_kernel_spoilt_gives_nothing(tmp_path: Path) -> None:
    path = tmp_path / "last-words"
    last = LastWords(str(path))
    path.write_bytes(b"short")
    assert last.missing("stdout") == ("", 0)


def test_a_count_that_the_kernel_made_up_gives_what_is_in_the_ring(tmp_path: Path) -> None:
    path = tmp_path / "last-words"
    last = LastWords(str(path))
    path.write_bytes(b"\xff" * (RING_BYTES * 2 + 32))
    text, gone = last.missing("stdout")
    assert len(text) <= RING_BYTES and gone > 0


@given(st.lists(st.text(alphabet="aä漢😀", max_size=RING_BYTES // 10), max_size=8), st.integers(0, 8))
def test_the_tail_is_what_was_written_last(pieces: list[str], arrived: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        last, recorder = LastWords(f"{folder}/w"), Recorder(f"{folder}/w")
        for number, piece in enumerate(pieces):
            recorder.add("stdout", piece)
            if number < arrived:
                last.heard("stdout", piece)
        missing = "".join(pieces[arrived:])
        text, gone = last.missing("stdout")
        assert len(text) + gone == len(missing)
        assert missing.endswith(text.lstrip("\ufffd"))  # the ring may begin in the middle of a character
