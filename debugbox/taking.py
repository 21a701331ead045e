"""One pass over the files of a repository: each is read, masked, hashed and spooled, or left out with its reason.

Read by `snapshot`, which keeps the result. Files are opened without following links (tree.py).
"""

import hashlib
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from debugbox.errors import BadSettings, NotARepository, SnapshotTooLarge
from debugbox.git import Git
from debugbox.githistory import history_of
from debugbox.listing import Choice, at_or_below
from debugbox.project import metadata_files, read_project
from debugbox.secrets import mask_secrets, secret_by_name
from debugbox.settings import Limits
from debugbox.tarstream import Spool
from debugbox.tree import Tree, read_at_most

METADATA = ".debugbox-metadata"  # a folder of the copy
_MASK_UP_TO_BYTES = 1 << 20  # secret shapes are looked for in text of this size; larger files are data
_MOST_FOLDERS_DEEP = 200
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"


@dataclass(frozen=True, kw_only=True)
class Skipped:
    path: str
    reason: str


class Taking:
    """The tar while it is written: one pass over the files reads, masks, hashes and spools them."""

    def __init__(self, root: Path, limits: Limits, choice: Choice, git: Git | None) -> None:
        self._root, self._limits, self._choice, self._git = root, limits, choice, git
        try:
            self._tree = Tree(root)
        except OSError as error:
            raise NotARepository(root, error.strerror or "it cannot be read") from error
        self.spool = Spool()
        self.sum_bytes = 0
        self._sizes: Counter[str] = Counter()
        self.offsets: dict[str, tuple[int, int]] = {}
        self.blobs: dict[str, bytes] = {}  # path -> content id in git's way, for the dirty list
        self.skipped: list[Skipped] = []
        self.masked: list[str] = []
        self.links: list[str] = []
        self.pointers: list[str] = []
        self.dirty: list[str] = []
        self.history = 0
        self.no_history = ""
        self.metadata = False

    def skip(self, path: str, reason: str) -> None:
        self.skipped.append(Skipped(path=path, reason=reason))

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
        blobs = {name: self.blobs.pop(f"{path}/{name}") for name in inner.files() if f"{path}/{name}" in self.blobs}
        self.dirty += [f"{path}/{name}" for name in inner.dirty(blobs, [])]
        return None

    def _add_file(self, path: str, content: bytes, *, executable: bool, allowed: bool = True) -> None:
        if self._git:
            self.blobs[path] = content_id(content)
        if content.startswith(_LFS_POINTER):
            self.pointers.append(path)
        if not allowed and len(content) <= _MASK_UP_TO_BYTES:
            content, masked = mask_secrets(content)
            if masked:
                self.masked.append(path)
        self._count(path, len(content))
        self.offsets[path] = (self.spool.add_file(path, content, executable=executable), len(content))

    def _count(self, path: str, size: int) -> None:
        self.sum_bytes += size
        self._sizes[path.partition("/")[0]] += size
        if self.sum_bytes > self._limits.snapshot_bytes:
            limit = f"over {self._limits.snapshot_bytes >> 20} MiB in all"
            raise SnapshotTooLarge(limit, _largest(self._sizes))

    def _take_link(self, path: str, target: str) -> None:
        """A symlink goes in only if it is relative and its target stays inside."""
        inside = os.path.normpath(str(PurePosixPath(path).parent / target))  # textual: nothing is followed
        if target.startswith("/") or inside.startswith(".."):
            return self.skip(path, "a link that leads outside")
        self.spool.add_link(path, target)
        self.links.append(path)
        return None

    def take_history(self) -> None:
        """The last commits as a `.git` of our own making, where they were asked for."""
        wanted, good = self._choice.history, self._choice.good
        if not wanted and not good:
            return None
        room = self._limits.snapshot_bytes - self.sum_bytes
        history = history_of(self._root, self._git, wanted, good, room) if self._git else "there is no git here"
        if isinstance(history, str):
            self.no_history = history
            return self.skip(".git", history)
        self.history = history.commits
        for path, content in history.files.items():
            self._count(path, len(content))
            self.spool.add_file(path, content, executable=False)
        return None

    def add_metadata(self) -> None:
        """The package's own name and version beside its files: nobody installs it, and many a program asks."""
        try:
            project = read_project(self._read)
        except BadSettings:
            return  # told when the environment is planned
        tag = re.sub(r"^\D*", "", self._git.last_tag()) if self._git and project.name and not project.version else ""
        for name, content in metadata_files(project, project.version or tag or "0.0.0").items():
            self.metadata = True
            self.spool.add_file(f"{METADATA}/{name}", content, executable=False)

    def add_recipes(self) -> None:
        """The user's own recipes, beside the metadata: what runs is in the box, and only there."""
        folder = self._choice.recipes
        files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder and folder.is_dir() else []
        for path in files:
            if "__pycache__" not in path.parts:
                self._count(METADATA, path.stat().st_size)
                name = f"{METADATA}/recipes/{path.relative_to(folder or path).as_posix()}"
                self.spool.add_file(name, path.read_bytes(), executable=False)

    def _read(self, path: str) -> bytes | None:
        return self.spool.read(*self.offsets[path]) if path in self.offsets else None

    def close(self) -> None:
        self._tree.close()
        self.spool.close()


def content_id(content: bytes) -> bytes:
    """The id git gives this content (SHA-1 of a blob)."""
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest().encode()


def _largest(sizes: Counter[str]) -> str:
    return ", ".join(f"{name} ({size >> 20} MiB)" for name, size in sizes.most_common(3))
