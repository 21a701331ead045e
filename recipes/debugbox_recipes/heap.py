"""What is alive: containers and their lengths, types and their counts; and cutting a container back. In the program's
process.

Everything with a length that can grow counts as a container: dict, list, set, deque, bytearray, array and the cache of
`functools.lru_cache`. Nothing here calls the user's code: lengths are taken by the built-in type's own methods.
"""

import array
import collections
import functools
import gc
from collections import Counter, OrderedDict, deque
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

LruCache: Any = type(functools.lru_cache(maxsize=None)(len))
_LENGTHS: Tuple[Tuple[Any, Callable[[Any], int]], ...] = (
    (dict, dict.__len__),
    (list, list.__len__),
    (set, set.__len__),
    (deque, deque.__len__),
    (bytearray, bytearray.__len__),
    (array.array, array.array.__len__),
    (LruCache, lambda cache: int(cache.cache_info().currsize)),
)
_LENGTH_OF: Dict[Any, Optional[Callable[[Any], int]]] = {}


def length_function(kind: Any) -> Optional[Callable[[Any], int]]:
    """How to take the length of objects of this type without the user's `__len__`; None where it is no container."""
    if kind not in _LENGTH_OF:
        _LENGTH_OF[kind] = next((length for base, length in _LENGTHS if base in kind.__mro__), None)
    return _LENGTH_OF[kind]


def containers() -> Iterator[Any]:
    """Every container the collector knows, and those that hang on one.

    A dict of atoms (str to int, say) is not tracked by the collector before Python 3.14: it is found by who refers
    to it, and so are bytearrays.
    """
    known = gc.get_objects()
    yield from (thing for thing in known if length_function(type(thing)))
    seen: Set[int] = set()
    for thing in gc.get_referents(*known):
        if not gc.is_tracked(thing) and length_function(type(thing)) and id(thing) not in seen:
            seen.add(id(thing))
            yield thing


def lengths(ignored: Set[int]) -> Dict[int, int]:
    """Address to length of every container that is not our own."""
    found = {}
    for thing in containers():
        length = length_function(type(thing))
        if length is not None and id(thing) not in ignored:
            found[id(thing)] = length(thing)
    return found


def type_counts() -> "Counter[str]":
    """How many tracked objects there are of each type, by its full name."""
    counts: Counter[str] = Counter()
    for kind, number in Counter(map(type, gc.get_objects())).items():
        counts[type_name(kind)] += number
    return counts


def type_name(kind: Any) -> str:
    module = type.__getattribute__(kind, "__dict__").get("__module__", "builtins")
    name = type.__getattribute__(kind, "__qualname__")
    return name if module == "builtins" or type(module) is not str else f"{module}.{name}"


def bound_of(thing: Any, owner_names: Iterable[Tuple[str, Any]]) -> Optional[int]:
    """The largest length that the container, or its owner's attributes, declare; None where nothing does."""
    if isinstance(thing, LruCache):
        return thing.cache_info().maxsize  # type: ignore[no-any-return]
    if isinstance(thing, deque):
        return thing.maxlen
    words = ("max", "limit", "capacity")
    said = [value for name, value in owner_names if type(value) is int and any(word in name.lower() for word in words)]
    return max(said, default=None)


class Cutter:
    """Cuts one container back to fewer entries than it had after the first step, after each step, newest first.

    One fewer, not as many: so a container that does not grow is changed too, and can serve as a placebo.
    """

    def __init__(self) -> None:
        self.keep: Optional[int] = None
        self.applied = 0  # steps after which it was there
        self.changed = 0  # entries taken out

    def cut(self, thing: Any) -> None:
        length = length_function(type(thing))
        if length is None:
            return
        now = length(thing)
        self.applied += 1
        if self.keep is None:
            self.keep = max(0, now - 1)
        if now > self.keep:
            _drop_newest(thing, now - self.keep)
            self.changed += now - length(thing)


def _drop_newest(thing: Any, number: int) -> None:
    if isinstance(thing, LruCache):
        thing.cache_clear()  # it gives up all or nothing
    elif isinstance(thing, OrderedDict):
        _repeat(number, lambda: OrderedDict.popitem(thing))
    elif isinstance(thing, dict):
        _repeat(number, lambda: dict.popitem(thing))
    elif isinstance(thing, set):
        _repeat(number, lambda: set.pop(thing))  # sets have no newest
    elif isinstance(thing, deque):
        _repeat(number, lambda: deque.pop(thing))
    else:
        base = next(kind for kind in (list, bytearray, array.array) if isinstance(thing, kind))
        base.__delitem__(thing, slice(base.__len__(thing) - number, None))


def _repeat(number: int, action: Callable[[], Any]) -> None:
    collections.deque((action() for _ in range(number)), maxlen=0)


def straight(values: List[float]) -> float:
    """R squared of a straight line through `values` at equal distances; 0 where they do not vary."""
    count = len(values)
    mean_x, mean_y = (count - 1) / 2, sum(values) / count
    spread = sum((value - mean_y) ** 2 for value in values)
    if not spread or count < 3:
        return 0.0
    together = sum((x - mean_x) * (value - mean_y) for x, value in enumerate(values))
    return together**2 / (spread * sum((x - mean_x) ** 2 for x in range(count)))
