"""Repository to tar stream and manifest, with what was left out and why.

The repository is untrusted already here: git runs with hooks, monitors and filters off (git.py), and files are
opened without following links (tree.py). The user's tree and `.git` are only ever read.
"""

import hashlib
import os
import stat
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from debugbox.errors import NotARepository, SnapshotTooLarge
from debugbox.git import Git
from debugbox.githistory import history_of
from debugbox.listing import Choice, at_or_below, list_paths
from debugbox.secrets import mask_secrets, secret_by_name
from debugbox.settings import Limits
from debugbox.tarstream import BLOCK, PART_BYTES, Spool, file_member, in_parts
from debugbox.tree import Tree, read_at_most, tree_hash

_MASK_UP_TO_BYTES = 1 << 20  # secret shapes are looked for in text of this size; larger files are data
_MOST_FOLDERS_DEEP = 200
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_A_FEW = 5


@dataclass(frozen=True, kw_only=True)
class Skipped:
    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The repository as it stood, spooled once so that every box gets the same bytes.

    `sha256` covers path, kind and content of everything in `files`; `size_bytes` is the sum of the contents.
    `lfs_pointers` are files whose data is elsewhere, `history` the commits that went along.
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
    tree_hash: str = ""
    _spool: int = field(repr=False, compare=False)
    _offsets: dict[str, tuple[int, int]] = field(repr=False, compare=False)

    def parts(self, changed: Mapping[str, bytes] = MappingProxyType({})) -> Iterator[bytes]:
        """The tar, in parts of at most 1 MiB. Safe to iterate from several threads.

        `changed` gives some of its files another content in this copy only.
        """
        position = 0
        for path in sorted(changed, key=lambda path: self._offsets[path]):
            offset, size = self._offsets[path]
            end = offset + -(-size // BLOCK) * BLOCK
            yield from self._read_parts(position, end)
            yield from in_parts(file_member(path, changed[path]))  # a second member of a name replaces the first
            position = end
        yield from self._read_parts(position, None)

    def _read_parts(self, position: int, end: int | None) -> Iterator[bytes]:
        while part := os.pread(self._spool, min(PART_BYTES, end - position if end else PART_BYTES), position):
            position += len(part)
            yield part
            if position == end:
                return

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
        if self.history:
            said.append(f"the last {self.history} commits go along as they are: secrets in them are not masked")
        return tuple(said)

    def tree_hash_now(self) -> str:
        """The hash that `tree_hash` had, of the tree as it is now: equal when nothing was written."""
        return tree_hash(self.root)


def take_snapshot(
    root: Path, limits: Limits, exclude: tuple[str, ...] = (), *, choice: Choice | None = None
) -> Snapshot:
    """Read the repository (or plain folder) at `root`. `exclude` is short for a choice that has nothing else.

    Raises:
        NotARepository: `root` is no folder, or nothing of it can go into a snapshot.
        SnapshotTooLarge: a limit of count, file size or sum is exceeded.
        BadSettings: a path to include that is not there.
    """
    choice = choice or Choice(exclude=exclude)
    if not root.is_dir():
        raise NotARepository(root, "there is no such folder")
    before = tree_hash(root)
    git = Git.of(root)
    with closing(_Taking(root, limits, choice, git)) as taking:
        for path in list_paths(root, git, choice, limits):
            taking.take(path)
        if not taking.offsets:
            raise NotARepository(root, "it holds no files that can be read")
        taking.take_history()
        return taking.finish(before)


class _Taking:
    """The tar while it is written: one pass over the files reads, masks, hashes and spools them."""

    def __init__(self, root: Path, limits: Limits, choice: Choice, git: Git | None) -> None:
        self._root, self._limits, self._choice, self._git = root, limits, choice, git
        try:
            self._tree = Tree(root)
        except OSError as error:
            raise NotARepository(root, error.strerror or "it cannot be read") from error
        self._spool = Spool()
        self._digest = hashlib.sha256()
        self._sum = 0
        self._sizes: Counter[str] = Counter()
        self.offsets: dict[str, tuple[int, int]] = {}
        self._blobs: dict[str, bytes] = {}  # path -> content id in git's way, for the dirty list
        self._skipped: list[Skipped] = []
        self._masked: list[str] = []
        self._links: list[str] = []
        self._pointers: list[str] = []
        self._dirty: list[str] = []
        self._history = 0

    def skip(self, path: str, reason: str) -> None:
        self._skipped.append(Skipped(path=path, reason=reason))

    def take(self, path: str) -> None:
        """Read one file and add it; whatever cannot go in is listed with its reason."""
        path = path.rstrip("/")  # so git lists a repository inside
        if at_or_below(path, self._choice.exclude):
            return self.skip(path, "excluded")
        if path.count("/") > _MOST_FOLDERS_DEEP:
            return self.skip(path, f"over {_MOST_FOLDERS_DEEP} folders deep")
        allowed = at_or_below(path, self._choice.allow_secrets)
        if not allowed and secret_by_name(path):
            return self.skip(path, f"a secret by its name (--allow-secret {path})")
        try:
            fd = self._tree.open(path)
        except FileNotFoundError:
            return None  # deleted, but not from the index: told as dirty
        except OSError as error:
            return self._take_unopened(path, error)
        try:
            self._take_open(path, fd, allowed)
        finally:
            os.close(fd)
        return None

    def _take_open(self, path: str, fd: int, allowed: bool) -> None:
        details = os.fstat(fd)
        if stat.S_ISDIR(details.st_mode):
            return self._take_folder(path)
        limit = self._limits.snapshot_file_bytes
        if not stat.S_ISREG(details.st_mode):
            return self.skip(path, "not a regular file")
        if details.st_size > limit:
            return self.skip(path, f"over {limit / (1 << 20):g} MiB")
        content = read_at_most(fd, details.st_size, limit)
        return self._add_file(path, content, executable=bool(details.st_mode & 0o100), allowed=allowed)

    def _take_unopened(self, path: str, error: OSError) -> None:
        target = self._tree.link_target(path)
        if target is None:
            return self.skip(path, error.strerror or "unreadable")
        return self._take_link(path, target)

    def _take_folder(self, path: str) -> None:
        """git lists a folder where another repository is: a submodule's files go in, a stranger's do not."""
        if self._git is None or path not in self._git.submodules:
            return self.skip(path, "a repository of its own (--include adds it)")
        inner = Git(self._root / path)
        if not (self._root / path / ".git").exists():
            return self.skip(path, "a submodule that is not checked out")
        for name in sorted(inner.files()):
            self.take(f"{path}/{name}")
        blobs = {name: self._blobs.pop(f"{path}/{name}") for name in inner.files() if f"{path}/{name}" in self._blobs}
        self._dirty += [f"{path}/{name}" for name in inner.dirty(blobs, [])]
        return None

    def _add_file(self, path: str, content: bytes, *, executable: bool, allowed: bool = True) -> None:
        if self._git:
            self._blobs[path] = content_id(content)
        if content.startswith(_LFS_POINTER):
            self._pointers.append(path)
        if not allowed and len(content) <= _MASK_UP_TO_BYTES:
            content, masked = mask_secrets(content)
            if masked:
                self._masked.append(path)
        self._count(path, len(content))
        self._digest.update(f"file\0{path}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        self._digest.update(content)
        self.offsets[path] = (self._spool.add_file(path, content, executable=executable), len(content))

    def _count(self, path: str, size: int) -> None:
        self._sum += size
        self._sizes[path.partition("/")[0]] += size
        if self._sum > self._limits.snapshot_bytes:
            limit = f"over {self._limits.snapshot_bytes >> 20} MiB in all"
            raise SnapshotTooLarge(limit, _largest(self._sizes))

    def _take_link(self, path: str, target: str) -> None:
        """A symlink goes in only if it is relative and its target stays inside."""
        inside = os.path.normpath(str(PurePosixPath(path).parent / target))  # textual: nothing is followed
        if target.startswith("/") or inside.startswith(".."):
            return self.skip(path, "a link that leads outside")
        self._spool.add_link(path, target)
        self._digest.update(f"link\0{path}\0{target}\0".encode("utf-8", "surrogateescape"))
        self._links.append(path)
        return None

    def take_history(self) -> None:
        """The last commits as a `.git` of our own making, where they were asked for."""
        if not self._choice.history:
            return None
        wanted = self._choice.history
        history = history_of(self._root, self._git, wanted) if self._git else "there is no git here"
        if isinstance(history, str):
            return self.skip(".git", history)
        self._history = history.commits
        for path, content in history.files.items():
            self._count(path, len(content))
            self._spool.add_file(path, content, executable=False)
        return None

    def close(self) -> None:
        self._tree.close()
        self._spool.close()

    def finish(self, tree_before: str) -> Snapshot:
        spool = self._spool.finish()
        snapshot = Snapshot(
            root=self._root,
            sha256=self._digest.hexdigest(),
            files=tuple(self.offsets),
            size_bytes=self._sum,
            commit=self._git.commit() if self._git else None,
            dirty=(*self._git.dirty(self._blobs, self._links), *self._dirty) if self._git else (),
            skipped=tuple(self._skipped),
            masked=tuple(self._masked),
            lfs_pointers=tuple(self._pointers),
            history=self._history,
            tree_hash=tree_before,
            _spool=spool,
            _offsets=self.offsets,
        )
        weakref.finalize(snapshot, os.close, spool)
        return snapshot


def content_id(content: bytes) -> bytes:
    """The id git gives this content (SHA-1 of a blob)."""
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest().encode()


def _largest(sizes: Counter[str]) -> str:
    return ", ".join(f"{name} ({size >> 20} MiB)" for name, size in sizes.most_common(3))
