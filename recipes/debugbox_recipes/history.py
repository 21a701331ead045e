"""The observer `history`: which value was stored where, as far back as it is kept, until an exception ends the program.

In the program's process. Assignments, returns and entries of the user's functions are written down with the frame and
the object they belong to; `origins` walks back from the exception. Plan: `most` (events kept).
"""

import ast
import atexit
import builtins
import collections
import os
import sys
import threading
from types import FrameType
from typing import Any, Deque, Dict, List, Optional, Tuple

from . import importing
from .growth import write_result
from .sites import PREFIX
from .values import left_alone

_MOST = 200_000
PLAIN = (int, float, str, bool, type(None))


class Event:
    """One thing that happened: `kind` is set, attribute, item, return or enter."""

    __slots__ = ("caller", "frame", "holder", "key", "kind", "number", "site", "value")

    def __init__(self, kind: str, number: int, site: int, frame: int) -> None:
        self.kind, self.number, self.site, self.frame = kind, number, site, frame
        self.key: Any = ""
        self.value: Any = None  # held only where plain: others by id
        self.holder = 0
        self.caller: Tuple[int, str, int] = (0, "", 0)


class Spot:
    """A statement of the user's code that stores, returns or is entered. `node` is what its value comes from."""

    def __init__(self, file: str, line: int, function: str, node: Optional[ast.AST], kind: str, nth: int = 0) -> None:
        self.file, self.line, self.function, self.node, self.kind, self.nth = file, line, function, node, kind, nth


class History:
    """The plan at work."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan, self.pid = plan, os.getpid()
        self.user_code = importing.UserCode(plan["repo"], self.transform)
        self.spots: List[Spot] = []
        self.trees: Dict[str, ast.Module] = {}
        self.events: Deque[Event] = collections.deque(maxlen=int(plan.get("most") or _MOST))
        self.counted = 0
        self.pending: Dict[Tuple[int, int], Any] = {}
        self.crash: Optional[Dict[str, Any]] = None
        self.lock = threading.Lock()

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        self.trees[file] = ast.parse("\n".join(lines) + "\n")
        changed: ast.Module = ast.fix_missing_locations(_Marker(self, file, tree).visit(tree))
        return changed

    def add(self, spot: Spot) -> int:
        self.spots.append(spot)
        return len(self.spots) - 1

    # --- what rewritten modules call

    def _event(self, kind: str, site: int, frame: FrameType, value: Any) -> Event:
        self.counted += 1
        event = Event(kind, self.counted, site, id(frame))
        event.value = value if type(value) in PLAIN else (type(value), id(value))
        self.events.append(event)
        return event

    def enter(self, site: int) -> None:
        frame = sys._getframe(1)
        event = self._event("enter", site, frame, None)
        caller = frame.f_back
        while caller is not None and self.user_code.relative(caller.f_code.co_filename) is None:
            caller = caller.f_back
        if caller is not None:
            file = self.user_code.relative(caller.f_code.co_filename) or ""
            event.caller = (id(caller), file, caller.f_lineno)

    def stored(self, site: int, name: str, value: Any) -> None:
        self._event("set", site, sys._getframe(1), value).key = name

    def gives(self, site: int, value: Any) -> Any:
        self._event("return", site, sys._getframe(1), value)
        return value

    def stored_in(self, site: int, holder: Any, key: Any, value: Any) -> None:
        event = self._event(
            "attribute" if self.spots[site].kind == "attribute" else "item", site, sys._getframe(1), value
        )
        event.holder, event.key = id(holder), key if type(key) in PLAIN else repr(type(key))

    # --- the end

    def crashed(self, error: BaseException, test: str = "") -> None:
        """The first exception that nobody caught, told by the excepthook or by pytest."""
        if self.crash is not None or isinstance(error, SystemExit):
            return
        from .origins import Walk

        seen = set()
        while error.__cause__ is not None and id(error) not in seen:
            seen.add(id(error))
            error = error.__cause__
        try:
            self.crash = {**Walk(self).explain(error), "test": test}
        except Exception as trouble:  # noqa: BLE001  # the program's own exception is what counts
            self.crash = {"trouble": f"{type(trouble).__name__}: {trouble}", "exception": type(error).__name__,
                          "message": str(error)[:300], "test": test, "frames": [], "chain": []}  # fmt: skip
        self.dump()

    def dump(self) -> None:
        if os.getpid() != self.pid:
            return
        result = {"modules": self.user_code.loaded, "events": self.counted, "kept": len(self.events),
                  "crash": self.crash, "sites": self.plain_sites()}  # fmt: skip
        write_result(self.plan, result)

    def plain_sites(self) -> List[List[Any]]:
        """Statements that gave plain values, where a control can change one: [file, line, nth]."""
        found = {
            event.site for event in self.events if event.kind in ("set", "return") and type(event.value) in PLAIN[:3]
        }
        spots = [self.spots[site] for site in sorted(found)]
        return [[spot.file, spot.line, spot.nth] for spot in spots if spot.nth >= 0][:200]


class _Marker(ast.NodeTransformer):
    def __init__(self, history: History, file: str, tree: ast.Module) -> None:
        self.history, self.file = history, file
        self.scope: List[str] = []
        self.skipped = left_alone(tree)
        self.counts: Dict[int, int] = {}
        self.numbers: Dict[int, int] = {}
        for node in _in_order(tree):
            if isinstance(node, ast.Assign) or (isinstance(node, ast.Return) and node.value is not None):
                self.numbers[id(node)] = self.counts[node.lineno] = self.counts.get(node.lineno, -1) + 1

    def _spot(self, node: ast.AST, value: Optional[ast.AST], kind: str) -> int:
        copy = ast.parse(ast.unparse(value), mode="eval").body if value is not None else None
        function = ".".join(self.scope)
        line = getattr(node, "lineno", 1)
        return self.history.add(Spot(self.file, line, function, copy, kind, self.numbers.get(id(node), -1)))

    def _function(self, node: Any) -> Any:
        self.scope.append(node.name)
        own = [part for part in ast.walk(node) if isinstance(part, (ast.Yield, ast.YieldFrom))]
        self.generic_visit(node)
        head = self._spot(node, None, "enter")
        docstring = int(isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant))
        node.body.insert(docstring, _statement("enter", node.body[0], [head]))
        last = node.body[-1]
        if not own and not isinstance(last, (ast.Return, ast.Raise)):
            end = self._spot(last, None, "end")
            node.body.append(ast.copy_location(ast.Return(value=_call("gives", [end, ast.Constant(value=None)])), last))
        self.scope.pop()
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if node.value is not None:
            site = self._spot(node, node.value, "return")
            self.generic_visit(node)
            node.value = ast.copy_location(_call("gives", [site, node.value]), node)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        after = [each for target in node.targets for each in self._told(node, target, node.value)]
        self.generic_visit(node)
        return [node, *after]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        return [node, *self._told(node, node.target, node.value)] if node.value is not None else node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        value = ast.BinOp(left=_as_read(node.target), op=node.op, right=node.value)
        return [node, *self._told(node, node.target, value)]

    def visit_For(self, node: ast.For) -> ast.AST:
        told = self._told(node, node.target, None)
        self.generic_visit(node)
        node.body[:0] = told
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        told = [each for item in node.items if item.optional_vars is not None
                for each in self._told(node, item.optional_vars, item.context_expr)]  # fmt: skip
        self.generic_visit(node)
        node.body[:0] = told
        return node

    def _told(self, node: ast.AST, target: ast.expr, value: Optional[ast.AST]) -> List[ast.stmt]:
        """Statements that write down what a target holds now."""
        if isinstance(target, (ast.Tuple, ast.List)):
            parts: List[Optional[ast.AST]] = [None] * len(target.elts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                parts = list(value.elts)
            pairs = zip(target.elts, parts)  # noqa: B905  # strict= came with 3.10
            return [each for one, part in pairs for each in self._told(node, one, part)]
        kind = "assign" if isinstance(node, ast.Assign) else "other"
        if isinstance(target, ast.Name):
            site = self._spot(node, value, kind)
            return [
                _statement(
                    "stored", node, [site, ast.Constant(value=target.id), ast.Name(id=target.id, ctx=ast.Load())]
                )
            ]
        if isinstance(target, ast.Attribute) and _is_name(target.value):
            site = self._spot(node, value, "attribute")
            key: ast.expr = ast.Constant(value=target.attr)
            if target.attr.startswith("__") and not target.attr.endswith("__"):
                return []  # its name is another one in the object
            holder = _as_read(target.value)
            read = ast.Attribute(
                value=ast.Attribute(value=holder, attr="__dict__", ctx=ast.Load()), attr="get", ctx=ast.Load()
            )
            held = ast.Call(func=read, args=[ast.Constant(value=target.attr)], keywords=[])
            safe = _call("safely", [ast.Lambda(args=_NO_ARGUMENTS, body=held)])
            return [_statement("stored_in", node, [site, _as_read(target.value), key, safe])]
        if isinstance(target, ast.Subscript) and _is_name(target.value) and _is_key(target.slice):
            site = self._spot(node, value, "item")
            safe = _call("safely", [ast.Lambda(args=_NO_ARGUMENTS, body=_as_read(target))])
            return [_statement("stored_in", node, [site, _as_read(target.value), _as_read(target.slice), safe])]
        return []


_NO_ARGUMENTS = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])


def _in_order(node: ast.AST) -> Any:
    for child in ast.iter_child_nodes(node):
        yield child
        yield from _in_order(child)


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))


def _is_key(node: ast.AST) -> bool:
    return isinstance(node, (ast.Name, ast.Constant))


def _as_read(node: ast.AST) -> Any:
    return ast.parse(ast.unparse(node), mode="eval").body


def _call(name: str, arguments: List[Any]) -> ast.Call:
    values = [ast.Constant(value=each) if isinstance(each, int) else each for each in arguments]
    return ast.Call(func=ast.Name(id=PREFIX + name, ctx=ast.Load()), args=values, keywords=[])


def _statement(name: str, at: ast.AST, arguments: List[Any]) -> ast.stmt:
    statement: ast.stmt = ast.copy_location(ast.Expr(value=_call(name, arguments)), at)
    return statement


def safely(read: Any) -> Any:
    """A value read once more, or None where that cannot be."""
    try:
        return read()
    except Exception:  # noqa: BLE001  # whatever the user's object does
        return None


running: List[History] = []


def start(plan: Dict[str, Any]) -> None:
    """Put the observer into this process, and the plugin where this will be a pytest run."""
    observer = History(plan)
    running.append(observer)
    for name in ("enter", "stored", "gives", "stored_in"):
        setattr(builtins, PREFIX + name, getattr(observer, name))
    setattr(builtins, PREFIX + "safely", safely)
    importing.install(observer.user_code, builtins)
    hook = sys.excepthook

    def on_uncaught(kind: Any, error: BaseException, trace: Any) -> None:
        observer.crashed(error)
        hook(kind, error, trace)

    sys.excepthook = on_uncaught
    atexit.register(observer.dump)
    plugins = [os.environ.get("PYTEST_PLUGINS", ""), f"{__package__}.crash_tests"]
    os.environ["PYTEST_PLUGINS"] = ",".join(filter(None, plugins))
