"""The last commits of a repository as a `.git` of our own making, for a box: objects and one branch, nothing else.

No remotes, configuration, reflog, stash, hooks or other branches: tokens stand in the first two, deleted secrets
in the others. What the commits themselves hold goes along as it is. Everything is made in a private folder.
"""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from debugbox.errors import NoSuchRevision
from debugbox.git import Git, clean_variables

_CONFIG = b"[core]\n\trepositoryformatversion = 0\n\tbare = false\n[user]\n\tname = box\n\temail = box@localhost\n"
_NOT_HERE = "history is taken only at the top of a repository of its own"
GOOD_TAG = "debugbox-good"  # the one tag: where `--good` points


@dataclass(frozen=True, kw_only=True)
class History:
    """`files` are those of the new `.git`, by their path in the snapshot."""

    commits: int
    files: dict[str, bytes]


def history_of(root: Path, git: Git, commits: int, good: str | None, most_bytes: int) -> History | str:
    """The last `commits` commits before and at HEAD, all those since `good` and itself, or why there are none to take.

    Raises NoSuchRevision: `good` is unknown, or HEAD does not come from it.
    """
    if not (root / ".git").is_dir() or (root / ".git").is_symlink():
        return _NOT_HERE  # a `.git` file may name any other repository of the machine
    try:
        known = _known_good(git, good) if good else ""
        taken = _last(git, commits, known)
        if _packed_bytes(git, taken) > most_bytes:
            return f"the last {len(taken)} commits are over the snapshot's limit (--snapshot-size)"
        with tempfile.TemporaryDirectory(prefix="debugbox-history-") as folder:
            _build(git, Path(folder), taken, known)
            return History(commits=len(taken), files=_files_of(Path(folder)))
    except subprocess.CalledProcessError as error:
        words = bytes(error.stderr or b"").decode("utf-8", "replace").strip()
        return f"its history cannot be read: {words[-200:]}"


def _known_good(git: Git, good: str) -> str:
    """The commit that `good` names. Raises NoSuchRevision."""
    try:
        commit = git.ask("rev-parse", "--verify", "--end-of-options", f"{good}^{{commit}}").decode().strip()
        git.ask("merge-base", "--is-ancestor", commit, "HEAD")
    except subprocess.CalledProcessError as error:
        raise NoSuchRevision(f"{good} that HEAD comes from") from error
    return commit


def _last(git: Git, commits: int, known: str) -> list[bytes]:
    """Ids, HEAD's first: as many as asked for, or down to the known commit where that is further away."""
    last = git.ask("rev-list", f"--max-count={commits}", "HEAD", "--").split()
    if not known:
        return last
    before = git.ask("rev-parse", f"{known}^@").split()
    since = git.ask("rev-list", "HEAD", *(f"^{parent.decode()}" for parent in before), "--").split()
    return list(dict.fromkeys([*since, *last]))


def _packed_bytes(git: Git, commits: list[bytes]) -> int:
    """About what their pack will take, told before it is made in memory."""
    lines = b"\n".join(commits) + b"\n"
    return int(git.ask("rev-list", "--objects", "--no-walk", "--disk-usage", "--stdin", stdin=lines))


def _build(git: Git, folder: Path, commits: list[bytes], known: str) -> None:
    """A bare repository in `folder` whose oldest commits have no parents any more."""
    head, lines = commits[0].decode(), b"\n".join(commits) + b"\n"
    # By name, not "down to": what the oldest commits share with their parents must be in the pack too.
    objects = git.ask("rev-list", "--objects", "--no-walk", "--stdin", stdin=lines)
    names = b"".join(line.split()[0] + b"\n" for line in objects.splitlines())
    pack = git.ask("pack-objects", "--stdout", "--quiet", stdin=names)
    _run(folder, "init", "--quiet", "--bare", "--template=", ".")
    _run(folder, "index-pack", "--stdin", stdin=pack)
    (folder / "shallow").write_bytes(_without_parents(git, commits))
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "refs" / "heads" / "main").write_text(head + "\n")
    if known:
        (folder / "refs" / "tags" / GOOD_TAG).write_text(known + "\n")
    (folder / "config").write_bytes(_CONFIG)
    _run(folder, "read-tree", "HEAD")


def _without_parents(git: Git, commits: list[bytes]) -> bytes:
    """Those whose parents stay behind, as git writes them into its file `shallow`."""
    here = set(commits)
    lines = git.ask("rev-list", "--parents", "--no-walk", "--stdin", stdin=b"\n".join(commits) + b"\n").splitlines()
    return b"".join(line.split()[0] + b"\n" for line in lines if not here.issuperset(line.split()))


def _run(folder: Path, *arguments: str, stdin: bytes = b"") -> None:
    """git on the new repository; that one is ours."""
    command = ["git", "--git-dir=.", *arguments]
    variables = clean_variables() | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_INDEX_FILE": "index"}
    subprocess.run(command, cwd=folder, env=variables, input=stdin, capture_output=True, check=True)


def _files_of(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {f".git/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}
