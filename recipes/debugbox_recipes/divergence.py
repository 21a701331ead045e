"""The observer `divergence`: every value that the user's statements give, as a number, in order. In the program's
process.

An event is (site, way, digest): which expression, by which calls it was reached (each with its number among the calls
of that function there), and what it gave. Plan: `wanted` (numbers of events whose values are written down), `exchange`
(values put in, as for the observer of that name) and `most` (events). Tests and their fixtures are not followed: two
tests that call the same function reach it by the same way.
"""

import ast
import atexit
import base64
import builtins
import sys
from array import array
from types import CodeType, FrameType
from typing import Any, Dict, List, Optional, Tuple

from . import canonical, importing
from .exchange import Exchange
from .sites import PREFIX
from .values import ANY_CALL, Table

KINDS = (
    "Assign", "AnnAssign", "AugAssign", "Return", "Call", "Subscript", "BinOp", "If", "While", "IfExp", "For", "arg",
    ANY_CALL,
)  # fmt: skip
CHOICES = ("If", "While")
MOST, MOST_OF_A_SITE = 300_000, 5_000


class Way:
    """A call, by the calls that led to it."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.calls: Dict[int, int] = {}


class Ways:
    """The ways of the frames that are alive. A frame's id may be used again: the code tells."""

    def __init__(self) -> None:
        self.root = Way(0)
        self.known: Dict[int, Tuple[CodeType, Way]] = {}

    def enter(self, function: int, frame: FrameType) -> None:
        above = self.of(frame.f_back)
        number = above.calls[function] = above.calls.get(function, 0) + 1
        self.known[id(frame)] = (frame.f_code, Way(hash((above.key, function, number))))

    def of(self, frame: Optional[FrameType]) -> Way:
        while frame is not None:
            known = self.known.get(id(frame))
            if known is not None and known[0] is frame.f_code:
                return known[1]
            frame = frame.f_back
        return self.root


class Divergence(Exchange):
    """The plan at work."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        super().__init__({"exchange": [], **plan})
        self.table = Table(KINDS)
        self.wanted = set(plan.get("wanted") or ())
        self.most = int(plan.get("most") or MOST)
        self.ways = Ways()
        self.functions: List[int] = []
        self.events: List[Tuple[int, int, int]] = []
        self.passed: Dict[int, int] = {}
        self.left_out = 0
        self.texts: Dict[str, Any] = {}

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        if importing.is_test(file):
            return tree
        wanted = self.wanted_in(file, lines)

        def meant(expression: Any, node: Any) -> bool:
            self.note(wanted, expression)
            return True

        changed = self.table.rewrite(tree, file, meant)
        _Entrances(self, file).visit(changed)
        return ast.fix_missing_locations(changed)

    def enter(self, function: int) -> None:
        self.ways.enter(function, sys._getframe(1))

    def value(self, number: int, value: Any) -> Any:
        if self.table.all[number].kind in CHOICES:
            value = bool(value)
        if number in self.by_number:
            value = super().value(number, value)
        try:
            self._record(number, value, sys._getframe(1))
        except Exception as error:  # noqa: BLE001  # it would go on into the user's program
            self.error = f"{type(error).__name__}: {error}"
        return value

    def _record(self, number: int, value: Any, frame: FrameType) -> None:
        passed = self.passed[number] = self.passed.get(number, 0) + 1
        if passed > MOST_OF_A_SITE or len(self.events) >= self.most:
            self.left_out += 1
            return
        event = len(self.events)
        folder = self.user_code.repo
        self.events.append((number, self.ways.of(frame).key, canonical.digest(value, folder)))
        if event in self.wanted:
            self.texts[str(event)] = [canonical.written(value, folder), canonical.shown(value)]

    def described(self) -> Dict[str, Any]:
        flat = array("q", [part for event in self.events for part in event])
        sites = [[each.file, each.line, each.nth] for each in self.table.all]
        return {
            "events": base64.b64encode(flat.tobytes()).decode("ascii"), "sites": sites,
            "texts": self.texts, "left_out": self.left_out,
        }  # fmt: skip


class _Entrances(ast.NodeTransformer):
    """Each function says that it begins, by a number that two versions of it share."""

    def __init__(self, observer: Divergence, file: str) -> None:
        self.file, self.scope = file, []  # type: str, List[str]

    def visit_ClassDef(self, node: Any) -> ast.AST:
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()
        return node  # type: ignore[no-any-return]  # a class, or a function by the name below

    def visit_FunctionDef(self, node: Any) -> ast.AST:
        self.visit_ClassDef(node)
        name = ".".join([self.file, *self.scope, node.name])
        number = canonical.digest(name, self.file)
        call = ast.Call(
            func=ast.Name(id=PREFIX + "enter", ctx=ast.Load()), args=[ast.Constant(value=number)], keywords=[]
        )
        docstring = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
        node.body.insert(int(docstring), ast.copy_location(ast.Expr(value=call), node.body[0]))
        return node  # type: ignore[no-any-return]  # as above

    visit_AsyncFunctionDef = visit_FunctionDef


def start(plan: Dict[str, Any]) -> None:
    """Put the observer into this process."""
    observer = Divergence(plan)
    for name in ("value", "enter"):
        setattr(builtins, PREFIX + name, getattr(observer, name))
    importing.install(observer.user_code, builtins)
    atexit.register(observer.dump)
