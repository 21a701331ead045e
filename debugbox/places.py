"""Where a place of a finding stands in another snapshot: by its function and its source text, not by its number."""

import ast
from collections.abc import Iterator
from dataclasses import replace

from debugbox.finding import Place
from debugbox.snapshot import Snapshot


def site_now(place: Place, snapshot: Snapshot) -> Place | None:
    """Where the quoted source of `place` stands in this snapshot; None if nowhere.

    Of several lines with that text those in its function come first, then the nearest to where it was.
    """
    content = snapshot.read(place.file)
    if content is None:
        return None
    if not place.quote:
        return place
    lines = content.decode("utf-8", "replace").splitlines()
    wanted = " ".join(place.quote.split())
    found = [number for number, line in enumerate(lines, 1) if " ".join(line.split()) == wanted]
    functions = list(_functions(content)) if len(found) > 1 and place.function else []

    def distance(number: int) -> tuple[bool, int]:
        return _innermost(functions, number) != place.function, abs(number - place.line)

    nearest = min(found, key=distance, default=None)
    return replace(place, line=nearest) if nearest is not None else None


def _functions(content: bytes) -> Iterator[tuple[int, int, str]]:
    """(first line, last line, dotted name) of every function and class; none where the file cannot be parsed."""
    try:
        yield from _below(ast.parse(content), "")
    except (SyntaxError, ValueError, RecursionError):
        return


def _below(node: ast.AST, inside: str) -> Iterator[tuple[int, int, str]]:
    for child in ast.iter_child_nodes(node):
        name = inside
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{inside}.{child.name}".lstrip(".")
            yield child.lineno, child.end_lineno or child.lineno, name
        yield from _below(child, name)


def _innermost(functions: list[tuple[int, int, str]], line: int) -> str:
    around = [(last - first, name) for first, last, name in functions if first <= line <= last]
    return min(around)[1] if around else ""
