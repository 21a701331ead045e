"""From tests and the lines they ran to ranked functions: Ochiai, the traceback, and names. Runs in the box."""

import ast
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, FrozenSet, List, Mapping, Sequence, Tuple

from debugbox_recipes.sinks import words_of

from .running import Test

_TRACEBACK, _NAMED = 0.3, 0.1  # beside Ochiai's 0..1: the innermost frame; all words of the name
# More lines, more faults: of 27 real failures this brings 23, not 19, among the first three, anywhere in 0.1 to 0.2.
_SIZE, _MOST_SIZE = 0.15, 0.6  # for each factor e of the lines that the failing test ran in the function; at most
_TRIVIAL = frozenset("test tests self init get set is to of the a an and or in not with for from on".split())  # noqa: SIM905  # a word list
Line = Tuple[str, int]


@dataclass(frozen=True)
class Function:
    """A function of the program by the lines the failing tests ran in it. `score` is 0..1, `top` the worst line."""

    file: str
    name: str
    first: int
    last: int
    score: float
    ochiai: float
    top: int
    ties: int  # lines with the top line's suspicion, in this function
    depth: int  # in the traceback, 1 is innermost; 0: not in it
    passing: int  # tests that ran it and passed
    reasons: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Spectrum:
    """How many failing and passing tests ran each line."""

    failing: Tuple[Test, ...]
    passing: Tuple[Test, ...]
    failed: Mapping[Line, int] = field(default_factory=dict)
    passed: Mapping[Line, int] = field(default_factory=dict)
    order: Mapping[Line, int] = field(default_factory=dict)  # of first hit in the first failing test
    ran_by: Tuple[FrozenSet[Line], ...] = ()  # of each passing test

    @property
    def contrast(self) -> int:
        """Passing tests that ran any line the failing ones ran."""
        return sum(any(line in self.failed for line in ran) for ran in self.ran_by)

    def ochiai(self, line: Line) -> float:
        """0 where no failing test ran the line, 1 where all failing and no passing ones did."""
        ran = self.failed.get(line, 0)
        return ran / math.sqrt(len(self.failing) * (ran + self.passed.get(line, 0))) if ran else 0.0


def spectrum(failing: Sequence[Test], passing: Sequence[Test]) -> Spectrum:
    """Of tests whose lines were kept."""
    failing = tuple(test for test in failing if test.lines is not None)
    passing = tuple(test for test in passing if test.lines is not None)
    counts: List[Dict[Line, int]] = [{}, {}]
    for number, tests in enumerate((failing, passing)):
        for test in tests:
            for line in set(test.ran()):
                counts[number][line] = counts[number].get(line, 0) + 1
    order = {line: position for position, line in enumerate(failing[0].ran())} if failing else {}
    ran_by = tuple(frozenset(test.ran()) for test in passing)
    return Spectrum(failing, passing, counts[0], counts[1], order, ran_by)


def rank(seen: Spectrum, sources: "Sources", question: str) -> List[Function]:
    """Functions that a failing test ran, worst first."""
    lines: Dict[Tuple[str, str, int, int], List[int]] = {}
    for file, line in seen.failed:
        name, first, last = sources.function_at(file, line)
        lines.setdefault((file, name, first, last), []).append(line)
    depths = _depths(seen.failing, sources)
    asked = words_of(question) | (words_of(" ".join(test.id for test in seen.failing)) if seen.failing else frozenset())
    found = [
        _function(seen, key, there, depths.get((key[0], key[1]), 0), asked - _TRIVIAL) for key, there in lines.items()
    ]
    return sorted(
        found, key=lambda f: (-round(f.score, 6), f.passing, -seen.order.get((f.file, f.top), 0), f.file, f.first)
    )


def _depths(failing: Sequence[Test], sources: "Sources") -> Dict[Tuple[str, str], int]:
    """Of each function its place in the tracebacks, 1 for innermost."""
    depths: Dict[Tuple[str, str], int] = {}
    for test in failing:
        for depth, frame in enumerate(test.program_frames, 1):
            name = sources.function_at(frame["file"], frame["line"])[0]
            key = (frame["file"], name)
            depths[key] = min(depth, depths.get(key, depth))
    return depths


def _function(
    seen: Spectrum, key: Tuple[str, str, int, int], lines: List[int], depth: int, asked: FrozenSet[str]
) -> Function:
    file, name, first, last = key
    suspicion = {line: seen.ochiai((file, line)) for line in lines}
    ochiai = max(suspicion.values())
    tied = [line for line in lines if suspicion[line] == ochiai]
    passing = sum(any((file, line) in ran for line in lines) for ran in seen.ran_by)
    words = words_of(name.rsplit(".", 1)[-1]) - _TRIVIAL
    named = len(words & asked) / len(words) if words else 0.0
    size = min(_MOST_SIZE, _SIZE * math.log1p(len(lines)))
    whole = ochiai + (_TRACEBACK / depth if depth else 0.0) + _NAMED * named + size
    whole /= 1.0 + _TRACEBACK + _NAMED + _MOST_SIZE
    top = max(tied, key=lambda line: seen.order.get((file, line), 0))
    reasons = [f"{len(tied)} of its lines ran in {seen.failed[file, top]} failing and {seen.passed.get((file, top), 0)}"
               f" passing tests (Ochiai {ochiai:.2f})"]  # fmt: skip
    if depth:
        reasons.append(
            "the error was raised in it"
            if depth == 1
            else f"the error was raised {depth - 1} {'call' if depth == 2 else 'calls'} below it"
        )
    if named:
        reasons.append("the question or the test names it")
    if len(lines) > 1:
        reasons.append(f"{len(lines)} of its lines ran")
    return Function(file, name, first, last, whole, ochiai, top, len(tied), depth, passing, tuple(reasons))


class Sources:
    """The program's source files: text, syntax trees, and which function a line is in."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo
        self._lines: Dict[str, List[str]] = {}
        self._functions: Dict[str, List[Tuple[int, int, str]]] = {}

    def lines(self, file: str) -> List[str]:
        if file not in self._lines:
            try:
                self._lines[file] = (self.repo / file).read_text("utf-8", "replace").splitlines()
            except OSError:
                self._lines[file] = []
        return self._lines[file]

    def quote(self, file: str, line: int) -> str:
        lines = self.lines(file)
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""

    def tree(self, file: str) -> ast.Module:
        try:
            return ast.parse("\n".join(self.lines(file)))
        except (SyntaxError, ValueError):
            return ast.Module(body=[], type_ignores=[])

    def function_at(self, file: str, line: int) -> Tuple[str, int, int]:
        """Qualified name, first and last line of the innermost function; the module where there is none."""
        if file not in self._functions:
            self._functions[file] = _functions(self.tree(file))
        around = [each for each in self._functions[file] if each[0] <= line <= each[1]]
        if not around:
            return "<module>", 1, max(1, len(self.lines(file)))
        first, last, name = max(around)
        return name, first, last


def _functions(tree: ast.AST, scope: str = "") -> List[Tuple[int, int, str]]:
    found = []
    for node in ast.iter_child_nodes(tree):
        name = (
            getattr(node, "name", "") if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) else ""
        )
        inner = f"{scope}.{name}".strip(".") if name else scope
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append((node.lineno, node.end_lineno or node.lineno, inner))
        found += _functions(node, inner)
    return found
