"""Marks loops in the user's modules, so that an iteration can be a repeatable step. In the program's process.

A marked loop calls `_dbx_enter(n)`, then `_dbx_step(n)` at the start of each iteration, and `_dbx_exit(n)` however it
ends; a `for` loop's iterable passes through `_dbx_more(n, iterable)`, which may make it longer. All of them are in
`builtins`, as with the other rewrites.
"""

import ast
import itertools
import time
from dataclasses import dataclass
from threading import get_ident
from typing import Any, Callable, Dict, List, Optional, Union

from .sites import PREFIX

Loop = Union[ast.For, ast.AsyncFor, ast.While]
MOST_LOOPS = 20_000  # marked in one process


@dataclass
class LoopSite:
    """A loop of the user's, and what was seen of it: entries, iterations, seconds, and how deep in other loops."""

    file: str
    line: int
    function: str
    extension: str = ""  # how it can be made longer: "on" (a range goes on), "again" (the same inputs), or not
    entries: int = 0
    iterations: int = 0
    seconds: float = 0.0
    depth: int = 10**6


class LoopTable:
    """All marked loops of the process; a loop's number is its index."""

    def __init__(self) -> None:
        self.loops: List[LoopSite] = []

    def add(self, file: str, line: int, function: str) -> Optional[int]:
        if len(self.loops) >= MOST_LOOPS:
            return None
        self.loops.append(LoopSite(file, line, function))
        return len(self.loops) - 1


def mark_loops(tree: ast.Module, file: str, table: LoopTable, wanted: Callable[[ast.stmt], bool]) -> ast.Module:
    """`tree`, changed in place: the loops for which `wanted` says yes are marked."""
    changed: ast.Module = ast.fix_missing_locations(_Marker(file, table, wanted).visit(tree))
    return changed


class _Marker(ast.NodeTransformer):
    def __init__(self, file: str, table: LoopTable, wanted: Callable[[ast.stmt], bool]) -> None:
        self.file, self.table, self.wanted = file, table, wanted
        self.scope: List[str] = []

    def _scoped(self, node: Any) -> Any:
        self.scope.append(node.name)
        self.generic_visit(node)
        self.scope.pop()
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _scoped

    def _loop(self, node: Loop) -> ast.stmt:
        self.generic_visit(node)
        number = self.table.add(self.file, node.lineno, ".".join(self.scope)) if self.wanted(node) else None
        if number is None:
            return node
        node.body.insert(0, _statement("step", number, node))
        if isinstance(node, ast.For):
            node.iter = _call("more", number, node, node.iter)
        last = [_statement("exit", number, node)]
        guarded = ast.Try(body=[node], handlers=[], orelse=[], finalbody=last)
        guarded = ast.copy_location(guarded, node)
        condition = _call("enter", number, node)  # always true: one statement in, one statement out
        return ast.copy_location(ast.If(test=condition, body=[guarded], orelse=[]), node)

    visit_For = visit_AsyncFor = visit_While = _loop


def _call(name: str, number: int, at: ast.stmt, *more: ast.expr) -> ast.Call:
    function = ast.copy_location(ast.Name(id=PREFIX + name, ctx=ast.Load()), at)
    first: ast.expr = ast.copy_location(ast.Constant(value=number), at)
    return ast.copy_location(ast.Call(func=function, args=[first, *more], keywords=[]), at)


def _statement(name: str, number: int, at: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Expr(value=_call(name, number, at)), at)


class LoopTimes:
    """The runtime that looks at all loops: how often, how long, how deep."""

    def __init__(self, table: LoopTable) -> None:
        self.table = table
        self._running: Dict[int, List[Any]] = {}  # thread -> (loop, start) of the loops it is in
        self._clock = time.perf_counter

    def enter(self, number: int) -> bool:
        inside = self._running.setdefault(get_ident(), [])
        loop = self.table.loops[number]
        loop.entries += 1
        loop.depth = min(loop.depth, len(inside))
        inside.append((number, self._clock()))
        return True

    def step(self, number: int) -> None:
        self.table.loops[number].iterations += 1

    def more(self, number: int, iterable: Any) -> Any:
        if extended(iterable, 2) is not iterable:
            self.table.loops[number].extension = "on" if type(iterable) is range else "again"
        return iterable

    def exit(self, number: int) -> None:
        """A generator's loop may end after the loop around it: then its time is not known."""
        inside = self._running.get(get_ident()) or [(-1, 0.0)]
        if inside[-1][0] == number:
            self.table.loops[number].seconds += self._clock() - inside.pop()[1]
        else:
            inside[:] = [one for one in inside if one[0] != number]

    def end(self) -> None:
        """Loops that were not left when the process ended."""
        for inside in self._running.values():
            while inside:
                self.exit(inside[-1][0])


def extended(iterable: Any, factor: int) -> Any:
    """`factor` times as long: a range goes on, a finished collection comes again. Others stay as they are."""
    kind = type(iterable)
    if kind is range and iterable:
        return range(iterable.start, iterable.start + factor * len(iterable) * iterable.step, iterable.step)
    if kind in (list, tuple, str, dict, set, frozenset) and iterable:
        return itertools.chain.from_iterable(itertools.repeat(iterable, factor))
    return iterable
