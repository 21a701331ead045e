"""Windows: neighbouring statements of one block that a thread passes through, by first and last line. On both sides.

The kernel asks which window goes around some lines; the program wraps windows in a `with` statement of ours.
"""

import ast
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .mutations import place_in

Block = List[Any]  # statements that follow one another
_PARTS = ("body", "orelse", "finalbody", "handlers", "cases")
_LEAVES = (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def around(tree: ast.AST, lines: Sequence[int]) -> Optional[Tuple[int, int]]:
    """The smallest window around all these lines; None where a thread may leave it half-way (`yield`, `await`)."""
    found = [window for window in (_within(block, lines) for block in _blocks(tree)) if window]
    if not found:
        return None
    window = min(found, key=lambda each: _last(each[-1]) - each[0].lineno)
    return None if any(_leaves(statement) for statement in window) else (window[0].lineno, _last(window[-1]))


def _within(block: Block, lines: Sequence[int]) -> Block:
    touched = [n for n, each in enumerate(block) if any(each.lineno <= line <= _last(each) for line in lines)]
    if not touched:
        return []
    window = block[touched[0] : touched[-1] + 1]
    inside = all(any(each.lineno <= line <= _last(each) for each in window) for line in lines)
    return window if inside and not any(isinstance(each, (*_FUNCTIONS, ast.ClassDef)) for each in window) else []


def _last(statement: Any) -> int:
    return int(statement.end_lineno or statement.lineno)


def _blocks(tree: ast.AST) -> Iterator[Block]:
    for node in ast.walk(tree):
        for part in _PARTS:
            block = getattr(node, part, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def _leaves(node: ast.AST) -> bool:
    if isinstance(node, _LEAVES):
        return True
    return any(_leaves(child) for child in ast.iter_child_nodes(node) if not isinstance(child, _FUNCTIONS))


def simple_lines(tree: ast.AST) -> List[int]:
    """Where a statement without a block of its own begins, in functions: the least that can be wrapped."""
    plain = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
    found = {
        statement.lineno
        for function in ast.walk(tree) if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for statement in ast.walk(function)
        if isinstance(statement, plain) and not _leaves(statement) and not _is_text(statement)
    }  # fmt: skip
    return sorted(found)


def _is_text(statement: Any) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


class Wrapping:
    """Wraps the windows of a plan as modules are loaded: `managers` gives the `with` items, by the window's number."""

    def __init__(self, places: Sequence[Mapping[str, Any]], manager: Callable[[int], str]) -> None:
        self.places, self.manager = list(places), manager
        self.found: List[int] = []

    def transform(self, tree: Any, file: str, lines: List[str]) -> Any:
        wanted: Dict[Tuple[int, int], List[int]] = {}
        for number, place in enumerate(self.places):
            line = place_in(place, lines) if place["file"] == file else None
            if line is not None:
                last = int(place.get("last", place["line"])) - int(place["line"]) + line
                wanted.setdefault((line, last), []).append(number)
        for (first, last), numbers in sorted(wanted.items(), key=lambda each: each[0][1] - each[0][0]):
            if self._wrap(tree, first, last, numbers):
                self.found += numbers
        return tree

    def _wrap(self, tree: ast.AST, first: int, last: int, numbers: Sequence[int]) -> bool:
        for block in _blocks(tree):
            start = next((n for n, each in enumerate(block) if each.lineno == first), None)
            if start is None:
                continue
            end = max(n for n, each in enumerate(block) if n == start or (n > start and _last(each) <= last))
            inside = block[start : end + 1]
            # A module that only holds the wanted statement, to borrow the parser's work.
            text = ", ".join(self.manager(number) for number in numbers)
            made: Any = ast.parse(f"with {text}:\n    pass").body[0]
            for node in ast.walk(made):
                if hasattr(node, "lineno"):
                    node.lineno, node.end_lineno, node.col_offset, node.end_col_offset = first, first, 0, 0  # type: ignore[attr-defined]
            made.body, made.end_lineno = inside, _last(inside[-1])
            block[start : end + 1] = [made]
            return True
        return False
