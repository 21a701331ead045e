"""The size knob: what in the command, or in the script, says how large the problem is. In the box."""

import ast
import re
import shlex
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Protocol, Tuple, TypeVar

from .harness import Program, ProgramRun, run_program

_SIZE_WORDS = frozenset(
    ("n", "size", "num", "count", "length", "len", "items", "rows", "lines", "number", "limit", "depth", "width")
)
_SMALLEST, _LARGEST = 4, 10**9
_FEWEST_LINES = 64
MOST_CANDIDATES = 6
SIZES = 4  # over a factor of eight
_MOST_DOUBLINGS = 9
_LEAST_S = 20.0  # for another size


class Rung(Protocol):
    """A run at one size. `trouble`: why it cannot serve for measuring, or ''."""

    @property
    def size(self) -> int: ...

    @property
    def trouble(self) -> str: ...


RungType = TypeVar("RungType", bound=Rung)


@dataclass(frozen=True)
class Knob:
    """`run` holds `{n}`; or `constant` is the place `file:line:column` of a whole number; or `file` an input file."""

    run: str
    words: str
    base: int  # the size as the command has it
    rank: int = 0  # lower: more likely a size
    constant: str = ""
    file: str = ""

    def command(self, size: int, file: str = "") -> str:
        """The command line for this size; `file` is the shortened input."""
        command = self.run.replace("{n}", str(size))
        return command.replace(self.file, file) if self.file else command

    def plan(self, size: int) -> Dict[str, Any]:
        if not self.constant:
            return {}
        file, line, column = self.constant.rsplit(":", 2)
        return {"constant": {"file": file, "line": int(line), "column": int(column), "value": size}}

    def shortened(self, repo: Any, size: int) -> bytes:
        """The first `size` lines of the input file, begun anew where it has fewer."""
        lines = (Path(repo) / self.file).read_bytes().splitlines(keepends=True)
        return b"".join(lines[n % len(lines)] for n in range(size))


def ladder(
    base: int, at: Callable[[int], RungType], enough: Callable[[List[RungType]], bool], left_s: Callable[[], float]
) -> Tuple[List[RungType], str]:
    """Runs at doubled sizes until there are enough; at least four, or why not. `enough` is asked from four on."""
    size = max(1, base // 8)
    rungs: List[RungType] = []
    usable: List[RungType] = []
    while left_s() > _LEAST_S:
        rungs = _climb(size, at, enough, left_s)
        usable = [rung for rung in rungs if not rung.trouble]
        if len(usable) >= SIZES or size == 1 or not rungs[-1].trouble:
            break
        size = max(1, size // 2)  # four sizes from here were too much work
    if len(usable) >= SIZES:
        return usable, ""
    return usable, f"only {len(usable)} sizes could be run; {rungs[-1].trouble if rungs else 'no time was left'}"


def _climb(
    size: int, at: Callable[[int], RungType], enough: Callable[[List[RungType]], bool], left_s: Callable[[], float]
) -> List[RungType]:
    """From this size; what ended it, if something did, is the last."""
    rungs = [at(size)]
    while not rungs[-1].trouble and len(rungs) <= _MOST_DOUBLINGS and left_s() > _LEAST_S:
        if len(rungs) >= SIZES and enough(rungs):
            break
        rungs.append(at(2 * rungs[-1].size))
    return rungs


def run_at(
    program: Program, knob: Optional[Knob], size: int, plan: Optional[Mapping[str, Any]], limit_s: float
) -> ProgramRun:
    """At this size; without a plan as it is (a constant in the source needs one)."""
    if knob is None:
        return run_program(program, timeout_s=limit_s, plan=plan)
    with tempfile.TemporaryDirectory(prefix="debugbox-") as folder:
        file = ""
        if knob.file:
            file = str(Path(folder) / Path(knob.file).name)
            Path(file).write_bytes(knob.shortened(program.repo, size))
        whole = {**(plan or {}), **knob.plan(size)}
        if knob.constant and plan is None:
            whole.update(observer="counts", count=False)
        sized = replace(program, command=knob.command(size, file))
        return run_program(sized, timeout_s=limit_s, plan=whole or None)


def candidates(command: str, repo: Any, size: Optional[int]) -> List[Knob]:
    """What may be the size, the likeliest first."""
    if "{n}" in command:
        return [Knob(command, "{n}", size or 100)]
    found = _arguments(command) + _files(command, repo) + _constants(command, repo)
    return sorted(found, key=lambda knob: (knob.rank, -knob.base))[:MOST_CANDIDATES]


def _arguments(command: str) -> List[Knob]:
    found = []
    for match in re.finditer(r"(?<![\w.-])(?:(--?[A-Za-z][\w-]*)[= ])?(\d+)(?![\w.])", command):
        name, value = match[1] or "", int(match[2])
        if _SMALLEST <= value <= _LARGEST:
            template = command[: match.start(2)] + "{n}" + command[match.end(2) :]
            rank = 0 if _sounds_like_size(name) else 1 if not name else 3
            found.append(Knob(template, f"the argument {name or match[2]}", value, rank))
    return found


def _sounds_like_size(name: str) -> bool:
    return bool(set(re.findall(r"[a-z]+", name.lower())) & _SIZE_WORDS)


def _files(command: str, repo: Any) -> List[Knob]:
    """Input files of at least some lines of text; a size is a number of lines."""
    found = []
    for word in _words(command):
        path = Path(repo) / word
        if word.endswith((".py", ".toml", ".cfg", ".ini", ".json")) or not path.is_file():
            continue
        count = len(path.read_bytes().splitlines())
        if count >= _FEWEST_LINES and command.count(word) == 1:
            found.append(Knob(command, f"the lines of {word}", count, 1, file=word))
    return found


def _words(command: str) -> List[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _constants(command: str, repo: Any) -> List[Knob]:
    """Whole numbers in the script itself: named ones first, then arguments of calls."""
    script = next((word for word in _words(command) if word.endswith(".py")), None)
    if script is None or not (Path(repo) / script).is_file():
        return []
    try:
        tree = ast.parse((Path(repo) / script).read_bytes())
    except (SyntaxError, ValueError):
        return []
    file = str(Path(script)).replace("\\", "/")
    found = []
    for node, name, rank in _numbers(tree):
        words = f"{name or node.value} at {file}:{node.lineno}"
        place = f"{file}:{node.lineno}:{node.col_offset}"
        found.append(Knob(command, words, int(node.value), rank, constant=place))
    return found


def _numbers(tree: ast.AST) -> List[Any]:
    """(constant, its name or '', rank)."""
    found: Dict[int, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_size(node.value):
            name = getattr(node.targets[0], "id", "")
            found[id(node.value)] = (node.value, name, 1 if _sounds_like_size(name) or name.isupper() else 2)
        elif isinstance(node, ast.arguments):
            named = [argument.arg for argument in node.args][len(node.args) - len(node.defaults) :]
            for name, default in zip(named, node.defaults):  # noqa: B905  # strict= came with 3.10
                if _is_size(default):
                    found[id(default)] = (default, name, 1 if _sounds_like_size(name) else 2)
        elif isinstance(node, ast.Call):
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                if _is_size(argument):
                    found.setdefault(id(argument), (argument, "", 2))
    return list(found.values())


def _is_size(node: Any) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and _SMALLEST <= node.value <= _LARGEST
