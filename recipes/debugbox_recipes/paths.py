"""Retention paths: how an object hangs on a module, a class, a closure or a running function. In the program's process.

A path is a list of steps in JSON, so that the same place can be found in another process: `["module", "pkg.store"]` or
`["local", file, function, name]` first, then `["attr", name]`, `["key", key]`, `["index", n]`, `["closure", name]`.
A step `["?", what]` can be shown but not followed.

The search goes forward, from all modules at once: that is one pass over the heap for any number of objects, where
`gc.get_referrers` would be one pass for each object on the way.
"""

import gc
import sys
from collections import deque
from types import BuiltinFunctionType, CellType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from .heap import LruCache, type_name

Step = List[Any]
Path = List[Step]
MOST_OBJECTS = 3_000_000
_ATOMS = frozenset((int, float, complex, str, bytes, bool, type(None), CodeType, BuiltinFunctionType))
_SHOWN_ELEMENTS = 2000  # of one list or tuple that are followed
_Edges = Iterator[Tuple[Step, Any]]


def search(wanted: Set[int], roots: Sequence[Tuple[Path, Any]], ignored: Set[int]) -> Dict[int, Path]:
    """A shortest path to each object whose address is wanted. `ignored` addresses are not gone through."""
    found: Dict[int, Path] = {}
    parents: Dict[int, Tuple[int, Step]] = {}
    starts = {id(thing): path for path, thing in reversed(roots)}
    found.update((address, path) for address, path in starts.items() if address in wanted)
    things: Deque[Any] = deque(thing for _, thing in roots)
    seen = set(starts) | ignored
    while things and len(found) < len(wanted) and len(seen) < MOST_OBJECTS:
        thing = things.popleft()
        for step, child in edges(thing):
            address = id(child)
            if address in seen or type(child) in _ATOMS:
                continue
            seen.add(address)
            parents[address] = (id(thing), step)
            if address in wanted:
                found[address] = _back(address, parents, starts)
            things.append(child)
    return found


def _back(address: int, parents: Dict[int, Tuple[int, Step]], starts: Dict[int, Path]) -> Path:
    steps: Path = []
    while address not in starts:
        address, step = parents[address]
        steps.append(step)
    return starts[address] + steps[::-1]


def edges(thing: Any) -> _Edges:
    """What an object refers to, each with the step that leads there. Never `isinstance`: that asks `__class__`."""
    kind = type(thing)
    if kind is dict:
        yield from _items(thing)
    elif kind in (list, tuple):
        yield from ((["index", n], one) for n, one in enumerate(thing[:_SHOWN_ELEMENTS]))
    elif kind is FunctionType:
        yield from _function_edges(thing)
    elif kind is ModuleType or issubclass(kind, type):
        yield from ((["attr", name], value) for name, value in list(thing.__dict__.items()) if type(name) is str)
    elif kind is CellType:
        yield from ((["?", "cell"], one) for one in gc.get_referents(thing))
    elif kind is MethodType:
        yield ["attr", "__self__"], thing.__self__
        yield ["attr", "__func__"], thing.__func__
    elif kind in (staticmethod, classmethod):
        yield ["attr", "__func__"], thing.__func__
    elif kind is property:
        yield from ((["attr", name], getattr(thing, name)) for name in ("fget", "fset", "fdel"))
    elif kind is FrameType:
        return
    else:
        yield from _instance_edges(thing, kind)


def _items(thing: Any) -> _Edges:
    for key, value in list(dict.items(thing)):
        if type(key) in (str, int, bool, float, type(None)):
            yield ["key", key], value
        elif type(key) is FunctionType or issubclass(type(key), type):
            yield ["key of", key.__qualname__], value
        else:
            yield ["?", f"[{type_name(type(key))}]"], value
            yield ["?", f"key {type_name(type(key))}"], key


def _function_edges(function: FunctionType) -> _Edges:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):  # noqa: B905  # 3.9 has no strict
        for value in gc.get_referents(cell):
            yield ["closure", name], value
    for number, value in enumerate(function.__defaults__ or ()):
        yield ["default", number], value
    for name, value in function.__dict__.items():
        yield ["attr", name], value


def _instance_edges(thing: Any, kind: Any) -> _Edges:
    """Attributes by name, as far as they are plain; the rest as the collector sees it."""
    named: Set[int] = set()
    try:
        attributes = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        attributes = {}
    if type(attributes) is dict:
        named.add(id(attributes))
        for name, value in list(attributes.items()):
            named.add(id(value))
            yield ["attr", name], value
    for name, value in _slots(thing, kind):
        named.add(id(value))
        yield ["attr", name], value
    if issubclass(kind, dict):
        yield from _items(thing)
    elif kind is not LruCache:
        for value in gc.get_referents(thing):
            if id(value) not in named and value is not kind:
                yield ["?", f"<{type_name(kind)}>"], value


def _slots(thing: Any, kind: Any) -> Iterator[Tuple[str, Any]]:
    for base in kind.__mro__:
        for name, member in base.__dict__.items():
            if type(member).__name__ == "member_descriptor" and type(member) is _MEMBER:
                try:
                    yield name, member.__get__(thing, kind)
                except AttributeError:
                    continue  # an empty slot


class _WithSlot:
    __slots__ = ("slot",)


_MEMBER = type(_WithSlot.__dict__["slot"])


def module_roots(is_user: Callable[[Any], bool]) -> List[Tuple[Path, Any]]:
    """All modules, the user's first; modules imported later first, for they define what earlier ones import."""
    loaded = [(name, module) for name, module in list(sys.modules.items()) if isinstance(module, ModuleType)]
    ours = __name__.rpartition(".")[0]
    hidden = (ours, "__mp_main__")  # which is __main__ once more
    others = [(name, module) for name, module in loaded[::-1] if name.partition(".")[0] not in hidden]
    others.sort(key=lambda item: not is_user(item[1]))
    return [([["module", name]], module) for name, module in others]


def frame_roots(frame: Optional[FrameType], relative: Callable[[str], Optional[str]]) -> List[Tuple[Path, Any]]:
    """The local variables of the user's functions that run now."""
    roots: List[Tuple[Path, Any]] = []
    while frame is not None:
        code, file = frame.f_code, relative(frame.f_code.co_filename)
        if file and code.co_name != "<module>":
            start = ["local", file, code.co_name]
            roots += [([[*start, name]], value) for name, value in dict(frame.f_locals).items()]
        frame = frame.f_back
    return roots


def follow(path: Path, frame: Optional[FrameType], relative: Callable[[str], Optional[str]]) -> Any:
    """The object at the end of a path. Raises LookupError or AttributeError where it is not there (yet)."""
    thing: Any = None
    for step in path:
        thing = _FOLLOW[step[0]](thing, step, frame, relative)
    return thing


def _local(thing: Any, step: Step, frame: Optional[FrameType], relative: Callable[[str], Optional[str]]) -> Any:
    while frame is not None:
        if frame.f_code.co_name == step[2] and relative(frame.f_code.co_filename) == step[1]:
            return frame.f_locals[step[3]]
        frame = frame.f_back
    raise LookupError(step)


def _attribute(thing: Any, step: Step, *_: Any) -> Any:
    if isinstance(thing, (type, ModuleType)):
        return thing.__dict__[step[1]]
    return object.__getattribute__(thing, step[1])


def _closure(function: Any, step: Step, *_: Any) -> Any:
    return function.__closure__[function.__code__.co_freevars.index(step[1])].cell_contents


def _keyed_by(thing: Any, step: Step, *_: Any) -> Any:
    for key in thing:
        if isinstance(key, (type, FunctionType)) and key.__qualname__ == step[1]:
            return dict.__getitem__(thing, key)
    raise LookupError(step)


def _nowhere(thing: Any, step: Step, *_: Any) -> Any:
    raise LookupError(step)


_FOLLOW: Dict[str, Callable[..., Any]] = {
    "module": lambda thing, step, *_: sys.modules[step[1]],
    "local": _local,
    "attr": _attribute,
    "key": lambda thing, step, *_: dict.__getitem__(thing, step[1]),
    "key of": _keyed_by,
    "index": lambda thing, step, *_: thing[step[1]],
    "closure": _closure,
    "default": lambda thing, step, *_: thing.__defaults__[step[1]],
    "?": _nowhere,
}


def can_be_followed(path: Path) -> bool:
    return all(step[0] != "?" for step in path)


def show(path: Path) -> str:
    """As one would write it: `store.CACHE['a'].items`."""
    text = ""
    for step in path:
        text += _SHOW[step[0]](step)
    return text


_SHOW: Dict[str, Callable[[Step], str]] = {
    "module": lambda step: str(step[1]),
    "local": lambda step: f"{step[3]} (local of {step[2]})",
    "attr": lambda step: f".{step[1]}",
    "key": lambda step: f"[{step[1]!r}]"[:60],
    "key of": lambda step: f"[{step[1]}]",
    "index": lambda step: f"[{step[1]}]",
    "closure": lambda step: f".<closure {step[1]}>",
    "default": lambda step: f".<default {step[1]}>",
    "?": lambda step: f".{step[1]}",
}
