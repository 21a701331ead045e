"""Which values several threads use, from which lines, and holding which locks (Eraser's lock sets). In the program.

What a line reads and writes is known from its source; which object that is, from the frame as the line begins. Two
accesses may come at the same time unless one thread was started, or joined, between them. Seen are attributes, globals,
closures' variables, built-in containers, and objects of libraries; not what is reached through the result of a call.
"""

import ast
import os
import sys
import threading
from collections import deque
from types import FrameType, MemberDescriptorType, ModuleType
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .locks import Book

_MOST_UNITS, _MOST_TIMES = 20000, 60
_CONTAINERS = (dict, list, set, deque, bytearray)
_MUTATORS = frozenset((
    "append", "appendleft", "add", "clear", "discard", "extend", "extendleft", "insert", "pop", "popitem", "popleft",
    "remove", "reverse", "rotate", "setdefault", "sort", "update", "move_to_end", "subtract",
))  # fmt: skip
_MISSING = object()
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


class Access(NamedTuple):
    """What a line does: `path` names an object; `kind` is attribute, name, items or call (of the method `name`)."""

    kind: str
    path: Tuple[str, ...]
    name: str
    write: bool


def accesses_of(tree: ast.AST) -> Dict[int, List[Access]]:
    """By line."""
    found: Dict[int, List[Access]] = {}
    inner = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.comprehension) for part in ast.walk(node.target)
    }
    for node in ast.walk(tree):
        for access in _of(node) if id(node) not in inner else ():
            found.setdefault(node.lineno, []).append(access)  # type: ignore[attr-defined]
    return {line: list(dict.fromkeys(each)) for line, each in found.items()}


def _of(node: Any) -> Iterator[Access]:
    if isinstance(node, ast.AugAssign):
        for access in _of(node.target):  # it is read as well, which its context does not say
            yield access._replace(write=False)
    elif isinstance(node, ast.Name):
        yield Access("name", (), node.id, not isinstance(node.ctx, ast.Load))
    elif isinstance(node, ast.Attribute):
        path = _path(node.value)
        if path:
            yield Access("attribute", path, node.attr, not isinstance(node.ctx, ast.Load))
    elif isinstance(node, ast.Subscript):
        path = _path(node.value)
        if path:
            yield Access("items", path, "", not isinstance(node.ctx, ast.Load))
    elif isinstance(node, ast.Call):
        path = _path(node.func)
        if path and len(path) > 1:
            yield Access("call", path[:-1], path[-1], False)
        elif path == ("next",) and node.args and _path(node.args[0]):
            yield Access("items", _path(node.args[0]) or (), "next", True)


def _path(node: Any) -> Optional[Tuple[str, ...]]:
    if isinstance(node, ast.Name):
        return (node.id,)
    inner = _path(node.value) if isinstance(node, ast.Attribute) else None
    return (*inner, node.attr) if inner else None


class Unit:
    """One value that is used. `seen`: (thread, file, line, write, locks) -> first and last moment."""

    def __init__(self, name: str, held: Any) -> None:
        self.name, self.held = name, held  # the object is held, so that its id is not used again
        self.seen: Dict[Tuple[int, str, int, bool, Tuple[int, ...]], List[int]] = {}


class AccessTable:
    """Told each line before it runs; `described` gives what is used without a common lock."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.lines: Dict[Tuple[str, int], List[Access]] = {}
        self.units: Dict[Any, Unit] = {}
        self.threads: Dict[int, threading.Thread] = {}
        self.started: Dict[int, int] = {}  # by id of the thread's object: the moment
        self.joined: Dict[int, int] = {}
        self.locks: Dict[int, Any] = {}
        self.ran: Dict[Tuple[str, int], None] = {}  # lines that other threads than the main one ran
        self._times: Dict[Tuple[int, str, int], int] = {}
        self._moment = 0
        self._watch_threads()

    def _watch_threads(self) -> None:
        start, join, table = threading.Thread.start, threading.Thread.join, self

        def noted_start(thread: threading.Thread) -> None:
            table.started[id(thread)] = table.moment()
            start(thread)

        def noted_join(thread: threading.Thread, timeout: Optional[float] = None) -> None:
            join(thread, timeout)
            if not thread.is_alive():
                table.joined.setdefault(id(thread), table.moment())

        threading.Thread.start = noted_start  # type: ignore[method-assign,assignment]  # under our eyes
        threading.Thread.join = noted_join  # type: ignore[method-assign,assignment]

    def moment(self) -> int:
        self._moment += 1
        return self._moment

    def add(self, tree: ast.AST, file: str) -> None:
        for line, found in accesses_of(tree).items():
            self.lines[file, line] = found

    def on_line(self, frame: FrameType, line: int) -> None:
        file = self.book.relative(frame.f_code.co_filename)
        if file is None:
            return
        me = self.book.me()
        times = self._times[me, file, line] = self._times.get((me, file, line), 0) + 1
        if times > _MOST_TIMES:
            return
        if me not in self.threads:
            self.threads[me] = threading.current_thread()
        if self.threads[me] is not threading.main_thread():
            self.ran[file, line] = None
        held = self.book.held.get(me, ())
        self.locks.update((id(lock), lock) for lock in held)
        locks = tuple(sorted(id(lock) for lock in held))
        for access in self.lines.get((file, line), ()):
            for key, name, thing, write in _units(access, frame, file, self.book):
                unit = self.units.get(key)
                if unit is None:
                    if len(self.units) >= _MOST_UNITS:
                        continue
                    unit = self.units[key] = Unit(name, thing)
                moment = self.moment()
                unit.seen.setdefault((me, file, line, write, locks), [moment, moment])[1] = moment

    # --- what came of it

    def described(self) -> List[Dict[str, Any]]:
        """The units that two threads use at once, one of them writing, with no lock in common."""
        found = []
        for unit in list(self.units.values()):
            rows: Dict[Any, None] = {}
            for first, second in _pairs(list(unit.seen.items())):
                if self._at_once(first, second) and not set(first[0][4]) & set(second[0][4]):
                    for (_, file, line, write, locks), _ in (first, second):
                        rows[file, line, write, self._made(locks)] = None
            if rows:
                found.append({"unit": unit.name, "accesses": [[*row[:3], list(row[3])] for row in sorted(rows)]})
        return found

    def _made(self, locks: Tuple[int, ...]) -> Tuple[str, ...]:
        return tuple(sorted(f"{self.locks[lock].made[0]}:{self.locks[lock].made[1]}" for lock in locks))

    def _at_once(self, first: Any, second: Any) -> bool:
        return not (self._before(first, second) or self._before(second, first))

    def _before(self, first: Any, second: Any) -> bool:
        """Whether all of `first` was over before `second`'s thread began, or its thread joined before `second`."""
        one, other = (id(self.threads[each[0][0]]) for each in (first, second))
        joined = self.joined.get(one)
        return bool(first[1][1] <= self.started.get(other, -1) or (joined is not None and joined <= second[1][0]))


def _pairs(rows: List[Any]) -> Iterator[Tuple[Any, Any]]:
    rows = rows[:200]
    for number, first in enumerate(rows):
        for second in rows[number + 1 :]:
            if first[0][0] != second[0][0] and (first[0][3] or second[0][3]):
                yield first, second


Found = Tuple[Any, str, Any, bool]  # key, name, object, whether it is written


def _units(access: Access, frame: FrameType, file: str, book: Book) -> Iterator[Found]:
    text = ".".join((*access.path, access.name)) if access.name else ".".join(access.path)
    if access.kind == "name":
        yield from _of_name(access, frame, file, text)
        return
    thing = _resolved(access.path, frame)
    if thing is _MISSING:
        return
    if access.kind == "attribute":
        owner, value = peek(thing, access.name)
        if access.write:
            owner = thing
        if value is not _MISSING or access.write:
            yield (id(owner), access.name), _owned(owner, access.name), owner, access.write
        if not access.write and isinstance(value, _CONTAINERS):
            yield (id(value), "[]"), f"{_owned(owner, access.name)}[...]", value, False
    elif access.kind == "items":
        if isinstance(thing, _CONTAINERS) or access.name == "next" or _of_library(thing):
            yield (id(thing), "[]"), _items(access.path, frame), thing, access.write
    elif isinstance(thing, _CONTAINERS):
        yield (id(thing), "[]"), _items(access.path, frame), thing, access.name in _MUTATORS
    elif _of_library(thing):
        yield (id(thing), "[]"), _items(access.path, frame), thing, True


def _of_name(access: Access, frame: FrameType, file: str, text: str) -> Iterator[Found]:
    code = frame.f_code
    if access.name in code.co_freevars or access.name in code.co_cellvars:
        yield ("closure", file, access.name), text, None, access.write
        value = frame.f_locals.get(access.name, _MISSING)
    elif access.name in code.co_varnames:
        value = frame.f_locals.get(access.name, _MISSING)
    else:
        value = frame.f_globals.get(access.name, _MISSING)
        if value is not _MISSING or access.write:
            yield (id(frame.f_globals), access.name), text, None, access.write
    if not access.write and isinstance(value, _CONTAINERS):
        yield (id(value), "[]"), f"{text}[...]", value, False


def _items(path: Tuple[str, ...], frame: FrameType) -> str:
    if len(path) == 1:
        return f"{path[0]}[...]"
    owner = _resolved(path[:-1], frame)
    return f"{_owned(peek(owner, path[-1])[0], path[-1])}[...]"


def _owned(owner: Any, attribute: str) -> str:
    if isinstance(owner, (type, ModuleType)):
        return f"{owner.__name__}.{attribute}"
    return f"{type(owner).__name__}.{attribute}"


def _resolved(path: Tuple[str, ...], frame: FrameType) -> Any:
    code, first = frame.f_code, path[0]
    local = first in code.co_varnames or first in code.co_freevars or first in code.co_cellvars
    thing = (frame.f_locals if local else frame.f_globals).get(first, _MISSING)
    for name in path[1:]:
        if thing is _MISSING:
            break
        thing = peek(thing, name)[1]
    return thing


def peek(thing: Any, name: str) -> Tuple[Any, Any]:
    """Who has the attribute, and its value; no property and no `__getattr__` is run."""
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        own = {}
    if not isinstance(thing, type) and name in own:
        return thing, own[name]
    for kind in (thing if isinstance(thing, type) else type(thing)).__mro__:
        if name in kind.__dict__:
            value = kind.__dict__[name]
            if isinstance(value, MemberDescriptorType) and not isinstance(thing, type):
                try:
                    return thing, value.__get__(thing)
                except AttributeError:
                    return thing, _MISSING
            plain = not hasattr(type(value), "__get__")
            return kind, value if plain else _MISSING
    return thing, _MISSING


def _of_library(thing: Any) -> bool:
    """An object of a class that is neither the user's nor the standard library's."""
    module = sys.modules.get(type(thing).__module__)
    path = getattr(module, "__file__", None) or ""
    return any(part in path for part in _LIBRARIES) and not isinstance(thing, (type, ModuleType))
