"""ddmin (Zeller and Hildebrandt, 2002): of many causes the few that are enough, each of them needed. On both sides.

For any list: sites, tests before a victim, hunks, variables, lines of input.
"""

from typing import Callable, Dict, FrozenSet, Generic, List, Optional, Sequence, TypeVar

T = TypeVar("T")
Enough = Callable[[Sequence[T]], Optional[bool]]  # True, False, or None: it could not be told


class Minimum(Generic[T]):
    """What is left. `needed` says of each whether the others without it were not enough; `asked` counts questions.

    `complete` is False where the questions ran out: then it is enough, but perhaps not all of it is needed.
    """

    def __init__(self, kept: List[T], needed: List[bool], asked: int, complete: bool) -> None:
        self.kept, self.needed, self.asked, self.complete = kept, needed, asked, complete


def ddmin(items: Sequence[T], enough: Enough[T], *, go_on: Callable[[], bool] = lambda: True) -> Optional[Minimum[T]]:
    """A smallest part of `items`, in their order, for which `enough` holds; None where all together are not enough.

    What could not be told counts as not enough. `go_on` is asked before each question.
    """
    search = _Search(items, enough, go_on)
    if not search.holds(range(len(items))):
        return None
    kept = search.reduce(list(range(len(items))))
    needed = [not search.known_enough([other for other in kept if other != one]) for one in kept]
    return Minimum([items[index] for index in kept], needed, search.asked, not search.ended)


class _Search(Generic[T]):
    def __init__(self, items: Sequence[T], enough: Enough[T], go_on: Callable[[], bool]) -> None:
        self.items, self.enough, self.go_on = items, enough, go_on
        self.answers: Dict[FrozenSet[int], bool] = {}
        self.asked = 0
        self.ended = False

    def holds(self, chosen: Sequence[int]) -> bool:
        key = frozenset(chosen)
        if key not in self.answers:
            if self.asked and not self.go_on():
                self.ended = True
                return False
            self.asked += 1
            self.answers[key] = bool(self.enough([self.items[index] for index in sorted(key)]))
        return self.answers[key]

    def known_enough(self, chosen: Sequence[int]) -> bool:
        return self.answers.get(frozenset(chosen), False)

    def reduce(self, kept: List[int]) -> List[int]:
        parts = 2
        while kept and not self.ended:
            smaller = self._smaller(kept, parts)
            if smaller is not None:
                kept, parts = smaller[0], max(smaller[1], 2)
            elif parts >= len(kept):
                break
            else:
                parts = min(len(kept), 2 * parts)
        return kept

    def _smaller(self, kept: List[int], parts: int) -> "Optional[tuple[List[int], int]]":
        """A part that is enough by itself, else all without a part; and into how many to split it next."""
        pieces = split(kept, parts)
        for piece in pieces:
            if len(piece) < len(kept) and self.holds(piece):
                return piece, 2
        for piece in pieces:
            rest = [index for index in kept if index not in piece]
            if self.holds(rest):
                return rest, parts - 1
        return None


def split(items: Sequence[T], parts: int) -> "List[List[T]]":
    """`items` in `parts` pieces of nearly equal length, none empty."""
    bounds = [len(items) * number // parts for number in range(parts + 1)]
    pieces = [list(items[bounds[number] : bounds[number + 1]]) for number in range(parts)]
    return [piece for piece in pieces if piece]
