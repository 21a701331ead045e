"""Runs in the box, in the kernel: every open matplotlib figure comes back once, with its audit.

Nothing of the target's own use of matplotlib is patched, and nothing is imported that it did not import.
"""

import base64
import io
import sys

DPI = 150  # of the picture that the notebook keeps
MAX_POINTS = 1000  # of one artist, kept beside the picture so that it can be checked
_AUDIT = "application/vnd.debugbox.figure+json"


def publish_open():
    """Send every figure that the cell left open, then close it."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        try:
            publish(figure)
        finally:
            pyplot.close(figure)


def publish(figure, caption=""):
    """Send one figure as PNG with its audit."""
    from IPython.display import publish_display_data

    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    audit = describe(figure)
    audit["caption"] = caption
    publish_display_data(
        {
            "image/png": base64.b64encode(png.getvalue()).decode("ascii"),
            "text/plain": words(audit),
            _AUDIT: audit,
        }
    )


def describe(figure):
    """What a reviewer cannot read from pixels: labels, scales, and the data behind each artist."""
    return {"title": _title(figure), "axes": [_axes(each) for each in figure.axes]}


def _title(figure):
    suptitle = getattr(figure, "_suptitle", None)
    return suptitle.get_text() if suptitle is not None else ""


def _axes(axes):
    return {
        "title": axes.get_title(),
        "x": {"label": axes.get_xlabel(), "scale": axes.get_xscale(), "limits": _numbers(axes.get_xlim())},
        "y": {"label": axes.get_ylabel(), "scale": axes.get_yscale(), "limits": _numbers(axes.get_ylim())},
        "artists": [
            *map(_line, axes.lines),
            *map(_scatter, axes.collections),
            *map(_bar, axes.patches),
            *map(_image, axes.images),
        ][:12],
    }


def _line(line):
    x, y = line.get_data(orig=False)
    return {
        "kind": "line",
        "label": str(line.get_label()),
        "points": len(y),
        "x": _numbers(x),
        "y": _numbers(y),
    }


def _scatter(collection):
    offsets = collection.get_offsets()
    points = [pair for pair in getattr(offsets, "tolist", list)()][:MAX_POINTS]
    return {
        "kind": "scatter",
        "label": str(collection.get_label()),
        "points": len(offsets),
        "x": _numbers([pair[0] for pair in points]),
        "y": _numbers([pair[1] for pair in points]),
    }


def _bar(patch):
    box = patch.get_extents() if not hasattr(patch, "get_height") else patch
    if box is not patch:
        return {"kind": type(patch).__name__, "label": str(patch.get_label()), "points": 1}
    values = [patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()]
    return {"kind": "bar", "label": str(patch.get_label()), "points": 1, "box": _numbers(values)}


def _image(image):
    array = image.get_array()
    audit = {
        "kind": "image",
        "label": str(image.get_label()),
        "points": int(array.size),
        "shape": list(array.shape),
    }
    if array.size <= MAX_POINTS:
        audit["values"] = _numbers(array.ravel())
    return audit


def _numbers(values):
    """At most MAX_POINTS numbers as JSON carries them: what is no finite number is None."""
    return [_number(value) for value in list(values)[:MAX_POINTS]]


def _number(value):
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)[:40]
    return number if number - number == 0 else None


def words(audit):
    """The stand-in text: what the figure shows, for a reader without eyes on it."""
    parts = [audit["title"]] if audit["title"] else []
    for axes in audit["axes"]:
        artists = ", ".join("%s of %d" % (each["kind"], each["points"]) for each in axes["artists"][:6])
        labels = "%s over %s" % (axes["y"]["label"] or "no label", axes["x"]["label"] or "no label")
        parts.append("; ".join(part for part in (axes["title"], labels, artists) if part))
    return "figure: " + " | ".join(parts)
