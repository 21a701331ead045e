"""What tests share without meaning to: attributes of modules and classes, containers, the environment. In the program.

A `Snapshot` remembers the contents of everything mutable that the user's modules hold, and the names of all other
modules; `changes` says what is different now, as units that can be put back one by one. A unit goes by its path
(`shop.config.SETTINGS['debug']`), which is the same in every run.
"""

import collections
import importlib
import os
import sys
import types
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

_DEPTH, _NODES = 6, 30_000
_ATOMS = (int, float, complex, str, bytes, bool, type(None))
_WHOLE = (list, set, collections.deque, bytearray)
_SKIPPED = (
    "_pytest",
    "pytest",
    "pluggy",
    "debugbox_recipes",
    "sitecustomize",
    "sys",
    "builtins",
    "threading",
    "linecache",
)
_NAMES = (
    "__builtins__",
    "__warningregistry__",
    "__pycache__",
    "__file__",
    "__doc__",
    "__annotations__",
    "PYTEST_CURRENT_TEST",
)
_SHOWN = 80  # characters of a value
LOADED_AGAIN = " (loaded again)"
_MISSING: Any = type("Missing", (), {"__repr__": lambda self: "(not there)"})()

Relative = Callable[[Optional[str]], Optional[str]]
Change = Tuple[str, Any, Any]  # path, before, now


def _of_module(name: str, get: str, put: str) -> "Tuple[Callable[[], Any], Callable[[Any], Any]]":
    def value() -> Any:
        module = sys.modules.get(name)
        return getattr(module, get)() if module is not None else _MISSING

    def back(known: Any) -> Any:
        if known is not _MISSING:
            getattr(importlib.import_module(name), put)(known)

    return value, back


SPECIAL: Dict[str, Tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "the working directory": (os.getcwd, os.chdir),
    "the state of random": _of_module("random", "getstate", "setstate"),
    "the recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "the default timeout of sockets": _of_module("socket", "getdefaulttimeout", "setdefaulttimeout"),
    "the locale": (lambda: _locale("get"), lambda known: _locale(known)),
    "the decimal context": (lambda: _decimal(None), lambda known: _decimal(known)),
}


def _locale(known: str) -> Any:
    locale = sys.modules.get("locale")
    if locale is None:
        return _MISSING
    return locale.setlocale(locale.LC_ALL, None if known == "get" else known)


def _decimal(known: Any) -> Any:
    decimal = sys.modules.get("decimal")
    if decimal is None or known is _MISSING:
        return _MISSING
    if known is not None:
        decimal.setcontext(decimal.Context(*known))
    now = decimal.getcontext()
    return now.prec, now.rounding


class Container:
    """One thing that holds others, with what it held. Of a `foreign` module only what was exchanged is told: many fill
    themselves when they are first looked at."""

    def __init__(self, path: str, thing: Any, kind: str) -> None:
        self.path, self.thing, self.kind = path, thing, kind
        self.foreign = False
        self.held = self.contents()

    def contents(self) -> Any:
        if self.kind == "whole":
            return list(self.thing)
        if self.kind == "cache":
            return self.thing.cache_info().currsize
        return dict(self.thing) if self.kind == "dict" else dict(vars(self.thing))

    def key_path(self, key: Any) -> str:
        return f"{self.path}[{key!r}]" if self.kind == "dict" else f"{self.path}.{key}"

    def changes(self) -> Iterator[Change]:
        now = self.contents()
        if self.kind in ("whole", "cache"):
            if not (_same_list(self.held, now) if self.kind == "whole" else self.held == now):
                yield self.path, self.held, now
            return
        different = []
        for key in [*self.held, *(key for key in now if key not in self.held)]:
            before, after = self.held.get(key, _MISSING), now.get(key, _MISSING)
            if not _same(before, after) and key not in _NAMES and not (self.foreign and before is _MISSING):
                different.append((self.key_path(key), before, after))
        spec = "__spec__"
        if isinstance(self.thing, types.ModuleType) and self.held.get(spec) is not now.get(spec):
            yield f"{self.path}{LOADED_AGAIN}", "as first loaded", f"{len(different)} of its names are new objects"
        else:
            yield from different

    def put_back(self, path: str) -> None:
        if self.kind == "cache":
            self.thing.cache_clear()
        elif self.kind == "whole":
            _refill(self.thing, self.held)
        elif path == f"{self.path}{LOADED_AGAIN}":
            vars(self.thing).clear()
            vars(self.thing).update(self.held)
        else:
            for key in {**self.held, **self.contents()}:
                if self.key_path(key) == path:
                    self._set(key, self.held.get(key, _MISSING))

    def _set(self, key: Any, value: Any) -> None:
        if self.kind == "dict":
            if value is _MISSING:
                self.thing.pop(key, None)
            else:
                self.thing[key] = value
        elif value is _MISSING:
            delattr(self.thing, key)
        else:
            setattr(self.thing, key, value)


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and isinstance(one, _ATOMS) and one == other)


def _same_list(one: List[Any], other: List[Any]) -> bool:
    return len(one) == len(other) and all(map(_same, one, other))


def _refill(thing: Any, held: List[Any]) -> None:
    thing.clear()
    (thing.update if isinstance(thing, set) else thing.extend)(held)


class Snapshot:
    """The state now."""

    def __init__(self, relative: Relative) -> None:
        self.relative = relative
        self.containers: Dict[int, Container] = {}
        self.special = {name: get() for name, (get, _) in SPECIAL.items()}
        self._add("os.environ", os.environ, "dict")
        self._add("sys.path", sys.path, "whole")
        for name in sorted(sys.modules):
            self._module(name, sys.modules[name])

    def changes(self) -> List[Change]:
        """What is different now. Modules that came since are no change: importing them again gives the same."""
        found: List[Change] = []
        for name, (get, _) in SPECIAL.items():
            now = get()
            if self.special[name] is not _MISSING and now != self.special[name]:
                found.append((name, self.special[name], now))
        for container in list(self.containers.values()):
            try:
                found += [change for change in container.changes() if not isinstance(change[2], types.ModuleType)]
            except Exception:  # noqa: BLE001  # an object that cannot be looked at is no shared state we can name
                continue
        return found

    def put_back(self, paths: List[str]) -> Dict[str, bool]:
        """Restore these units; says of each whether it was different."""
        different = {path for path, _, _ in self.changes()}
        for path in different & set(paths):
            if path in SPECIAL:
                SPECIAL[path][1](self.special[path])
                continue
            for container in self.containers.values():
                if path.startswith(container.path):
                    container.put_back(path) if container.kind not in (
                        "whole",
                        "cache",
                    ) or container.path == path else None
        return {path: path in different for path in paths}

    def value(self, path: str) -> Any:
        """What the unit is now, to be compared with `==` or by identity."""
        if path in SPECIAL:
            return SPECIAL[path][0]()
        return next((now for known, _, now in self.changes() if known == path), _MISSING)

    def _module(self, name: str, module: Any) -> None:
        if not isinstance(module, types.ModuleType) or name.split(".")[0] in _SKIPPED:
            return
        if self._add(name, module, "attributes"):
            self.containers[id(module)].foreign = self.relative(getattr(module, "__file__", None)) is None
            if not self.containers[id(module)].foreign:
                self._walk(name, module)
        if name == "logging":
            self._walk_into("logging.root", module.root, 1)

    def _add(self, path: str, thing: Any, kind: str) -> bool:
        if id(thing) in self.containers or len(self.containers) > _NODES:
            return False
        self.containers[id(thing)] = Container(path, thing, kind)
        return True

    def _walk(self, name: str, module: Any) -> None:
        for key, value in sorted(vars(module).items(), key=lambda item: str(item[0])):
            if key not in _NAMES:
                self._walk_into(f"{name}.{key}", value, 1)

    def _walk_into(self, path: str, thing: Any, depth: int) -> None:
        kind = self._kind(thing)
        if not kind or depth > _DEPTH or not self._add(path, thing, kind):
            return
        if kind == "whole":
            inside = [(f"{path}[{n}]", each) for n, each in enumerate(list(thing)[:200])]
        elif kind == "dict":
            inside = [(f"{path}[{key!r}]", each) for key, each in list(thing.items())[:500]]
        elif kind == "attributes":
            inside = [(f"{path}.{key}", each) for key, each in list(vars(thing).items())]
        else:
            inside = []
        for inner, each in inside:
            self._walk_into(inner, each, depth + 1)

    def _kind(self, thing: Any) -> str:
        if isinstance(thing, dict):
            return "dict"
        if isinstance(thing, _WHOLE):
            return "whole"
        if hasattr(type(thing), "cache_clear") or (callable(thing) and hasattr(thing, "cache_clear")):
            return "cache"
        owner = thing if isinstance(thing, type) else type(thing)
        module = sys.modules.get(str(getattr(owner, "__module__", "")))
        users = module is not None and self.relative(getattr(module, "__file__", None)) is not None
        loggers = type(thing).__module__ == "logging"
        return "attributes" if (users or loggers) and hasattr(thing, "__dict__") else ""


def short(value: Any) -> str:
    """A value in a few words, without what is an address or looks like one."""
    import re

    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # a repr of the user's
        text = type(value).__name__
    text = re.sub(r" at 0x[0-9a-fA-F]+|\d{9,}", "", text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
