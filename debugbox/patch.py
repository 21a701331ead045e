"""Unified diffs, applied to the contents of a snapshot in memory: strict, and in words where they do not fit.

A diff changes lines of files that are there; it creates, deletes and renames nothing. The user's tree is not
touched: what comes out goes into the tar of one box.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from debugbox.finding import Intervention, Place

MAX_CHARACTERS = 20_000  # of a diff: an intervention is small
_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
_NOISE = ("diff ", "index ", "\\ No newline")
_REFUSED = ("rename ", "copy ", "new file", "deleted file", "Binary ", "GIT binary")

Read = Callable[[str], bytes | None]


@dataclass(frozen=True, kw_only=True)
class Region:
    """Lines `first` to `last` of a file (from 1) that a diff takes away; `last` < `first` where it only adds."""

    file: str
    first: int
    last: int
    quote: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Patch:
    """What a diff does to a snapshot: the new contents, and the regions it changes, in order."""

    contents: dict[str, bytes]
    regions: tuple[Region, ...]
    text: str

    def as_intervention(self) -> Intervention:
        """The record's shape of it: the diff is its description."""
        sites = tuple(Place(file=each.file, line=max(1, each.first), quote=each.quote) for each in self.regions)
        return Intervention(kind="diff", sites=sites, describe=self.text)


@dataclass
class _Hunk:
    line: int  # where the old lines begin, as the diff says
    lines: list[tuple[str, str]] = field(default_factory=list)  # (" " | "-" | "+", text)

    @property
    def old(self) -> list[str]:
        return [text for sign, text in self.lines if sign != "+"]

    @property
    def new(self) -> list[str]:
        return [text for sign, text in self.lines if sign != "-"]


def apply_diff(text: str, read: Read) -> Patch:
    """`text` applied to the files that `read` gives.

    A hunk goes where its lines stand: at the line it names or, where that is wrong, at the one place that fits.

    Raises:
        ValueError: in words for who wrote the diff, with the hunk that does not fit.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"the diff has {len(text):,} characters; at most {MAX_CHARACTERS:,} are taken")
    contents: dict[str, bytes] = {}
    regions: list[Region] = []
    for path, hunks in _files(text):
        before = contents.get(path, read(path))
        if before is None:
            raise ValueError(f"{path}: there is no such file in the snapshot; a diff changes files that are there")
        contents[path], changed = _apply(path, before, hunks)
        regions += changed
    if not regions:
        raise ValueError("the diff changes nothing: it needs ---, +++ and @@ lines, and lines with - or +")
    return Patch(contents=contents, regions=tuple(regions), text=text.strip() + "\n")


def _files(text: str) -> Iterator[tuple[str, list[_Hunk]]]:
    lines = text.splitlines()
    path, hunks = "", list[_Hunk]()
    number = 0
    while number < len(lines):
        line, following = lines[number], lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("--- ") and following.startswith("+++ "):
            if path:
                yield path, hunks
            path, hunks = _path(line, following), []
            number += 1
        elif match := _HUNK.match(line):
            hunks.append(_Hunk(int(match[1])))
        elif not (line.startswith(_NOISE) or (not hunks and not line.strip())):
            _take_line(line, path, hunks)
        number += 1
    if path:
        yield path, hunks


def _path(old: str, new: str) -> str:
    old, new = (line[4:].split("\t")[0].strip() for line in (old, new))
    if "/dev/null" in (old, new):
        raise ValueError("a diff may not create or delete files")
    # `a/` and `b/` are git's; without both of them the name is taken as it stands.
    path = new[2:] if old.startswith("a/") and new.startswith("b/") else new
    return path.removeprefix("/srv/repo/").removeprefix("./")


def _take_line(line: str, path: str, hunks: list[_Hunk]) -> None:
    if line.startswith(_REFUSED):
        raise ValueError(f"a diff may only change lines: {line[:60]!r}")
    if not path or not hunks:
        raise ValueError(f"no diff: {line[:60]!r} stands before the first ---, +++ and @@ lines")
    sign = line[:1] or " "  # an empty line is a context line whose space was lost
    if sign not in " -+":
        raise ValueError(f"{path}: a line of a hunk begins with a space, - or +, not {line[:60]!r}")
    hunks[-1].lines.append((sign, line[1:]))


def _apply(path: str, before: bytes, hunks: list[_Hunk]) -> tuple[bytes, list[Region]]:
    ending = "\r\n" if b"\r\n" in before else "\n"
    lines = before.decode("utf-8", "surrogateescape").split(ending)
    regions: list[Region] = []
    shift = 0  # by how many lines the hunks so far have moved what follows
    for hunk in hunks:
        at = _find(path, lines, hunk, shift)
        regions += _regions(path, hunk, at - shift)
        lines[at : at + len(hunk.old)] = hunk.new
        shift += len(hunk.new) - len(hunk.old)
    return ending.join(lines).encode("utf-8", "surrogateescape"), regions


def _find(path: str, lines: list[str], hunk: _Hunk, shift: int) -> int:
    old, named = hunk.old, max(0, hunk.line - 1 + shift)
    if not old:
        raise ValueError(f"{path}: a hunk needs lines around what it adds, to show where it goes")
    if lines[named : named + len(old)] == old:
        return named
    fitting = [at for at in range(len(lines) - len(old) + 1) if lines[at : at + len(old)] == old]
    if len(fitting) == 1:
        return fitting[0]
    why = f"fit {len(fitting)} places" if fitting else "stand nowhere in the file as they are quoted"
    raise ValueError(f"{path}: the lines of the hunk at line {hunk.line} {why}; the first is {old[0]!r}")


def _regions(path: str, hunk: _Hunk, at: int) -> Iterator[Region]:
    """The runs of changed lines in a hunk whose first old line is line `at` + 1 of the file."""
    number, first = at + 1, 0
    removed, added = list[str](), list[str]()
    for sign, text in [*hunk.lines, (" ", "")]:
        if sign == " ":
            if removed or added:
                quote = (removed or [hunk.old[max(0, first - at - 2)]])[0].strip()
                yield Region(
                    file=path, first=first if removed else first - 1, last=first - 1 + len(removed), quote=quote,
                    removed=tuple(removed), added=tuple(added),
                )  # fmt: skip
            removed, added = [], []
            number += 1
            continue
        if not removed and not added:
            first = number
        (removed if sign == "-" else added).append(text)
        number += sign == "-"
