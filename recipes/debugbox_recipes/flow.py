"""Which expressions of a program move together with a series it prints, and where that begins. In the kernel.

What the observer `passing` tells is judged here: an expression whose numbers move at the rows in question, though no
number that it is computed from does, is where it begins (`Spot.born`). How to see that numbers move is the recipe's
affair.
"""

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from .passing import KINDS
from .source import Source
from .values import source_of

_OTHER_SHARE = 0.3  # of the rows after the moment that have another text than before
_GAPS = 0.1  # of the rows may have no value
Judge = Callable[[List[float]], Tuple[bool, float, float]]  # whether the numbers move; by how much; their spread


@dataclass(frozen=True)
class Part:
    """An operand, or a field of one: `before` and `after` in words; `changes` where it moves too."""

    text: str
    changes: bool
    number: bool
    before: str
    after: str


@dataclass(frozen=True)
class Spot:
    """An expression with one number a row."""

    file: str
    line: int
    nth: int
    function: str
    text: str
    start: int  # evaluations before the moment
    size: float
    spread: float
    parts: Tuple[Part, ...] = ()
    detailed: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def key(self) -> Tuple[str, int, int]:
        return self.file, self.line, self.nth

    @property
    def born(self) -> bool:
        """None of the numbers that it is computed from moves."""
        return self.detailed and not any(part.changes and part.number for part in self.parts)


@dataclass(frozen=True)
class Flow:
    """The moment in question, at `index`: rows before `low` are surely before it, rows from `high` on after it."""

    source: Source
    judge: Judge
    low: int
    index: int
    high: int

    def spots(self, told: Sequence[Mapping[str, Any]], *, detailed: bool = False) -> Tuple[List[Spot], List[Spot]]:
        """Those that move, in the order of evaluation, and those that do not."""
        moving: List[Spot] = []
        steady: List[Spot] = []
        for row in told:
            found = self._spot(row, row["operands"] if detailed else (), detailed)
            if found is not None:
                (moving if found[1] else steady).append(found[0])
        return moving, steady

    def _spot(
        self, row: Mapping[str, Any], operands: Sequence[Mapping[str, Any]], detailed: bool
    ) -> Optional[Tuple[Spot, bool]]:
        values = row["values"]
        numbers = numbers_of(values)
        node = self.source.node(row["file"], row["line"], row["nth"], KINDS)
        if numbers is None or node is None or len(set(numbers)) < 2:
            return None
        moves, size, spread = self.judge(numbers)
        there = sum(each is not None for each in values)
        before = sum(each is not None for each in values[: self.index])
        start = round(row["evaluated"] * before / there)
        spot = Spot(
            row["file"], row["line"], row["nth"], row["function"], source_of(node), start, size, spread,
            tuple(self._part(each) for each in operands), detailed,
        )  # fmt: skip
        return spot, moves and start > 0

    def _part(self, row: Mapping[str, Any]) -> Part:
        values = row["values"]
        numbers = numbers_of(values)
        if numbers is not None:
            means = [sum(part) / max(1, len(part)) for part in (numbers[: self.low], numbers[self.high :])]
            return Part(row["text"], self.judge(numbers)[0], True, f"{means[0]:.4g}", f"{means[1]:.4g}")
        sides = [[str(v) for v in part if v is not None] for part in (values[: self.low], values[self.high :])]
        counts = [{text: side.count(text) / len(side) for text in sorted(set(side))} for side in sides]
        more = {text: share - counts[0].get(text, 0.0) for text, share in counts[1].items()}
        after = max(more, key=lambda text: more[text], default="")
        before = max(counts[0], key=lambda text: counts[0][text], default="")
        return Part(row["text"], more.get(after, 0.0) >= _OTHER_SHARE, False, before, after)


def numbers_of(values: Sequence[Any]) -> Optional[List[float]]:
    """The numbers by row, gaps filled with what was before; None where it is none of numbers, or has many gaps."""
    there = [each for each in values if each is not None]
    if not there or not all(isinstance(each, float) for each in there) or len(there) < (1 - _GAPS) * len(values):
        return None
    filled, last = [], there[0]
    for each in values:
        last = last if each is None else each
        filled.append(last)
    return filled


def goes_with(spots: Sequence[Spot], cause: Optional[Spot]) -> List[Part]:
    """Fields of rows that change at the same time, before the cause or in it: what the rows after it have in common."""
    parts: Dict[str, Part] = {}
    for spot in spots[: spots.index(cause) + 1] if cause in spots and cause is not None else ():
        for part in spot.parts:
            name = part.text.isidentifier() and spot is cause and not spot.born
            if part.changes and (part.text.endswith("]") or name):
                parts.setdefault(part.text, part)
    return list(parts.values())


def repeat_place(source: Source, spot: Spot) -> Dict[str, Any]:
    """The place of the intervention `repeat`, as the plan of `passing` wants it."""
    quote = source.quote(spot.file, spot.line)
    return {"file": spot.file, "line": spot.line, "quote": quote, "nth": spot.nth, "start": spot.start}


def controls(moving: Sequence[Spot], steady: Sequence[Spot]) -> List[Spot]:
    """Expressions that do not move, one a line, on lines where nothing does."""
    taken = {(spot.file, spot.line) for spot in moving}
    seen: Dict[Tuple[str, int], Spot] = {}
    for spot in steady:
        if (spot.file, spot.line) not in taken and spot.start > 0:
            seen.setdefault((spot.file, spot.line), spot)
    return list(seen.values())
