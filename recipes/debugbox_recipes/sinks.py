"""Where a program's values become visible: assignments, returns, appends, prints. Used in the box, on both sides.

The kernel matches a question's words against these places; the program's process records the values that pass
through them. Both call `find_sinks`, so that a watch `file:line:name` means the same place to both.
"""

import ast
import re
from dataclasses import dataclass
from typing import Dict, FrozenSet, Iterator, List, Optional, Sequence, Tuple

_FORMATTERS = frozenset({"print", "str", "repr", "format", "write", "info", "debug", "warning", "error"})


@dataclass(frozen=True)
class Sink:
    """A place values pass through. `words` are the lower-case words that name what it holds."""

    file: str
    line: int
    name: str
    kind: str  # assign, return, append, print
    function: str
    words: FrozenSet[str]
    context: FrozenSet[str]  # words of the class, the function and the module around it

    @property
    def watch(self) -> str:
        return f"{self.file}:{self.line}:{self.name}"


Found = Tuple[ast.AST, Sink]


def words_of(text: str) -> FrozenSet[str]:
    """The words in prose or identifiers: `meanTemp_K` gives mean, temp, k."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", text)
    return frozenset(part.lower() for part in parts)


def find_sinks(tree: ast.AST, file: str) -> List[Found]:
    """Every sink of a module, each with the node whose value passes through it (an AugAssign as a whole)."""
    visitor = _SinkFinder(file)
    visitor.visit(tree)
    return visitor.found


def identifiers(node: ast.AST) -> List[str]:
    """The names an expression mentions, in reading order, each once. Not `ast.unparse`: that differs by version."""
    seen: Dict[str, None] = {}
    for part in _in_order(node):
        if isinstance(part, ast.Name):
            seen.setdefault(part.id)
        elif isinstance(part, ast.Attribute):
            seen.setdefault(part.attr)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
            seen.setdefault(part.value)
    return list(seen)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)
    yield node


def _label(values: Sequence[ast.expr], position: int) -> str:
    """The text printed just before a value; what stands before another value is that one's name."""
    before = values[position - 1] if position else None
    return before.value if isinstance(before, ast.Constant) and isinstance(before.value, str) else ""


def dotted(node: ast.AST) -> Optional[str]:
    """`self.total`, `totals['a']` (as totals.a), `totals[...]` (as totals): the name of an assignment's target."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else node.attr
    if isinstance(node, ast.Subscript):
        base = dotted(node.value)
        key = node.slice
        if base and isinstance(key, ast.Constant) and isinstance(key.value, str):
            return f"{base}.{key.value}"
        return base
    return None


class _SinkFinder(ast.NodeVisitor):
    def __init__(self, file: str) -> None:
        self.file = file
        self.found: List[Found] = []
        self.scope: List[str] = []
        self.module_words = words_of(file.rsplit("/", 1)[-1][:-3])

    def _add(self, node: ast.AST, line: int, name: str, kind: str, text: str) -> None:
        context = self.module_words.union(*map(words_of, self.scope))
        sink = Sink(self.file, line, name, kind, ".".join(self.scope), words_of(text), context)
        self.found.append((node, sink))

    def _scoped(self, node: ast.AST, name: str) -> None:
        self.scope.append(name)
        self.generic_visit(node)
        self.scope.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._scoped(node, node.name)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._scoped(node, node.name)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._scoped(node, node.name)

    def visit_Return(self, node: ast.Return) -> None:
        self._result(node.value, node.lineno)
        self.generic_visit(node)

    def visit_Yield(self, node: ast.Yield) -> None:
        self._result(node.value, node.lineno)
        self.generic_visit(node)

    def _result(self, value: Optional[ast.expr], line: int) -> None:
        if value is not None and self.scope and not isinstance(value, ast.Constant):
            self._add(value, line, f"{self.scope[-1]}()", "return", self.scope[-1])

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._target(target, node.value, node.lineno)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._target(node.target, node.value, node.lineno)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._target(node.target, node, node.lineno)
        self.generic_visit(node)

    def _target(self, target: ast.AST, value: ast.AST, line: int) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for one, its_value in zip(target.elts, value.elts):  # noqa: B905  # strict= came with 3.10
                    self._target(one, its_value, line)
            return
        name = dotted(target)
        if name and not isinstance(value, (ast.Constant, ast.Starred)):
            self._add(value, line, name, "assign", name)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        for position, value in enumerate(node.values):
            if isinstance(value, ast.FormattedValue):
                self._printed(value.value, _label(node.values, position), node)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        template = node.left.value if isinstance(node.left, ast.Constant) else None
        if isinstance(node.op, ast.Mod) and isinstance(template, str):
            values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
            self._template(template, values, node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = (dotted(node.func) or "").rsplit(".", 1)[-1]
        if isinstance(node.func, ast.Attribute) and name == "append" and len(node.args) == 1:
            whole = dotted(node.func) or name
            self._add(node.args[0], node.lineno, whole, "append", whole)
        elif name == "format" and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant):
            self._template(str(node.func.value.value), node.args, node)
        elif name in _FORMATTERS:
            for position, value in enumerate(node.args):
                self._printed(value, _label(node.args, position), node)
        self.generic_visit(node)

    def _template(self, template: str, values: Sequence[ast.expr], node: ast.expr) -> None:
        """`'mean %g'` and `'mean {:g}'`: each value with the text before its place."""
        texts = re.split(r"%[^%a-zA-Z]*[a-zA-Z]|\{[^}]*\}", template)
        for position, value in enumerate(values):
            self._printed(value, texts[min(position, len(texts) - 1)], node)

    def _printed(self, value: ast.expr, text: str, statement: ast.expr) -> None:
        if isinstance(value, (ast.Constant, ast.JoinedStr, ast.Starred)):
            return
        names = identifiers(value)
        self._add(value, statement.lineno, "{" + "/".join(names)[:60] + "}", "print", f"{text} {' '.join(names)}")
