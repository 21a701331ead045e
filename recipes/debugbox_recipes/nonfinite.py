"""The observer `nonfinite`: where numbers that are not finite come up, and from what. In the program's process.

Plan: `detail` ([file, line, nth] whose operands are looked at too). Every arithmetic expression, call and item of the
user's code is looked at; which come first, and which have finite operands, says where NaN and infinity come from.
"""

import ast
import atexit
import builtins
import math
import os
import threading
from typing import Any, Dict, List, Set, Tuple

from . import importing
from .finiteness import Look, as_array, bad_mask, described
from .growth import write_result
from .sites import PREFIX
from .values import Expression, Table

KINDS = ("BinOp", "Call", "Subscript", "Attribute", "AugAssign")
NAMED = frozenset({"nan", "NaN", "NAN", "inf", "Inf", "infty", "Infinity", "PINF", "NINF", "NA", "NaT", "HUGE_VAL"})
_MOST_BIRTHS = 3  # told in detail of one expression
Key = Tuple[str, int, int]


def looked_at(expression: Expression, node: Any) -> bool:
    """Of attributes only those that are named as not finite."""
    return expression.kind != "Attribute" or node.attr in NAMED


class Nonfinite:
    """The plan at work."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan, self.pid = plan, os.getpid()
        self.table = Table(KINDS)
        self.detail = {(str(file), int(line), int(nth)) for file, line, nth in plan.get("detail", ())}
        self.user_code = importing.UserCode(plan["repo"], self.transform)
        self.look = Look()
        self.seen = 0  # values looked at
        self.bad: Dict[int, List[Any]] = {}  # number -> [first, last, values, nan, inf, evaluated before]
        self.events = 0  # values that were not finite
        self.evaluated: Dict[int, int] = {}
        self.floats: Set[int] = set()  # expressions that gave numbers a control can move
        self.births: Dict[int, List[Dict[str, Any]]] = {}
        self.born: Dict[int, int] = {}
        self.error = ""
        self._open: Dict[int, List[Any]] = {}  # thread -> [[number, events before, operands]]

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        return self.table.rewrite(tree, file, looked_at, self._detailed if self.detail else None)

    def _detailed(self, expression: Expression) -> bool:
        return (expression.file, expression.line, expression.nth) in self.detail

    # --- what rewritten modules call

    def begin(self, number: int, value: Any) -> Any:
        self._open.setdefault(threading.get_ident(), []).append([number, self.events, {}])
        return value

    def operand(self, number: int, value: Any, position: int) -> Any:
        opened = self._open.setdefault(threading.get_ident(), [])
        if position == 0:
            opened.append([number, self.events, {}])
        elif not opened or opened[-1][0] != number:
            while opened and opened[-1][0] != number:  # what an exception left behind
                opened.pop()
        if opened:
            try:
                said = described_if(self, number, value)
                opened[-1][2][position] = (value, bad_mask(value), self.look(value), said)
            except Exception as error:  # noqa: BLE001  # it would go on into the user's program
                self.error = f"{type(error).__name__}: {error}"
        return value

    def value(self, number: int, value: Any) -> Any:
        try:
            self._look_at(number, value)
        except Exception as error:  # noqa: BLE001  # it would go on into the user's program
            self.error = f"{type(error).__name__}: {error}"
        return value

    def _look_at(self, number: int, value: Any) -> None:
        self.seen += 1
        self.evaluated[number] = self.evaluated.get(number, 0) + 1
        kind = type(value)
        if kind is float and value - value == 0.0:
            counts = (0, 0)
            self.floats.add(number)
        else:
            counts = self.look(value)
            if counts == (0, 0) and number not in self.floats and as_array(value) is not None:
                self.floats.add(number)
        if number in self.table.operands:
            self._judge(number, value, counts)
        if counts != (0, 0):
            self._saw(number, counts)

    def _saw(self, number: int, counts: Tuple[int, int]) -> None:
        self.events += 1
        known = self.bad.get(number)
        if known is None:
            self.bad[number] = [self.seen, self.seen, 1, *counts, self.evaluated[number] - 1]
            return
        known[1], known[2] = self.seen, known[2] + 1
        known[3], known[4] = known[3] + counts[0], known[4] + counts[1]

    def _judge(self, number: int, value: Any, counts: Tuple[int, int]) -> None:
        """A birth: the result is not finite where no operand is, and nothing inside the call was before."""
        opened = self._open.setdefault(threading.get_ident(), [])
        while opened and opened[-1][0] != number:
            opened.pop()
        _, before, operands = opened.pop() if opened else (number, self.events, {})
        if counts == (0, 0):
            return
        inside = self.events > before
        if inside or not _new(value, counts, list(operands.values())):
            return
        self.born[number] = self.born.get(number, 0) + 1
        told = self.births.setdefault(number, [])
        if len(told) < _MOST_BIRTHS:
            names = self.table.operands[number]
            shown = [
                {"text": names[n] if n < len(names) else "", **said} for n, (_, _, _, said) in sorted(operands.items())
            ]
            told.append({"evaluation": self.evaluated[number], "result": described(value), "operands": shown})

    def dump(self) -> None:
        if os.getpid() != self.pid:
            return
        found = []
        for number, (first, last, values, nan, inf, before) in sorted(self.bad.items(), key=lambda one: one[1][0]):
            one = self.table.all[number]
            row = {"file": one.file, "line": one.line, "nth": one.nth, "kind": one.kind, "function": one.function}
            row.update(first=first, last=last, values=values, nan=nan, inf=inf, before=before)
            row.update(evaluated=self.evaluated.get(number, 0), born=self.born.get(number, 0))
            found.append({**row, "births": self.births.get(number, [])})
        finite = [
            [one.file, one.line, one.nth, one.function, self.evaluated[number]]
            for number, one in enumerate(self.table.all)
            if number in self.floats and number not in self.bad and one.kind in ("BinOp", "AugAssign", "Call")
        ]
        result = {
            "modules": self.user_code.loaded, "not_rewritten": self.user_code.failed, "seen": self.seen,
            "bad": found, "finite": finite[:400], "error": self.error,
        }  # fmt: skip
        write_result(self.plan, result)


def described_if(observer: Nonfinite, number: int, value: Any) -> Dict[str, Any]:
    """A value may be changed in place before the result is known, so it is described at once: the first times only."""
    if observer.evaluated.get(number, 0) > 20_000 and not math.log2(observer.evaluated[number]).is_integer():
        return {"type": type(value).__name__}
    return described(value)


def _new(value: Any, counts: Tuple[int, int], operands: List[Any]) -> bool:
    """Whether some of what is not finite cannot come from the operands."""
    mask = bad_mask(value)
    if mask is None:
        return all(each[2] == (0, 0) for each in operands)
    covered = False
    for operand, its_mask, its_counts, _ in operands:
        if its_counts == (0, 0):
            continue
        if its_mask is None or its_mask.shape != mask.shape or operand is None:
            return False
        covered = its_mask | covered
    return bool((mask & ~covered).any()) if covered is not False else True


def start(plan: Dict[str, Any]) -> None:
    """Put the observer into this process."""
    observer = Nonfinite(plan)
    for name in ("begin", "operand", "value"):
        setattr(builtins, PREFIX + name, getattr(observer, name))
    importing.install(observer.user_code, builtins)
    atexit.register(observer.dump)
