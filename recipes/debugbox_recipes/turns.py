"""Loops that do not end: how many turns each has taken, and whether anything they can see still changes.

In the program's process; part of the observer `waits`. Plan: `loops` ([file, function]) and `end_loop` (places with
`turns`: the intervention that breaks out after so many).
"""

import ast
import sys
from types import FrameType, FunctionType, ModuleType
from typing import Any, Dict, List, Optional, Set, Tuple

from .mutations import place_in
from .sites import PREFIX

_LOOKED = 400  # turns whose state is looked at, the last ones before each sample
_NODES = 2000
_VALUES = ("datetime", "decimal", "fractions", "uuid", "pathlib", "ipaddress", "enum")  # told by their repr
_LONG = 1 << 20
Loop = (ast.For, ast.While, ast.AsyncFor)


class State:
    """What a frame can see, in plain terms, as far as it can be looked at. `opaque` counts what cannot."""

    def __init__(self) -> None:
        self.opaque = 0
        self._left = _NODES
        self._seen: Dict[int, int] = {}

    def of(self, value: Any, depth: int = 6) -> Any:
        self._left -= 1
        kind = type(value)
        if kind in (int, float, complex, str, bytes, bool, type(None)):
            return (kind.__name__, repr(value))
        if isinstance(value, (ModuleType, FunctionType, type)) or (callable(value) and not hasattr(value, "__dict__")):
            return kind.__name__
        if id(value) in self._seen:
            return ("again", self._seen[id(value)])
        self._seen[id(value)] = len(self._seen)
        if depth == 0 or self._left < 0:
            self.opaque += 1
            return (kind.__name__, "…")
        return (kind.__name__, self._parts(value, kind, depth - 1))

    def _parts(self, value: Any, kind: type, depth: int) -> Any:
        if kind in (list, tuple) or kind.__name__ == "deque":
            return [self.of(each, depth) for each in list(value)]
        if kind in (set, frozenset):
            return sorted(repr(self.of(each, depth)) for each in list(value))
        if kind is dict:
            return [(self.of(k, depth), self.of(v, depth)) for k, v in list(value.items())]
        if kind.__name__ in ("list_iterator", "range_iterator", "str_iterator", "tuple_iterator", "bytearray"):
            return repr(value.__reduce__()) if kind is not bytearray else bytes(value)
        if kind.__module__.partition(".")[0] in _VALUES:
            return repr(value)
        if kind.__name__ == "ndarray" and getattr(value, "nbytes", _LONG) < _LONG:
            return hash(value.tobytes())
        inside = getattr(value, "__dict__", None)
        if type(inside) is dict and kind.__module__ != "builtins":
            return [(name, self.of(each, depth)) for name, each in list(inside.items())]
        self.opaque += 1
        return "…"


class Turns:
    """Counts turns, and looks at the last of them."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.wanted: Set[Tuple[str, str]] = {(str(file), str(function)) for file, function in plan.get("loops", ())}
        self.to_end: List[Dict[str, Any]] = list(plan.get("end_loop", ()))
        self.places: List[Tuple[str, int, str]] = []
        self.whiles: List[Optional[ast.expr]] = []
        self.deciding: List[Set[str]] = []  # names in the tests that could end a `while`
        self.counts: List[int] = []
        self.entered: List[int] = []
        self.caps: Dict[int, Tuple[str, int]] = {}
        self.broken: Dict[int, int] = {}
        self.states: Dict[int, List[Any]] = {}  # the last turns: digest, names -> digest, numbers of the test

    def transform(self, tree: ast.Module, file: str, lines: List[str], found: List[str]) -> ast.Module:
        caps = {}
        for place in self.to_end:
            line = place_in(place, lines) if place["file"] == file else None
            if line is not None:
                caps[line] = (f"{file}:{place['line']}", int(place["turns"]))
                found.append(f"{file}:{place['line']}")
        functions = {function for where, function in self.wanted if where == file}
        if not caps and not functions:
            return tree
        changed: ast.Module = ast.fix_missing_locations(_Marker(self, file, functions, caps).visit(tree))
        return changed

    def install(self, builtins: Any) -> None:
        for name in ("entered_loop", "turn", "enough"):
            setattr(builtins, PREFIX + name, getattr(self, name))

    def add(self, file: str, line: int, function: str, test: Optional[ast.expr], deciding: Set[str]) -> int:
        self.deciding.append(deciding)
        self.places.append((file, line, function))
        self.whiles.append(test)
        self.counts.append(0)
        self.entered.append(0)
        return len(self.places) - 1

    # --- what rewritten modules call

    def entered_loop(self, number: int) -> bool:
        self.entered[number] += 1
        return True

    def turn(self, number: int) -> None:
        self.counts[number] += 1
        if self.counts[number] % 64 and self.counts[number] > 2000:
            return  # all of the first turns, then now and then
        try:
            kept = self.states.setdefault(number, [])
            kept.append(self._look(number, sys._getframe(1)))
            del kept[:-_LOOKED]
        except Exception:  # noqa: BLE001  # it would go on into the user's program
            self.states.pop(number, None)

    def enough(self, number: int) -> bool:
        self.counts[number] += 1
        over = self.counts[number] > self.caps[number][1]
        self.broken[number] = self.broken.get(number, 0) + over
        return over

    def _look(self, number: int, frame: FrameType) -> Any:
        values = {name: value for name, value in frame.f_locals.items() if name[0] != "." and name[:2] != "__"}
        for name in frame.f_code.co_names:
            value = frame.f_globals.get(name)
            if name in frame.f_globals and not callable(value) and not isinstance(value, ModuleType):
                values.setdefault(name, value)
        names, opaque = {}, set()
        for name, value in values.items():
            state = State()
            names[name] = hash(repr(state.of(value)))
            if state.opaque:
                opaque.add(name)
        return names, opaque, _distance(self.whiles[number], frame)

    # --- what is told

    def sample(self) -> List[Any]:
        return [[n, self.entered[n], self.counts[n]] for n in range(len(self.places)) if self.counts[n]]

    def described(self) -> List[Dict[str, Any]]:
        return [
            {"file": file, "line": line, "function": function, "turns": self.counts[n], "entered": self.entered[n],
             **self._judged(n)}
            for n, (file, line, function) in enumerate(self.places) if self.counts[n]
        ]  # fmt: skip

    def _judged(self, number: int) -> Dict[str, Any]:
        kept = list(self.states.get(number, ()))[-_LOOKED:]
        if len(kept) < 20:
            return {"looked": len(kept)}
        names = set().union(*(each[0] for each in kept))
        changing = {name for name in names if len({each[0].get(name) for each in kept}) > 1}
        opaque = set().union(*(each[1] for each in kept))
        states = len({tuple(sorted(each[0].items())) for each in kept})
        distances = [each[2] for each in kept]
        pairs = zip(distances, distances[1:])  # noqa: B905, RUF007  # 3.9
        away = None not in distances and all(after > before for before, after in pairs)
        deciding = self.deciding[number]
        stuck = bool(deciding) and not deciding & (changing | opaque)
        return {
            "looked": len(kept), "changing": sorted(changing), "same": sorted(names - changing - opaque),
            "states": states, "opaque": sorted(opaque), "away": away, "deciding": sorted(deciding) if stuck else [],
            "while": self.whiles[number] is not None,
        }  # fmt: skip

    def ended(self) -> Dict[str, Dict[str, int]]:
        said: Dict[str, Dict[str, int]] = {"applied": {}, "changed": {}}
        for number, (name, _) in self.caps.items():
            said["applied"][name], said["changed"][name] = self.counts[number], self.broken.get(number, 0)
        return said


def _deciding(loop: ast.While) -> Set[str]:
    """The names in its condition, and in those under which it is left from inside."""
    ends = (ast.Break, ast.Return, ast.Raise)
    tests: List[ast.AST] = [loop.test]
    for node in ast.walk(loop):
        if isinstance(node, ast.If) and any(isinstance(part, ends) for each in node.body for part in ast.walk(each)):
            tests.append(node.test)
    return {node.id for test in tests for node in ast.walk(test) if isinstance(node, ast.Name)}


def _distance(test: Optional[ast.expr], frame: FrameType) -> Optional[float]:
    """How far a comparison of two numbers is from turning over; None where it is no such test."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    values = [_number(node, frame) for node in (test.left, test.comparators[0])]
    if values[0] is None or values[1] is None:
        return None
    gap = float(values[1] - values[0])
    if isinstance(test.ops[0], (ast.Lt, ast.LtE)):
        return gap
    return -gap if isinstance(test.ops[0], (ast.Gt, ast.GtE)) else abs(gap)


def _number(node: ast.expr, frame: FrameType) -> Any:
    value: Any = None
    if isinstance(node, ast.Constant):
        value = node.value
    elif isinstance(node, ast.Name):
        value = frame.f_locals.get(node.id, frame.f_globals.get(node.id))
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        value = getattr(frame.f_locals.get(node.value.id), "__dict__", {}).get(node.attr)
    return value if type(value) in (int, float) else None


class _Marker(ast.NodeTransformer):
    def __init__(self, turns: Turns, file: str, functions: Set[str], caps: Dict[int, Tuple[str, int]]) -> None:
        self.turns, self.file, self.functions, self.caps = turns, file, functions, caps
        self.scope: List[str] = []

    def _scoped(self, node: Any) -> Any:
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _scoped

    def _loop(self, node: Any) -> Any:
        line, function = node.lineno, ".".join(self.scope)
        test = node.test if isinstance(node, ast.While) else None
        deciding = _deciding(node) if test is not None else set()
        self.generic_visit(node)
        last = self.scope[-1] if self.scope else ""
        followed = bool({function, last, "*"} & self.functions)
        if line not in self.caps and not followed:
            return node
        number = self.turns.add(self.file, line, function, test, deciding)
        if line in self.caps:
            self.turns.caps[number] = self.caps[line]
            out = ast.If(test=_called("enough", number), body=[ast.Break()], orelse=[])
            node.body.insert(0, ast.copy_location(out, node))
            return node
        node.body.insert(0, ast.copy_location(ast.Expr(value=_called("turn", number)), node))
        return ast.copy_location(ast.If(test=_called("entered_loop", number), body=[node], orelse=[]), node)

    visit_For = visit_While = visit_AsyncFor = _loop


def _called(name: str, number: int) -> ast.Call:
    return ast.Call(func=ast.Name(id=PREFIX + name, ctx=ast.Load()), args=[ast.Constant(value=number)], keywords=[])
