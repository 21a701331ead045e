"""Repository to tar stream and manifest, with what was left out and why.

The repository is untrusted already here: git runs with hooks, monitors and filters off, and files are
opened without following links. The user's tree and `.git` are only ever read.
"""

import hashlib
import io
import os
import stat
import subprocess
import tarfile
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO

from debugbox.errors import NotARepository, SnapshotTooLarge
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

    def parts(self) -> Iterator[bytes]:
        """The tar, in parts of at most 1 MiB. Safe to iterate from several threads."""
        position = 0
        while part := os.pread(self._spool, _PART_BYTES, position):
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
    git = _Git.of(root)
    paths = git.files() if git else list(_walk(root))
    _check_count(paths, limits)
    with closing(_Taking(root, limits)) as taking:
        for path in sorted(set(paths)):
            if any(PurePosixPath(path).is_relative_to(each) for each in exclude):
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
        self._tar = tarfile.open(fileobj=self._spool, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
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
        if secret_by_name(PurePosixPath(path)):
            return self.skip(path, "a secret by its name")
        try:
            fd = _open_below(self._root_fd, path)
        except OSError as error:
            return (
                self._take_link(path)
                if (self._root / path).is_symlink()
                else self.skip(path, error.strerror or "unreadable")
            )
        with os.fdopen(fd, "rb") as file:
            details = os.fstat(file.fileno())
            if not stat.S_ISREG(details.st_mode):
                return self.skip(
                    path, "a submodule or folder" if stat.S_ISDIR(details.st_mode) else "not a regular file"
                )
            if details.st_size > self._limits.snapshot_file_bytes:
                return self.skip(path, f"over {self._limits.snapshot_file_bytes / (1 << 20):g} MiB")
            content = file.read(self._limits.snapshot_file_bytes + 1)
        self._add_file(path, content, details.st_mode)
        return None

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
        self._tar.addfile(member, io.BytesIO(content))
        padded = -(-len(content) // 512) * 512
        self.offsets[path] = (self._tar.offset - padded, len(content))

    def _count(self, path: str, size: int) -> None:
        self._sum += size
        self._sizes[PurePosixPath(path).parts[0]] += size
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
        self._tar.addfile(member)
        self._digest.update(f"link\0{path}\0{target}\0".encode("utf-8", "surrogateescape"))
        self._links.append(path)
        return None

    def close(self) -> None:
        os.close(self._root_fd)
        self._spool.close()

    def finish(self, git: "_Git | None", tree_hash: str) -> Snapshot:
        self._tar.close()
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


def _member(path: str, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.mode = mode | 0o600
    member.mtime = 0
    return member


def _open_below(root_fd: int, path: str) -> int:
    """Open a file without following any link on the way, not even in its folders."""
    folder_fd = os.dup(root_fd)
    *folders, name = PurePosixPath(path).parts
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
        counts = Counter(PurePosixPath(path).parts[0] for path in paths)
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


def ask_git(root: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """What git prints, with hooks, filters and the user's variables off. Raises OSError, CalledProcessError."""
    return _Git(root)._ask(*arguments, stdin=stdin)


class _Git:
    """git, as far as it can be asked without running anything that the repository configures."""

    _SAFE = (
        "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat",
        "-c", "protocol.allow=never", "-c", "core.untrackedCache=false",
    )  # fmt: skip

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def of(cls, root: Path) -> "_Git | None":
        """git for this folder, or None when it is not in a work tree (or there is no git)."""
        git = cls(root)
        try:
            return git if git._ask("rev-parse", "--is-inside-work-tree").strip() == b"true" else None
        except (OSError, subprocess.CalledProcessError):
            return None

    def files(self) -> list[str]:
        """Tracked, modified, and untracked but not ignored; files that were deleted are not there."""
        listed = self._ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        paths = [os.fsdecode(path) for path in listed.split(b"\0") if path]
        return [path for path in paths if os.path.lexists(self._root / path)]

    def commit(self) -> str | None:
        try:
            return self._ask("rev-parse", "--verify", "HEAD").decode().strip()
        except subprocess.CalledProcessError:
            return None  # no commit yet

    def dirty(self, blobs: dict[str, bytes], links: list[str]) -> tuple[str, ...]:
        """Files that differ from HEAD. Compared by content here: `git diff` would run the repository's filters."""
        try:
            listing = self._ask("ls-tree", "-r", "-z", "HEAD", "--", ".")
        except subprocess.CalledProcessError:
            listing = b""
        head = dict(_tree_entry(entry) for entry in listing.split(b"\0") if b" blob " in entry[:20])
        changed = {path for path, blob in blobs.items() if head.get(path) != blob}
        missing = {
            path for path in head if path not in blobs and path not in links and not (self._root / path).exists()
        }
        return tuple(sorted(changed | missing))

    def _ask(self, *arguments: str, stdin: bytes = b"") -> bytes:
        safe_directory = ("-c", f"safe.directory={self._root}")
        variables = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
        command = ["git", *self._SAFE, *safe_directory, *arguments]
        done = subprocess.run(command, cwd=self._root, env=variables, input=stdin, capture_output=True, check=True)
        return done.stdout


def _tree_entry(entry: bytes) -> tuple[str, bytes]:
    details, _, path = entry.partition(b"\t")
    return os.fsdecode(path), details.split()[2]
