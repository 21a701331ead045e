"""Reads a `.git` folder without git, which the box need not have: commits, trees and files. In the kernel."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFFSET_DELTA, _NAME_DELTA = 6, 7
GOOD_TAG = "debugbox-good"


@dataclass(frozen=True)
class Commit:
    """One commit. `parents` are those that are here: older ones may have stayed behind."""

    id: str
    tree: str
    parents: Tuple[str, ...]
    subject: str

    @property
    def short(self) -> str:
        return self.id[:10]


Files = Dict[str, Tuple[str, str]]  # path -> mode, id of the content


class GitFolder:
    """The objects of one `.git` folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._packs = [_Pack(path) for path in sorted((folder / "objects" / "pack").glob("*.idx"))]
        shallow = folder / "shallow"
        self._without_parents = set(shallow.read_text("ascii").split()) if shallow.exists() else set()
        self._commits: Dict[str, Commit] = {}

    def head(self) -> str:
        """The commit that is checked out; '' in an empty repository."""
        text = (self.folder / "HEAD").read_text("utf-8").strip()
        return self.reference(text[5:]) if text.startswith("ref: ") else text

    def reference(self, name: str) -> str:
        path = self.folder / name
        if path.is_file():
            return path.read_text("utf-8").strip()
        packed = self.folder / "packed-refs"
        for line in packed.read_text("utf-8").splitlines() if packed.exists() else ():
            if line.endswith(f" {name}"):
                return line.split()[0]
        return ""

    def find(self, name: str) -> str:
        """The commit that a tag, a branch or the beginning of an id names; '' where none does."""
        for prefix in ("", "refs/tags/", "refs/heads/"):
            found = self.reference(prefix + name) if name else ""
            if found:
                kind, content = self.read(found)
                return content.split(b"\n", 1)[0].split()[1].decode() if kind == "tag" else found
        begins = [commit.id for commit in self.ancestors(self.head()) if len(name) >= 4 and commit.id.startswith(name)]
        return begins[0] if len(begins) == 1 else ""

    def ancestors(self, start: str) -> Iterator[Commit]:
        """`start` and all that it comes from, each once."""
        waiting, seen = [start], {start}
        while waiting:
            commit = self.commit(waiting.pop())
            yield commit
            fresh = [parent for parent in commit.parents if parent not in seen]
            seen.update(fresh)
            waiting += fresh

    def commit(self, name: str) -> Commit:
        if name not in self._commits:
            head, _, message = self.read(name)[1].decode("utf-8", "replace").partition("\n\n")
            rows = [line.partition(" ")[::2] for line in head.splitlines()]
            tree = next(value for key, value in rows if key == "tree")
            parents = [] if name in self._without_parents else [value for key, value in rows if key == "parent"]
            subject = (message.strip().splitlines() or [""])[0]
            self._commits[name] = Commit(name, tree, tuple(parents), subject)
        return self._commits[name]

    def files(self, commit: str) -> Files:
        return dict(self._tree(self.commit(commit).tree, ""))

    def _tree(self, name: str, prefix: str) -> Iterator[Tuple[str, Tuple[str, str]]]:
        content, at = self.read(name)[1], 0
        while at < len(content):
            end = content.index(b"\0", at)
            mode, _, file = content[at:end].decode("utf-8", "surrogateescape").partition(" ")
            entry, at = content[end + 1 : end + 21].hex(), end + 21
            if mode == "40000":
                yield from self._tree(entry, f"{prefix}{file}/")
            elif mode != "160000":  # a submodule's content is elsewhere
                yield prefix + file, (mode, entry)

    def read(self, name: str) -> Tuple[str, bytes]:
        """Kind and content of an object. Raises KeyError where it is not here."""
        loose = self.folder / "objects" / name[:2] / name[2:]
        if loose.exists():
            head, _, content = zlib.decompress(loose.read_bytes()).partition(b"\0")
            return head.split()[0].decode(), content
        for pack in self._packs:
            offset = pack.offset(bytes.fromhex(name))
            if offset is not None:
                return pack.read(offset, self)
        raise KeyError(name)


class _Pack:
    """A pack file and its index, version 2."""

    def __init__(self, index: Path) -> None:
        self._index = index.read_bytes()
        self._path = index.with_suffix(".pack")
        self._data: Optional[bytes] = None
        self.count = struct.unpack_from(">I", self._index, 8 + 255 * 4)[0]

    def offset(self, name: bytes) -> Optional[int]:
        first = struct.unpack_from(">I", self._index, 8 + (name[0] - 1) * 4)[0] if name[0] else 0
        last = struct.unpack_from(">I", self._index, 8 + name[0] * 4)[0]
        names = 8 + 256 * 4
        while first < last:
            middle = (first + last) // 2
            known = self._index[names + middle * 20 : names + middle * 20 + 20]
            if known == name:
                return self._offset_of(middle)
            first, last = (middle + 1, last) if known < name else (first, middle)
        return None

    def _offset_of(self, number: int) -> int:
        offsets = 8 + 256 * 4 + self.count * 24
        small: int = struct.unpack_from(">I", self._index, offsets + number * 4)[0]
        if not small & 0x80000000:
            return small
        large: int = struct.unpack_from(">Q", self._index, offsets + self.count * 4 + (small & 0x7FFFFFFF) * 8)[0]
        return large

    def read(self, offset: int, repository: GitFolder) -> Tuple[str, bytes]:
        """An object, put together from its deltas."""
        if self._data is None:
            self._data = self._path.read_bytes()
        deltas: List[bytes] = []
        while True:
            kind, at = self._head(offset)
            if kind in _KINDS:
                content = zlib.decompressobj().decompress(self._data[at:])
                for delta in reversed(deltas):
                    content = _applied(content, delta)
                return _KINDS[kind], content
            if kind == _NAME_DELTA:
                base, at = self._data[at : at + 20].hex(), at + 20
                deltas.append(zlib.decompressobj().decompress(self._data[at:]))
                name, content = repository.read(base)
                for delta in reversed(deltas):
                    content = _applied(content, delta)
                return name, content
            back, at = self._back(at)
            deltas.append(zlib.decompressobj().decompress(self._data[at:]))
            offset -= back

    def _head(self, at: int) -> Tuple[int, int]:
        assert self._data is not None
        byte = self._data[at]
        kind = byte >> 4 & 7
        while byte & 0x80:
            at += 1
            byte = self._data[at]
        return kind, at + 1

    def _back(self, at: int) -> Tuple[int, int]:
        """How far before this object its base lies."""
        assert self._data is not None
        byte = self._data[at]
        back = byte & 0x7F
        while byte & 0x80:
            at += 1
            byte = self._data[at]
            back = (back + 1) << 7 | byte & 0x7F
        return back, at + 1


def _applied(base: bytes, delta: bytes) -> bytes:
    """A delta is copies from the base and new bytes, in order."""
    at = _past_size(delta, _past_size(delta, 0))
    parts: List[bytes] = []
    while at < len(delta):
        command, at = delta[at], at + 1
        if not command & 0x80:
            parts.append(delta[at : at + command])
            at += command
            continue
        offset = size = 0
        for bit in range(7):
            if command >> bit & 1:
                if bit < 4:
                    offset |= delta[at] << 8 * bit
                else:
                    size |= delta[at] << 8 * (bit - 4)
                at += 1
        size = size or 0x10000
        parts.append(base[offset : offset + size])
    return b"".join(parts)


def _past_size(delta: bytes, at: int) -> int:
    while delta[at] & 0x80:
        at += 1
    return at + 1
