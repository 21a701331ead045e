"""Repository to tar stream and manifest, with what was left out and why.

The repository is untrusted already here: git runs with hooks, monitors and filters off, and files are
opened without following links. The user's tree and `.git` are only ever read.
"""

import hashlib
import os
import stat
import tarfile
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import IO

from debugbox.errors import NotARepository, SnapshotTooLarge
from debugbox.git import Git
from debugbox.secrets import mask_secrets, secret_by_name
from debugbox.settings import Limits

_PART_BYTES = 1 << 20
_MASK_UP_TO_BYTES = 1 << 20  # secret shapes are looked for in text of this size; larger files are data
_WALK_SKIPS = {
    ".git",
    ".hg",
    ".svn",
    "__pycache__",
    "node_modules",
    ".venv",
    "venv",
    ".tox",
    ".mypy_cache",
    ".pytest_cache",
}


@dataclass(frozen=True, kw_only=True)
class Skipped:
    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The repository as it stood, spooled once so that every box gets the same bytes.

    `sha256` covers path, kind and content of everything in `files`; `size_bytes` is the sum of the contents.
    """

    root: Path
    sha256: str
    files: tuple[str, ...]
    size_bytes: int
    commit: str | None = None
    dirty: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    masked: tuple[str, ...] = ()
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
            end = offset + -(-size // 512) * 512
            yield from self._read_parts(position, end)
            yield from _in_parts(_member_bytes(path, changed[path]))  # a second member of a name replaces the first
            position = end
        yield from self._read_parts(position, None)

    def _read_parts(self, position: int, end: int | None) -> Iterator[bytes]:
        while part := os.pread(self._spool, min(_PART_BYTES, end - position if end else _PART_BYTES), position):
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

    def tree_hash_now(self) -> str:
        """The hash that `tree_hash` had, of the tree as it is now: equal when nothing was written."""
        return _tree_hash(self.root)


def take_snapshot(root: Path, limits: Limits, exclude: tuple[str, ...] = ()) -> Snapshot:
    """Read the repository (or plain folder) at `root`.

    Raises:
        NotARepository: `root` is no folder, or nothing of it can go into a snapshot.
        SnapshotTooLarge: a limit of count, file size or sum is exceeded.
    """
    if not root.is_dir():
        raise NotARepository(root, "there is no such folder")
    tree_hash = _tree_hash(root)
    git = Git.of(root)
    paths = git.files() if git else list(_walk(root))
    _check_count(paths, limits)
    with closing(_Taking(root, limits)) as taking:
        for path in sorted(set(paths)):
            if exclude and any(PurePosixPath(path).is_relative_to(each) for each in exclude):
                taking.skip(path, "excluded")
            else:
                taking.take(path)
        if not taking.offsets:
            raise NotARepository(root, "it holds no files that can be read")
        return taking.finish(git, tree_hash)


class _Taking:
    """The tar while it is written: one pass over the files reads, masks, hashes and spools them."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        self._root, self._limits = root, limits
        # Unlinked from the start: nothing is left of it however this process ends.
        self._spool: IO[bytes] = tempfile.TemporaryFile(prefix="debugbox-")  # noqa: SIM115 (lives as long as the snapshot)
        self._position = 0
        self._digest = hashlib.sha256()
        self._sum = 0
        self._sizes: Counter[str] = Counter()
        self.offsets: dict[str, tuple[int, int]] = {}
        self.blobs: dict[str, bytes] = {}  # path -> content digest in git's way, for the dirty list
        self._skipped: list[Skipped] = []
        self._masked: list[str] = []
        self._links: list[str] = []

    def skip(self, path: str, reason: str) -> None:
        self._skipped.append(Skipped(path=path, reason=reason))

    def take(self, path: str) -> None:
        """Read one file and add it; whatever cannot go in is listed with its reason."""
        if secret_by_name(path):
            return self.skip(path, "a secret by its name")
        try:
            fd = _open_below(self._root_fd, path)
        except OSError as error:
            if (self._root / path).is_symlink():
                return self._take_link(path)
            return self.skip(path, error.strerror or "unreadable")
        with os.fdopen(fd, "rb", buffering=0) as file:
            details = os.fstat(fd)
            if reason := self._unfit(details):
                return self.skip(path, reason)
            content = file.read(self._limits.snapshot_file_bytes + 1)
        self._add_file(path, content, details.st_mode)
        return None

    def _unfit(self, details: os.stat_result) -> str:
        if stat.S_ISDIR(details.st_mode):
            return "a submodule or folder"
        if not stat.S_ISREG(details.st_mode):
            return "not a regular file"
        limit = self._limits.snapshot_file_bytes
        return f"over {limit / (1 << 20):g} MiB" if details.st_size > limit else ""

    def _add_file(self, path: str, content: bytes, mode: int) -> None:
        self.blobs[path] = content_id(content)
        if len(content) <= _MASK_UP_TO_BYTES:
            content, masked = mask_secrets(content)
            if masked:
                self._masked.append(path)
        self._count(path, len(content))
        self._digest.update(f"file\0{path}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        self._digest.update(content)
        member = _member(path, mode & 0o755)
        member.size = len(content)
        self._write(_header(member))
        self.offsets[path] = (self._position, len(content))
        self._write(content + bytes(-len(content) % tarfile.BLOCKSIZE))

    def _write(self, data: bytes) -> None:
        self._spool.write(data)
        self._position += len(data)

    def _count(self, path: str, size: int) -> None:
        self._sum += size
        self._sizes[path.partition("/")[0]] += size
        if self._sum > self._limits.snapshot_bytes:
            limit = f"over {self._limits.snapshot_bytes >> 20} MiB in all"
            raise SnapshotTooLarge(limit, _largest(self._sizes))

    def _take_link(self, path: str) -> None:
        """A symlink goes in only if it is relative and its target stays inside."""
        target = os.readlink(path, dir_fd=self._root_fd)
        inside = os.path.normpath(str(PurePosixPath(path).parent / target))  # textual: nothing is followed
        if target.startswith("/") or inside.startswith(".."):
            return self.skip(path, "a link that leads outside")
        member = _member(path, 0o755)
        member.type, member.linkname = tarfile.SYMTYPE, target
        self._write(_header(member))
        self._digest.update(f"link\0{path}\0{target}\0".encode("utf-8", "surrogateescape"))
        self._links.append(path)
        return None

    def close(self) -> None:
        os.close(self._root_fd)
        self._spool.close()

    def finish(self, git: Git | None, tree_hash: str) -> Snapshot:
        self._write(bytes(2 * tarfile.BLOCKSIZE))  # the end of a tar
        self._spool.flush()
        spool = os.dup(self._spool.fileno())
        snapshot = Snapshot(
            root=self._root,
            sha256=self._digest.hexdigest(),
            files=tuple(self.offsets),
            size_bytes=self._sum,
            commit=git.commit() if git else None,
            dirty=git.dirty(self.blobs, self._links) if git else (),
            skipped=tuple(self._skipped),
            masked=tuple(self._masked),
            tree_hash=tree_hash,
            _spool=spool,
            _offsets=self.offsets,
        )
        weakref.finalize(snapshot, os.close, spool)
        return snapshot


def content_id(content: bytes) -> bytes:
    """The id git gives this content (SHA-1 of a blob)."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest().encode()


def _member_bytes(path: str, content: bytes) -> bytes:
    """A file as it stands in a tar, its padding included."""
    member = _member(path, 0o755)
    member.size = len(content)
    return member.tobuf(tarfile.PAX_FORMAT) + content + b"\0" * (-len(content) % 512)


def _in_parts(content: bytes) -> Iterator[bytes]:
    for begin in range(0, len(content), _PART_BYTES):
        yield content[begin : begin + _PART_BYTES]


def _member(path: str, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.mode = mode | 0o600
    member.mtime = 0
    return member


def _header(member: tarfile.TarInfo) -> bytes:
    """The plain header where it fits, which is several times quicker to make than the extended one."""
    if len(member.name) < 100 and len(member.linkname) < 100 and (member.name + member.linkname).isascii():
        return member.tobuf(tarfile.USTAR_FORMAT)
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _open_below(root_fd: int, path: str) -> int:
    """Open a file without following any link on the way, not even in its folders."""
    folder_fd = os.dup(root_fd)
    *folders, name = path.split("/")
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder_fd)
            os.close(folder_fd)
            folder_fd = inner
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder_fd)
    finally:
        os.close(folder_fd)


def _check_count(paths: list[str], limits: Limits) -> None:
    if len(paths) > limits.snapshot_files:
        counts = Counter(path.partition("/")[0] for path in paths)
        largest = ", ".join(f"{name} ({count} files)" for name, count in counts.most_common(3))
        raise SnapshotTooLarge(f"{len(paths)} files, the limit is {limits.snapshot_files}", largest)


def _largest(sizes: Counter[str]) -> str:
    return ", ".join(f"{name} ({size >> 20} MiB)" for name, size in sizes.most_common(3))


def _walk(root: Path) -> Iterator[str]:
    """Files below `root` where there is no git; links to folders are not followed."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - _WALK_SKIPS)
        for name in sorted(names):
            yield Path(folder, name).relative_to(root).as_posix()


def _tree_hash(root: Path) -> str:
    """Over names, sizes, modes and times of everything below `root`, `.git` included.

    Times are part of it: a file that was rewritten with the same content counts as written.
    """
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted([*names, *folders]):
            path = Path(folder, name)
            try:
                details = path.lstat()
            except OSError:
                continue
            size = details.st_size if stat.S_ISREG(details.st_mode) else 0
            entry = f"{path.relative_to(root)}\0{details.st_mode}\0{size}\0{details.st_mtime_ns}\0"
            digest.update(entry.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
