"""Commits as folders to run in, and as texts to compare. In the kernel.

Never in the user's checkout: each trial has a fresh folder that goes when it is over. What the snapshot has and no
commit knows (a new script that shows the symptom, data) is laid over, and so are the files that the command names where
they are tests or where the commit has them not.
"""

import contextlib
import os
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set

from .gitobjects import Files, GitFolder
from .harness import Program
from .importing import is_test

_LEFT_OUT = {".git", "__pycache__", ".pytest_cache"}
_MOST_OVERLAID = 64 << 20


Reader = Callable[[str], Optional[bytes]]


class Trees:
    """`repo` is the snapshot with its `.git`; the snapshot may hold work that is in no commit."""

    def __init__(self, repo: PurePath, command: str) -> None:
        self.repo = Path(repo)
        self.git = GitFolder(self.repo / ".git")
        self.head = self.git.head()
        self._files: Dict[str, Files] = {}
        self.named = self._named(command)
        self.untracked = self._untracked()

    def files(self, commit: str) -> Files:
        if commit not in self._files:
            self._files[commit] = self.git.files(commit)
        return self._files[commit]

    def text(self, commit: str, path: str) -> Optional[bytes]:
        entry = self.files(commit).get(path)
        return self.git.read(entry[1])[1] if entry and entry[0] != "120000" else None

    def in_snapshot(self, path: str) -> Optional[bytes]:
        try:
            return (self.repo / path).read_bytes()
        except OSError:
            return None

    def _named(self, command: str) -> Set[str]:
        """Files of the snapshot that the command names, folders of tests with all they hold."""
        found: Set[str] = set()
        for word in re.findall(r"[^\s'\"=:]+", command):
            path = self.repo / word
            if path.is_file():
                found.add(os.path.normpath(word))
            elif path.is_dir() and is_test(f"{word.rstrip('/')}/"):
                found.update(each.relative_to(self.repo).as_posix() for each in path.rglob("*.py"))
        return found

    def _untracked(self) -> List[str]:
        known, found, size = self.files(self.head), [], 0
        for folder, folders, files in os.walk(self.repo):
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
            for name in files:
                path = os.path.relpath(os.path.join(folder, name), self.repo)
                if path not in known and not name.endswith(".pyc"):
                    size += os.lstat(os.path.join(folder, name)).st_size
                    found += [path] if size < _MOST_OVERLAID else []
        return found

    def changed_in_snapshot(self) -> List[str]:
        """Tracked files whose content in the snapshot is another than at HEAD."""
        return [path for path in self.files(self.head)
                if (now := self.in_snapshot(path)) is not None and now != self.text(self.head, path)]  # fmt: skip

    @contextlib.contextmanager
    def folder(self, commit: Optional[str], changes: Optional[Dict[str, Optional[bytes]]] = None) -> Iterator[Path]:
        """A folder with a commit's files (None: the snapshot's), some of them changed (None: not there)."""
        with tempfile.TemporaryDirectory(prefix="debugbox-") as scratch:
            folder = Path(scratch) / self.repo.name
            if commit is None:
                shutil.copytree(self.repo, folder, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
            else:
                self._write(commit, folder)
                self._lay_over(folder)
            for path, content in (changes or {}).items():
                _put(folder / path, content)
            yield folder

    def _write(self, commit: str, folder: Path) -> None:
        folder.mkdir()
        for path, (mode, name) in self.files(commit).items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            content = self.git.read(name)[1]
            if mode == "120000":
                with contextlib.suppress(OSError):
                    target.symlink_to(os.fsdecode(content))
                continue
            target.write_bytes(content)
            if mode == "100755":
                target.chmod(0o755)

    def _lay_over(self, folder: Path) -> None:
        wanted = [path for path in self.named if is_test(path) or not (folder / path).exists()]
        wanted += [path for path in self.untracked if not (folder / path).exists()]
        for path in wanted:
            source, target = self.repo / path, folder / path
            if source.is_file() and not source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                shutil.copymode(source, target)


def moved_to(folder: Path, program: Program) -> Program:
    """The same command there: import roots and paths inside the repository move along."""
    old, new = str(program.repo), str(folder)
    roots = tuple(new + root[len(old) :] if root.startswith(old) else root for root in program.import_roots)
    command = program.command.replace(old + "/", new + "/")
    return replace(program, repo=folder, import_roots=roots, command=command)


def _put(path: Path, content: Optional[bytes]) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def first_parents(git: GitFolder, start: str, stop: Sequence[str] = ()) -> List[Any]:
    """Commits from `start` back along first parents, oldest first; `stop` is the last that is taken."""
    line = [git.commit(start)]
    while line[-1].parents and line[-1].id not in stop:
        line.append(git.commit(line[-1].parents[0]))
    return line[::-1]


def side_line(git: GitFolder, merge: str) -> List[Any]:
    """What a merge brought in: commits of its second parent that its first has not, oldest first."""
    commit = git.commit(merge)
    if len(commit.parents) < 2:
        return []
    known = {each.id for each in git.ancestors(commit.parents[0])}
    line, name = [], commit.parents[1]
    while name not in known:
        line.append(git.commit(name))
        if not line[-1].parents:
            break
        name = line[-1].parents[0]
    return line[::-1]


def lines_of(content: Optional[bytes]) -> Optional[List[str]]:
    """Text as lines with their ends; None for what is no text."""
    if content is None:
        return []
    try:
        return content.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        return None
