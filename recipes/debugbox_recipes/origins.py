"""From an exception back to where its bad value came from, through what `history` wrote down. In the program's process.

Reads frames and objects that are still alive, and evaluates names, plain attributes and items only: looking must not
run the user's code.
"""

import ast
import re
from types import FrameType, TracebackType
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .history import PLAIN, Event, History, Spot
from .values import source_of

_HOPS = 14
_MISSING = object()
_TYPES = re.compile(r"'([\w.]+)' object|'(NoneType)'|not '?([\w.]+)'?$|and '([\w.]+)'")


class Walk:
    """One explanation; see `explain`."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.events = list(history.events)
        self.chain: List[Dict[str, Any]] = []
        self.exact = True
        self.end = ""
        self.frames: Dict[int, FrameType] = {}

    def explain(self, error: BaseException) -> Dict[str, Any]:
        """The user's frames, the bad value, and the places it came through, from the crash to its origin."""
        trace, frames = error.__traceback__, []
        while trace is not None:
            self.frames[id(trace.tb_frame)] = trace.tb_frame
            file = self.history.user_code.relative(trace.tb_frame.f_code.co_filename)
            if file is not None:
                frames.append((trace, file))
            trace = trace.tb_next
        said: Dict[str, Any] = {
            "exception": type(error).__name__, "message": " ".join(str(error).split())[:300],
            "frames": [[file, tb.tb_lineno, tb.tb_frame.f_code.co_name] for tb, file in reversed(frames)][:20],
            "chain": [], "bad": None,
        }  # fmt: skip
        known = [(tb, file) for tb, file in frames if file in self.history.trees]
        if not known or known[-1] != frames[-1]:
            return {**said, "end": "the line it happened on is not in code that was followed"}
        trace, file = known[-1]
        found = self._bad(trace, file, error)
        if found is None:
            return {**said, "end": "which value of the line is the bad one could not be told"}
        node, value = found
        said["bad"] = {"text": source_of(node), **_told(value)}
        at = [file, trace.tb_lineno, trace.tb_frame.f_code.co_name]
        self._hop(node, value, id(trace.tb_frame), self.history.counted + 1, at)
        return {**said, "chain": self.chain, "exact": self.exact, "end": self.end, "other": self._other(value)}

    # --- which value of the line

    def _bad(self, trace: TracebackType, file: str, error: BaseException) -> Optional[Tuple[ast.AST, Any]]:
        frame = trace.tb_frame
        node = _failing(self.history.trees[file], trace)
        if isinstance(node, ast.Raise):
            self.exact = False
            tests = [
                n.test for n in ast.walk(self.history.trees[file]) if isinstance(n, ast.If) and node in ast.walk(n)
            ]
            node = tests[-1] if tests else node
        candidates = []
        for part in _operands(node):
            value = self._value(part, frame)
            if value is not _MISSING and not callable(value) and not isinstance(part, ast.Constant):
                candidates.append((part, value))
        if not candidates:
            return None
        return min(candidates, key=lambda each: self._rank(each, error, candidates))

    def _rank(self, candidate: Tuple[ast.AST, Any], error: BaseException, others: Sequence[Any]) -> Tuple[int, int]:
        value = candidate[1]
        named = {name for groups in _TYPES.findall(str(error)) for name in groups if name}
        position = others.index(candidate)
        if value is None:
            return 0, position
        if isinstance(error, ZeroDivisionError):
            return (1 if type(value) in (int, float) and value == 0 else 3), position
        if isinstance(error, (KeyError, IndexError)) and type(value) in PLAIN:
            return (1 if error.args and error.args[0] == value else 2), position
        if type(value).__name__ in named:
            return 1, -position  # of two operands the right one: the left one decides what is asked of it
        return 3, position

    def _value(self, node: ast.AST, frame: Optional[FrameType]) -> Any:
        """Names, plain attributes and items."""
        if frame is None:
            return _MISSING
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return frame.f_locals.get(node.id, frame.f_globals.get(node.id, _MISSING))
        if isinstance(node, ast.Attribute):
            owner = self._value(node.value, frame)
            inside = getattr(owner, "__dict__", {}) if owner is not _MISSING else {}
            held = inside.get(node.attr, _MISSING)
            plain = getattr(type(owner), "__dict__", {}).get(node.attr, _MISSING)
            return held if held is not _MISSING else plain if type(plain) in PLAIN else _MISSING
        if isinstance(node, ast.Subscript):
            owner, key = self._value(node.value, frame), self._value(node.slice, frame)
            if type(owner) in (dict, list, tuple) and key is not _MISSING and type(key) in PLAIN:
                try:
                    return owner[key]
                except (KeyError, IndexError, TypeError):
                    return _MISSING
        return self._returned(node) if isinstance(node, ast.Call) else _MISSING

    def _returned(self, node: ast.Call) -> Any:
        """What a call of the user's code gave just now: the last return, if it is that function's and plain."""
        for event in reversed(self.events[-40:]):
            if event.kind == "return" and self.history.spots[event.site].function.endswith(_name(node.func)):
                return event.value if type(event.value) in PLAIN else _MISSING
        return _MISSING

    # --- back from there

    def _hop(self, node: Optional[ast.AST], value: Any, frame: int, before: int, at: List[Any]) -> None:
        """One step back: `node` at the place `at` gave `value` in a frame, before an event."""
        text = source_of(node) if node is not None else ""
        nth = at[3] if len(at) > 3 else -1
        self.chain.append({"file": at[0], "line": at[1], "function": at[2], "text": text, **_told(value), "nth": nth})
        if len(self.chain) >= _HOPS or node is None:
            self.end = self.end or "the walk back ended here"
            return
        if isinstance(node, (ast.Await, ast.NamedExpr)):
            node = node.value
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
            same = [part for part in parts if isinstance(part, ast.Constant) and part.value == value]
            node = same[0] if same else parts[-1]
        event, rest = self._event_behind(node, value, frame, before)
        if event is None:
            self.end = rest
            return
        if event.kind == "enter":
            self._argument(node, value, event)
            return
        spot = self.history.spots[event.site]
        if spot.kind == "end":
            self.end = "the function ends there without returning anything"
        place = [
            spot.file,
            spot.line,
            spot.function,
            spot.nth if spot.kind in ("assign", "attribute", "item", "return") else -1,
        ]
        self._hop(spot.node, value, event.frame, event.number, place)

    def _event_behind(self, node: ast.AST, value: Any, frame: int, before: int) -> Tuple[Optional[Event], str]:
        if isinstance(node, ast.Name):
            return self._of_name(node.id, value, frame, before)
        if isinstance(node, ast.Attribute):
            owner = self._value(node.value, self.frames.get(frame))
            return self._of_attribute(node.attr, owner, value, before)
        if isinstance(node, ast.Subscript):
            owner = self._value(node.value, self.frames.get(frame))
            key = self._value(node.slice, self.frames.get(frame))
            event = self._last(before, "item", lambda e: e.holder == id(owner) and e.key == key)
            return event, "the item comes with its container"
        if isinstance(node, ast.Call):
            name = _name(node.func)
            event = self._last(before, "return", lambda e: self._function(e) == name and _same(e.value, value))
            return event, f"{source_of(node)} gives it"
        if isinstance(node, ast.Constant):
            return None, "it is written there"
        return None, f"{source_of(node)} makes it"

    def _of_name(self, name: str, value: Any, frame: int, before: int) -> Tuple[Optional[Event], str]:
        def mine(event: Event) -> bool:
            return event.frame == frame and (event.kind == "enter" or (event.kind == "set" and event.key == name))

        for event in reversed(self.events):
            if event.number < before and mine(event):
                return event, ""
        outer = self._last(before, "set", lambda e: e.key == name and not self.history.spots[e.site].function)
        return outer, f"where {name} was set was not seen"

    def _of_attribute(self, name: str, owner: Any, value: Any, before: int) -> Tuple[Optional[Event], str]:
        if owner is not _MISSING:
            event = self._last(before, "attribute", lambda e: e.holder == id(owner) and e.key == name)
            if event is not None:
                return event, ""
        self.exact = False
        event = self._last(before, "attribute", lambda e: e.key == name and _same(e.value, value))
        if event is None:  # a class's own
            event = self._last(before, "set", lambda e: e.key == name and _same(e.value, value))
        return event, f"where the attribute {name} was set was not seen"

    def _last(self, before: int, kind: str, fits: Any) -> Optional[Event]:
        return next((e for e in reversed(self.events) if e.number < before and e.kind == kind and fits(e)), None)

    def _function(self, event: Event) -> str:
        return self.history.spots[event.site].function.rpartition(".")[-1]

    def _argument(self, node: ast.AST, value: Any, enter: Event) -> None:
        """A parameter: what the caller wrote for it, or its default."""
        assert isinstance(node, ast.Name)
        spot = self.history.spots[enter.site]
        frame, file, line = enter.caller
        function = _definition(self.history.trees.get(spot.file), spot.line)
        if function is None or file not in self.history.trees:
            self.end = "the value is given by code that was not followed" if function is not None else "not seen"
            return
        calls = [n for n in _on_line(self.history.trees[file], line, ast.Call) if _calls(n, spot)]
        written = _written(calls[-1], function, node.id) if calls else None
        if len(calls) > 1:
            self.exact = False
        if written is None:
            default = _default(function, node.id)
            self.end = (
                "it is the parameter's default" if default is not None else "how the caller gives it was not seen"
            )
            if default is not None:
                self._hop(default, value, 0, 0, [spot.file, spot.line, spot.function])
            return
        self._hop(written, value, frame, enter.number, [file, line, self._scope(file, line)])

    def _scope(self, file: str, line: int) -> str:
        found = [n for n in ast.walk(self.history.trees[file]) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
                 and n.lineno <= line <= (n.end_lineno or 0)]  # fmt: skip
        return max(found, key=lambda n: n.lineno).name if found else ""

    def _other(self, value: Any) -> Any:
        """A plain value of another type that a place of the chain gave at another time; None where there is none."""
        places = [(each["file"], each["line"]) for each in self.chain[::-1]]
        for place in places:
            for event in reversed(self.events):
                spot: Spot = self.history.spots[event.site]
                if event.kind in ("set", "return", "attribute", "item") and (spot.file, spot.line) == place:
                    plain = type(event.value) in PLAIN[:3] and not _same(event.value, value)
                    if plain and (value is None or type(event.value) is type(value)):
                        return event.value
        return None


def _same(kept: Any, value: Any) -> bool:
    if type(value) in PLAIN:
        return type(kept) is type(value) and bool(kept == value)
    return bool(kept == (type(value), id(value)))


def _told(value: Any) -> Dict[str, Any]:
    shown = repr(value)[:60] if type(value) in PLAIN else ""
    return {"type": type(value).__name__, "value": shown}


def _name(node: ast.AST) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "?")))


def _statement_at(tree: ast.Module, line: int) -> Optional[ast.stmt]:
    """The smallest statement around a line."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or 0)]
    return min(found, key=lambda n: (n.end_lineno or 0) - n.lineno, default=None)


def _failing(tree: ast.Module, trace: TracebackType) -> Optional[ast.AST]:
    """The expression that raised, where the interpreter tells its columns (3.11); else the statement."""
    statement = _statement_at(tree, trace.tb_lineno)
    positions = getattr(trace.tb_frame.f_code, "co_positions", None)
    if statement is None or positions is None or isinstance(statement, ast.Raise):
        return statement
    spans = list(positions())
    where = spans[trace.tb_lasti // 2] if trace.tb_lasti // 2 < len(spans) else (None, None, None, None)
    for node in ast.walk(statement):
        span = tuple(getattr(node, name, None) for name in ("lineno", "end_lineno", "col_offset", "end_col_offset"))
        if isinstance(node, ast.expr) and span == where:
            return node
    return statement


def _operands(node: Optional[ast.AST]) -> List[ast.AST]:
    """What could be the bad value: the operands of the expression that raised, or all of a statement."""
    if isinstance(node, ast.Attribute):
        return [node.value]
    if isinstance(node, ast.Subscript):
        return [node.slice, node.value]
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.Call):
        receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        return [*(a.value if isinstance(a, ast.Starred) else a for a in node.args), *(k.value for k in node.keywords),
                node.func, *receiver]  # fmt: skip
    if node is None:
        return []
    body = {
        id(part) for name in ("body", "orelse") for each in _many(getattr(node, name, [])) for part in ast.walk(each)
    }
    return [part for part in ast.walk(node) if isinstance(part, (ast.Name, ast.Attribute, ast.Subscript, ast.Call))
            and id(part) not in body and not isinstance(getattr(part, "ctx", None), ast.Store)]  # fmt: skip


def _many(value: Any) -> List[ast.AST]:
    return value if isinstance(value, list) else [value]


def _on_line(tree: ast.Module, line: int, kind: Any) -> List[Any]:
    return [n for n in ast.walk(tree) if isinstance(n, kind) and n.lineno <= line <= (n.end_lineno or 0)]


def _definition(tree: Optional[ast.Module], line: int) -> Any:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return next((n for n in ast.walk(tree or ast.Module(body=[], type_ignores=[]))
                 if isinstance(n, kinds) and n.lineno == line), None)  # fmt: skip


def _calls(node: ast.Call, spot: Spot) -> bool:
    names = spot.function.split(".")
    return _name(node.func) == (names[-2] if names[-1] == "__init__" and len(names) > 1 else names[-1])


def _written(call: ast.Call, function: Any, name: str) -> Optional[ast.AST]:
    keyword = next((k.value for k in call.keywords if k.arg == name), None)
    if keyword is not None:
        return keyword
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    if name not in names or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    bound = (
        bool(names)
        and names[0] in ("self", "cls")
        and (isinstance(call.func, ast.Attribute) or function.name == "__init__")
    )
    position = names.index(name) - bound
    return call.args[position] if 0 <= position < len(call.args) else None


def _default(function: Any, name: str) -> Optional[ast.AST]:
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    defaults = dict(zip(names[::-1], function.args.defaults[::-1]))  # noqa: B905  # strict= came with 3.10
    only = dict(zip((a.arg for a in function.args.kwonlyargs), function.args.kw_defaults))  # noqa: B905
    return defaults.get(name) or only.get(name)
