"""A commit as hunks that can be taken back one by one, also from a later version of the files. In the kernel."""

import difflib
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from debugbox_recipes.importing import is_test
from debugbox_recipes.trees import Reader, lines_of


@dataclass(frozen=True)
class Hunk:
    """Lines `after` stand where lines `before` stood, at line `first` (from 0) of the version it is taken from."""

    file: str
    first: int
    before: Tuple[str, ...]
    after: Tuple[str, ...]
    whole_file: str = ""  # "added" or "deleted": the commit made the file, or took it away

    @property
    def place(self) -> str:
        return f"{self.file}:{self.first + 1}"


def hunks_between(paths: Sequence[str], old: Reader, new: Reader, now: Reader) -> Tuple[List[Hunk], List[str]]:
    """What changed from `old` to `new`, placed in `now`; and what cannot be taken back there, in words.

    A hunk whose lines were changed again since has no place any more.
    """
    found: List[Hunk] = []
    lost: List[str] = []
    for path in paths:
        texts = [lines_of(read(path)) for read in (old, new, now)]
        if is_test(path) or None in texts:
            continue
        before, after, today = ([*each] for each in texts if each is not None)
        if old(path) is None or new(path) is None:
            if (new(path) or b"") == (now(path) or b""):
                kind = "added" if old(path) is None else "deleted"
                found.append(Hunk(path, 0, tuple(before), tuple(after), kind))
            else:
                lost.append(f"{path} was changed again since")
            continue
        for first, last, lines in _changes(before, after):
            at = _moved(after, today, first, last)
            if at is None:
                lost.append(f"{path}:{first + 1} was changed again since")
            else:
                found.append(Hunk(path, at, tuple(lines), tuple(after[first:last])))
    return found, lost


def _changes(before: List[str], after: List[str]) -> List[Tuple[int, int, List[str]]]:
    """(first, last, the lines that stood there) in `after`."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return [(j1, j2, before[i1:i2]) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"]


def _moved(then: List[str], now: List[str], first: int, last: int) -> Optional[int]:
    """Where lines `first` to `last` of `then` stand in `now`, if nothing touched them or their neighbours' seam."""
    if then == now:
        return first
    for block in difflib.SequenceMatcher(None, then, now, autojunk=False).get_matching_blocks():
        low, high = block.a, block.a + block.size
        if (
            low <= first
            and last <= high
            and (first < last or low < first < high or (low <= first <= high and block.size))
        ):
            return first - block.a + block.b
    return None


def without(hunks: Sequence[Hunk], now: Reader) -> Dict[str, Optional[bytes]]:
    """The contents of the files once these hunks are taken back."""
    result: Dict[str, Optional[bytes]] = {}
    for path in dict.fromkeys(hunk.file for hunk in hunks):
        mine = [hunk for hunk in hunks if hunk.file == path]
        if mine[0].whole_file:
            result[path] = "".join(mine[0].before).encode() if mine[0].whole_file == "deleted" else None
            continue
        lines = lines_of(now(path)) or []
        for hunk in sorted(mine, key=lambda each: -each.first):
            lines[hunk.first : hunk.first + len(hunk.after)] = hunk.before
        result[path] = "".join(lines).encode()
    return result


def diff_of(changes: Dict[str, Optional[bytes]], now: Reader) -> str:
    """A unified diff; '' where a file would come or go, which is no change of lines."""
    parts: List[str] = []
    for path, content in changes.items():
        old, new = lines_of(now(path)), lines_of(content)
        if old is None or new is None or content is None or now(path) is None:
            return ""
        for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
            parts.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(parts)
