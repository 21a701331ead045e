"""The child process that decodes foreign PNGs for `foreign.py`. Imports the standard library and Pillow only.

Started as a program (`python -I pngchild.py FOLDER_OF_PILLOW`), never imported by the host. It reads
requests (one JSON line, then `size` bytes) until its standard input ends, and answers `{"size": n}` and
n bytes, or `{"error": why}`.
"""

import io
import json
import resource
import signal
import sys
import warnings
from typing import Any

MEMORY_BYTES = 1024**3  # 25 Mpixel in RGBA are 100 MB, and three copies of it may live at once
KEPT_MODES = ("1", "L", "LA", "RGB", "RGBA", "I;16")
# Pillow has no one class for "this file is broken".
BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    MemoryError,
    Warning,
    ArithmeticError,
    LookupError,
    TypeError,
    EOFError,
)


def set_limits() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(limit, (value, value))
        except (ValueError, OSError):  # macOS has no address space limit; the clock still stops it
            continue


def convert(data: bytes, request: dict[str, Any]) -> bytes:
    """The picture as a PNG of pixels alone. Raises what Pillow raises."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = request["max_pixels"]  # a second IHDR can differ from the one the host has read
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        image.load()
        plain = image.mode in KEPT_MODES and "transparency" not in image.info
        picture = image.copy() if plain else image.convert("RGBA")
    if request["op"] == "shrink":
        picture = shrink(picture, (request["width"], request["height"]))
    picture.info.clear()  # Pillow writes text, profile and resolution back from here
    out = io.BytesIO()
    picture.save(out, format="PNG")
    return out.getvalue()


def shrink(picture: Any, size: tuple[int, int]) -> Any:
    from PIL import Image

    if picture.width <= size[0] and picture.height <= size[1]:
        return picture
    picture = picture.convert("RGBA" if picture.mode in ("LA", "RGBA") else "RGB")
    picture.thumbnail(size, Image.Resampling.LANCZOS)
    return picture


def answer(line: bytes) -> bytes:
    """One reply. Whatever is not named here ends the process, and the host reads that as a refusal."""
    from PIL.Image import DecompressionBombError

    request = json.loads(line)
    data = sys.stdin.buffer.read(request["size"])
    signal.setitimer(signal.ITIMER_REAL, request["timeout_s"])  # no handler: it ends the process
    try:
        picture = convert(data, request)
    except (*BROKEN, DecompressionBombError) as err:
        return json.dumps({"error": f"damaged picture: {str(err)[:300] or type(err).__name__}"}).encode() + b"\n"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return json.dumps({"size": len(picture)}).encode() + b"\n" + picture


def main() -> None:
    set_limits()
    sys.path.append(sys.argv[1])
    warnings.simplefilter("error")
    while line := sys.stdin.buffer.readline():
        sys.stdout.buffer.write(answer(line))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
