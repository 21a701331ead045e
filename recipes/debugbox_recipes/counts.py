"""The observer `counts`: how much work the program does at the size it is given. In the program's process.

The plan has `count` (False: only the changes below, at full speed), `most` (events, after which it stops), `timed`
(seconds by line too), `constant` ({"file", "line", "column", "value"}: a whole number in the source that is replaced),
and `memoise` ([{"file", "line", "place", "quote"}]: functions whose results are kept by their arguments).
"""

import ast
import atexit
import builtins
import os
import sys
from typing import Any, Callable, Dict, List, Tuple

from . import events, importing
from .growth import write_result
from .sites import PREFIX
from .workload import Workload

_BY_VALUE = (int, float, complex, str, bytes, bool, type(None))


class Memo:
    """Keeps the results of one function. Plain values are compared, other objects must be the same object."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.calls = 0
        self.hits = 0
        self.results: Dict[Any, Tuple[Any, Any]] = {}

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def remembering(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            key = (id(function), tuple(map(_key, arguments)), tuple((n, _key(v)) for n, v in sorted(named.items())))
            known = self.results.get(key)
            if known is not None:
                self.hits += 1
                return known[0]
            result = function(*arguments, **named)
            self.results[key] = (result, (arguments, named))  # the arguments are held: their addresses stay theirs
            return result

        return _look_like(remembering, function)


def _look_like(wrapper: Any, function: Any) -> Callable[..., Any]:
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(wrapper, name, getattr(function, name))
    wrapper.__dict__.update(function.__dict__)
    wrapper.__wrapped__ = function
    remembered: Callable[..., Any] = wrapper
    return remembered


def _key(value: Any) -> Any:
    kind = type(value)
    if kind in _BY_VALUE:
        return kind, value
    if kind in (tuple, frozenset):
        return kind, tuple(map(_key, value))
    return "object", id(value)


class Counting:
    """The plan at work."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan = plan
        self.pid = os.getpid()
        self.memos: List[Memo] = []
        self.constant_found = False
        self.user_code = importing.UserCode(plan["repo"], self.transform)
        timed = bool(plan.get("timed"))
        self.workload = Workload(self.user_code.relative, most=plan.get("most"), timed=timed, full=self.stop)

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        constant = self.plan.get("constant")
        if constant and constant["file"] == file:
            self.constant_found = replace_constant(tree, constant) or self.constant_found
        for wanted in self.plan.get("memoise", ()):
            if wanted["file"] == file:
                self._memoise(tree, wanted, lines)
        return ast.fix_missing_locations(tree)

    def _memoise(self, tree: ast.Module, wanted: Dict[str, Any], lines: List[str]) -> None:
        """Innermost of the decorators: what `property` or `staticmethod` make of the function stays theirs."""
        quote = wanted.get("quote", "").strip()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and _stands_at(node, wanted["line"], quote, lines):
                memo = Memo(wanted["place"])
                name = f"{PREFIX}memo_{len(self.memos)}"
                setattr(builtins, name, memo)
                self.memos.append(memo)
                node.decorator_list.append(ast.copy_location(ast.Name(id=name, ctx=ast.Load()), node))

    def stop(self) -> None:
        """Too much work for one run: end here, with what is known."""
        self.dump(partial=True)
        sys.stdout.flush()
        os._exit(0)

    def dump(self, partial: bool = False) -> None:
        if os.getpid() != self.pid:
            return
        result = {
            "partial": partial,
            "modules": self.user_code.loaded,
            "error": self.workload.error,
            "constant_found": self.constant_found,
            "applied": {memo.place: memo.calls for memo in self.memos},
            "changed": {memo.place: memo.hits for memo in self.memos},
        }
        write_result(self.plan, {**result, **self.workload.result()})


def replace_constant(tree: ast.Module, wanted: Dict[str, Any]) -> bool:
    """Put another value where a constant stands; whether it was there."""
    for node in ast.walk(tree):
        at = (getattr(node, "lineno", 0), getattr(node, "col_offset", -1))
        if isinstance(node, ast.Constant) and at == (wanted["line"], wanted["column"]):
            node.value = wanted["value"]
            return True
    return False


def _stands_at(node: ast.FunctionDef, line: int, quote: str, lines: List[str]) -> bool:
    """The function's `def` line, or the only line with its text where the file has moved on."""
    if not quote or quote in [text.strip() for text in lines[line - 1 : line]]:
        return node.lineno == line
    return lines[node.lineno - 1].strip() == quote and [text.strip() for text in lines].count(quote) == 1


def start(plan: Dict[str, Any]) -> None:
    """Put the observer into this process."""
    counting = Counting(plan)
    importing.install(counting.user_code, builtins)
    atexit.register(counting.dump)
    if plan.get("count", True):
        counting.workload.error = events.watch(counting.workload)
