"""Findings as HTML pages that open offline, run nothing and tell nobody: one for each, a gallery, the live view.

Escaping is the template's (autoescape). The policy in the head allows pictures that are in the page and the one
style sheet whose hash it names, so nothing else loads or runs even if escaping failed.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from debugbox.finding import Cell, Finding, Output
from debugbox.foreign import clean_line, cleaned, shrink_png
from debugbox.render import words
from debugbox.render.prose import blocks
from debugbox.render.tables import plot_tables, runs_table, shown_table

THUMBNAIL = (560, 400)  # pixels at most: sharp on a dense screen, about 30 KB
REFRESH_S = 2


@dataclass(frozen=True, kw_only=True)
class Around:
    """The pages beside a finding's own, as relative addresses; empty where there is none.

    `follows` is the page of the finding it follows, `followers` are (address, question) of those that follow it.
    """

    index: str
    before: str = ""
    after: str = ""
    follows: str = ""
    followers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A plot in the gallery, made small; `href` leads to its large one."""

    href: str
    png: bytes
    alt: str
    caption: str
    question: str


def to_page(finding: Finding, around: Around | None = None) -> str:
    """The page's HTML; pictures are inside it."""
    finding = cleaned(finding)
    return _rendered("finding", finding=finding, around=around, count=len(_pictures(finding)))


def to_gallery(name: str, findings: Sequence[tuple[Finding, str]]) -> str:
    """The index: all findings with the addresses of their pages, and all their plots, made small."""
    shown = [(cleaned(finding), href) for finding, href in findings]
    listed = [{"finding": finding, "href": href} for finding, href in shown]
    plots = [plot for finding, href in shown for plot in _plots(finding, href)]
    return _rendered("gallery", name=clean_line(name), count=len(listed), findings=listed, plots=plots)


def to_live_page(question: str, cells: Sequence[Cell]) -> str:
    """A run as it stands; the page asks for itself again every `REFRESH_S` seconds."""
    return _rendered("live", question=clean_line(question), cells=cleaned(list(cells)), refresh_s=REFRESH_S)


def style_policy() -> str:
    """The Content-Security-Policy of every page, for a server to send as well."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_style_hash()}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _pictures(finding: Finding) -> list[tuple[str, Output]]:
    """(caption, output) of each picture, in the order of the page."""
    return [
        (evidence.caption, output)
        for evidence in finding.evidence
        for output in evidence.outputs
        if words.is_picture(output.png)
    ]


def _plots(finding: Finding, href: str) -> list[Plot]:
    return [
        Plot(
            href=f"{href}#plot-{number}",
            png=_thumbnail(output.png),
            alt=output.text[:500] or "a picture without a description",
            caption=clean_line(caption)[:160],
            question=finding.question,
        )
        for number, (caption, output) in enumerate(_pictures(finding), start=1)
    ]


def _thumbnail(png: bytes) -> bytes:
    """The picture made small; one that cannot be decoded stays out, its description is there."""
    try:
        return shrink_png(png, *THUMBNAIL)
    except ValueError:
        return b""


def _rendered(template: str, **values: Any) -> str:
    html: str = _environment().get_template(f"{template}.html.jinja").render(**values)
    return html


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text("utf-8")


@cache
def _style_hash() -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()}"


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # late: only who asks for a page pays

    environment = Environment(
        loader=PackageLoader("debugbox.render", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        words=words,
        blocks=blocks,
        data=_data,
        plot_tables=plot_tables,
        runs_table=runs_table,
        shown_table=shown_table,
        style=_style(),
        style_hash=_style_hash(),
    )
    return environment


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
