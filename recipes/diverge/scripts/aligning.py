"""Two traces beside each other: which event of one is which of the other, and where their values differ. In the kernel.

An event of one run is that of the other where it stands at the same expression, was reached by the same way of calls,
and is the so-many-th there. Returns of one function are one expression. Of two versions of a program, the expressions
of a function are matched as texts are: what did not change, and between that what is of the same kind.
"""

import ast
import base64
from array import array
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.divergence import CHOICES, KINDS
from debugbox_recipes.source import Source
from debugbox_recipes.values import expressions, source_of

SAME, OTHER_VALUE, ONLY_HERE = 0, 1, 2
_NAMED = ("Assign", "AnnAssign", "AugAssign", "For", "arg")
_MOST_PAIRS = 200
_HANDS_ON = {(kind, to) for kind in ("Call", "Subscript", "BinOp", "IfExp") for to in ("Assign", "AnnAssign", "Return")}
_HANDS_ON.add(("Return", "Call"))  # not to parameters: the one before may be of another that has the same value

Key = Tuple[str, int, int]  # file, line, nth
Event = Tuple[int, int, int]  # site, way, digest


@dataclass(frozen=True)
class Site:
    """An expression: `name` is what it is stored in, its own text for others."""

    file: str
    line: int
    nth: int
    kind: str
    function: str
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def chooses(self) -> bool:
        return self.kind in CHOICES


class Catalogue:
    """All expressions of one version's files."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._sites: Dict[str, Dict[Key, Site]] = {}

    def of_file(self, file: str) -> Dict[Key, Site]:
        if file not in self._sites:
            found = expressions(self.source.tree(file), file, frozenset(KINDS))
            sites = [Site(file, e.line, e.nth, e.kind, e.function, _name(node)) for node, e in found]
            self._sites[file] = {(file, site.line, site.nth): site for site in sites}
        return self._sites[file]

    def site(self, file: str, line: int, nth: int) -> Site:
        return self.of_file(file).get((file, line, nth)) or Site(file, line, nth, "Call", "", "")


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Assign):
        return ", ".join(source_of(target, 40) for target in node.targets)
    if isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        return source_of(node.target, 40)
    return source_of(node, 60)


@dataclass
class Trace:
    """One run: its events in order, and the values that were written down, by event."""

    sites: List[Site]
    events: List[Event]
    texts: Mapping[str, Any] = field(default_factory=dict)
    left_out: int = 0

    def site_of(self, event: int) -> Site:
        return self.sites[self.events[event][0]]


def trace_of(result: Mapping[str, Any], catalogue: Catalogue) -> Trace:
    flat = array("q")
    flat.frombytes(base64.b64decode(result["events"]))
    parts = flat.tolist()
    events = list(zip(parts[::3], parts[1::3], parts[2::3]))  # noqa: B905  # strict= came with 3.10
    sites = [catalogue.site(*each) for each in result["sites"]]
    return Trace(sites, events, result.get("texts", {}), int(result.get("left_out", 0)))


def matched(mine: Catalogue, other: Catalogue, files: Sequence[str]) -> Dict[Site, Site]:
    """Sites of the other version to those of mine."""
    found: Dict[Site, Site] = {}
    for file in files:
        ours, theirs = _by_function(mine, file), _by_function(other, file)
        for function in ours.keys() & theirs.keys():
            found.update(_matched_lists(ours[function], theirs[function]))
    return found


def _by_function(catalogue: Catalogue, file: str) -> Dict[str, List[Site]]:
    functions: Dict[str, List[Site]] = {}
    for site in catalogue.of_file(file).values():
        functions.setdefault(site.function, []).append(site)
    return functions


def _matched_lists(ours: Sequence[Site], theirs: Sequence[Site]) -> Iterator[Tuple[Site, Site]]:
    words = [[(site.kind, site.name) for site in sites] for sites in (ours, theirs)]
    for what, first, last, start, end in SequenceMatcher(None, words[0], words[1], autojunk=False).get_opcodes():
        if what == "equal":
            yield from zip(theirs[start:end], ours[first:last])  # noqa: B905
        elif what == "replace":
            rest = list(ours[first:last])
            for site in theirs[start:end]:
                fit = next((each for each in rest if _alike(each, site)), None)
                if fit is not None:
                    rest = rest[rest.index(fit) + 1 :]
                    yield site, fit


def _alike(one: Site, other: Site) -> bool:
    return one.kind == other.kind and (one.kind not in _NAMED or one.name == other.name)


@dataclass
class Point:
    """An expression that gives something else. `pairs`: my event, which time it is there, the other's event."""

    site: Site
    pairs: List[Tuple[int, int, int]]
    copies: List[Site] = field(default_factory=list)  # where the same value passes right after

    @property
    def at(self) -> int:
        return self.pairs[0][0]


@dataclass
class Comparison:
    """`marks` has one entry for each of my events."""

    marks: List[int]
    partner: Dict[int, int]
    points: List[Point]
    only_there: int

    @property
    def first(self) -> Optional[int]:
        return next((n for n, mark in enumerate(self.marks) if mark != SAME), None)


def compared(mine: Trace, other: Trace, same: Optional[Mapping[Site, Site]]) -> Comparison:
    """`same` matches the other's sites with mine; None where both are of the same files."""
    theirs = dict(zip(keys(other, same), range(len(other.events))))  # noqa: B905
    marks, partner, points, passed = [], {}, {}, {}  # type: List[int], Dict[int, int], Dict[Site, Point], Dict[int, int]
    for number, (key, event) in enumerate(zip(keys(mine, None), mine.events)):  # noqa: B905
        count = passed[event[0]] = passed.get(event[0], 0) + 1
        there = theirs.pop(key, None)
        if there is None:
            marks.append(ONLY_HERE)
            continue
        partner[number] = there
        marks.append(SAME if other.events[there][2] == event[2] else OTHER_VALUE)
        if marks[-1] == OTHER_VALUE:
            site = mine.sites[event[0]]
            points.setdefault(site, Point(site, [])).pairs.append((number, count, there))
    ordered = sorted(points.values(), key=lambda point: point.at)
    return Comparison(marks, partner, _without_copies(ordered, mine, other), len(theirs))


def keys(trace: Trace, same: Optional[Mapping[Site, Site]]) -> Iterator[Any]:
    """Of each event: way, expression, and which time. Those that have no partner get a key of their own."""
    groups = [_group(site if same is None else same.get(site), number) for number, site in enumerate(trace.sites)]
    counts: Dict[Any, int] = {}
    for site, way, _ in trace.events:
        key = (way, groups[site])
        counts[key] = counts.get(key, 0) + 1
        yield (*key, counts[key])


def _group(site: Optional[Site], number: int) -> Any:
    if site is None:
        return number
    return (site.file, site.function, "Return") if site.kind == "Return" else site


def _without_copies(points: Sequence[Point], mine: Trace, other: Trace) -> List[Point]:
    """A value that is only handed on (stored, returned, given by the call) is one point."""
    kept: List[Point] = []
    for point in points:
        last = kept[-1] if kept else None
        if last is not None and _handed_on(last, point, mine, other):
            last.copies.append(point.site)
        else:
            kept.append(point)
    return kept


def _handed_on(first: Point, second: Point, mine: Trace, other: Trace) -> bool:
    step, before = 1 + len(first.copies), (first.copies or [first.site])[-1]
    if len(first.pairs) != len(second.pairs) or (before.kind, second.site.kind) not in _HANDS_ON:
        return False
    return all(
        b[0] - a[0] == step and b[2] - a[2] == step
        and mine.events[a[0]][2] == mine.events[b[0]][2] and other.events[a[2]][2] == other.events[b[2]][2]
        for a, b in zip(first.pairs, second.pairs)  # noqa: B905
    )  # fmt: skip


def wanted(points: Sequence[Point]) -> Tuple[List[int], List[int]]:
    """Events of mine and of the other whose values are to be written down."""
    pairs = [pair for point in points for pair in point.pairs[:_MOST_PAIRS]]
    return sorted({pair[0] for pair in pairs}), sorted({pair[2] for pair in pairs})
