"""A finding as one Markdown text, for a pull request or an issue. Neighbours: `notebook`, whose cells it takes."""

import base64
import json
from collections.abc import Callable
from typing import Any

from debugbox.finding import Finding
from debugbox.render.notebook import to_notebook
from debugbox.render.prose import code_block

Save = Callable[[bytes], str]


def to_markdown(finding: Finding, save: Save | None = None) -> str:
    """The notebook's cells one after the other.

    `save` takes a picture's PNG and gives the name by which the text links to it; without it only the
    picture's description is there.
    """
    cells = json.loads(to_notebook(finding))["cells"]
    parts = [part for cell in cells for part in _parts(cell, save)]
    return "\n\n".join(parts) + "\n"


def _parts(cell: dict[str, Any], save: Save | None) -> list[str]:
    if cell["cell_type"] == "markdown":
        return [cell["source"]]
    source = [code_block(cell["source"], "python")] if not cell["source"].startswith("# ") else []
    return source + [_output(output, save) for output in cell["outputs"]]


def _output(output: dict[str, Any], save: Save | None) -> str:
    if output["output_type"] == "stream":
        return code_block(output["text"])
    if output["output_type"] == "error":
        return code_block("\n".join(output["traceback"]))
    data = output["data"]
    if "image/png" not in data:
        return code_block(data["text/plain"])
    described = code_block(data["text/plain"])
    return described if save is None else f"![plot]({save(base64.b64decode(data['image/png']))})\n\n{described}"
