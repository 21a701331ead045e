"""Runs in the box, in the kernel: what of an object's display has a place in a finding, and words for the rest."""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

from debugbox_kernel.streams import encodable, encodable_data

TABLE = "application/vnd.debugbox.table+json"
CUT = "application/vnd.debugbox.cut+json"  # how much of a text is gone from its middle
MAX_TEXT_CHARS = 4 << 20  # of one display or traceback: the supervisor keeps less, and reads no message of 64 MiB
MAX_PNG_BYTES = 16 << 20
_PLOTLY = "application/vnd.plotly.v1+json"
_ADVICE = "[only its name is kept: %s has no place in a finding. Draw it with matplotlib, or print what it holds]"

Bundle = dict[str, Any]


def is_plotly(obj: Any) -> bool:
    """A figure of plotly. It would display itself, and fail where `nbformat` is not installed."""
    return isinstance(obj, getattr(sys.modules.get("plotly.basedatatypes"), "BaseFigure", ()))


def kept(obj: Any, made: Bundle) -> Bundle:
    """`made`, the display of `obj`, with words or a PNG where only other forms exist."""
    if _PLOTLY in made:
        return {"text/plain": plotly_words(made[_PLOTLY])}
    if "image/png" in made or TABLE in made:
        return made
    jpeg = _from_method(obj, "_repr_jpeg_")
    if jpeg:
        return {**made, "image/png": as_png(jpeg)}
    text = made.get("text/plain", "")
    form = next((form for form in ("svg", "html", "javascript", "latex", "pdf") if _offers(obj, form)), None)
    if form and text.startswith("<") and text.endswith(">") and "\n" not in text:
        return {**made, "text/plain": text + "\n" + _ADVICE % form.upper()}
    return made


def sendable(data: Bundle) -> Bundle:
    """`data` with words for whatever has no place in a finding, without lone surrogates; text whole."""
    sent = dict(data)
    text = sent.get("text/plain")
    if _PLOTLY in sent:  # its own `show` comes here without a detour over `kept`
        text = plotly_words(sent[_PLOTLY])
    if not isinstance(text, str):
        others = ", ".join(sorted(str(name) for name in sent)) or "nothing"
        text = "" if "image/png" in sent or any("debugbox" in name for name in sent) else _ADVICE % others
    sent["text/plain"] = encodable(text)
    if len(sent.get("image/png", "")) > MAX_PNG_BYTES:
        sent.pop("image/png")
        sent["text/plain"] += "\n[a picture of more than %d MiB was left out]" % (MAX_PNG_BYTES >> 20)
    return {
        name: encodable_data(value) if "debugbox" in name else value
        for name, value in sent.items()
        if name in ("text/plain", "image/png") or "debugbox" in name
    }


def fitting(data: Bundle) -> Bundle:
    """`data` with its text short enough for a message; how much of it is gone goes with it."""
    text, cut = shortened(data["text/plain"])
    return {**data, "text/plain": text, CUT: {"characters": cut}} if cut else data


def publish(bundle: Bundle) -> None:
    """Display a bundle as it is, as output of the cell that asks for it."""
    from IPython.display import publish_display_data

    publish_display_data(bundle)  # type: ignore[no-untyped-call]  # IPython's


def plotly_words(figure: Any) -> str:
    """What a plotly figure shows, from its own JSON; its picture needs a browser."""
    traces = figure.get("data", []) if isinstance(figure, dict) else []
    layout = figure.get("layout", {}) if isinstance(figure, dict) else {}
    described = ["%s %s" % (trace.get("type", "scatter"), trace.get("name", "")) for trace in traces[:12]]
    title = layout.get("title", {})
    title = title.get("text", "") if isinstance(title, dict) else title
    words = "plotly figure %r: %d traces (%s)" % (title, len(traces), ", ".join(each.strip() for each in described))
    return words + "\n[its picture needs a browser, which the box has not: draw the data with matplotlib]"


def as_png(picture: bytes) -> bytes:
    """A JPEG as PNG. Pillow is there: matplotlib, which each box has, needs it."""
    from PIL import Image

    png = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.save(png, format="PNG")
    return png.getvalue()


def _from_method(obj: Any, name: str) -> bytes | None:
    """What a display method gives, as bytes; None where there is no such method or it fails."""
    if not _offers(obj, name.strip("_").partition("_")[2]):
        return None
    try:
        made = getattr(obj, name)()
    except Exception as error:  # noqa: BLE001 (a display method of the user's may raise anything)
        print("%s: %s" % (name, error), file=sys.stderr)
        return None
    made = made[0] if isinstance(made, tuple) else made
    return base64.b64decode(made) if isinstance(made, str) else made


def _offers(obj: Any, form: str) -> bool:
    """Whether objects of this class display themselves in that form."""
    return not isinstance(obj, type) and callable(getattr(type(obj), "_repr_%s_" % form, None))


def shortened(text: str) -> tuple[str, int]:
    """Head and tail of a text that is too long for a message, and how many characters lay between them."""
    if len(text) <= MAX_TEXT_CHARS:
        return text, 0
    half = MAX_TEXT_CHARS // 2
    return text[:half] + text[-half:], len(text) - 2 * half
