"""Run as a program by test_hostile_streams: the host's end of a box whose other end sends what NAME says, for ever.

Prints one JSON object: how the cell ended, how many bad messages were counted, by how many MiB the host grew.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from debugbox import box as host
from debugbox.errors import BoxGone, KernelDied
from debugbox.settings import Limits

MIB = 1 << 20


def line(**message: object) -> bytes:
    return json.dumps(message).encode() + b"\n"


def output(kind: str, **fields: object) -> bytes:
    return line(type="output", id=1, kind=kind, name="stdout", **fields)


def numbers(count: int, text: str) -> bytes:
    """An output whose data are `count` times `text`: what JSON makes the most memory of."""
    listed = ",".join([text] * count)
    return f'{{"type":"output","id":1,"kind":"table","name":"x","data":{{"rows":[{listed}]}}}}\n'.encode()


def text_of(size: int, character: str = "x") -> bytes:
    return output("text", text=character * size)


def with_bulk(picture: bytes) -> bytes:
    return output("image", size=len(picture)) + picture


def png() -> bytes:
    """A picture of noise, nearly 4 MiB."""
    from PIL import Image

    stream = io.BytesIO()
    Image.frombytes("RGB", (1150, 1150), os.urandom(3 * 1150 * 1150)).save(stream, "PNG")
    return stream.getvalue()


STREAMS: dict[str, Callable[[], bytes]] = {
    "a line without end": lambda: b"x" * MIB,
    "lines over the limit": lambda: b"x" * (2 * MIB) + b"\n",
    "not JSON": lambda: b"\xff\xfe{}\n" * 1000,
    "unknown types": lambda: line(type="exec", code="1") * 1000,
    "wrong types": lambda: line(type="done", id="1", status=7) * 1000,
    "not a number": lambda: b'{"type":"done","id":1,"status":"ok","duration_s":NaN}\n' * 1000,
    "huge integers": lambda: b'{"type":"done","id":' + b"9" * 5000 + b"}\n",
    "deep nesting": lambda: b"[" * 500_000 + b"\n",
    "deep nesting in data": lambda: numbers(1, "[" * 900 + "]" * 900),
    "much text": lambda: text_of(900_000),
    "wide text": lambda: output("text", text="\U0001f600" * 80_000),
    "control characters": lambda: output("text", text="\x1b" * 150_000),
    "many small outputs": lambda: b"".join(output("record", data={"n": n}) for n in range(1000)),
    "numbers": lambda: numbers(200_000, "1.5"),
    "empty objects": lambda: numbers(300_000, "{}"),
    "empty lists": lambda: numbers(300_000, "[]"),
    "few numbers, often": lambda: numbers(20_000, "{}"),
    "many keys": lambda: (
        b'{"type":"output","id":1,"kind":"table","name":"x","data":{'
        + ",".join(f'"{n}":0' for n in range(80_000)).encode()
        + b"}}\n"
    ),
    "background": lambda: line(type="output", id=0, kind="text", name="stdout", text="x" * 900_000),
    "large frames": lambda: output("image", size=16 * MIB) + bytes(16 * MIB),
    "images that are none": lambda: output("image", size=3 * MIB) + bytes(3 * MIB),
    "images that are some": lambda: with_bulk(png()),
    "files nobody asked for": lambda: line(type="file", path="x", size=16 * MIB) + bytes(16 * MIB),
    "a frame without end": lambda: line(type="file", path="x", size=1 << 40) + bytes(MIB),
    "a negative frame": lambda: line(type="file", path="x", size=-1) * 1000,
    "refusals": lambda: line(type="refused", what="x" * 100_000, why="y" * 100_000),
}


def memory_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def sender(name: str) -> None:
    """The hostile end: until nobody reads any more."""
    piece = STREAMS[name]()
    with contextlib.suppress(BrokenPipeError):
        while True:
            os.write(1, piece)


def main(name: str, timeout_s: float) -> None:
    with subprocess.Popen([sys.executable, __file__, name, "send"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        transport = SimpleNamespace(
            stdin=io.BytesIO(), stdout=process.stdout, applied={}, unenforced=(), kill=process.kill, cause=lambda: ""
        )
        host.BACKSTOP_S = 0.0
        before = memory_kib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts afresh
        box = host.Box(transport, Limits())  # type: ignore[arg-type]  # a transport as far as a box looks
        began = time.monotonic()
        try:
            ended = box.run_cell("1", id=1, purpose="hostile", timeout_s=timeout_s).status
        except (BoxGone, KernelDied) as gone:
            ended = gone.cause
        grown = (memory_kib("VmHWM") - before) / 1024
        box.kill()
        took_s = round(time.monotonic() - began, 1)
        print(json.dumps({"ended": ended, "bad": box.bad_messages, "grown_mib": round(grown, 1), "took_s": took_s}))


if __name__ == "__main__":
    if sys.argv[2] == "send":
        sender(sys.argv[1])
    else:
        main(sys.argv[1], float(sys.argv[2]))
