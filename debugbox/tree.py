"""A folder of the user's, read without following a link and without writing anything.

The repository is untrusted: a folder may be swapped for a link while it is read, a file may be a pipe.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_OPEN_FOLDERS = 64
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


class Tree:
    """Opens files below `root` by their path; the folders last used stay open."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        self._folders: dict[str, int] = {}

    def open(self, path: str) -> int:
        """A descriptor of what is at `path`, whatever it is. Raises OSError, also where a link is on the way."""
        parent, _, name = path.rpartition("/")
        return os.open(name, _FILE, dir_fd=self._folder(parent))

    def link_target(self, path: str) -> str | None:
        """Where the link at `path` leads to, or None when it is none."""
        parent, _, name = path.rpartition("/")
        try:
            return os.readlink(name, dir_fd=self._folder(parent))
        except OSError:
            return None

    def close(self) -> None:
        for fd in (self._root, *self._folders.values()):
            os.close(fd)

    def _folder(self, path: str) -> int:
        if not path:
            return self._root
        if path not in self._folders:
            parent, _, name = path.rpartition("/")
            fd = os.open(name, _FOLDER, dir_fd=self._folder(parent))
            if len(self._folders) >= _OPEN_FOLDERS:
                os.close(self._folders.pop(next(iter(self._folders))))
            self._folders[path] = fd
        return self._folders[path]


def read_at_most(fd: int, size: int, limit: int) -> bytes:
    """The file's content, of which `size` is expected; at most `limit` + 1 bytes where it grew."""
    content = os.read(fd, size + 1)
    if len(content) <= size and size < 1 << 30:  # one read gives at most 2 GiB
        return content
    while len(content) <= limit and (more := os.read(fd, limit + 1 - len(content))):
        content += more
    return content


def walk(root: Path, below: str = "", *, skips: bool = True) -> Iterator[str]:
    """Files of the folder `below` (all of them by default), as paths relative to `root`; no link is followed.

    `skips` leaves out what tools put beside sources: environments, caches. `.git` is never walked.
    """
    left_out = _WALK_SKIPS if skips else {".git"}
    folders = [below]
    while folders:
        folder = folders.pop()
        for entry in _entries(root / folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield path
            elif entry.name not in left_out:
                folders.append(path)


@dataclass(frozen=True)
class TreeState:
    """`hash` is over names, sizes, modes and times of everything below a folder, `.git` included; `sizes` are those of
    its files, by relative path.

    Times are part of it: a file that was rewritten with the same content counts as written.
    """

    hash: str
    sizes: Mapping[str, int]


def tree_state(root: Path) -> TreeState:
    digest, sizes = hashlib.sha256(), {}
    folders: list[tuple[Path | str, str]] = [(root, "")]
    while folders:
        folder, below = folders.pop()
        for entry in _entries(folder):
            try:
                details = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            size = details.st_size if stat.S_ISREG(details.st_mode) else 0
            line = f"{entry.path}\0{details.st_mode}\0{size}\0{details.st_mtime_ns}\0"
            digest.update(line.encode("utf-8", "surrogateescape"))
            if entry.is_dir(follow_symlinks=False):
                folders.append((entry.path, f"{below}{entry.name}/"))
            elif size:
                sizes[below + entry.name] = size
    return TreeState(digest.hexdigest(), sizes)


def _entries(folder: Path | str) -> "list[os.DirEntry[str]]":
    """What a folder holds, by name; nothing where it is not ours to read, or gone."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
