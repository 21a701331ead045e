"""The observer `passing`: which numbers pass through the expressions of the user's code, row by row. In the program.

Plan: `rows` (how many values the series has that is asked about), `detail` ([file, line, nth] whose operands are kept
too), `repeat` (places with `nth` and `start`: after so many evaluations an expression gives again what it gave before).
An expression that is evaluated once a row is a clock; with clocks, values of other expressions are put to their rows.
"""

import ast
import atexit
import bisect
import builtins
import os
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from . import importing
from .growth import write_result
from .mutations import place_in
from .sites import PREFIX
from .values import Expression, Table

KINDS = ("BinOp", "Call", "Subscript", "AugAssign", "IfExp", "BoolOp")
KIND = "repeat"  # of the intervention
_KEPT = 40_000  # values of one expression
_IN_ALL = 3_000_000
_FIELDS = 24  # of a row that is an operand
_TEXT = 40  # characters of a text that may be a category
Values = List[Any]  # numbers and short texts


def places_of(one: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The places of an intervention of this kind, as the plan wants them."""
    known = (one.get("parameters") or {}).get("at", {})
    return [
        {"file": site["file"], "line": site["line"], "quote": site.get("quote", ""), "start": 1 << 60,
         **known.get(f"{site['file']}:{site['line']}", {})}
        for site in one["sites"]
    ]  # fmt: skip


class Kept:
    """The values of one expression, or of one operand, with the times they came."""

    def __init__(self) -> None:
        self.values: Values = []
        self.times: List[int] = []
        self.whole = True  # nothing was left out


class Passing:
    """The plan at work."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan, self.pid = plan, os.getpid()
        self.rows = int(plan.get("rows", 0))
        self.detail = {(str(file), int(line), int(nth)) for file, line, nth in plan.get("detail", ())}
        self.repeats = [Repeat(place) for place in plan.get("repeat", ())]
        self.table = Table(KINDS)
        self.kept: Dict[int, Kept] = {}
        self.parts: Dict[Tuple[int, str], Kept] = {}
        self.by_number: Dict[int, Repeat] = {}
        self.time = 0
        self.error = ""
        self.user_code = importing.UserCode(plan["repo"], self.transform)

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        if not self.repeats:
            return self.table.rewrite(tree, file, None, self._detailed if self.detail else None)
        wanted = {}
        for one in self.repeats:
            line = place_in(one.place, lines) if one.place["file"] == file else None
            if line is not None:
                wanted[line, int(one.place.get("nth", 0))] = one

        def meant(expression: Expression, node: Any) -> bool:
            one = wanted.get((expression.line, expression.nth))
            if one is None:
                return False
            one.found = True
            self.by_number[len(self.table.all)] = one
            return True

        return self.table.rewrite(tree, file, meant) if wanted else tree

    def _detailed(self, expression: Expression) -> bool:
        return (expression.file, expression.line, expression.nth) in self.detail

    # --- what rewritten modules call

    def begin(self, number: int, value: Any) -> Any:
        return value

    def operand(self, number: int, value: Any, position: int) -> Any:
        try:
            names = self.table.operands[number]
            name = names[position] if position < len(names) else str(position)
            for field, each in _fields(value):
                self._keep(self.parts.setdefault((number, name + field), Kept()), each)
        except Exception as error:  # noqa: BLE001  # it would go on into the user's program
            self.error = f"{type(error).__name__}: {error}"
        return value

    def value(self, number: int, value: Any) -> Any:
        try:
            if self.repeats:
                return self.by_number[number].instead(value)
            self._keep(self.kept.setdefault(number, Kept()), value)
        except Exception as error:  # noqa: BLE001  # see above
            self.error = f"{type(error).__name__}: {error}"
        return value

    def _keep(self, kept: Kept, value: Any) -> None:
        self.time += 1
        plain = as_plain(value)
        if plain is None:
            return
        if len(kept.values) >= _KEPT or self.time > _IN_ALL:
            kept.whole = False
            return
        if isinstance(plain, list):
            kept.values += plain[: _KEPT - len(kept.values)]
            kept.times += [self.time] * (len(kept.values) - len(kept.times))
        else:
            kept.values.append(plain)
            kept.times.append(self.time)

    # --- what is told at the end

    def dump(self) -> None:
        if os.getpid() != self.pid:
            return
        clocks = [kept.times for kept in self.kept.values() if len(kept.values) == self.rows]
        told = []
        for number, kept in sorted(self.kept.items(), key=lambda one: one[1].times[:1] or [0]):
            one = self.table.all[number]
            row = {"file": one.file, "line": one.line, "nth": one.nth, "kind": one.kind, "function": one.function}
            values = by_row(kept, self.rows, clocks)
            if values is not None:
                parts = [
                    {"text": text, "values": by_row(each, self.rows, clocks)}
                    for (its, text), each in self.parts.items()
                    if its == number
                ]
                told.append({**row, "values": values, "evaluated": len(kept.values), "whole": kept.whole,
                             "operands": [part for part in parts if part["values"] is not None]})  # fmt: skip
        counts: Dict[str, Dict[str, int]] = {"applied": {}, "changed": {}}
        for repeat in self.repeats:
            for name in counts:
                counts[name][repeat.name] = counts[name].get(repeat.name, 0) + getattr(repeat, name)
        found = [repeat.name for repeat in self.repeats if repeat.found]
        write_result(self.plan, {"modules": self.user_code.loaded, "not_rewritten": self.user_code.failed, "told": told,
                                 "places_found": found, "error": self.error, **counts})  # fmt: skip


class Repeat:
    """At one place: what came before a moment comes again after it."""

    def __init__(self, place: Mapping[str, Any]) -> None:
        self.place, self.found, self.applied, self.changed = place, False, 0, 0
        self.name = f"{place['file']}:{place['line']}"
        self.start = int(place["start"])  # evaluations, or entries of a list, that stay as they are
        self.old: List[Any] = []

    def instead(self, value: Any) -> Any:
        self.applied += 1
        if hasattr(value, "__len__") and not isinstance(value, (str, bytes, dict)):
            return self._in_list(value)
        if len(self.old) < self.start:
            self.old.append(value)
            return value
        new = self.old[(self.applied - 1 - self.start) % len(self.old)]
        self.changed += new is not value and new != value
        return new

    def _in_list(self, value: Any) -> Any:
        count = len(value)
        if count <= self.start:
            return value
        entries = value.iloc if hasattr(value, "iloc") else value  # by position, whatever the labels are
        again = [entries[(at - self.start) % self.start] for at in range(self.start, count)]
        if isinstance(value, (list, tuple)):
            new: Any = type(value)([*value[: self.start], *again])
            self.changed += sum(a != b for a, b in zip(new, value))  # noqa: B905  # strict= came with 3.10
            return new
        new = value.copy()
        (new.iloc if hasattr(new, "iloc") else new)[self.start :] = again
        self.changed += 1
        return new


def as_plain(value: Any) -> Any:
    """A number (text that is one too), a short text, or a flat list of numbers; None for everything else."""
    kind = type(value)
    if kind is float or kind is int or kind is bool:
        return float(value) if value == value and abs(value) < 1e300 else None
    if kind is str:
        return _of_text(value)
    if kind in (list, tuple):
        numbers = [each for each in value if type(each) in (int, float)]
        return [float(each) for each in numbers] if len(numbers) == len(value) > 1 else None
    if hasattr(value, "dtype") and hasattr(value, "tolist") and getattr(value, "ndim", 9) < 2:
        listed = value.tolist()
        return as_plain(listed) if isinstance(listed, (float, int, list)) else None
    return None


def _of_text(text: str) -> Any:
    if len(text) > _TEXT:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return number if number - number == 0.0 else None


def _fields(value: Any) -> List[Tuple[str, Any]]:
    """The value itself; of a row (a dict, a named tuple, an object with attributes) its fields by name."""
    if isinstance(value, Mapping):
        pairs: List[Tuple[Any, Any]] = list(value.items())[:_FIELDS]
    elif hasattr(value, "_fields"):
        pairs = list(zip(value._fields, value))[:_FIELDS]  # noqa: B905  # strict= came with 3.10
    elif type(value).__module__ != "builtins" and isinstance(getattr(value, "__dict__", None), dict):
        pairs = list(vars(value).items())[:_FIELDS]
    else:
        return [("", value)]
    return [(f"[{name!r}]", each) for name, each in pairs if isinstance(name, str)]


def by_row(kept: Kept, rows: int, clocks: Sequence[List[int]]) -> Optional[Values]:
    """One value a row, None where there was none; None in all where they cannot be put to rows."""
    count = len(kept.values)
    if not rows or count < rows // 4 or not kept.whole:
        return None
    if count % rows == 0:
        each = count // rows
        return [_one(kept.values[at : at + each]) for at in range(0, count, each)]
    clock = min(clocks, key=lambda times: abs(times[0] - kept.times[0]), default=None)
    if clock is None or kept.times[-1] < clock[0] or kept.times[0] > clock[-1]:
        return None
    places: List[Values] = [[] for _ in range(rows)]
    for value, time in zip(kept.values, kept.times):  # noqa: B905  # strict= came with 3.10
        places[min(rows - 1, bisect.bisect_left(clock, time))].append(value)
    return [_one(each) if each else None for each in places]


def _one(values: Values) -> Any:
    numbers = [each for each in values if isinstance(each, float)]
    return sum(numbers) / len(numbers) if len(numbers) == len(values) else values[-1]


def start(plan: Dict[str, Any]) -> None:
    """Put the observer into this process."""
    observer = Passing(plan)
    for name in ("begin", "operand", "value"):
        setattr(builtins, PREFIX + name, getattr(observer, name))
    importing.install(observer.user_code, builtins)
    atexit.register(observer.dump)
