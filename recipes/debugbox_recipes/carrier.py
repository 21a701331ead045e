"""A float that carries more than its double and is taken for a plain one. Runs in the program's process.

Base of `shadow.Shadow` and `exact.Extended`. Whatever copies, pickles or asks for the class of such a number sees a
float; what only C code does with it (struct, json, array) uses the double, as before.
"""

import functools
import itertools
import operator
from typing import Any, Callable, Dict, Iterable, Tuple

Followed = Callable[..., Any]  # called as (site, *arguments)


class Carrier(float):
    """Never pickled or copied as itself: what leaves the process is the plain double."""

    __slots__ = ()

    def __new__(cls, value: Any = 0.0) -> Any:
        """A plain float: libraries write `type(x)(y)` (statistics does). Our own are made by `float.__new__`."""
        return float(value)

    @property  # type: ignore[misc]  # `x.__class__ is float`, functools.singledispatch and abc see a float
    def __class__(self) -> type:
        return float

    def __copy__(self) -> "Carrier":
        return self

    def __deepcopy__(self, memo: object) -> "Carrier":
        return self

    def __reduce_ex__(self, protocol: object) -> Tuple[type, Tuple[float]]:
        return (float, (float(self),))


def type_of(site: int, *arguments: Any) -> Any:
    """`type`, with float for a carrier."""
    if len(arguments) == 1 and issubclass(type(arguments[0]), Carrier):
        return float
    return type(*arguments)


def keep_float(site: int, *arguments: Any) -> Any:
    """`float`, which would strip a carrier of what it carries."""
    if len(arguments) == 1 and issubclass(type(arguments[0]), Carrier):
        return arguments[0]
    return float(*arguments)


def higher_order(follow: Callable[[int, Any], Any]) -> Dict[int, Followed]:
    """map, reduce and accumulate hand their function to C: it has to be followed before."""

    def mapped(site: int, f: Any, *iterables: Iterable[Any]) -> Any:
        return map(follow(site, f), *iterables)

    def reduced(site: int, f: Any, *rest: Any) -> Any:
        return functools.reduce(follow(site, f), *rest)

    def accumulated(site: int, items: Iterable[Any], func: Any = operator.add, **rest: Any) -> Any:
        return itertools.accumulate(items, follow(site, func or operator.add), **rest)

    return {id(map): mapped, id(functools.reduce): reduced, id(itertools.accumulate): accumulated}


def follower(table: Dict[int, Followed]) -> Callable[[int, Any], Any]:
    """What `_dbx_function(site, callee)` gives: the callee, or its followed twin bound to the site."""
    partial = functools.partial

    def follow(site: int, callee: Any) -> Any:
        twin = table.get(id(callee))
        return callee if twin is None else partial(twin, site)

    table.update(higher_order(follow))
    table.update({id(type): type_of, id(float): keep_float})
    return follow


def assignment_functions(operations: Dict[str, Callable[..., Any]], watch: Callable[..., Any]) -> Dict[str, Any]:
    """`x.a += e` and `x[k] += e` in two calls: the first evaluates x (and k) once and loads, the second stores."""

    def get_attribute(owner: Any, name: str) -> Any:
        return owner, name, getattr(owner, name)

    def get_item(owner: Any, key: Any) -> Any:
        return owner, key, owner[key]

    def updated(operation: str, site: int, number: int, old: Any, value: Any) -> Any:
        new = operations[operation](site, old, value)
        return new if number < 0 else watch(number, new)

    def set_attribute(operation: str, site: int, number: int, loaded: Any, value: Any) -> None:
        owner, name, old = loaded
        setattr(owner, name, updated(operation, site, number, old, value))

    def set_item(operation: str, site: int, number: int, loaded: Any, value: Any) -> None:
        owner, key, old = loaded
        owner[key] = updated(operation, site, number, old, value)

    return {
        "get_attribute": get_attribute,
        "get_item": get_item,
        "set_attribute": set_attribute,
        "set_item": set_item,
    }
