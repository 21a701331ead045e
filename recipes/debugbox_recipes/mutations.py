"""Small changes of single statements, as interventions: a condition negated, a constant one larger, a call left out.

Used on both sides: the kernel asks `candidates` what could be changed on a line, the program's process changes it as
the module is loaded and counts what that did. A change is named by its kind, its place, and `nth`: which one of that
kind on the line, from 0.
"""

import ast
import builtins
import operator
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Type

from .sites import PREFIX

_SWAPPED: Dict[Type[ast.cmpop], Type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_COMPARE: Dict[Type[ast.cmpop], Tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Lt: ("<", operator.lt), ast.LtE: ("<=", operator.le), ast.Gt: (">", operator.gt), ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq), ast.NotEq: ("!=", operator.ne), ast.Is: ("is", operator.is_),
    ast.IsNot: ("is not", operator.is_not), ast.In: ("in", lambda a, b: a in b),
    ast.NotIn: ("not in", lambda a, b: a not in b),
}  # fmt: skip
_BY_SYMBOL = dict(_COMPARE.values())
_DROPPED = (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Continue, ast.Break)
_WORDS = {
    "negate_condition": "the condition negated",
    "force_true": "the condition taken as true",
    "force_false": "the condition taken as false",
    "swap_comparison": "the comparison exchanged for its neighbour",
    "drop_clause": "one clause of the condition left out",
    "constant_plus": "a constant one larger",
    "constant_minus": "a constant one smaller",
    "drop_statement": "the statement left out",
}
KINDS = tuple(_WORDS)


@dataclass(frozen=True)
class Candidate:
    """One change that could be made."""

    line: int
    kind: str
    nth: int

    @property
    def words(self) -> str:
        return _WORDS[self.kind]


Found = Tuple[str, ast.AST, Any]  # kind, node, and what of the node (a clause's position)


def candidates(tree: ast.AST) -> List[Candidate]:
    """All changes that could be made in a module."""
    counts: Dict[Tuple[int, str], int] = {}
    result = []
    for kind, node, _ in _all(tree):
        key = (_line(node), kind)
        nth = counts[key] = counts.get(key, -1) + 1
        result.append(Candidate(_line(node), kind, nth))
    return result


def _line(node: Any) -> int:
    return int(node.lineno)


def _all(tree: ast.AST) -> Iterator[Found]:
    untouched = {id(part) for part in _left_alone(tree)}
    for node in ast.walk(tree):
        if id(node) in untouched:
            continue
        test = getattr(node, "test", None)
        if isinstance(node, (ast.If, ast.While, ast.IfExp)) and test is not None:
            yield "negate_condition", test, None
            yield "force_false", test, None
            if not isinstance(node, ast.While):  # it would never end
                yield "force_true", test, None
        if isinstance(node, ast.BoolOp):
            for position in range(len(node.values)):
                yield "drop_clause", node, position
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _SWAPPED:
            yield "swap_comparison", node, None
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield "constant_plus", node, None
            yield "constant_minus", node, None
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, _DROPPED) and not docstring:
            yield "drop_statement", node, None


def _left_alone(tree: ast.AST) -> Iterator[ast.AST]:
    """Annotations, patterns and parts of f-strings are no places for calls; generated operators neither."""
    for node in ast.walk(tree):
        inner: List[Optional[ast.AST]] = []
        if isinstance(node, (ast.JoinedStr, getattr(ast, "match_case", ast.JoinedStr))):
            inner = [getattr(node, "pattern", node if isinstance(node, ast.JoinedStr) else None)]
        inner += [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for part in inner:
            if part is not None:
                yield from ast.walk(part)


@dataclass(frozen=True)
class Wanted:
    """A change to be made, at the line it has in this version of the file."""

    number: int
    line: int
    kind: str
    nth: int


def place_in(place: Mapping[str, Any], lines: Sequence[str]) -> Optional[int]:
    """The line of a place: where its quote stands, or the quote's only other line if the file moved on."""
    quote, line = str(place.get("quote", "")).strip(), int(place["line"])
    at_line = lines[line - 1].strip() if 0 < line <= len(lines) else None
    if at_line is not None and (not quote or at_line == quote):
        return line
    elsewhere = [number for number, text in enumerate(lines, 1) if quote and text.strip() == quote]
    return elsewhere[0] if len(elsewhere) == 1 else None


class Mutations:
    """Makes the changes and counts, by number, how often each was `applied` and how often it made a difference.

    All are built into the code; those that are not in `active` leave everything as it was.
    """

    def __init__(self, places: Sequence[Mapping[str, Any]]) -> None:
        self.places = list(places)
        self.kinds = [str(place["kind"]) for place in places]
        self.applied = [0] * len(self.places)
        self.changed = [0] * len(self.places)
        self.found: List[str] = []
        self.active = set(range(len(self.places)))
        for name in ("condition", "compared", "constant", "kept"):
            setattr(builtins, PREFIX + name, getattr(self, name))

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        """See `importing.Transform`."""
        wanted = []
        for number, place in enumerate(self.places):
            line = place_in(place, lines) if place["file"] == file else None
            if line is not None:
                wanted.append(Wanted(number, line, self.kinds[number], int(place.get("nth", 0))))
        return self._changed(tree, wanted, file) if wanted else tree

    def _changed(self, tree: ast.Module, wanted: List[Wanted], file: str) -> ast.Module:
        chosen: Dict[int, List[Tuple[Wanted, Any]]] = {}
        for want in wanted:
            there = [found for found in _all(tree) if found[0] == want.kind and _line(found[1]) == want.line]
            if there:
                _, node, part = there[min(want.nth, len(there) - 1)]
                chosen.setdefault(id(node), []).append((want, part))
                chosen[id(node)].sort(key=lambda each: each[0].kind not in ("swap_comparison", "drop_clause"))
                self.found.append(f"{file}:{self.places[want.number]['line']}")
        changed: ast.Module = ast.fix_missing_locations(_Changer(chosen).visit(tree))
        return changed

    def sites(self) -> List[Dict[str, Any]]:
        return [
            {"file": place["file"], "line": place["line"], "applied": self.applied[n], "changed": self.changed[n]}
            for n, place in enumerate(self.places)
        ]

    def _count(self, number: int, differs: bool) -> None:
        self.applied[number] += 1
        self.changed[number] += differs

    # --- what changed modules call

    def condition(self, number: int, value: Any) -> Any:
        if number not in self.active:
            return value
        truth = bool(value)
        new = {"force_true": True, "force_false": False}.get(self.kinds[number], not truth)
        self._count(number, new != truth)
        return new

    def compared(self, number: int, old: str, new: str, a: Any, b: Any) -> Any:
        before = _BY_SYMBOL[old](a, b)
        if number not in self.active:
            return before
        after = _BY_SYMBOL[new](a, b)
        self._count(number, type(before) is not bool or before != after)
        return after

    def constant(self, number: int, value: Any) -> Any:
        if number not in self.active:
            return value
        self._count(number, True)
        return value + (1 if self.kinds[number] == "constant_plus" else -1)

    def kept(self, number: int) -> bool:
        """Whether a statement runs, or a clause is evaluated: either may be what raises."""
        if number not in self.active:
            return True
        self._count(number, True)
        return False


class _Changer(ast.NodeTransformer):
    def __init__(self, chosen: Mapping[int, List[Tuple[Wanted, Any]]]) -> None:
        self.chosen = chosen

    def visit(self, node: ast.AST) -> Any:
        wanted = self.chosen.get(id(node), ())
        self.generic_visit(node)
        for want, part in wanted:
            node = self._one(node, want, part)
        return node

    def _one(self, node: Any, want: Wanted, part: Any) -> Any:
        if want.kind == "drop_statement":
            whole = ast.If(test=_call("kept", [_constant(want.number)], node), body=[node], orelse=[])
            return ast.copy_location(whole, node)
        if want.kind == "drop_clause":
            neutral = _constant(isinstance(node.op, ast.And))
            kept = _call("kept", [_constant(want.number)], node)
            node.values[part] = ast.copy_location(ast.IfExp(test=kept, body=node.values[part], orelse=neutral), node)
            return node
        if want.kind == "swap_comparison":
            old = type(node.ops[0])
            symbols = [_constant(_COMPARE[each][0]) for each in (old, _SWAPPED[old])]
            return _call("compared", [_constant(want.number), *symbols, node.left, node.comparators[0]], node)
        name = "constant" if want.kind.startswith("constant") else "condition"
        return _call(name, [_constant(want.number), node], node)


def _call(name: str, arguments: List[ast.expr], at: ast.AST) -> ast.Call:
    call = ast.Call(func=ast.Name(id=PREFIX + name, ctx=ast.Load()), args=arguments, keywords=[])
    return ast.copy_location(call, at)


def _constant(value: object) -> ast.expr:
    return ast.Constant(value=value)  # type: ignore[arg-type]  # a str, an int or a bool
