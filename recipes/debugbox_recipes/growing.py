"""Round by round: which containers grow, which types, which source lines; then what holds them. In the program.

Addresses may be used again by another object; a container counts as growing only where it grew in every round.
"""

import gc
import os
import sys
import tracemalloc
from types import FrameType
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from .heap import bound_of, containers, length_function, lengths, straight, type_counts, type_name
from .paths import Path, can_be_followed, frame_roots, module_roots, search, show

FRAMES = 12  # of an allocation's stack
MOST_GROWING = 40  # containers that are followed up, most entries per step first
MOST_OTHERS = 60  # containers that do not grow, of the user's modules
_STRAIGHT = 0.98  # R squared
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_NEVER_CUT = frozenset(("sys", "builtins", "gc", "threading", "__future__", "__main__", "_thread", "types", "typing"))
_KEPT = frozenset(("__all__", "__slots__", "__annotations__", "__path__", "__builtins__", "__dict__"))
Relative = Callable[[Optional[str]], Optional[str]]
Line = Tuple[str, int]


class Deep:
    """What one run keeps of each round; `result` says what grew."""

    def __init__(self, plan: Dict[str, Any], relative: Relative) -> None:
        self.relative = relative
        self.rounds = int(plan["rounds"])
        self.per_round = int(plan["per_round"])
        self.lengths: List[Dict[int, int]] = []
        self.types: List[Any] = []
        self.lines: List[Dict[Line, int]] = []
        self.found: Dict[str, Any] = {}
        self.ignored: Set[int] = set()
        if plan.get("lines"):
            tracemalloc.start(FRAMES)

    def round(self, number: int, frame: FrameType) -> None:
        self.ignored |= {id(thing) for thing in (self.lengths, self.types, self.lines, self.found, self.ignored)}
        now = lengths(self.ignored | set(map(id, self.lengths + self.types + self.lines)))
        if self.lengths:
            before = self.lengths[-1]
            now = {address: length for address, length in now.items() if length > before.get(address, length)}
            self.lengths[:] = [{address: one[address] for address in now} for one in self.lengths]
        self.lengths.append(now)
        self.types.append(dict(type_counts()))  # a plain dict of atoms is no tracked object: it does not count itself
        if tracemalloc.is_tracing() and number % 2 == 0:
            self.lines.append(self._bytes_by_line())
        if number + 1 == self.rounds:
            self.found = self._follow_up(frame)

    def _bytes_by_line(self) -> Dict[Line, int]:
        """Bytes alive, by the innermost line of the user's in the stack of their allocation."""
        sums: Dict[Optional[Line], int] = {}
        known: Dict[str, Optional[str]] = {}
        places: Dict[int, Optional[Line]] = {}  # a snapshot holds each stack once
        snapshot = tracemalloc.take_snapshot()
        for _, size, frames, *_ in snapshot.traces._traces:  # type: ignore[attr-defined]  # its own objects are slow
            if id(frames) not in places:
                places[id(frames)] = self._user_line(frames, known)
            place = places[id(frames)]
            sums[place] = sums.get(place, 0) + size
        return {place: size for place, size in sums.items() if place is not None}

    def _user_line(self, frames: Any, known: Dict[str, Optional[str]]) -> Optional[Line]:
        for file, line in frames:
            if file not in known:
                known[file] = self.relative(file)
            if file.startswith(_OURS):
                return None
            user = known[file]
            if user is not None:
                return user, line
        return None

    def _follow_up(self, frame: FrameType) -> Dict[str, Any]:
        """The containers that grew, with their paths; others to compare with; types and lines that grew."""
        grown = self.lengths[-1]
        rank = sorted(grown, key=lambda address: self.lengths[0][address] - grown[address])[:MOST_GROWING]
        things = {id(thing): thing for thing in containers() if id(thing) in grown}
        roots = module_roots(self._is_user) + frame_roots(frame, self.relative)
        ignored = {id(self), id(self.__dict__), id(things), id(grown), id(self.lengths), id(roots), *self.ignored}
        paths = search(set(rank), roots, ignored)
        growing = [self._described(things[a], paths.get(a), a) for a in rank if a in things]
        return {
            "growing": [one for one in growing if one["r2"] > _STRAIGHT],
            "others": self._others(roots, ignored, set(grown)),
            "types": self._growing_types(),
            "lines": self._growing_lines(),
            "uncollectable": len(gc.garbage),
        }

    def _is_user(self, module: Any) -> bool:
        return self.relative(module.__dict__.get("__file__")) is not None

    def _described(self, thing: Any, path: Optional[Path], address: int) -> Dict[str, Any]:
        series = [one[address] for one in self.lengths]
        owner, names = self._owner(path)
        return {
            "path": path,
            "show": show(path) if path else "",
            "followable": bool(path) and can_be_followed(path or []),
            "kind": type_name(type(thing)),
            "lengths": series,
            "r2": straight([float(length) for length in series]),
            "bound": bound_of(thing, names),
            "owner": owner,
            "entry": _newest(thing),
            "cached": self._cached_function(thing),
        }

    def _cached_function(self, thing: Any) -> Optional[List[Any]]:
        """For a `functools.lru_cache`: where the function that it caches stands."""
        code: Any = getattr(getattr(thing, "__wrapped__", None), "__code__", None) if callable(thing) else None
        file = self.relative(code.co_filename) if code else None
        return [file, code.co_firstlineno, code.co_name] if file else None

    def _owner(self, path: Optional[Path]) -> Tuple[Optional[Dict[str, Any]], List[Tuple[str, Any]]]:
        """Where the last name of the path is defined: file, class (or none) and name; and the owner's attributes."""
        if not path or not can_be_followed(path):
            return None, []
        from .paths import follow

        named = next((n for n in range(len(path) - 1, -1, -1) if path[n][0] in ("attr", "local")), None)
        if named is None:
            return None, []
        if path[named][0] == "local":
            return {"file": path[named][1], "scope": path[named][2], "name": path[named][3]}, []
        try:
            owner = follow(path[:named], None, self.relative)
        except (LookupError, AttributeError):  # behind a local variable
            return None, []
        kind = owner if isinstance(owner, type) else None if type(owner) is type(sys) else type(owner)
        module = owner if kind is None else sys.modules.get(str(kind.__module__))
        file = self.relative(module.__dict__.get("__file__")) if module is not None else None
        names = list(getattr(owner, "__dict__", {}).items())
        if file is None:
            return None, names if kind is not None else []
        scope = kind.__qualname__ if kind is not None else ""
        return {"file": file, "scope": scope, "name": path[named][1]}, names

    def _others(self, roots: List[Tuple[Path, Any]], ignored: Set[int], growing: Set[int]) -> List[Dict[str, Any]]:
        """Containers that did not grow, of the user's modules and of those they import: placebos."""
        near = [(path, thing) for path, thing in roots if path[0][0] == "local" or self._is_user(thing)]
        imported = _imported([thing for path, thing in near if path[0][0] == "module"])
        near += [([["module", name]], sys.modules[name]) for name in imported]
        large = {id(thing) for thing in containers() if id(thing) not in growing and _length(thing) > 1}
        rows: List[Dict[str, Any]] = []
        for path in search(large, near, ignored).values():
            if not can_be_followed(path) or len(path) > 4 or any(step[-1] in _KEPT for step in path):
                continue
            by = imported.get(path[0][1])
            owner = self._imported_as(*by) if by and len(path) <= 3 else self._owner(path)[0]
            if owner is not None:
                rows.append({"path": path, "show": show(path), "owner": owner, "foreign": bool(by)})
        return sorted(rows, key=lambda row: (row["foreign"], len(row["path"]), row["show"]))[:MOST_OTHERS]

    def _imported_as(self, module: Any, name: str) -> Dict[str, Any]:
        """The place of a library's container is the import of it."""
        return {"file": self.relative(module.__file__), "scope": "", "name": name}

    def _growing_types(self) -> List[Dict[str, Any]]:
        last = self.types[-1]
        rows: List[Dict[str, Any]] = []
        for name in last:
            counts = [float(one.get(name, 0)) for one in self.types[1:]]
            if _rises(counts) and straight(counts) > _STRAIGHT:
                rows.append({"type": name, "per_step": (counts[-1] - counts[0]) / self.per_round / (len(counts) - 1)})
        return sorted(rows, key=lambda row: (-row["per_step"], row["type"]))[:30]

    def _growing_lines(self) -> List[Dict[str, Any]]:
        """Lines whose bytes grew from each look to the next. Rounds are looked at two by two."""
        looks = self.lines[1:]
        rows: List[Dict[str, Any]] = []
        for file, line in looks[-1] if looks else ():
            series = [float(one.get((file, line), 0)) for one in looks]
            if _rises(series) and straight(series) > _STRAIGHT:
                per_step = (series[-1] - series[0]) / (len(series) - 1) / self.per_round / 2
                rows.append({"file": file, "line": line, "bytes_per_step": per_step})
        return sorted(rows, key=lambda row: -row["bytes_per_step"])[:30]

    def result(self) -> Dict[str, Any]:
        return self.found


def _imported(modules: List[Any]) -> Dict[str, Tuple[Any, str]]:
    """Libraries that the user's modules import: module name to the importing module and the name it has there."""
    found: Dict[str, Tuple[Any, str]] = {}
    users = {module.__name__ for module in modules}
    for module in modules:
        for name, value in list(module.__dict__.items()):
            source = value.__name__ if type(value) is type(sys) else getattr(type(value), "__module__", "")
            if isinstance(value, type):
                source = value.__module__
            known = source in sys.modules and source not in users and source not in _NEVER_CUT
            if known and not name.startswith("__"):
                found.setdefault(source, (module, name))
    return found


def _rises(series: List[float]) -> bool:
    return all(series[n] < series[n + 1] for n in range(len(series) - 1))


def _length(thing: Any) -> int:
    length = length_function(type(thing))
    return int(length(thing)) if length else 0


def _newest(thing: Any) -> str:
    """The type of what was put in last."""
    entry = None
    if isinstance(thing, dict) and dict.__len__(thing):
        entry = next(reversed(list(dict.values(thing))))
    elif isinstance(thing, list) and list.__len__(thing):
        entry = list.__getitem__(thing, -1)
    return type_name(type(entry)) if entry is not None else ""
