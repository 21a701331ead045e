"""From what is alive at the highest moment to the line that keeps it. In the box, in the kernel.

The line that allocates is often innocent: it makes one item, and would do so for ever. To blame is the innermost
function on the way to it of which *one call* (one turn, for a generator) leaves more with a larger size.
"""

import ast
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from debugbox_recipes.fitting import exponent
from debugbox_recipes.source import Source

from .measuring import Height

GROWS = 0.5  # exponent from which something grows with the size: half way between constant and linear
_STORING = frozenset(
    ("append", "appendleft", "add", "extend", "insert", "update", "setdefault", "put", "push", "write", "join")
)
_LEAST = 0.01  # of what is alive at the largest size: lines with less are not told
_DURING = 0.05  # of the peak that a line needs while it runs, to count among what is alive
_NOTHING: Dict[str, Any] = {"during": 0, "stack": [], "names": [], "chains": []}
Place = Tuple[str, int]


@dataclass(frozen=True)
class Level:
    """A line on the way to an allocation: bytes alive below it, calls of its function and its own runs, by size."""

    file: str
    line: int
    function: str
    held: Tuple[float, ...]
    begun: Tuple[float, ...]
    runs: Tuple[float, ...]
    owned: Tuple[float, ...]  # the longest of what the function's names hold

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def grows(self) -> float:
        """The exponent of the bytes."""
        return exponent(self.held)

    @property
    def each(self) -> float:
        """The exponent of what one call leaves."""
        return max(0.0, self.grows - exponent(self.begun))

    @property
    def keeps(self) -> bool:
        owns = min(self.owned) > 0 and exponent(self.owned) >= GROWS
        return self.each >= GROWS or (self.grows >= GROWS and owns)


class Alive:
    """What was alive at the highest moment of each size."""

    def __init__(self, moments: Sequence[Height], held: Sequence[Height], source: Source) -> None:
        self.moments, self.held, self.source = moments, held, source
        self.tables = [_table(*pair) for pair in zip(moments, held)]  # noqa: B905  # strict= came with 3.10
        self.facts = [_facts(one) for one in held]
        self.ran = sorted(_facts(moments[-1]))  # in a whole run: those of `held` end at the highest moment

    @property
    def lines(self) -> Dict[str, List[float]]:
        """Bytes by the line that allocated them, for each size."""
        rows: Dict[str, List[float]] = {}
        for number, table in enumerate(self.tables):
            for chain, size in table.items():
                row = rows.setdefault(f"{chain[-1][0]}:{chain[-1][1]}", [0.0] * len(self.tables))
                row[number] += size
        whole = sum(row[-1] for row in rows.values())
        return {line: row for line, row in rows.items() if row[-1] >= _LEAST * whole}

    def chain_to(self, where: str) -> List[Level]:
        """The way to the allocations at a line that most bytes have taken, outermost first."""
        ways = {chain: size for chain, size in self.tables[-1].items() if "{}:{}".format(*chain[-1]) == where}
        best = max(ways, key=lambda chain: (ways[chain], chain), default=())
        return [self.level(place) for place in best]

    def level(self, place: Place) -> Level:
        held = tuple(sum(size for chain, size in table.items() if place in chain) for table in self.tables)
        begun = tuple(float(facts.get(place, (0, 0))[1]) for facts in self.facts)
        runs = tuple(float(facts.get(place, (0, 0))[0]) for facts in self.facts)
        owned = tuple(self._owned(one, place) for one in self.held)
        return Level(*place, self.source.function_at(*place), held, begun, runs, owned)

    def _owned(self, one: Height, place: Place) -> float:
        function = self.source.function_at(*place)
        lengths = [
            max(names.values(), default=0)
            for file, line, names in (one.alive or _NOTHING)["names"]
            if file == place[0] and self.source.function_at(file, line) == function
        ]
        return float(max(lengths, default=0))

    def length_of(self, level: Level, name: str) -> List[float]:
        """How long what a name of the level's function holds is, for each size."""
        found = []
        for one in self.held:
            rows = (one.alive or _NOTHING)["names"]
            there = [names for file, line, names in rows if (file, line) == (level.file, level.line)]
            found.append(float(there[0].get(name, 0)) if there else 0.0)
        return found


def _table(moment: Height, held: Height) -> Dict[Tuple[Place, ...], float]:
    """Chain of the user's lines to bytes, with what the highest line needed only while it ran."""
    alive = held.alive or _NOTHING
    table = {tuple((file, line) for file, line in chain): float(size) for chain, size, _ in alive["chains"] if chain}
    stack = tuple((file, line) for file, line in alive["stack"])
    if stack and alive["during"] > _DURING * moment.peak:
        table[stack] = table.get(stack, 0.0) + alive["during"]
    return table


def _facts(one: Height) -> Dict[Place, Tuple[int, int]]:
    """By line: how often it ran, and how often its function began. A comprehension's lines are its function's."""
    found: Dict[Place, Tuple[int, int]] = {}
    for file, line, name, count, begun in one.result["lines"] if one.result else ():
        if (file, line) not in found or not name.endswith(">"):
            found[(file, line)] = (count, begun)
    return found


def is_more(held: Sequence[float]) -> bool:
    """Whether it is more at larger sizes. No exponent: tables of sets and lists grow by leaps."""
    return held[-1] > 2 * held[0]


def cause_of(chain: Sequence[Level]) -> Optional[Level]:
    """The innermost line that keeps more with a larger size in one call."""
    return next((level for level in reversed(chain) if level.keeps), None)


def filled_at(alive: Alive, cause: Level) -> Level:
    """Where the cause is the head of a loop, the line inside that takes memory for what it fills; else the cause."""
    loop = _statement(alive.source.tree(cause.file), cause.line)
    if not isinstance(loop, (ast.For, ast.AsyncFor)):
        return cause
    inside = range(loop.body[0].lineno, (loop.end_lineno or 0) + 1)
    rows = {
        int(where.rpartition(":")[2]): held
        for where, held in alive.lines.items()
        if where.rpartition(":")[0] == cause.file
    }
    filling = {line: held[-1] for line, held in rows.items() if line in inside and is_more(held)}
    most = max(filling, key=lambda line: (filling[line], line), default=None)
    return cause if most is None else alive.level((cause.file, most))


def left_behind(alive: Alive, chain: Sequence[Level], cause: Level) -> bool:
    """Whether the line keeps nothing itself: each time it runs, what it calls leaves something behind elsewhere."""
    position = list(chain).index(cause)
    if position + 1 == len(chain) or exponent(cause.runs) < GROWS:
        return False
    statement = _statement(alive.source.tree(cause.file), cause.line)
    if not isinstance(statement, (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.If, ast.While)):
        return False
    callee = chain[position + 1].function.rpartition(".")[2]
    return not _stores(alive, cause, statement, callee)


def _statement(tree: ast.AST, line: int) -> Optional[ast.stmt]:
    """The innermost statement at a line."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return max(around, key=lambda node: (node.lineno, -(node.end_lineno or 0)), default=None)


def _stores(alive: Alive, cause: Level, statement: ast.stmt, callee: str) -> bool:
    """Whether the statement puts into a container what it got; an `add` of the user's own is the callee itself."""
    inner = (ast.ListComp, ast.SetComp, ast.DictComp, ast.Yield, ast.YieldFrom)
    if isinstance(statement, (ast.If, ast.While)):
        return False
    if any(isinstance(node, inner) for node in ast.walk(statement)):
        return True
    if isinstance(statement, ast.Expr):
        call = statement.value
        attribute = call.func.attr if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""
        return attribute in _STORING and attribute != callee
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return len(names) < len(targets) or any(exponent(alive.length_of(cause, name)) >= GROWS for name in names)
