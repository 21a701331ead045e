"""Runs in the box, in the kernel: an exception as words and frames, cut to the user's own code."""

import linecache
import traceback

REPO = "/srv/repo/"
_MAX_FRAMES = 30


def describe(etype, evalue):
    """The content of an `error` message: `ename`, `evalue`, `traceback` (lines), `frames` (of the last exception)."""
    lines = []
    for number, exception in enumerate(_chain(evalue)):
        if number:
            lines += ["", "which led to:", ""]
        lines += _lines(exception)
    return {
        "ename": etype.__name__,
        "evalue": _words(evalue),
        "traceback": lines,
        "frames": [_frame(each) for each in _user_frames(evalue)[0]],
    }


def _chain(exception):
    """The exceptions from the first cause to this one; a cycle ends it."""
    chain = []
    while exception is not None and exception not in chain and len(chain) < 10:
        chain.insert(0, exception)
        hidden = exception.__suppress_context__
        exception = exception.__cause__ or (None if hidden else exception.__context__)
    return chain


def _lines(exception):
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
        lines.append("  (%d frames in libraries left out; box.traceback() shows them)" % hidden)
    return [*lines, "%s: %s" % (type(exception).__name__, _words(exception))]


def _user_frames(exception):
    """(frames of cells and of the repository, and the innermost whatever it is; how many were left out)."""
    every = [each for each in traceback.extract_tb(exception.__traceback__) if not _is_ours(each.filename)]
    users = [each for each in every if each.filename.startswith(("cell ", REPO))]
    if every and (not users or every[-1] is not users[-1]):
        users.append(every[-1])
    return users[-_MAX_FRAMES:], len(every) - len(users[-_MAX_FRAMES:])


def _is_ours(filename):
    return "/IPython/" in filename or "/ipykernel/" in filename


def _frame(frame):
    file = frame.filename[len(REPO) :] if frame.filename.startswith(REPO) else frame.filename
    source = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
    return {"file": file, "line": frame.lineno or 0, "function": frame.name, "source": source}


def _words(exception):
    try:
        return str(exception)
    except Exception as error:  # noqa: BLE001 (a __str__ of the user's may raise anything)
        return "<its text cannot be had: %s>" % type(error).__name__
