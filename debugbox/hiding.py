"""What a diff does besides repairing: touch only comments or tests, catch the error, put a constant there.

Such a diff makes a symptom go without showing a cause. Only what can be seen in its text and its syntax
tree is named here; whether measured code no longer runs is measured (`watched`).
"""

import ast
import math
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from debugbox.finding import Place
from debugbox.patch import Patch, Read, Region

NEAR_LINES = 3  # a change this close to a place is a change of it, also outside functions
_TEST = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_tests?|conftest)\.py$")
_NUMBER = re.compile(r"(?<![\w.])\d+\.?\d*(?:[eE][-+]?\d+)?(?![\w.])")
_SMALL = (0.0, 1.0, 2.0)  # numbers that every repair may contain


def is_test(path: str) -> bool:
    return bool(_TEST.search(path))


def hidings(patch: Patch, read: Read, *, expected: float | None = None) -> list[str]:
    """What makes this diff no test of a cause, a sentence each. `expected` is what the symptom compares with."""
    found: list[str] = []
    if all(is_test(path) for path in patch.contents):
        found.append("it changes tests only")
    if all(_same_code(path, read(path) or b"", after) for path, after in patch.contents.items()):
        found.append("it changes comments, docstrings or layout only")
    for path, after in patch.contents.items():
        if _count(after, ast.ExceptHandler) > _count(read(path) or b"", ast.ExceptHandler):
            found.append(f"in {path} it catches an error instead of preventing it")
    for region in patch.regions:
        found += _region_hidings(region, expected)
    return list(dict.fromkeys(found))


def changes_place(patch: Patch, place: Place, read: Read) -> bool:
    """Whether the diff changes the place: within a few lines of it, or in the same function."""
    functions = _functions(read(place.file) or b"")
    mine = _innermost(functions, place.line)
    for region in patch.regions:
        if region.file != place.file:
            continue
        near = region.first - NEAR_LINES <= place.line <= max(region.first, region.last) + NEAR_LINES
        if near or (mine is not None and mine == _innermost(functions, region.first)):
            return True
    return False


def _region_hidings(region: Region, expected: float | None) -> Iterable[str]:
    where = f"{region.file}:{region.first}"
    added, removed = "\n".join(region.added), "\n".join(region.removed)
    if "debugbox" in added.lower():
        yield f"at {where} it asks whether debugbox is there"
    if any(_returns_constant(line) for line in region.added) and re.search(r"\breturn\b", removed):
        yield f"at {where} it returns a constant in the place of what was computed"
    if expected is not None and abs(expected) not in _SMALL and _names_number(added, removed, abs(expected)):
        yield f"at {where} it writes the expected value {expected:g} down"


def _returns_constant(line: str) -> bool:
    try:
        statement = ast.parse(f"def f():\n {line.strip()}").body[0]
    except SyntaxError:
        return False
    body = statement.body[0] if isinstance(statement, ast.FunctionDef) else None
    return isinstance(body, ast.Return) and isinstance(body.value, ast.Constant) and body.value.value is not None


def _names_number(added: str, removed: str, value: float) -> bool:
    def has(text: str) -> bool:
        return any(math.isclose(float(each), value, rel_tol=1e-6) for each in _NUMBER.findall(text))

    return has(added) and not has(removed)


def _same_code(path: str, before: bytes, after: bytes) -> bool:
    """Whether both are the same program; of what is not Python, whether they are the same text."""
    if PurePosixPath(path).suffix != ".py":
        return before == after
    trees = _parsed(before), _parsed(after)
    if trees[0] is None or trees[1] is None:
        return False
    return _without_docstrings(trees[0]) == _without_docstrings(trees[1])


def _without_docstrings(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_words(each)] or [ast.Pass()]
    return ast.dump(tree)


def _is_words(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _parsed(content: bytes) -> ast.Module | None:
    try:
        return ast.parse(content)
    except (SyntaxError, ValueError):
        return None


def _count(content: bytes, kind: type) -> int:
    tree = _parsed(content)
    return sum(isinstance(node, kind) for node in ast.walk(tree)) if tree else 0


def _functions(content: bytes) -> list[tuple[int, int]]:
    """First and last lines of the file's functions."""
    tree = _parsed(content)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in ast.walk(tree) if isinstance(node, kinds)] if tree else []
    return [(node.lineno, node.end_lineno or node.lineno) for node in found]


def _innermost(functions: list[tuple[int, int]], line: int) -> tuple[int, int] | None:
    around = [each for each in functions if each[0] <= line <= each[1]]
    return min(around, key=lambda each: each[1] - each[0], default=None)
