"""Rounding or method? A step found in the source is halved, twice: what changes then is the method's error. In the box.

Only literals are touched, in memory: `dt = 0.01`, `def solve(dt=0.01)`, `solve(dt=0.01)`. Where a whole number beside
it says how many steps there are, that is doubled, so that the same span is covered.
"""

import ast
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from debugbox_recipes.sinks import words_of

from .measuring import Measuring

_STEPS = frozenset(("dt", "h", "dx", "dy", "dz", "ds", "dtau", "step", "stepsize", "timestep"))
_COUNTS = frozenset(("n", "steps", "nsteps", "iterations", "nt"))
_MANY = 8  # turns of a loop over a span; a shorter one runs over something else
_CONVERGES = 0.8  # of a change, the next one: at most
_TRIED = 2  # steps of the program


@dataclass(frozen=True)
class Number:
    """A literal of the source, and the name it is for."""

    file: str
    line: int
    column: int
    name: str
    value: float
    scope: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def times(self, factor: float) -> Dict[str, Any]:
        value = self.value * factor
        whole = isinstance(self.value, int)
        return {"file": self.file, "line": self.line, "column": self.column, "value": int(value) if whole else value}


@dataclass(frozen=True)
class Halved:
    """The watched value with the step as it is, a half and a quarter of it."""

    step: Number
    counts: Tuple[Number, ...]
    values: Tuple[float, float, float]

    @property
    def changes(self) -> Tuple[float, float]:
        first, second, third = self.values
        return first - second, second - third

    @property
    def converges(self) -> bool:
        first, second = self.changes
        return first != 0 and 0 < second / first < _CONVERGES

    @property
    def order(self) -> float:
        first, second = self.changes
        return math.log2(first / second)

    @property
    def limit(self) -> float:
        """What a step of nothing would give, by the two changes (Richardson)."""
        return self.values[2] - self.changes[1] / (2**self.order - 1)

    @property
    def error(self) -> float:
        """The method's, with the step as it is."""
        return self.values[0] - self.limit


def halved(measuring: Measuring, watch: str, files: Sequence[str]) -> Optional[Halved]:
    """The first step found that changes the watched value; else the first that could be halved; None without one."""
    repo, found = Path(measuring.program.repo), None
    for step, counts in steps_of(repo, files)[:_TRIED]:
        tried = _halved(measuring, watch, step, counts)
        if tried is not None and any(tried.changes):
            return tried
        found = found or tried
    return found


def _halved(measuring: Measuring, watch: str, step: Number, counts: Tuple[Number, ...]) -> Optional[Halved]:
    values: List[float] = []
    for factor in (1, 2, 4):
        if measuring.left_s < 3:
            return None
        numbers = [step.times(1.0 / factor), *(count.times(factor) for count in counts)]
        run = measuring.with_numbers(watch, numbers)
        if run.trouble or run.last is None:
            return None
        values.append(run.last)
    return Halved(step, counts, (values[0], values[1], values[2]))


def steps_of(repo: Path, files: Sequence[str]) -> List[Tuple[Number, Tuple[Number, ...]]]:
    """The steps in these files, each with the numbers of steps that go with it."""
    found = []
    for file in files:
        try:
            numbers = list(_numbers(ast.parse((repo / file).read_bytes()), file))
        except (OSError, SyntaxError, ValueError):
            continue
        for each in numbers:
            if isinstance(each.value, float) and each.value > 0 and _is_step(each.name):
                found.append((each, tuple(n for n in numbers if _counts(n) and n.scope.startswith(each.scope))))
    return found


def _is_step(name: str) -> bool:
    return bool({name.lower().replace("_", ""), *words_of(name)} & _STEPS)


def _counts(number: Number) -> bool:
    named = number.name == "range()" or bool({number.name.lower(), *words_of(number.name)} & _COUNTS)
    return type(number.value) is int and number.value >= _MANY and named


def _numbers(tree: ast.AST, file: str, scope: str = "") -> Iterator[Number]:
    """Every numeric literal with a name: assigned, a default, a keyword, the end of a range."""
    for node in ast.iter_child_nodes(tree):
        inner = scope
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = f"{scope}{node.name}."
        for name, value in _named(node):
            if isinstance(value, ast.Constant) and isinstance(value.value, (int, float)) and value.value is not True:
                yield Number(file, value.lineno, value.col_offset, name, value.value, inner)
        yield from _numbers(node, file, inner)


def _named(node: ast.AST) -> Iterator[Tuple[str, Optional[ast.AST]]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _paired(target, node.value)
    elif isinstance(node, ast.AnnAssign):
        yield from _paired(node.target, node.value)
    elif isinstance(node, ast.keyword):
        yield node.arg or "", node.value
    elif isinstance(node, ast.arguments):
        plain = [*node.posonlyargs, *node.args]
        yield from ((a.arg, d) for a, d in zip(plain[len(plain) - len(node.defaults) :], node.defaults))  # noqa: B905
        yield from ((a.arg, d) for a, d in zip(node.kwonlyargs, node.kw_defaults))  # noqa: B905
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and node.args:
        yield "range()", node.args[0 if len(node.args) == 1 else 1]


def _paired(target: ast.AST, value: Optional[ast.AST]) -> Iterator[Tuple[str, Optional[ast.AST]]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, its_value in zip(target.elts, value.elts):  # noqa: B905  # strict= came with 3.10
            yield from _paired(one, its_value)
    elif isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Attribute):
        yield target.attr, value
