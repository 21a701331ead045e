"""The repository's source as the kernel reads it: lines, quotes, functions and expressions by place. In the kernel."""

import ast
from pathlib import Path, PurePath
from typing import Any, Dict, List, Optional, Sequence

from .values import Expression, expressions, source_of


class Source:
    """Reads each file once; what cannot be read is empty."""

    def __init__(self, repo: PurePath) -> None:
        self._repo = Path(repo)
        self._lines: Dict[str, List[str]] = {}
        self._trees: Dict[str, ast.Module] = {}

    def lines(self, file: str) -> List[str]:
        if file not in self._lines:
            try:
                self._lines[file] = (self._repo / file).read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                self._lines[file] = []
        return self._lines[file]

    def tree(self, file: str) -> ast.Module:
        if file not in self._trees:
            try:
                self._trees[file] = ast.parse("\n".join(self.lines(file)) + "\n")
            except (SyntaxError, ValueError):
                self._trees[file] = ast.Module(body=[], type_ignores=[])
        return self._trees[file]

    def quote(self, file: str, line: int) -> str:
        lines = self.lines(file)
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""

    def function_at(self, file: str, line: int) -> str:
        """The innermost function or class around a line, by its qualified name; '' in the module itself."""
        name, scope = "", self.tree(file).body  # type: str, Sequence[ast.stmt]
        while True:
            inner = next((node for node in _scopes(scope) if node.lineno <= line <= (node.end_lineno or 0)), None)
            if inner is None:
                return name
            name, scope = f"{name}.{inner.name}".lstrip("."), inner.body

    def place(self, file: str, line: int) -> Dict[str, Any]:
        """A `debugbox.finding.Place`."""
        function = self.function_at(file, line)
        return {"file": file, "line": line, "function": function, "quote": self.quote(file, line)}

    def node(self, file: str, line: int, nth: int, kinds: Sequence[str]) -> Optional[ast.AST]:
        """The expression that goes by this name; see `values`."""
        for node, expression in expressions(self.tree(file), file, frozenset(kinds)):
            if (expression.line, expression.nth) == (line, nth):
                return node
        return None

    def text(self, expression: Expression, kinds: Sequence[str]) -> str:
        node = self.node(expression.file, expression.line, expression.nth, kinds)
        return source_of(node) if node is not None else ""


def _scopes(body: Sequence[ast.stmt]) -> List[Any]:
    """Functions and classes that stand in these statements, not inside others."""
    found: List[Any] = []
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.append(statement)
        else:
            inner = [each for each in ast.iter_child_nodes(statement) if isinstance(each, ast.stmt)]
            handlers = list(getattr(statement, "handlers", ()))
            found += _scopes([*inner, *(each for h in handlers for each in h.body)])
    return found
