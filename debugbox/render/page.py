"""A finding as one HTML page that opens offline, runs nothing and tells nobody.

Escaping is the template's (autoescape); the policy in its head stops scripts and foreign loads even if that failed.
"""

import base64
from functools import cache
from typing import Any

from debugbox.finding import Finding, Output
from debugbox.foreign import cleaned
from debugbox.render import words
from debugbox.render.prose import blocks

_TEMPLATE = "finding.html.jinja"


def to_page(finding: Finding) -> str:
    """The page's HTML; pictures are inside it."""
    finding = cleaned(finding)
    html: str = (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            finding=finding,
            words=words,
            blocks=blocks,
            shown=_shown,
            data=_data,
        )
    )
    return html


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # late: only who asks for a page pays

    return Environment(
        loader=PackageLoader("debugbox.render", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(output: Output) -> str:
    """The text of an output that is not a picture."""
    if output.kind == "table":
        return words.data_table(output)
    return words.recorded(output) if output.kind == "record" else words.shortened(output.text)


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
