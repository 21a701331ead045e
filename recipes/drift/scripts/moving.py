"""Where a watched value stands now: by its function and its source, since lines move. Runs in the box."""

import ast
from pathlib import Path
from typing import Any, List

from debugbox_recipes.sinks import Sink, find_sinks


class NotThere(LookupError):
    """The watched line is not in the program any more; the message says what was looked for."""


def watch_now(repo: Any, watch: str, quote: str, function: str) -> str:
    """`watch` with the line at which its source stands; of several, those in its function, then the nearest.

    Without a quote it is taken as it is. Raises NotThere.
    """
    if not quote:
        return watch
    file, line, name = watch.split(":", 2)
    same = [sink for sink in _sinks(Path(repo), file, quote) if sink.name == name]
    nearest = min(same, key=lambda sink: (sink.function != function, abs(sink.line - int(line))), default=None)
    if nearest is None:
        inside = f" in {function}" if function else ""
        raise NotThere(f"the watched line, {file}:{line}{inside}, is not there any more: {quote[:200]}")
    return nearest.watch


def source_of(repo: Any, sink: Sink) -> str:
    """The line at which a sink stands, stripped; '' where it cannot be read."""
    lines = _lines(Path(repo) / sink.file)
    return lines[sink.line - 1].strip() if 0 < sink.line <= len(lines) else ""


def _sinks(repo: Path, file: str, quote: str) -> List[Sink]:
    """The sinks on lines with this text."""
    lines = _lines(repo / file)
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return []
    return [sink for _, sink in find_sinks(tree, file) if lines[sink.line - 1].strip() == quote]


def _lines(path: Path) -> List[str]:
    try:
        return path.read_text("utf-8", "replace").split("\n")
    except OSError:
        return []
