"""Which places of the repository a symptom runs through, measured in an instrumented copy.

The values of assignments and returns are wrapped on their own line, so line numbers stay. In the box
`kernels/debugbox_sites.py` notes what ran. The checks use it twice: to see whether a diff made measured code
stop running, and to choose places for placebos on the executed path.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from debugbox.finding import Place
from debugbox.patch import Read

IMPORT_ROOT = "/opt/box/lib/kernels"  # where the box finds debugbox_sites
RECORD = "sites"  # below /srv/out
RECORD_BYTES = 4 << 20
MAX_FILE_BYTES, MAX_FILES = 1 << 20, 2_000
_CALL = '__import__("debugbox_sites").{action}({place!r}, ('


@dataclass(frozen=True, kw_only=True)
class Site:
    """A value that can be watched. Two versions of a file share a site where function and text are the same."""

    place: Place
    begin: tuple[int, int]  # line and column in bytes, from 0
    end: tuple[int, int]

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.place.file, self.place.function, self.place.quote


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one run noted, by place as text. `raised` are exceptions that ended a process."""

    ran: frozenset[str]
    changeable: frozenset[str]
    changed: frozenset[str]
    raised: frozenset[str]

    @classmethod
    def of_record(cls, record: bytes) -> "Seen":
        """From the file the box wrote: hostile, so only lines of the known kinds count."""
        kinds: dict[str, set[str]] = {"ran": set(), "changeable": set(), "changed": set(), "raised": set()}
        for line in record.decode("utf-8", "replace").splitlines():
            kind, _, what = line.partition(" ")
            if kind in kinds:
                kinds[kind].add(what[:500])
        return cls(**{kind: frozenset(what) for kind, what in kinds.items()})


def sites_of(path: str, content: bytes) -> list[Site]:
    """The values that can be watched in a file, in order; none where it cannot be parsed."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return []
    lines = content.split(b"\n")
    return sorted(_sites(tree, path, lines, ""), key=lambda site: site.begin)


def _sites(node: ast.AST, path: str, lines: list[bytes], function: str) -> Iterator[Site]:
    for child in ast.iter_child_nodes(node):
        inner = function
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{function}.{child.name}".lstrip(".")
        elif isinstance(child, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return) and _is_watchable(child):
            yield _site(path, child.value, lines, function)
        yield from _sites(child, path, lines, inner)


def _is_watchable(statement: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return) -> bool:
    """Not where a call in between would change the meaning, nor names that Python itself reads."""
    value = statement.value
    if value is None:
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    special = any(isinstance(target, ast.Name) and target.id.startswith("__") for target in targets)
    waits = any(isinstance(node, ast.Yield | ast.YieldFrom | ast.Await) for node in ast.walk(value))
    return not special and not waits


def _site(path: str, value: ast.expr | None, lines: list[bytes], function: str) -> Site:
    assert value is not None and value.end_lineno is not None and value.end_col_offset is not None
    quote = lines[value.lineno - 1].decode("utf-8", "replace").strip()
    return Site(
        place=Place(file=path, line=value.lineno, function=function, quote=quote),
        begin=(value.lineno - 1, value.col_offset),
        end=(value.end_lineno - 1, value.end_col_offset),
    )


def instrumented(content: bytes, sites: list[Site], action: str = "at") -> bytes:
    """The file with these sites wrapped. `action` is `at` (note only) or `change` (a placebo)."""
    lines = content.split(b"\n")
    for site in sorted(sites, key=lambda site: site.begin, reverse=True):
        (first, column), (last, end) = site.begin, site.end
        lines[last] = lines[last][:end] + b"))" + lines[last][end:]
        call = _CALL.format(action=action, place=str(site.place)).encode("utf-8", "surrogateescape")
        lines[first] = lines[first][:column] + call + lines[first][column:]
    return b"\n".join(lines)


def watch_all(paths: Mapping[str, bytes]) -> tuple[dict[str, bytes], dict[str, Site]]:
    """Every file instrumented, and the sites by the text of their place (of several on a line, the first)."""
    contents: dict[str, bytes] = {}
    known: dict[str, Site] = {}
    for path, content in paths.items():
        if sites := sites_of(path, content):
            contents[path] = instrumented(content, sites)
            for site in sites:
                known.setdefault(str(site.place), site)
    return contents, known


def source_files(paths: tuple[str, ...], read: Read) -> dict[str, bytes]:
    """The Python files worth watching: of a size that people write, at most so many."""
    found: dict[str, bytes] = {}
    for path in paths:
        content = read(path)
        if content is not None and len(content) <= MAX_FILE_BYTES and len(found) < MAX_FILES:
            found[path] = content
    return found


def lost(
    before: Mapping[str, Site], ran_before: frozenset[str], after: Mapping[str, Site], ran: frozenset[str]
) -> tuple[set[tuple[str, str, str]], set[tuple[str, str, str]]]:
    """Of the sites that ran before and are still there after a change: all of them, and those that no longer run."""
    there = {site.identity for site in after.values()}
    ran_then = {before[place].identity for place in ran_before if place in before} & there
    runs_now = {after[place].identity for place in ran if place in after}
    return ran_then, ran_then - runs_now
