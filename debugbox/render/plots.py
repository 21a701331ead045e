"""A finding's plots in a terminal that can show pictures: kitty's protocol or sixel (iTerm2 and others).

Needs the extra `plots`; without it, or in any other terminal, the report names the page and the notebook.
"""

import io
import os
from typing import Any

from rich.console import Console

from debugbox.finding import Finding
from debugbox.foreign import shrink_png

MAX_PLOTS = 4
SIZE = (1000, 700)  # pixels at most
_COLUMNS = 78


def show_plots(finding: Finding, console: Console) -> int:
    """Print the first plots; returns how many. Nothing is printed where the terminal does not say that it can.

    Asking it takes a question and an answer through the terminal itself, so `console` must be one.
    """
    picture_of = _picture_class() if _is_capable(console) else None
    if picture_of is None:
        return 0
    shown = 0
    for output in [output for evidence in finding.evidence for output in evidence.outputs if output.png]:
        if shown == MAX_PLOTS:
            break
        try:
            png = shrink_png(output.png, *SIZE)  # decoded and encoded anew in the child: the archive is not trusted
        except ValueError:
            continue
        console.print(picture_of(io.BytesIO(png), width=min(_COLUMNS, console.width)))
        shown += 1
    return shown


def _is_capable(console: Console) -> bool:
    """A terminal with a size: one that reports none (a bare pty) breaks what measures its cells.

    Two kinds print kitty's question as text instead of skipping it; they are not asked.
    """
    prints_it = os.environ.get("TERM_PROGRAM") == "Apple_Terminal" or os.environ.get("TERM") == "linux"
    if not console.is_terminal or console.is_dumb_terminal or prints_it:
        return False
    try:
        return os.get_terminal_size(console.file.fileno()).columns > 0
    except OSError:
        return False


def _picture_class() -> Any:
    """What draws pixels here, or None: half blocks would show a plot that cannot be read."""
    try:
        from textual_image.renderable import Image, SixelImage, TGPImage  # it asks the terminal when it is imported
    except ModuleNotFoundError:
        return None
    return Image if Image in (SixelImage, TGPImage) else None
