"""Expressions of the user's code whose values can be looked at, or exchanged for others. In the box, on both sides.

An expression is named `file:line` and `nth`: which one of its line, from 0, in the order of `expressions`. The rewrite
passes the value of each wanted one through a function of the runtime; with `operands`, what it is computed from too.
"""

import ast
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from .sites import PREFIX

Key = Tuple[int, int]  # line, nth
_NO_VALUE = frozenset(
    """print super isinstance issubclass hasattr setattr len range enumerate zip iter locals globals vars dir eval exec
    type id hash repr append extend add insert write writelines flush close split strip startswith endswith join format
    encode decode lower upper""".split()  # noqa: SIM905  # a word list
)

_NOTHING_NEW = frozenset(
    """print super setattr locals globals vars eval exec append extend add insert write writelines flush
    close""".split()  # noqa: SIM905  # a word list
)
ANY_CALL = "any call"  # among the kinds: also calls of names that say little of numbers (len, split, join)


@dataclass(frozen=True)
class Expression:
    """One expression of a module. `kind`: BinOp, Call, Subscript, Attribute, AugAssign, Return, Assign, AnnAssign; If,
    While for their tests, IfExp; For for what the loop's name holds in each turn, arg for a parameter on entry."""

    file: str
    line: int
    nth: int
    kind: str
    function: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def left_alone(tree: ast.AST) -> FrozenSet[int]:
    """Ids of nodes that are no places for calls: annotations and patterns."""
    found: Set[int] = set()
    for node in ast.walk(tree):
        inner = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if type(node).__name__ in ("match_case", "TypeAlias"):
            inner.append(getattr(node, "pattern", node))
        for part in inner:
            if isinstance(part, ast.AST):
                found.update(id(each) for each in ast.walk(part))
    return frozenset(found)


def expressions(tree: ast.Module, file: str, kinds: FrozenSet[str]) -> Iterator[Tuple[ast.AST, Expression]]:
    """All expressions of these kinds, in the order of the text."""
    skipped, counts = left_alone(tree) | _not_passed(tree), {}  # type: FrozenSet[int], Dict[int, int]
    silent = _NOTHING_NEW if ANY_CALL in kinds else _NO_VALUE
    for node, function, statement in _walk(tree, (), None):
        kind = type(node).__name__
        if id(node) in skipped or kind not in kinds or not _has_value(node, silent):
            continue
        line = _line(node, statement)
        nth = counts[line] = counts.get(line, -1) + 1
        yield node, Expression(file, line, nth, kind, ".".join(function))


def _has_value(node: ast.AST, silent: FrozenSet[str]) -> bool:
    if isinstance(node, (ast.Subscript, ast.Attribute)):
        return isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        return name not in silent
    if isinstance(node, ast.AugAssign):
        return simple(node.target)
    if isinstance(node, (ast.Return, ast.AnnAssign)):
        return node.value is not None
    if isinstance(node, ast.For):
        return all(isinstance(each, (ast.Name, ast.Tuple, ast.expr_context)) for each in ast.walk(node.target))
    return True


def _not_passed(tree: ast.AST) -> FrozenSet[int]:
    """Ids of parameters whose values are no difference by themselves: of lambdas, and the object of a method."""
    found: Set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            found.update(id(each) for each in ast.walk(node.args))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.update(id(each) for each in node.args.args[:1] if each.arg in ("self", "cls", "mcs"))
    return frozenset(found)


def simple(node: ast.AST) -> bool:
    """Whether reading it again does nothing: names, attributes of names, items by names and constants."""
    if isinstance(node, ast.Subscript):
        return simple(node.value) and simple(node.slice)
    if isinstance(node, ast.Attribute):
        return simple(node.value)
    if isinstance(node, ast.UnaryOp):
        return simple(node.operand)
    return isinstance(node, (ast.Name, ast.Constant))


def _line(node: ast.AST, statement: Optional[ast.stmt]) -> int:
    """Before 3.12 a node inside an f-string may claim a line outside its statement."""
    line = int(getattr(node, "lineno", 0))
    if statement is not None and not statement.lineno <= line <= (statement.end_lineno or line):
        return statement.lineno
    return line


def _walk(
    node: ast.AST, scope: Tuple[str, ...], statement: Optional[ast.stmt]
) -> Iterator[Tuple[ast.AST, Tuple[str, ...], Optional[ast.stmt]]]:
    for child in ast.iter_child_nodes(node):
        at = child if isinstance(child, ast.stmt) else statement
        yield child, scope, at
        named = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        yield from _walk(child, (*scope, child.name) if named else scope, at)  # type: ignore[attr-defined]  # see above


def source_of(node: ast.AST, longest: int = 80) -> str:
    """The expression in one line, as Python would write it."""
    if isinstance(node, (ast.Return, ast.Assign, ast.AnnAssign)) and node.value is not None:
        node = node.value
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, (ast.If, ast.While, ast.For)):
        node = node.target if isinstance(node, ast.For) else node.test
    try:
        text = " ".join(ast.unparse(node).split())
    except (ValueError, RecursionError, AttributeError):
        return type(node).__name__
    return text if len(text) <= longest else text[: longest - 1] + "…"


class Rewriter(ast.NodeTransformer):
    """Wraps `wanted` nodes (by id: their number). Those in `detailed` have their operands wrapped too."""

    def __init__(self, wanted: Mapping[int, int], detailed: FrozenSet[int] = frozenset()) -> None:
        self.wanted, self.detailed = wanted, detailed

    def visit(self, node: ast.AST) -> Any:
        number = self.wanted.get(id(node))
        if number is None:
            return super().visit(node)
        names = [name for name, _ in operands_of(node)] if number in self.detailed else []
        new = self.generic_visit(node)
        if names:
            self._wrap_operands(new, number)
        if isinstance(new, ast.AugAssign):
            return self._augmented(new, number, bool(names))
        if isinstance(new, (ast.Return, ast.Assign, ast.AnnAssign)):
            assert new.value is not None
            new.value = called("value", number, new.value)
            return new
        if isinstance(new, (ast.If, ast.While)):
            new.test = called("value", number, new.test)
            return new
        if isinstance(new, ast.For):
            new.body.insert(0, self._again(new, new.target, number))
            return new
        return new if isinstance(new, ast.arg) else called("value", number, new)

    def visit_FunctionDef(self, node: Any) -> ast.AST:
        """Wanted parameters are assigned once more, first thing in the body."""
        wanted = [each for each in ast.walk(node.args) if isinstance(each, ast.arg) and id(each) in self.wanted]
        passed = [self._again(node.body[0], ast.copy_location(ast.Name(id=each.arg, ctx=ast.Store()), each),
                              self.wanted[id(each)]) for each in wanted]  # fmt: skip
        self.generic_visit(node)
        docstring = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
        node.body[int(docstring) : int(docstring)] = passed
        return node  # type: ignore[no-any-return]  # any of the two kinds of functions

    visit_AsyncFunctionDef = visit_FunctionDef

    @staticmethod
    def _again(at: ast.AST, target: ast.expr, number: int) -> ast.stmt:
        """`target = _dbx_value(number, target)`."""
        value = called("value", number, _loaded(target))
        statement: ast.stmt = ast.copy_location(ast.Assign(targets=[_stored(target)], value=value), at)
        return statement

    def _augmented(self, node: ast.AugAssign, number: int, detailed: bool) -> List[ast.stmt]:
        before: List[ast.stmt] = []
        if detailed:
            old = called("operand", number, _loaded(node.target), 0)
            before = [ast.copy_location(ast.Expr(value=old), node)]
        new = called("value", number, _loaded(node.target))
        return [*before, node, ast.copy_location(ast.Assign(targets=[node.target], value=new), node)]

    def _wrap_operands(self, node: Any, number: int) -> None:
        if isinstance(node, ast.BinOp):
            node.left, node.right = called("operand", number, node.left, 0), called("operand", number, node.right, 1)
        elif isinstance(node, ast.BoolOp):
            node.values = [called("operand", number, each, position) for position, each in enumerate(node.values)]
        elif isinstance(node, ast.IfExp):
            node.body, node.orelse = called("operand", number, node.body, 0), called("operand", number, node.orelse, 1)
        elif isinstance(node, ast.AugAssign):
            node.value = called("operand", number, node.value, 1)
        elif isinstance(node, ast.Subscript):
            node.value = called("operand", number, node.value, 0)
        elif isinstance(node, ast.Call):
            self._wrap_call(node, number)

    def _wrap_call(self, node: ast.Call, number: int) -> None:
        if isinstance(node.func, ast.Attribute) and not _is_super(node.func.value):
            node.func.value = called("operand", number, node.func.value, 0)
        elif isinstance(node.func, ast.Name):
            node.func = called("begin", number, node.func)
        for position, argument in enumerate((*node.args, *node.keywords), 1):
            if isinstance(argument, (ast.keyword, ast.Starred)):
                argument.value = called("operand", number, argument.value, position)
        node.args = [
            each if isinstance(each, ast.Starred) else called("operand", number, each, position)
            for position, each in enumerate(node.args, 1)
        ]


def operands_of(node: ast.AST) -> List[Tuple[str, ast.AST]]:
    """What an expression is computed from, each with its text; positions as the rewrite counts them."""
    if isinstance(node, ast.BinOp):
        parts: List[ast.AST] = [node.left, node.right]
    elif isinstance(node, ast.BoolOp):
        parts = list(node.values)
    elif isinstance(node, ast.IfExp):
        parts = [node.body, node.orelse]
    elif isinstance(node, ast.AugAssign):
        parts = [node.target, node.value]
    elif isinstance(node, ast.Subscript):
        parts = [node.value]
    elif isinstance(node, ast.Call):
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        values = [a.value if isinstance(a, ast.Starred) else a for a in node.args]
        parts = [receiver, *values, *(keyword.value for keyword in node.keywords)]
    else:
        parts = []
    return [(source_of(part, 40), part) for part in parts]


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super"


def _loaded(target: ast.expr) -> ast.expr:
    """The target of an assignment, to be read."""
    fresh: Any = ast.parse(ast.unparse(target), mode="eval").body
    for node in ast.walk(fresh):
        ast.copy_location(node, target)
    loaded: ast.expr = fresh
    return loaded


def _stored(target: ast.expr) -> ast.expr:
    """A copy of the target of an assignment."""
    fresh: Any = ast.parse(f"{ast.unparse(target)} = 0").body[0]
    for node in ast.walk(fresh):
        ast.copy_location(node, target)
    stored: ast.expr = fresh.targets[0]
    return stored


def called(name: str, number: int, value: Any, *more: int) -> ast.expr:
    """`_dbx_name(number, value, ...)` in place of `value`."""
    arguments: List[ast.expr] = [ast.Constant(value=number), value, *(ast.Constant(value=each) for each in more)]
    call = ast.Call(func=ast.Name(id=PREFIX + name, ctx=ast.Load()), args=arguments, keywords=[])
    for node in (call, call.func, *(a for a in arguments if isinstance(a, ast.Constant))):
        if not hasattr(node, "lineno"):
            ast.copy_location(node, value)
    return ast.copy_location(call, value)


class Table:
    """The expressions of all modules loaded so far, by number, and the rewriting of modules as they come."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = frozenset(kinds)
        self.all: List[Expression] = []
        self.operands: Dict[int, List[str]] = {}

    def rewrite(self, tree: ast.Module, file: str, only: Any = None, detailed: Any = None) -> ast.Module:
        """`tree` changed in place. `only` and `detailed` say of an Expression whether it is meant (None: all, none)."""
        wanted: Dict[int, int] = {}
        details = set()
        for node, expression in list(expressions(tree, file, self.kinds)):
            if only is not None and not only(expression, node):
                continue
            number = wanted[id(node)] = len(self.all)
            self.all.append(expression)
            if detailed is not None and detailed(expression):
                details.add(number)
                self.operands[number] = [text for text, _ in operands_of(node)]
        changed: ast.Module = ast.fix_missing_locations(Rewriter(wanted, frozenset(details)).visit(tree))
        return changed
