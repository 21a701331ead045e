"""Rewrites a module's syntax tree so that arithmetic, calls and watched values pass through our functions.

Runs in the box, in the program's process. What the functions do is the runtime's business (`shadow`, `exact`); here
is only where they go in, with a table of the sites. They are found in `builtins`, so that nothing is inserted at the
top of a module and docstrings and `__future__` imports stay first.
"""

import ast
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, List, Optional, Set, Tuple, Type

from .sinks import find_sinks

PREFIX = "_dbx_"  # not two underscores: such names are mangled inside classes
OPERATORS: Dict[Type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
}
# Callees that are never followed, left as they are for speed and because some look at their caller's frame.
_NEVER = frozenset(
    """super print len range isinstance issubclass hasattr getattr setattr enumerate zip iter next locals globals vars
    dir eval exec compile open list dict set frozenset tuple str repr bytes id hash input property classmethod
    staticmethod append extend items keys values join split format strip startswith endswith""".split()  # noqa: SIM905  # a word list
)
NO_SITE = -1


@dataclass
class Site:
    """A source line of one function where something is computed. `column` is the first operation's, from 0."""

    file: str
    line: int
    column: int
    function: str
    operations: Set[str] = field(default_factory=set)


class SiteTable:
    """All sites of the process; a site's number is its index. Modules are added as they are imported."""

    def __init__(self) -> None:
        self.sites: List[Site] = []
        self._numbers: Dict[Tuple[str, int, str], int] = {}

    def number(self, file: str, line: int, column: int, function: str, operation: str) -> int:
        key = (file, line, function)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self.sites)
            self.sites.append(Site(file, line, column, function))
        self.sites[known].operations.add(operation)
        return known


@dataclass(frozen=True)
class RewritePlan:
    """What to rewrite: everything (a shadow run), or the watches and the kept lines only (a native run)."""

    everything: bool
    watches: Dict[str, int]  # watch -> its number
    kept_lines: FrozenSet[int] = frozenset()
    calls: bool = False  # callees too: a shadow run, and a native run with lines kept exact anywhere


def rewrite(
    tree: ast.Module, file: str, plan: RewritePlan, table: SiteTable, rewriter: Optional[Type["Rewriter"]] = None
) -> ast.Module:
    """`tree`, changed in place. `file` is relative to the repository."""
    marks: Dict[int, List[int]] = {}
    for node, sink in find_sinks(tree, file):
        number = plan.watches.get(sink.watch)
        if number is not None and number not in marks.setdefault(id(node), []):
            marks[id(node)].append(number)
    visitor = (rewriter or Rewriter)(file, plan, table, marks)
    changed: ast.Module = ast.fix_missing_locations(visitor.visit(tree))
    return changed


def calling(name: str, arguments: List[ast.expr], at: ast.AST) -> ast.Call:
    function = ast.Name(id=PREFIX + name, ctx=ast.Load())
    call = ast.Call(func=function, args=arguments, keywords=[])
    for node in (function, call):
        ast.copy_location(node, at)
    return call


def constant(value: object) -> ast.expr:
    return ast.Constant(value=value)  # type: ignore[arg-type]  # a str or an int


def _never_a_number(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, (int, float))
    return isinstance(node, (ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp))


class Rewriter(ast.NodeTransformer):
    def __init__(self, file: str, plan: RewritePlan, table: SiteTable, marks: Dict[int, List[int]]) -> None:
        self.file, self.plan, self.table, self.marks = file, plan, table, marks
        self.scope: List[str] = []
        self.class_name = ""
        self.statement: Optional[ast.stmt] = None

    def visit(self, node: ast.AST) -> Any:
        """Visit, then wrap the value if it is watched."""
        outer, key = self.statement, id(node)
        if isinstance(node, ast.stmt):
            self.statement = node
        new = super().visit(node)
        self.statement = outer
        if isinstance(node, ast.expr):
            for number in self.marks.get(key, ()):
                new = calling("watch", [constant(number), new], node)
        return new

    def _site(self, node: ast.expr, operation: str) -> int:
        """The site's number, or NO_SITE where the plan leaves this line alone."""
        line, statement = node.lineno, self.statement
        # Before 3.12 a node inside an f-string may claim a line outside its statement.
        if statement is not None and not statement.lineno <= line <= (statement.end_lineno or line):
            line = statement.lineno
        if not self.plan.everything and line not in self.plan.kept_lines:
            return NO_SITE
        return self.table.number(self.file, line, node.col_offset, ".".join(self.scope), operation)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        operation = OPERATORS.get(type(node.op))
        self.generic_visit(node)
        if operation is None or _never_a_number(node.left) or _never_a_number(node.right):
            return node
        site = self._site(node, operation)
        if site == NO_SITE:
            return node
        return calling(operation, [constant(site), node.left, node.right], node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not self.plan.calls or not isinstance(node.func, (ast.Name, ast.Attribute)):
            return node
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        if name not in _NEVER and not name.startswith(PREFIX):
            site = self._site(node, f"{name}()")
            # Only the callee is wrapped: the call itself stays in the user's frame (tracebacks, super, warnings).
            node.func = calling("function", [constant(site), node.func], node.func)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        watches = self.marks.get(id(node), [])
        operation = OPERATORS.get(type(node.op))
        self.generic_visit(node)
        if operation is None or any(isinstance(n, ast.Slice) for n in ast.walk(node.target)):
            return node
        if _never_a_number(node.value) and not watches:
            return node
        site = self._site(node.target, operation)
        if site == NO_SITE and not watches:
            return node
        return ast.copy_location(self._augmented(node, operation, site, watches), node)

    def _augmented(self, node: ast.AugAssign, operation: str, site: int, watches: List[int]) -> ast.stmt:
        """The same assignment with its target's parts evaluated once, and before the right-hand side as in Python."""
        target = node.target
        if isinstance(target, ast.Name):
            old: ast.expr = ast.Name(id=target.id, ctx=ast.Load())
            value = calling("i" + operation, [constant(site), old, node.value], node)
            for number in watches:
                value = calling("watch", [constant(number), value], node)
            return ast.Assign(targets=[target], value=value)
        if isinstance(target, ast.Attribute):
            kind, key = "attribute", constant(self._mangled(target.attr))
        else:
            kind, key = "item", target.slice
        loaded = calling(f"get_{kind}", [target.value, key], node)
        number = watches[0] if watches else NO_SITE
        head = [constant("i" + operation), constant(site), constant(number)]
        return ast.Expr(value=calling(f"set_{kind}", [*head, loaded, node.value], node))

    def _mangled(self, name: str) -> str:
        owner = self.class_name.lstrip("_")
        private = name.startswith("__") and not name.endswith("__") and owner
        return f"_{owner}{name}" if private else name

    def _scoped(self, node: Any, name: str) -> Any:
        self.scope.append(name)
        self.generic_visit(node)
        self.scope.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        returns, node.returns = node.returns, None
        self._scoped(node, node.name)
        node.returns = returns
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # the same fields

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        outer, self.class_name = self.class_name, node.name
        self._scoped(node, node.name)
        self.class_name = outer
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def _untouched(self, node: ast.AST) -> ast.AST:
        return node

    # Annotations, patterns (`case 1+2j` is a BinOp by syntax) and type aliases are no arithmetic.
    visit_arg = visit_MatchValue = visit_TypeAlias = _untouched
