"""What a box, a model or a repository says must not reach a terminal, a file or a picture viewer as it is."""

import io
import os
import select
import signal
import struct
import subprocess
import sys
import unicodedata
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from debugbox import foreign, pngchild
from debugbox.finding import Cell, Output
from debugbox.foreign import PngLimits, clean_line, clean_text, cleaned, png_size, reencode_png, shrink_png
from debugbox.foreign import without_cell_source as kept

REPOSITORY = Path(__file__).parents[2]
HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\x1b[]0;31mK\r\n\t\x07\x00\x7f\x85\x9b\u202e\u2066\u200b\u2028\ud800\ufeff\U000e0041"),
        st.characters(),
    )
)


@given(HOSTILE)
@settings(max_examples=500)
def test_cleaning_twice_changes_nothing_and_leaves_only_what_can_be_seen(text: str) -> None:
    clean = clean_text(text)
    assert clean_text(clean) == clean
    clean.encode()  # no lone surrogate
    assert not [c for c in clean if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\n\t"]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        pytest.param("\x1b[1;31mred\x1b[0m", "red", id="colour"),
        pytest.param("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H", id="clear screen"),
        pytest.param("\x1b]52;c;cm0gLXJm\x07", r"\x1b]52;c;cm0gLXJm\x07", id="OSC 52 clipboard"),
        pytest.param("\x1b]8;;http://x\x1b\\a", r"\x1b]8;;http://x\x1b\a", id="OSC 8 link"),
        pytest.param("\x1b[\x1b[31m2J", r"\x1b[2J", id="colour inside a sequence"),
        pytest.param("\x9b31mred", r"\x9b31mred", id="C1 CSI"),
        pytest.param("50%\r100%\r\ndone", "50%\n100%\ndone", id="carriage returns"),
        pytest.param("a\u202eb\u2066c", r"a\u202eb\u2066c", id="bidi"),
        pytest.param("a\u200bb\ufeff", r"a\u200bb\ufeff", id="zero width"),
        pytest.param("a\U000e0041", r"a\U000e0041", id="tag character"),
        pytest.param("a\u2028b\ud800", r"a\u2028b\ud800", id="separator and lone surrogate"),
        pytest.param("nul\x00", r"nul\x00", id="NUL"),
        pytest.param("naïve µ 数 é\t|\n", "naïve µ 数 é\t|\n", id="plain text stays"),
    ],
)
def test_each_kind_of_foreign_character(text: str, clean: str) -> None:
    assert clean_text(text) == clean


def test_one_line_stays_one_line() -> None:
    assert clean_line(" a\r\nb\tc \x1b[0m") == "a b c"


def test_a_record_of_ours_is_cleaned_to_the_last_key() -> None:
    output = Output(kind="table", text="\x07", png=b"\x1b\x00", data={"\x1b": ["\u202e", {"n": 1}]})
    cell = Cell(
        id=1, purpose="\x9b", code_sha256="", code_lines=1, started="", duration_s=1, status="ok", outputs=(output,)
    )
    clean = cleaned(cell)
    assert clean.purpose == r"\x9b"
    assert clean.outputs[0] == Output(
        kind="table", text=r"\x07", png=b"\x1b\x00", data={r"\x1b": [r"\u202e", {"n": 1}]}
    )


MARKER = "only_in_throwaway_code"
CELL_FRAME = {"file": "cell 3", "line": 2, "function": MARKER, "source": f"{MARKER} = 1 / total"}
REPO_FRAME = {"file": "stats/mean.py", "line": 7, "function": "mean", "source": "return total / count"}
BOX_TEXT = f"""Traceback (most recent call last):
  cell 3, line 2, in {MARKER}
    {MARKER} = 1 / total
  stats/mean.py, line 7, in mean
    return total / count
ZeroDivisionError: division by zero

which led to:

Traceback (most recent call last):
  cell 3, line 4, in {MARKER}
    raise {MARKER}() from err
RuntimeError: no mean"""


def error(text: str, *frames: dict[str, object]) -> Output:
    data = {"ename": "RuntimeError", "evalue": "no mean", "frames": list(frames)}
    return Output(kind="error", name="RuntimeError", text=text, data=data)


def test_a_traceback_keeps_the_repository_and_loses_the_cells_code() -> None:
    output = kept(error(BOX_TEXT, CELL_FRAME, REPO_FRAME))
    assert MARKER not in repr(output)
    assert output.data["frames"] == [{**CELL_FRAME, "function": "", "source": ""}, REPO_FRAME]
    assert "  cell 3, line 2\n  stats/mean.py, line 7, in mean\n    return total / count\n" in output.text
    assert output.text.endswith("RuntimeError: no mean") and "which led to:" in output.text


def test_a_traceback_in_an_unknown_form_is_built_anew_from_its_frames() -> None:
    output = kept(error(f"---> 2 here\n{CELL_FRAME['source']}\nRuntimeError: no mean", CELL_FRAME, REPO_FRAME))
    assert output.text.splitlines()[1:] == [
        "  cell 3, line 2",
        "  stats/mean.py, line 7, in mean",
        "    return total / count",
        "RuntimeError: no mean",
    ]


@pytest.mark.parametrize(
    "text",
    [
        f'  File "cell 3", line 1\n    {MARKER} = = 1\n             ^\nSyntaxError: invalid syntax',
        f'Traceback:\n  File "cell 3", line 2, in {MARKER}\n    {MARKER}()\n    ~~~^^\nKeyError: 1',
        f"cell 3:4: UserWarning: slow\n  {MARKER}()\nnext line",
        f'/tmp/ipykernel_9/1.py:4: UserWarning: slow\n  {MARKER}()\n  File "<string>", line 1, in {MARKER}\n',
    ],
)
def test_printed_tracebacks_and_warnings_lose_the_quoted_line(text: str) -> None:
    output = kept(Output(kind="text", name="stderr", text=text))
    assert MARKER not in output.text
    assert output.text.splitlines()[-1] == text.splitlines()[-1] or "<string>" in text


def test_source_of_the_repository_stays_in_printed_tracebacks() -> None:
    text = '  File "stats/mean.py", line 7, in mean\n    return total / count\nstats/mean.py:7: UserWarning: a\n  b()\n'
    assert kept(Output(kind="text", text=text)).text == text


def png(size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, "PNG", **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def chunks(data: bytes) -> list[bytes]:
    kinds, at = [], 8
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += 12 + int(struct.unpack(">I", data[at : at + 4])[0])
    return kinds


def header(width: int, height: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def test_a_picture_comes_back_as_pixels_and_nothing_else() -> None:
    info = PngInfo()
    info.add_text("comment", "<script>alert(1)</script>")
    hostile = png(pnginfo=info, icc_profile=b"profile", dpi=(1, 1), exif=b"Exif\x00\x00MM") + b"<html><script>"
    assert set(chunks(reencode_png(hostile))) == {b"IHDR", b"IDAT", b"IEND"}
    assert png_size(reencode_png(hostile)) == (40, 30)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_pixel_keeps_its_colours(mode: str) -> None:
    out = io.BytesIO()
    picture = Image.linear_gradient("L").convert("RGBA") if mode != "I;16" else Image.new(mode, (9, 9), 300)
    picture.convert(mode).save(out, "PNG")
    with (
        Image.open(io.BytesIO(out.getvalue())) as before,
        Image.open(io.BytesIO(reencode_png(out.getvalue()))) as after,
    ):
        assert list(before.convert("RGBA").tobytes()) == list(after.convert("RGBA").tobytes())


def test_a_transparent_colour_stays_transparent() -> None:
    with Image.open(io.BytesIO(reencode_png(png(transparency=(0, 0, 0))))) as picture:
        assert picture.convert("RGBA").getpixel((0, 0)) == (0, 0, 0, 0)


BOMB = b"\x89PNG\r\n\x1a\n" + header(40_000, 40_000) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
SECOND_HEADER = png()[:33] + header(6_000, 6_000) + png()[33:]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(BOMB, "40000 x 40000 pixels", id="dimension bomb"),
        pytest.param(SECOND_HEADER, "exceeds limit of 25000000", id="second header"),
        pytest.param(png()[:60], "damaged picture", id="truncated"),
        pytest.param(b"GIF89a" + bytes(100), "not a PNG", id="another format"),
        pytest.param(b"", "not a PNG", id="empty"),
        pytest.param(png()[:8] + header(0, 5), "0 x 5 pixels", id="no width"),
        pytest.param(png() + bytes(5 * 1024**2), "limit is 4,194,304", id="too many bytes"),
    ],
)
def test_a_picture_that_is_refused_says_why(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        reencode_png(data)
    assert reencode_png(png()), "the next picture is not affected"


def test_a_text_chunk_bomb_does_not_take_the_hosts_memory() -> None:
    bomb = chunk(b"zTXt", b"k\x00\x00" + zlib.compress(bytes(300_000_000)))
    with pytest.raises(ValueError, match="damaged picture"):
        reencode_png(png()[:33] + bomb + png()[33:])


def test_a_child_that_dies_is_a_refusal_and_the_next_picture_gets_a_new_one() -> None:
    reencode_png(png())
    child = foreign._child()._process
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(ValueError, match="not decoded within"):
        reencode_png(png(), limits=PngLimits(timeout_s=0.2))
    assert reencode_png(png())


def test_the_models_view_is_never_larger_than_asked_for() -> None:
    assert png_size(shrink_png(png((2000, 1000)), 1000, 700)) == (1000, 500)
    assert png_size(shrink_png(png((1000, 2000), "P"), 1000, 700)) == (350, 700)
    assert png_size(shrink_png(png((40, 30)), 1000, 700)) == (40, 30)


HOST = """
import os, sys
from debugbox import foreign
foreign.reencode_png(bytes.fromhex(sys.argv[1]))
process = foreign._child()._process
limits = open(f"/proc/{process.pid}/limits").read().splitlines()
least = [line.split()[-3] for line in limits if line.startswith(("Max address", "Max file size", "Max core"))]
print(process.pid, b"SECRET" in open(f"/proc/{process.pid}/environ", "rb").read(), *least, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_child_sees_no_secret_has_limits_and_ends_with_a_killed_host() -> None:
    environment = {**os.environ, "ANTHROPIC_API_KEY": "SECRET", "PYTHONPATH": str(REPOSITORY)}
    host = subprocess.Popen([sys.executable, "-c", HOST, png().hex()], stdin=-1, stdout=-1, env=environment, text=True)
    assert host.stdout is not None
    with host:
        pid, leaked, *limits = host.stdout.readline().split()
        watch = os.pidfd_open(int(pid))
        host.kill()
    assert leaked == "False"
    assert sorted(map(int, limits)) == [0, 0, pngchild.MEMORY_BYTES]
    assert select.select([watch], [], [], 5)[0], "the child is still alive"
    os.close(watch)
