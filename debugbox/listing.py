"""Which paths of a repository go into a snapshot: what git lists (or all of it), what its user adds or leaves out."""

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from debugbox.errors import BadSettings, SnapshotTooLarge
from debugbox.git import Git
from debugbox.project import metadata_files, read_project
from debugbox.settings import Limits, Settings
from debugbox.tree import Tree, read_at_most, walk

_SMALL_BYTES = 8 << 20


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What goes into a snapshot beyond, or short of, what git lists. Paths are relative, with slashes.

    `include` adds ignored files and folders, `allow_secrets` lifts the secrets' rules for what is at or below a path,
    `history` is how many commits go along; with `good`, all that are later than it and itself. `recipes` is the folder
    of the user's own, which lies outside.
    """

    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    allow_secrets: tuple[str, ...] = ()
    history: int = 0
    good: str | None = None
    recipes: Path | None = None


def choice_of(settings: Settings) -> Choice:
    """What a run's settings say of its snapshot."""
    return Choice(
        exclude=settings.exclude,
        include=settings.include,
        allow_secrets=settings.allow_secrets,
        history=settings.history,
        good=settings.good,
        recipes=settings.recipes_dir,
    )


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What is going to be in a snapshot, as far as names and sizes tell: secrets are still among it."""

    root: Path
    files: tuple[str, ...]
    size_bytes: int

    @classmethod
    def of(cls, root: Path, paths: Sequence[str], sizes: Mapping[str, int], limits: Limits) -> Self:
        """`sizes` are of all files below `root`; those above the limit are not going to be in."""
        wanted = (sizes.get(path, 0) for path in paths)
        size_bytes = sum(size for size in wanted if size <= limits.snapshot_file_bytes)
        return cls(root=root, files=tuple(paths), size_bytes=size_bytes)

    @property
    def has_metadata(self) -> bool:
        """Whether the snapshot is going to have some. Raises BadSettings."""
        project = read_project(self.read)
        return bool(metadata_files(project, project.version or "0.0.0"))

    def read(self, path: str) -> bytes | None:
        """Content of a small regular file as it is now, or None where it is none of those."""
        if path not in self.files:
            return None
        try:
            with contextlib.closing(Tree(self.root)) as tree, os.fdopen(tree.open(path), "rb") as file:
                details = os.fstat(file.fileno())
                is_small = stat.S_ISREG(details.st_mode) and details.st_size <= _SMALL_BYTES
                return read_at_most(file.fileno(), details.st_size, _SMALL_BYTES) if is_small else None
        except OSError:
            return None


def list_paths(root: Path, git: Git | None, choice: Choice, limits: Limits) -> list[str]:
    """Every path to look at, in order. One that git lists may be gone, or be a folder (another repository).

    Raises:
        SnapshotTooLarge: there are more than the limit.
        BadSettings: a path to include is not there.
    """
    paths = set(git.files() if git else walk(root))
    paths.update(*(_included(root, each) for each in choice.include))
    if len(paths) > limits.snapshot_files:
        counts = Counter(path.partition("/")[0] for path in paths)
        largest = ", ".join(f"{name} ({count} files)" for name, count in counts.most_common(3))
        raise SnapshotTooLarge(f"{len(paths)} files, the limit is {limits.snapshot_files}", largest)
    return sorted(paths)


def at_or_below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == each.rstrip("/") or path.startswith(each.rstrip("/") + "/") for each in folders)


def _included(root: Path, path: str) -> Iterator[str]:
    """The files at or below a path to include. Raises BadSettings when it is not there, or not inside."""
    name = os.path.normpath(path)
    if name.startswith(("../", "/")) or name in ("..", ".") or ".git" in Path(name).parts:
        raise BadSettings("--include", f"{path} is not a path inside the repository")
    if (root / name).resolve() != root.resolve() / name:
        raise BadSettings("--include", f"{path} leads through a link")
    if (root / name).is_dir():
        return walk(root, name, skips=False)
    if not (root / name).is_file():
        raise BadSettings("--include", f"there is no {path} in the repository")
    return iter([name])
