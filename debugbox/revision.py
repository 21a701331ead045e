"""A revision of the repository as a folder, and what history says; `verification` and `bisection` look at it.

Blobs are read by their id and written as they are: `git archive` and `git worktree` would run the filters that the
repository configures, and the latter writes into `.git`.
"""

import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from debugbox.errors import NoSuchRevision, SnapshotTooLarge
from debugbox.git import Git
from debugbox.settings import Limits

_FILE, _EXECUTABLE, _LINK = b"100644", b"100755", b"120000"
_AT_ONCE = 200  # blobs a request, so that not all of them are in memory


@dataclass(frozen=True, kw_only=True)
class Commit:
    id: str
    date: str
    subject: str


@dataclass(frozen=True, kw_only=True)
class _Blob:
    mode: bytes
    id: bytes
    size: int
    path: str


def commit_of(root: Path, revision: str) -> str:
    """The full id of the commit that `revision` names. Raises NoSuchRevision."""
    try:
        found = Git(root).ask("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoSuchRevision(revision) from error
    return found.decode().strip()


def commits_between(root: Path, older: str | None, newer: str) -> list[str]:
    """Ids on the first-parent line after `older` (or from the root) up to `newer`, oldest first."""
    span = [newer] if older is None else [newer, f"^{older}"]
    listed = Git(root).ask("rev-list", "--first-parent", "--reverse", *span, "--")
    return listed.decode().split()


def describe_commits(root: Path, *arguments: str) -> list[Commit]:
    """Commits as `git log` gives them for these arguments, newest first."""
    listed = Git(root).ask("log", "--no-show-signature", "--no-color", "--format=%H%x00%as%x00%s", *arguments)
    fields = [line.split("\0", 2) for line in listed.decode("utf-8", "replace").splitlines()]
    return [Commit(id=id, date=date, subject=subject) for id, date, subject in fields]


def file_at(root: Path, commit: str, path: str) -> str | None:
    """The text of a file at a commit, or None when it is not there."""
    try:
        return Git(root).ask("cat-file", "blob", f"{commit}:./{path}").decode("utf-8", "replace")
    except subprocess.CalledProcessError:
        return None


@contextmanager
def checked_out(root: Path, commit: str, limits: Limits) -> Iterator[Path]:
    """The files below `root` as `commit` has them, in a private folder that goes when the block is left.

    Files over the snapshot's limit of size are not there. Raises SnapshotTooLarge.
    """
    blobs = [blob for blob in _blobs(root, commit) if blob.size <= limits.snapshot_file_bytes]
    if sum(blob.size for blob in blobs) > limits.snapshot_bytes:
        raise SnapshotTooLarge(f"over {limits.snapshot_bytes >> 20} MiB in all at {commit[:10]}", "see git ls-tree -l")
    with tempfile.TemporaryDirectory(prefix="debugbox-revision-") as name:
        folder = Path(name)
        for start in range(0, len(blobs), _AT_ONCE):
            _write(root, folder, blobs[start : start + _AT_ONCE])
        yield folder


def _blobs(root: Path, commit: str) -> list[_Blob]:
    listing = Git(root).ask("ls-tree", "-r", "-z", "-l", commit, "--", ".")
    found = []
    for entry in listing.split(b"\0"):
        if match := re.fullmatch(rb"(\d+) blob ([0-9a-f]+) +(\d+)\t(.+)", entry, re.DOTALL):
            found.append(_Blob(mode=match[1], id=match[2], size=int(match[3]), path=os.fsdecode(match[4])))
    return found


def _write(root: Path, folder: Path, blobs: Sequence[_Blob]) -> None:
    answer = Git(root).ask("cat-file", "--batch", stdin=b"".join(blob.id + b"\n" for blob in blobs))
    position = 0
    for blob in blobs:
        position = answer.index(b"\n", position) + 1  # behind the line "ID blob SIZE"
        _write_one(folder, blob, answer[position : position + blob.size])
        position += blob.size + 1


def _write_one(folder: Path, blob: _Blob, content: bytes) -> None:
    """git allows no `..` and no absolute path in a tree, but who made this tree need not have used git."""
    parts = PurePosixPath(blob.path).parts
    if blob.path.startswith("/") or {"..", ".git"} & {part.lower() for part in parts}:
        return
    path = folder.joinpath(*parts)
    if any(parent.is_symlink() for parent in path.parents if parent != folder and parent.is_relative_to(folder)):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if blob.mode == _LINK:
        path.symlink_to(os.fsdecode(content))
    elif blob.mode in (_FILE, _EXECUTABLE):
        path.write_bytes(content)
        path.chmod(stat.S_IRUSR | stat.S_IWUSR | (stat.S_IXUSR if blob.mode == _EXECUTABLE else 0))
