"""Sets that are iterated in the order in which their members came. In the program's process.

They stand in for plain sets at lines that are pinned (`chance`). C code that walks a set's table (`set.update` with one
of these as argument) still sees the members, in hash order; a plain set's order is then its own.
"""

from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

Seen = Callable[[bool], None]  # told at each iteration whether the order was another than the table's


class OrderedSet(Set[Any]):
    """A set in all respects but its order and its class."""

    __slots__ = ("_order", "_seen")

    def __init__(self, members: Iterable[Any] = (), seen: Optional[Seen] = None) -> None:
        self._order: Dict[Any, None] = dict.fromkeys(members)
        self._seen = seen
        super().__init__(self._order)

    def __iter__(self) -> Iterator[Any]:
        if self._seen is not None:
            self._seen(list(self._order) != list(super().__iter__()))
        return iter(self._order)

    def __repr__(self) -> str:
        return "{%s}" % ", ".join(map(repr, self._order)) if self._order else "set()"

    def __reduce__(self) -> Tuple[Any, ...]:
        return set, (list(self._order),)

    def _like(self, members: Iterable[Any]) -> "OrderedSet":
        return OrderedSet(members, self._seen)

    def _become(self, members: Iterable[Any]) -> None:
        self._order = dict.fromkeys(members)
        super().clear()
        super().update(self._order)

    # --- changes

    def add(self, member: Any) -> None:
        super().add(member)
        self._order.setdefault(member)

    def discard(self, member: Any) -> None:
        super().discard(member)
        self._order.pop(member, None)

    def remove(self, member: Any) -> None:
        super().remove(member)
        self._order.pop(member, None)

    def pop(self) -> Any:
        if not self._order:
            return super().pop()  # raises what a set raises
        member = next(iter(self._order))
        self.remove(member)
        return member

    def clear(self) -> None:
        super().clear()
        self._order.clear()

    def update(self, *others: Iterable[Any]) -> None:
        for other in others:
            for member in list(other):
                self.add(member)

    def intersection_update(self, *others: Iterable[Any]) -> None:
        self._become(self.intersection(*others)._order)

    def difference_update(self, *others: Iterable[Any]) -> None:
        for other in others:
            for member in list(other):
                self.discard(member)

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        self._become(self.symmetric_difference(other)._order)

    def __ior__(self, other: Any) -> Any:
        return self._in_place(other, self.update)

    def __iand__(self, other: Any) -> Any:
        return self._in_place(other, self.intersection_update)

    def __isub__(self, other: Any) -> Any:
        return self._in_place(other, self.difference_update)

    def __ixor__(self, other: Any) -> Any:
        return self._in_place(other, self.symmetric_difference_update)

    def _in_place(self, other: Any, change: Callable[[Any], None]) -> Any:
        if not isinstance(other, (set, frozenset)):
            return NotImplemented
        change(other)
        return self

    # --- new sets

    def copy(self) -> "OrderedSet":
        return self._like(self._order)

    __copy__ = copy

    def union(self, *others: Iterable[Any]) -> "OrderedSet":
        return self._like(united(self._order, *others))

    def intersection(self, *others: Iterable[Any]) -> "OrderedSet":
        return self._like(shared(self._order, *others))

    def difference(self, *others: Iterable[Any]) -> "OrderedSet":
        return self._like(left_over(self._order, *others))

    def symmetric_difference(self, other: Iterable[Any]) -> "OrderedSet":
        return self._like(either(self._order, other))

    def __or__(self, other: Any) -> Any:
        return self.union(other) if isinstance(other, (set, frozenset)) else NotImplemented

    def __and__(self, other: Any) -> Any:
        return self.intersection(other) if isinstance(other, (set, frozenset)) else NotImplemented

    def __sub__(self, other: Any) -> Any:
        return self.difference(other) if isinstance(other, (set, frozenset)) else NotImplemented

    def __xor__(self, other: Any) -> Any:
        return self.symmetric_difference(other) if isinstance(other, (set, frozenset)) else NotImplemented

    def __ror__(self, other: Any) -> Any:
        return self._like(united(other, self._order)) if isinstance(other, (set, frozenset)) else NotImplemented

    def __rand__(self, other: Any) -> Any:
        return self._like(shared(other, self._order)) if isinstance(other, (set, frozenset)) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return self._like(left_over(other, self._order)) if isinstance(other, (set, frozenset)) else NotImplemented

    def __rxor__(self, other: Any) -> Any:
        return self._like(either(other, self._order)) if isinstance(other, (set, frozenset)) else NotImplemented


class OrderedFrozenSet(frozenset):  # type: ignore[type-arg]  # subscripted, it would be another class on 3.9
    """The same for frozen ones; what is computed from it is an `OrderedFrozenSet` too."""

    _order: Tuple[Any, ...] = ()
    _seen: Optional[Seen] = None

    def __new__(cls, members: Iterable[Any] = (), seen: Optional[Seen] = None) -> "OrderedFrozenSet":
        order = tuple(dict.fromkeys(members))
        made = super().__new__(cls, order)
        made._order, made._seen = order, seen
        return made

    def __iter__(self) -> Iterator[Any]:
        if self._seen is not None:
            self._seen(list(self._order) != list(super().__iter__()))
        return iter(self._order)

    def __repr__(self) -> str:
        return "frozenset({%s})" % ", ".join(map(repr, self._order)) if self._order else "frozenset()"

    def __reduce__(self) -> Tuple[Any, ...]:
        return frozenset, (list(self._order),)

    def _like(self, members: Iterable[Any]) -> "OrderedFrozenSet":
        return OrderedFrozenSet(members, self._seen)

    def copy(self) -> "OrderedFrozenSet":
        return self

    def union(self, *others: Iterable[Any]) -> "OrderedFrozenSet":
        return self._like(united(self._order, *others))

    def intersection(self, *others: Iterable[Any]) -> "OrderedFrozenSet":
        return self._like(shared(self._order, *others))

    def difference(self, *others: Iterable[Any]) -> "OrderedFrozenSet":
        return self._like(left_over(self._order, *others))

    def symmetric_difference(self, other: Iterable[Any]) -> "OrderedFrozenSet":
        return self._like(either(self._order, other))

    def __or__(self, other: Any) -> Any:
        return self.union(other) if isinstance(other, (set, frozenset)) else NotImplemented

    def __and__(self, other: Any) -> Any:
        return self.intersection(other) if isinstance(other, (set, frozenset)) else NotImplemented

    def __sub__(self, other: Any) -> Any:
        return self.difference(other) if isinstance(other, (set, frozenset)) else NotImplemented

    def __xor__(self, other: Any) -> Any:
        return self.symmetric_difference(other) if isinstance(other, (set, frozenset)) else NotImplemented


def united(*parts: Iterable[Any]) -> List[Any]:
    """Members of all, in order of first appearance."""
    return list(dict.fromkeys(member for part in parts for member in part))


def shared(first: Iterable[Any], *others: Iterable[Any]) -> List[Any]:
    known = [frozenset(other) for other in others]
    return [member for member in first if all(member in other for other in known)]


def left_over(first: Iterable[Any], *others: Iterable[Any]) -> List[Any]:
    gone = frozenset(member for other in others for member in other)
    return [member for member in first if member not in gone]


def either(first: Iterable[Any], second: Iterable[Any]) -> List[Any]:
    second = list(second)
    return left_over(first, second) + left_over(second, list(first))
