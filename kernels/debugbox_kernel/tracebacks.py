"""Runs in the box, in the kernel: an exception as words and frames, cut to the user's own code."""

from __future__ import annotations

import linecache
import traceback
from typing import Any

from debugbox_kernel.bundles import shortened
from debugbox_kernel.streams import encodable_data

REPO = "/srv/repo/"
_MAX_FRAMES = 30  # of one exception: the first third and the last of a long recursion
_MAX_CHAIN = 10
_MAX_PARTS = 10  # of an exception group
_MAX_VALUE_CHARS = 4000  # of its message as data
_MAX_SOURCE_CHARS = 500


def describe(etype: Any, evalue: BaseException) -> dict[str, Any]:
    """The content of an `error` message: `ename`, `evalue`, `traceback` (its text, in a list as elsewhere), `frames`
    (of the last exception), and how many characters were `dropped` from the middle of the text."""
    lines: list[str] = []
    for number, exception in enumerate(_chain(evalue)):
        if number:
            lines += ["", "which led to:", ""]
        lines += _lines(exception)
    text, dropped = shortened("\n".join(lines))
    content = {
        "ename": str(etype.__name__),
        "evalue": _words(evalue)[:_MAX_VALUE_CHARS],
        "traceback": [text],
        "frames": [_frame(each) for each in _user_frames(evalue)[0]],
        "dropped": dropped,
    }
    return {name: encodable_data(value) for name, value in content.items()}


def in_full(evalue: BaseException | None) -> list[str]:
    """The traceback as Python prints it: every frame, every cause, every part of a group."""
    if evalue is None:
        return ["no exception yet"]
    try:
        return "".join(traceback.format_exception(type(evalue), evalue, evalue.__traceback__)).splitlines()
    except Exception as error:  # noqa: BLE001 (the exception's own methods may raise anything)
        return ["its traceback cannot be printed: %s" % type(error).__name__]


def _chain(exception: BaseException | None) -> list[BaseException]:
    """The exceptions from the first cause to this one; a cycle ends it."""
    chain: list[BaseException] = []
    while exception is not None and all(exception is not each for each in chain) and len(chain) < _MAX_CHAIN:
        chain.insert(0, exception)
        hidden = exception.__suppress_context__
        exception = exception.__cause__ or (None if hidden else exception.__context__)
    return chain


def _lines(exception: BaseException) -> list[str]:
    if isinstance(exception, SyntaxError):
        return [line.rstrip("\n") for line in traceback.format_exception_only(type(exception), exception)]
    frames, hidden = _user_frames(exception)
    lines = ["Traceback (most recent call last):"]
    for frame in frames:
        shown = _frame(frame)
        lines.append("  %(file)s, line %(line)s, in %(function)s" % shown)
        if shown["source"]:
            lines.append("    " + shown["source"])
    if hidden:
        lines.append("  (%d frames left out; box.traceback() shows them)" % hidden)
    notes = [str(note) for note in getattr(exception, "__notes__", None) or ()]
    # The exception itself comes last: whoever cuts, keeps the last line.
    return [*lines, *_parts(exception), *notes, "%s: %s" % (type(exception).__name__, _words(exception))]


def _parts(exception: BaseException) -> list[str]:
    """The exceptions of a group, indented."""
    parts = getattr(exception, "exceptions", None)
    if not isinstance(parts, tuple) or not all(isinstance(part, BaseException) for part in parts):
        return []
    lines = []
    for number, part in enumerate(parts[:_MAX_PARTS], 1):
        lines.append("  part %d of %d:" % (number, len(parts)))
        lines += ["    " + line for line in _lines(part)]
    return lines


def _user_frames(exception: BaseException) -> tuple[list[traceback.FrameSummary], int]:
    """(frames of cells and of the repository, and the innermost whatever it is; how many were left out)."""
    every = [each for each in traceback.extract_tb(exception.__traceback__) if not _is_ours(each.filename)]
    users = [each for each in every if each.filename.startswith(("cell ", REPO))]
    if every and (not users or every[-1] is not users[-1]):
        users.append(every[-1])
    if len(users) > _MAX_FRAMES:
        users = users[: _MAX_FRAMES // 3] + users[-(_MAX_FRAMES - _MAX_FRAMES // 3) :]
    return users, len(every) - len(users)


def _is_ours(filename: str) -> bool:
    return "/IPython/" in filename or "/ipykernel/" in filename or "/debugbox_kernel/shell.py" in filename


def _frame(frame: traceback.FrameSummary) -> dict[str, Any]:
    file = frame.filename[len(REPO) :] if frame.filename.startswith(REPO) else frame.filename
    source = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()[:_MAX_SOURCE_CHARS]
    return {"file": file, "line": frame.lineno or 0, "function": frame.name, "source": source}


def _words(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception as error:  # noqa: BLE001 (a __str__ of the user's may raise anything)
        return "<its text cannot be had: %s>" % type(error).__name__
