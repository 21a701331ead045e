"""Lists that are taken item by item instead of being built: the intervention `lazily`, and where it could be made.

Used on both sides: the kernel asks `candidates` which lists a module builds, the program's process exchanges them as
it is loaded. A list comprehension becomes a generator, `list(x)`, `tuple(x)` and `file.readlines()` give their items
one by one. What stands in for the list can be looped over once, and asked whether it is empty; for everything else
that lists can do it raises, and a second loop over it raises too: nothing is ever missing without a word.
"""

import ast
import builtins
import io
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from .mutations import place_in
from .sites import PREFIX

KIND = "lazily"
_NOTHING = object()


@dataclass(frozen=True)
class Candidate:
    """A list that is built at a line; `nth` says which one of the line, from 0."""

    line: int
    last_line: int
    nth: int
    text: str


def candidates(tree: ast.AST) -> List[Candidate]:
    """All lists of a module that could be taken lazily."""
    counts: Dict[int, int] = {}
    found = []
    for node in _lists(tree):
        nth = counts[node.lineno] = counts.get(node.lineno, -1) + 1
        found.append(Candidate(node.lineno, node.end_lineno or node.lineno, nth, ast.unparse(node)))
    return found


def _lists(tree: ast.AST) -> List[Any]:
    nodes = [node for node in ast.walk(tree) if _builds_a_list(node)]
    return sorted(nodes, key=lambda node: (node.lineno, node.col_offset, -(node.end_col_offset or 0)))


def _builds_a_list(node: Any) -> bool:
    if isinstance(node, ast.ListComp):
        return not any(isinstance(part, (ast.Await, ast.Yield, ast.YieldFrom)) for part in ast.walk(node)) and not any(
            part.is_async for part in ast.walk(node) if isinstance(part, ast.comprehension)
        )
    if not isinstance(node, ast.Call) or node.keywords:
        return False
    if isinstance(node.func, ast.Name) and node.func.id in ("list", "tuple"):
        return len(node.args) == 1 and not isinstance(node.args[0], (ast.Starred, ast.List, ast.Tuple))
    return isinstance(node.func, ast.Attribute) and node.func.attr == "readlines" and not node.args


class OneByOne:
    """Stands in for a list: its items come when they are asked for, once."""

    __slots__ = ("_first", "_items", "_number", "_run")

    def __init__(self, run: "Lazily", number: int, items: Iterable[Any]) -> None:
        self._run, self._number = run, number
        self._items: Optional[Iterator[Any]] = iter(items)
        self._first: Any = _NOTHING

    def __iter__(self) -> Iterator[Any]:
        items, self._items = self._items, None
        if items is None:
            self._run.refused += 1
            raise RuntimeError("a list that is taken lazily is looped over a second time")
        return self._pass(items)

    def _pass(self, items: Iterator[Any]) -> Iterator[Any]:
        first, self._first = self._first, _NOTHING
        if first is not _NOTHING:
            self._run.changed[self._number] += 1
            yield first
            del first
        for item in items:
            self._run.changed[self._number] += 1
            yield item
            del item

    def __bool__(self) -> bool:
        if self._first is _NOTHING and self._items is not None:
            self._first = next(self._items, _NOTHING)
        return self._first is not _NOTHING


class Lazily:
    """Exchanges the lists at its places, and counts: `applied` how often one was built, `changed` items passed on."""

    def __init__(self, places: Sequence[Mapping[str, Any]]) -> None:
        self.places = list(places)
        self.applied = [0] * len(self.places)
        self.changed = [0] * len(self.places)
        self.refused = 0
        setattr(builtins, f"{PREFIX}lazily", self.taken)

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        """See `importing.Transform`."""
        chosen = {}
        for number, place in enumerate(self.places):
            line = place_in(place, lines) if place["file"] == file else None
            there = [node for node in _lists(tree) if node.lineno == line]
            nth = int(place.get("nth", 0))
            if nth < len(there):
                chosen[id(there[nth])] = number
        return ast.fix_missing_locations(_Changer(chosen).visit(tree)) if chosen else tree

    def taken(self, number: int, how: Any, value: Any) -> Any:
        """What rewritten modules call; `how` is the name that stood there, for it may be another's by now."""
        if how not in (list, tuple, "readlines", "comprehension"):
            return how(value)
        if how == "readlines" and not isinstance(value, io.IOBase):
            return value.readlines()
        self.applied[number] += 1
        return OneByOne(self, number, value)

    def counts(self, of: List[int]) -> Dict[str, int]:
        sums: Dict[str, int] = {}
        for place, count in zip(self.places, of):  # noqa: B905  # strict= came with 3.10
            where = f"{place['file']}:{place['line']}"
            sums[where] = sums.get(where, 0) + count
        return sums


class _Changer(ast.NodeTransformer):
    def __init__(self, chosen: Mapping[int, int]) -> None:
        self.chosen = chosen

    def visit(self, node: ast.AST) -> Any:
        number = self.chosen.get(id(node))
        self.generic_visit(node)
        return node if number is None else _exchanged(node, number)


def _exchanged(node: Any, number: int) -> ast.Call:
    how, value = _parts(node)
    name = ast.Name(id=f"{PREFIX}lazily", ctx=ast.Load())
    return ast.copy_location(ast.Call(func=name, args=[ast.Constant(value=number), how, value], keywords=[]), node)


def _parts(node: Any) -> Tuple[ast.expr, ast.expr]:
    if isinstance(node, ast.ListComp):
        made = ast.GeneratorExp(elt=node.elt, generators=node.generators)
        return ast.Constant(value="comprehension"), ast.copy_location(made, node)
    if isinstance(node.func, ast.Name):
        return node.func, node.args[0]
    return ast.Constant(value="readlines"), node.func.value


def places_of(one: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The places of an intervention, each with which list of the line it is."""
    nths = (one.get("parameters") or {}).get("nth", {})
    return [{**site, "nth": nth} for site in one["sites"] for nth in nths.get(f"{site['file']}:{site['line']}", [0])]
