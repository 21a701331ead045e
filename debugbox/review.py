"""Findings as a folder of pages for a browser: one each, and an index with all plots. Nothing is served."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from debugbox.finding import Finding
from debugbox.foreign import clean_line
from debugbox.render.page import Around, to_gallery, to_page
from debugbox.render.words import followed

INDEX = "index.html"


def write_review(folder: Path, name: str, findings: Sequence[Finding]) -> Path:
    """Write `index.html` and a page for each finding into `folder`, made for the user alone; returns the index.

    The order given is the order of previous and next. Pages of findings that are gone are removed.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [page_name(finding) for finding in findings]
    for index, finding in enumerate(findings):
        _write(folder / names[index], to_page(finding, _around(findings, names, index)))
    _write(folder / INDEX, to_gallery(name, list(zip(findings, names, strict=True))))
    for path in folder.glob("[0-9]*.html"):
        if path.name not in names:
            path.unlink()
    return folder / INDEX


def _around(findings: Sequence[Finding], names: Sequence[str], index: int) -> Around:
    """The neighbours in the list, and the findings that this one follows or that follow it."""
    pages = {finding.id: name for finding, name in zip(findings, names, strict=True)}
    links = {finding.id: (followed(finding) or ("", ""))[0] for finding in findings}
    mine = findings[index].id
    return Around(
        index=INDEX,
        before=names[index - 1] if index else "",
        after=names[index + 1] if index + 1 < len(names) else "",
        follows=pages.get(links[mine], ""),
        followers=tuple((pages[each.id], clean_line(each.question)) for each in findings if links[each.id] == mine),
    )


def page_name(finding: Finding) -> str:
    """Ids are digits, a dash and hex digits, so they are file names as they are."""
    return f"{finding.id}.html"


def _write(path: Path, html: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()  # never through a link that somebody has put there
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        stream.write(html)
