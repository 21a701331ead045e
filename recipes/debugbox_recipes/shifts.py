"""Do two sets of values come from the same source? An effect with its size, not only a p. Plain Python, for the kernel.

A p alone says nothing: with many rows anything differs, with few an index of stability exceeds its usual threshold
without any difference. So an effect must be large enough to matter, larger than what two halves of the *reference* show
(A/A), and rare when blocks of rows are dealt out anew. Blocks, because neighbouring rows are alike (autocorrelation).
"""

import math
import random
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

PRACTICAL = {"nulls": 0.05, "unseen": 0.05, "range": 0.05, "numbers": 0.2, "texts": 0.1}
UNITS = {
    "nulls": "share of rows more or less without a value",
    "unseen": "share of rows with a value that the reference never has",
    "range": "share of rows outside the reference's range",
    "numbers": "reference standard deviations (Wasserstein distance)",
    "texts": "share of rows that would have to change (total variation)",
}
_THIN = 1200  # rows of each set that the null is made from
_HALVES, _DEALS, _RESAMPLED = 99, 999, 99
_BLOCKS = 8  # fewer independent blocks than this on a side say nothing
_RARE = 0.05
Values = Sequence[Any]
Effect = Callable[[Values, Values], float]


@dataclass(frozen=True)
class Shift:
    """One comparison. `floor`: what halves of the reference show (99 %), or the practical size where that is more."""

    kind: str
    effect: float
    floor: float
    low: float = 0.0
    high: float = 0.0
    chance: float = 1.0
    enough: bool = True  # there were independent rows enough to say something

    @property
    def beyond(self) -> float:
        """What the effect is above its floor."""
        return max(0.0, self.effect - self.floor)

    @property
    def rank(self) -> float:
        return self.effect / PRACTICAL[self.kind]


def shifts_of(reference: Values, current: Values) -> List[Shift]:
    """Every kind of difference of one column that is large enough to matter; chances are not corrected for many."""
    return [s for s in (shift_of(kind, reference, current) for kind in kinds_of(reference, current)) if s is not None]


def kinds_of(reference: Values, current: Values) -> List[str]:
    """What can be compared in these values: numbers, texts and None."""
    numbers = all(each is None or isinstance(each, float) for each in (*reference, *current))
    known = [each for each in (*reference, *current) if each is not None]
    if not known:
        return []
    if numbers:
        return ["nulls", "range", "numbers"]
    return ["nulls", "unseen", "texts"] if len(set(map(str, known))) <= max(12, len(known) // 4) else ["nulls"]


def shift_of(kind: str, reference: Values, current: Values) -> Optional[Shift]:
    """The comparison; None where the effect is too small to matter."""
    effect = effect_of(kind, reference)
    size = effect(reference, current)
    if size < PRACTICAL[kind]:
        return None
    chance = random.Random(7)
    blocks = [_blocks(kind, values) for values in (reference, current)]
    if min(map(len, blocks)) < _BLOCKS:
        return Shift(kind, size, size, enough=False)
    floor = max(PRACTICAL[kind], _of_halves(kind, blocks[0], chance))
    low, high = _resampled(effect, blocks, chance)
    return Shift(kind, size, floor, low, high, _dealt(kind, blocks, chance))


def moves(reference: Sequence[float], current: Sequence[float]) -> Tuple[bool, float]:
    """Whether numbers differ by more than matters and than halves of the reference do; and by how much."""
    size = effect_of("numbers", reference)(reference, current)
    if size < PRACTICAL["numbers"]:
        return False, size
    blocks = _blocks("numbers", reference)
    return len(blocks) < _BLOCKS or size > _of_halves("numbers", blocks, random.Random(7)), size


def effect_of(kind: str, reference: Values) -> Effect:
    """The measure of difference. Numbers are scaled by the reference's spread, the same for all comparisons."""
    if kind == "numbers":
        scale = _scale([each for each in reference if each is not None])
        return lambda one, other: _distance(one, other) / scale
    return {"nulls": _of_nulls, "unseen": _of_unseen, "range": _of_range, "texts": _of_texts}[kind]


def discoveries(shifts: Sequence[Shift], among: int) -> List[bool]:
    """Which stand of `among` comparisons: by Benjamini and Hochberg at 5 %, and beyond the reference's halves."""
    order = sorted(range(len(shifts)), key=lambda at: shifts[at].chance)
    last = max(
        (rank for rank, at in enumerate(order, 1) if shifts[at].chance <= _RARE * rank / max(among, len(order))),
        default=0,
    )
    rare = set(order[:last])
    return [at in rare and shift.enough and shift.beyond > 0 for at, shift in enumerate(shifts)]


def memory(values: Values) -> float:
    """How alike neighbouring rows are: the correlation of each with the next."""
    numbers = _as_numbers(values)
    mean = sum(numbers) / max(1, len(numbers))
    flat = [each - mean for each in numbers]
    squares = sum(each * each for each in flat)
    return sum(a * b for a, b in zip(flat, flat[1:])) / squares if squares else 0.0  # noqa: B905, RUF007  # 3.9


def _as_numbers(values: Values) -> List[float]:
    """Texts by how common they are, which is enough to see runs of them."""
    counts: Dict[Any, int] = {}
    for each in values:
        counts[each] = counts.get(each, 0) + 1
    if any(isinstance(each, str) for each in counts):
        most = max(counts, key=lambda each: (counts[each], str(each)))
        return [float(each == most) for each in values]
    known = [each for each in values if each is not None]
    usual = sum(known) / len(known) if known else 0.0
    return [usual if each is None else each for each in values]


def _blocks(kind: str, values: Values) -> List[List[Any]]:
    """Neighbouring rows in blocks that know little of each other."""
    step = max(1, len(values) // _THIN)
    thin = list(values[::step])
    alike = max(0.0, memory([float(each is None) for each in thin] if kind == "nulls" else thin))
    # Up to what chance makes of independent rows, there is no memory.
    bound = 2.0 / math.sqrt(max(1, len(thin)))
    length = 1 if alike <= bound else math.ceil(2 * (1 + alike) / max(0.02, 1 - alike))
    return [thin[at : at + length] for at in range(0, len(thin) - length + 1, length)]


def _joined(blocks: Sequence[Sequence[Any]]) -> List[Any]:
    return [each for block in blocks for each in block]


def _of_halves(kind: str, blocks: Sequence[List[Any]], chance: random.Random) -> float:
    """A/A: the 99 % quantile of the effect between two halves of the reference."""
    found, effect, half = [], effect_of(kind, _joined(blocks)), len(blocks) // 2
    for _ in range(_HALVES):
        mixed = chance.sample(list(blocks), len(blocks))
        found.append(effect(_joined(mixed[:half]), _joined(mixed[half:])))
    return sorted(found)[-1 - _HALVES // 100]


def _dealt(kind: str, blocks: Sequence[List[List[Any]]], chance: random.Random) -> float:
    """How often blocks dealt out anew differ as much."""
    effect = effect_of(kind, _joined(blocks[0]))
    seen, reached = effect(_joined(blocks[0]), _joined(blocks[1])), 0
    both, first = [*blocks[0], *blocks[1]], len(blocks[0])
    for deal in range(1, _DEALS + 1):
        mixed = chance.sample(both, len(both))
        reached += effect(_joined(mixed[:first]), _joined(mixed[first:])) >= seen
        if reached > _DEALS * _RARE:
            return (reached + 1) / (deal + 1)
    return (reached + 1) / (_DEALS + 1)


def _resampled(effect: Effect, blocks: Sequence[List[List[Any]]], chance: random.Random) -> Tuple[float, float]:
    """The effect's 95 % interval: blocks drawn again, with replacement."""
    found = []
    for _ in range(_RESAMPLED):
        one, other = (_joined(chance.choices(each, k=len(each))) for each in blocks)
        found.append(effect(one, other))
    found.sort()
    return found[len(found) // 40], found[-1 - len(found) // 40]


def _share(values: Values, wanted: Callable[[Any], bool]) -> float:
    return sum(map(wanted, values)) / len(values) if values else 0.0


def _of_nulls(one: Values, other: Values) -> float:
    return abs(_share(one, lambda v: v is None) - _share(other, lambda v: v is None))


def _of_unseen(one: Values, other: Values) -> float:
    known = {each for each in one if each is not None}
    return _share(other, lambda v: v is not None and v not in known)


def _of_range(one: Values, other: Values) -> float:
    known = [each for each in one if each is not None]
    if not known:
        return 0.0
    low, high = min(known), max(known)
    return _share(other, lambda v: v is not None and not low <= v <= high)


def _of_texts(one: Values, other: Values) -> float:
    shares: Dict[Any, float] = {}
    for values, sign in ((one, 1.0), (other, -1.0)):
        known = [each for each in values if each is not None]
        for each in known:
            shares[each] = shares.get(each, 0.0) + sign / len(known)
    return sum(map(abs, shares.values())) / 2


def _distance(one: Values, other: Values) -> float:
    """Wasserstein's: the mean way that a value has to go."""
    a, b = (sorted(each for each in values if each is not None) for values in (one, other))
    if not a or not b:
        return 0.0
    total, at, bt, last = 0.0, 0, 0, min(a[0], b[0])
    while at < len(a) or bt < len(b):
        nearer = bt >= len(b) or (at < len(a) and a[at] <= b[bt])
        value = a[at] if nearer else b[bt]
        total += abs(at / len(a) - bt / len(b)) * (value - last)
        last, at, bt = value, at + nearer, bt + (not nearer)
    return total


def _scale(values: Sequence[float]) -> float:
    """A spread that a few wild values do not make large: of the middle half, as of a bell; else the plain one."""
    ordered = sorted(values)
    if not ordered:
        return 1.0
    middle = (ordered[(3 * len(ordered)) // 4] - ordered[len(ordered) // 4]) / 1.349
    mean = sum(ordered) / len(ordered)
    plain = math.sqrt(sum((each - mean) ** 2 for each in ordered) / len(ordered))
    return middle or plain or abs(mean) or 1.0
