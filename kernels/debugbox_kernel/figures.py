"""Runs in the box, in the kernel: every open matplotlib figure comes back once, with its audit.

Nothing of the target's own use of matplotlib is patched, and nothing is imported that it did not import.
"""

from __future__ import annotations

import base64
import io
import math
import sys
from typing import Any

from debugbox_kernel import audit, bundles

DPI = 150  # of the picture that the notebook keeps
MAX_PIXELS = 20_000_000  # the host refuses more than 25 million
MAX_SIDE = 20_000
_MIME = "application/vnd.debugbox.figure+json"

Bundle = dict[str, Any]


_sent: set[int] = set()  # hashes of the pictures that the cell has displayed itself


def is_figure(obj: Any) -> bool:
    module = sys.modules.get("matplotlib.figure")
    return isinstance(obj, getattr(module, "Figure", ()))


def note_sent(data: Bundle) -> None:
    """A figure that a cell has displayed, and not changed since, does not come again at its end."""
    if _MIME in data:
        _sent.add(hash(data.get("image/png")))


def publish_open() -> None:
    """Send every figure that the cell left open, then close it. One that cannot be drawn is told in words."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    displayed = frozenset(_sent)
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        try:
            drawn = bundle(figure)
            if hash(drawn["image/png"]) not in displayed:
                bundles.publish(drawn)
        except Exception as error:  # noqa: BLE001 (artists and formatters of the user's may raise anything)
            print("figure %d could not be drawn: %s: %s" % (number, type(error).__name__, error), file=sys.stderr)
        finally:
            pyplot.close(figure)
    _sent.clear()


def bundle(figure: Any, caption: str = "") -> Bundle:
    """One figure as PNG with its audit. A figure of a hostile size is drawn smaller, and says so."""
    facts = audit.describe(figure)
    facts["caption"] = caption
    dpi = fitting_dpi(*figure.get_size_inches())
    if dpi != DPI:
        facts["drawn"] = "drawn at %.3g instead of %d dots per inch: it is %g x %g inches" % (
            (dpi, DPI, *figure.get_size_inches())
        )
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=dpi, bbox_inches=_outline(figure, dpi), metadata={"Software": None})
    picture = base64.b64encode(png.getvalue()).decode("ascii")
    return {"image/png": picture, "text/plain": audit.words(facts), _MIME: facts}


def fitting_dpi(width: float, height: float) -> float:
    """DPI, or what keeps a figure of `width` x `height` inches within the limits of pixels and side."""
    within = min(math.sqrt(MAX_PIXELS / max(width * height, 1e-9)), MAX_SIDE / max(width, height, 1e-9))
    return min(float(DPI), within)


def _outline(figure: Any, dpi: float) -> Any:
    """The part of the canvas that is drawn on, as `bbox_inches="tight"` finds it; None where that is no picture."""
    if dpi != DPI or not hasattr(figure, "draw_without_rendering"):
        return None
    figure.draw_without_rendering()  # lays out: before that, texts have no place
    tight = figure.get_tightbbox()
    pixels = tight.width * tight.height * dpi**2
    sane = math.isfinite(pixels) and 0 < pixels <= MAX_PIXELS and max(tight.width, tight.height) * dpi <= MAX_SIDE
    return tight.padded(0.1) if sane else None
