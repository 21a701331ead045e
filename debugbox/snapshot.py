"""Repository to tar stream and manifest, with what was left out and why.

The repository is untrusted already here: git runs with hooks, monitors and filters off (git.py), and files are
opened without following links (tree.py). The user's tree and `.git` are only ever read.
"""

import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from debugbox.errors import NotARepository
from debugbox.git import Git
from debugbox.listing import Choice, Listed, list_paths
from debugbox.settings import Limits
from debugbox.taking import METADATA, Skipped, Taking
from debugbox.tarstream import PART_BYTES, Spool
from debugbox.tree import tree_state

_A_FEW = 5


@dataclass(frozen=True, kw_only=True)
class Made:
    """A file that the repository's set-up made, or a link to `target`."""

    path: str
    content: bytes
    executable: bool = False
    target: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The repository as it stood, spooled once so that every box gets the same bytes.

    `sha256` covers path, kind, executable bit and content of everything that goes in,
    `size_bytes` is the sum of the contents.
    `lfs_pointers` are files whose data is elsewhere, `history` the commits that went along, `has_metadata` whether
    the boxes know the package by name and version (below `METADATA`).
    """

    root: Path
    sha256: str
    files: tuple[str, ...]
    size_bytes: int
    commit: str | None = None
    dirty: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    masked: tuple[str, ...] = ()
    lfs_pointers: tuple[str, ...] = ()
    history: int = 0
    no_history: str = ""  # why the commits that were asked for did not go along
    has_metadata: bool = False
    tree_hash: str = ""
    made: tuple[str, ...] = ()  # by the set-up; not of the repository, in the boxes all the same
    _spool: int = field(repr=False, compare=False)
    _offsets: dict[str, tuple[int, int]] = field(repr=False, compare=False)

    def parts(self) -> Iterator[bytes]:
        """The tar, in parts of at most 1 MiB. Safe to iterate from several threads."""
        position = 0
        while part := os.pread(self._spool, PART_BYTES, position):
            position += len(part)
            yield part

    def read(self, path: str) -> bytes | None:
        """Content of one file as the boxes see it, or None when it is not in the snapshot."""
        if path not in self._offsets:
            return None
        offset, size = self._offsets[path]
        return os.pread(self._spool, size, offset)

    def source_line(self, path: str, line: int) -> str | None:
        """The stripped source text of a line, or None when there is no such line."""
        content = self.read(path)
        lines = content.decode("utf-8", "replace").splitlines() if content is not None else []
        return lines[line - 1].strip() if 0 < line <= len(lines) else None

    @cached_property
    def python_files(self) -> tuple[str, ...]:
        return tuple(path for path in self.files if path.endswith(".py"))

    @property
    def notes(self) -> tuple[str, ...]:
        """What its user should know before anything runs, a line each."""
        said = []
        if self.lfs_pointers:
            names = ", ".join(self.lfs_pointers[:_A_FEW])
            said.append(
                f"{len(self.lfs_pointers)} files are LFS pointers, not their data: `git lfs pull` fetches it ({names})"
            )
        if self.no_history:
            said.append(f"no commits go along: {self.no_history}")
        if self.history:
            said.append(f"the last {self.history} commits go along as they are: secrets in them are not masked")
        return tuple(said)

    def with_made(self, made: Iterable[Made]) -> "Snapshot":
        """A snapshot whose boxes have these files too, instead of those of the same path."""
        offsets, names, size = dict(self._offsets), [], 0
        with closing(Spool()) as spool:
            spool.add_whole(self._spool)
            for each in made:
                names.append(each.path)
                size += len(each.content)
                if each.target:
                    spool.add_link(each.path, each.target)
                else:
                    offset = spool.add_file(each.path, each.content, executable=each.executable)
                    offsets[each.path] = (offset, len(each.content))
            descriptor = spool.finish()
        size_bytes = self.size_bytes + size
        new = replace(self, made=tuple(names), size_bytes=size_bytes, _spool=descriptor, _offsets=offsets)
        weakref.finalize(new, os.close, descriptor)
        return new

    def tree_hash_now(self) -> str:
        """The hash that `tree_hash` had, of the tree as it is now: equal when nothing was written."""
        return tree_state(self.root).hash


def take_snapshot(
    root: Path,
    limits: Limits,
    exclude: tuple[str, ...] = (),
    *,
    choice: Choice | None = None,
    when_listed: Callable[[Listed], object] = lambda _: None,
) -> Snapshot:
    """Read the repository (or plain folder) at `root`. `exclude` is short for a choice that has nothing else.

    `when_listed` is told what is going to be read, before it is.

    Raises:
        NotARepository: `root` is no folder, or nothing of it can go into a snapshot.
        SnapshotTooLarge: a limit of count, file size or sum is exceeded.
        SpoolFull: the temporary folder cannot hold it.
        BadSettings: a path to include that is not there.
    """
    choice = choice or Choice(exclude=exclude)
    if not root.is_dir():
        raise NotARepository(root, "there is no such folder")
    before = tree_state(root)
    git = Git.of(root)
    with closing(Taking(root, limits, choice, git)) as taking:
        paths = list_paths(root, git, choice, limits)
        when_listed(Listed.of(root, paths, before.sizes, limits))
        for path in paths:
            taking.take(path)
        if not taking.offsets:
            raise NotARepository(root, "it holds no files that can be read")
        sha256 = taking.spool.sha256()  # before what is ours
        taking.take_history()
        taking.add_metadata()
        taking.add_recipes()
        return _snapshot_of(taking, root, git, before.hash, sha256)


def _snapshot_of(taking: Taking, root: Path, git: Git | None, tree_before: str, sha256: str) -> Snapshot:
    spool = taking.spool.finish()
    snapshot = Snapshot(
        root=root,
        sha256=sha256,
        files=tuple(taking.offsets),
        size_bytes=taking.sum_bytes,
        commit=git.commit() if git else None,
        dirty=(*git.dirty(taking.blobs, taking.links), *taking.dirty) if git else (),
        skipped=tuple(taking.skipped),
        masked=tuple(taking.masked),
        lfs_pointers=tuple(taking.pointers),
        history=taking.history,
        no_history=taking.no_history,
        has_metadata=taking.metadata,
        tree_hash=tree_before,
        _spool=spool,
        _offsets=taking.offsets,
    )
    weakref.finalize(snapshot, os.close, spool)
    return snapshot


__all__ = ["METADATA", "Made", "Skipped", "Snapshot", "take_snapshot"]
