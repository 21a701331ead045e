"""What comes from outside, made safe: text for any screen or file, outputs without throwaway source, PNGs.

Everything a box, a model, a repository or an engine says passes through here before it is shown or kept.
Pictures are decoded in a limited child process, `pngchild.py`; nothing here trusts what they contain.
"""

import atexit
import contextlib
import importlib.util
import json
import os
import re
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from debugbox.finding import Output

Value = TypeVar("Value")

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width and bidi
    "\u115f\u1160\u3164\uffa0"  # letters that show nothing (Hangul fillers)
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # lone surrogates: no encoder takes them
    "\U000e0000-\U000e007f\U000e0100-\U000e01ef"  # tags and selectors that smuggle text
    "]"
)

# Where throwaway code lives: cells, `exec`, and the box's folders that are not the repository.
_THROWAWAY = ("cell ", "<", "/tmp/", "/home/", "/srv/out/", "/run/", "/dev/")
# Python's own form of a frame, with every indented line below it, and the box's (`tracebacks.py`).
_PRINTED_FRAME = re.compile(
    r'^(?P<head>[ \t]*File "(?P<file>[^"\n]*)", line \d+)(?:, in [^\n]*)?$(?:\n(?![ \t]*File ")[ \t]+[^\n]*)*',
    re.MULTILINE,
)
_BOX_FRAME = re.compile(
    r"^(?P<head>  (?P<file>[^\s,\"][^,\n]*), line \d+)(?:, in [^\n]*)?$(?:\n {4}[^\n]*)*", re.MULTILINE
)
_WARNING = re.compile(r"^(?P<head>(?P<file>[^:\n]+):\d+: \w*Warning: [^\n]*)(?:\n[ \t]+[^\n]*)?", re.MULTILINE)

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def clean_text(text: str) -> str:
    """`text` with every character visible: printable ones, newline and tab; the rest spelled out (`\\x1b`).

    Colour sequences (`ESC [ … m`) are removed, `\\r\\n` and `\\r` become newlines.
    Doing it twice changes nothing.
    """
    plain = _COLOUR.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _UNSAFE.sub(_spelled_out, plain)


def clean_line(text: str) -> str:
    """`text` cleaned and on one line: runs of white space become one space."""
    return " ".join(clean_text(text).split())


def cleaned(value: Value) -> Value:
    """`value` with every text in it cleaned, keys included: a record of ours, or plain JSON data."""
    if isinstance(value, str):
        return cast(Value, clean_text(value))
    if isinstance(value, dict):
        return cast(Value, {cleaned(key): cleaned(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return cast(Value, type(value)(cleaned(item) for item in value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{part.name: cleaned(getattr(value, part.name)) for part in fields(value)})
    return value


def _spelled_out(match: re.Match[str]) -> str:
    point = ord(match.group())
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def without_cell_source(output: Output) -> Output:
    """`output` as it may be kept: without lines of throwaway code.

    Frames of cells lose source and function name, in `data` and in the words of a traceback, whether it is an
    error's or was printed; warnings lose the line they quote. What the code printed on purpose is output and stays.
    """
    if output.kind == "error":
        return _error_without_source(output)
    if output.kind == "text":
        return replace(output, text=_words_without_source(output.text))
    return output


def _error_without_source(output: Output) -> Output:
    every = _frames(output)
    frames = [_kept_frame(frame) for frame in every]
    text = _words_without_source(output.text)
    dropped = {str(old.get("source", "")).strip() for old, new in zip(every, frames, strict=True) if old != new}
    if any(line.strip() in dropped - {""} for line in text.splitlines()):  # not in a form we know
        text = _words_of_frames(frames, _last_line(output))
    return replace(output, text=text, data={**output.data, "frames": frames})


def _frames(output: Output) -> list[dict[str, Any]]:
    frames = output.data.get("frames")
    return [frame for frame in frames if isinstance(frame, dict)] if isinstance(frames, list) else []


def _kept_frame(frame: dict[str, Any]) -> dict[str, Any]:
    if not str(frame.get("file", "")).startswith(_THROWAWAY):
        return frame
    return {**frame, "source": "", "function": ""}


def _words_without_source(text: str) -> str:
    def kept(match: re.Match[str]) -> str:
        return match["head"] if match["file"].startswith(_THROWAWAY) else match.group()

    for form in (_PRINTED_FRAME, _BOX_FRAME, _WARNING):
        text = form.sub(kept, text)
    return text


def _words_of_frames(frames: list[dict[str, Any]], last: str) -> str:
    lines = ["Traceback (most recent call last):"]
    for frame in frames:
        where = f"  {frame.get('file', '?')}, line {frame.get('line', '?')}"
        lines.append(f"{where}, in {frame['function']}" if frame.get("function") else where)
        if frame.get("source"):
            lines.append(f"    {frame['source']}")
    return "\n".join([*lines, last])


def _last_line(output: Output) -> str:
    """`ValueError: why`, from the error's own fields or, where they are missing, from its text."""
    name, value = str(output.data.get("ename", "")), str(output.data.get("evalue", ""))
    if name:
        return f"{name}: {value}" if value else name
    lines = [line for line in output.text.splitlines() if line.strip()]
    return lines[-1] if lines else output.name


@dataclass(frozen=True, kw_only=True)
class PngLimits:
    """What a picture may be. A 194 kB PNG can be 40,000 x 40,000 pixels, so both are needed."""

    max_bytes: int = 4 * 1024**2
    max_pixels: int = 25_000_000
    timeout_s: float = 5.0


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height by the header alone. Raises ValueError where there is no PNG header."""
    if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
        raise ValueError("not a PNG")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def reencode_png(data: bytes, *, limits: PngLimits = PngLimits()) -> bytes:
    """The same picture, encoded by us: no text chunks, no colour profile, nothing after the end.

    Raises ValueError with the reason: not a PNG, over a limit, damaged, or not decoded in time.
    """
    return _through_child(data, {"op": "reencode"}, limits)


def shrink_png(data: bytes, width: int, height: int, *, limits: PngLimits = PngLimits()) -> bytes:
    """The picture, at most `width` x `height` pixels, its proportions kept; never enlarged.

    Raises ValueError as `reencode_png` does.
    """
    return _through_child(data, {"op": "shrink", "width": width, "height": height}, limits)


def _through_child(data: bytes, request: dict[str, Any], limits: PngLimits) -> bytes:
    if len(data) > limits.max_bytes:
        raise ValueError(f"the picture has {len(data):,} bytes, the limit is {limits.max_bytes:,}")
    width, height = png_size(data)
    if not 0 < width * height <= limits.max_pixels:
        raise ValueError(f"the picture is {width} x {height} pixels, the limit is {limits.max_pixels:,} in all")
    return _child().convert(data, {**request, "max_pixels": limits.max_pixels}, limits.timeout_s)


class _PngChild:
    """One child process for all pictures, started when the first one comes.

    It ends when its standard input does, so it does not outlive us even after kill -9.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)

    def convert(self, data: bytes, request: dict[str, Any], timeout_s: float) -> bytes:
        header = json.dumps({**request, "size": len(data), "timeout_s": timeout_s}).encode()
        with self._lock:
            reply, picture = self._ask(header + b"\n" + data, timeout_s)
        if "error" in reply:
            raise ValueError(clean_line(str(reply["error"]))[:300])
        return picture

    def _ask(self, message: bytes, timeout_s: float) -> tuple[dict[str, Any], bytes]:
        process = self._running()
        watch = threading.Timer(timeout_s, process.kill)
        watch.start()
        try:
            return _exchange(process, message)
        except BaseException as err:  # half an exchange: the next one would read its rest
            self._end()
            if isinstance(err, OSError):
                raise ValueError(f"not decoded within {timeout_s:g} s and the memory limit") from err
            raise
        finally:
            watch.cancel()

    def stop(self) -> None:
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        self._process = _start_child()
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what was still buffered for a dead child
                if stream is not None:
                    stream.close()
        process.wait()


@cache
def _child() -> _PngChild:
    return _PngChild()


def _start_child() -> subprocess.Popen[bytes]:
    pillow = importlib.util.find_spec("PIL")
    if pillow is None or pillow.origin is None:
        raise ValueError("Pillow is not installed, so no picture can be checked")
    program = Path(__file__).with_name("pngchild.py")
    # -I hides the user's site-packages, where Pillow may live: so its folder is named.
    command = [sys.executable, "-I", str(program), str(Path(pillow.origin).parents[1])]
    environment = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd="/",
        start_new_session=True,  # Ctrl-C in the terminal is for us, not for the child
    )


def _exchange(process: subprocess.Popen[bytes], message: bytes) -> tuple[dict[str, Any], bytes]:
    """The child's reply and the bytes after it. Raises OSError when the child is gone."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(message)
    process.stdin.flush()
    line = process.stdout.readline(4096)
    if not line.endswith(b"\n"):
        raise OSError("the child ended")
    reply: dict[str, Any] = json.loads(line)
    size = int(reply.get("size", 0))
    picture = process.stdout.read(size)
    if len(picture) != size:
        raise OSError("the child ended")
    return reply, picture
