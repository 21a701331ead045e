"""git, as far as it can be asked without running anything that the repository configures.

Hooks, monitors, filters and pagers are off, the environment is clean, and nothing is ever written.
"""

import os
import subprocess
from functools import cached_property
from pathlib import Path


class Git:
    """git, as far as it can be asked without running anything that the repository configures."""

    _SAFE = (
        "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat",
        "-c", "protocol.allow=never", "-c", "core.untrackedCache=false",
    )  # fmt: skip

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def of(cls, root: Path) -> "Git | None":
        """git for this folder, or None when it is not in a work tree (or there is no git)."""
        git = cls(root)
        try:
            return git if git.ask("rev-parse", "--is-inside-work-tree").strip() == b"true" else None
        except (OSError, subprocess.CalledProcessError):
            return None

    def files(self) -> list[str]:
        """Tracked (deleted ones too), and untracked but not ignored; a repository inside is listed as a folder."""
        listed = self.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        return [os.fsdecode(path) for path in listed.split(b"\0") if path]

    @cached_property
    def submodules(self) -> frozenset[str]:
        """Folders that hold a commit of another repository, checked out or not."""
        listed = self.ask("ls-files", "-z", "--stage").split(b"\0")
        return frozenset(os.fsdecode(entry.partition(b"\t")[2]) for entry in listed if entry.startswith(b"160000 "))

    def commit(self) -> str | None:
        try:
            return self.ask("rev-parse", "--verify", "HEAD").decode().strip()
        except subprocess.CalledProcessError:
            return None  # no commit yet

    def last_tag(self) -> str:
        """The nearest tag before HEAD, or nothing."""
        try:
            return self.ask("describe", "--tags", "--abbrev=0").decode("utf-8", "replace").strip()
        except subprocess.CalledProcessError:
            return ""

    def dirty(self, blobs: dict[str, bytes], links: list[str]) -> tuple[str, ...]:
        """Files that differ from HEAD. Compared by content here: `git diff` would run the repository's filters."""
        try:
            listing = self.ask("ls-tree", "-r", "-z", "HEAD", "--", ".")
        except subprocess.CalledProcessError:
            listing = b""
        head = dict(_tree_entry(entry) for entry in listing.split(b"\0") if b" blob " in entry[:20])
        changed = {path for path, blob in blobs.items() if head.get(path) != blob}
        missing = {
            path for path in head if path not in blobs and path not in links and not (self._root / path).exists()
        }
        return tuple(sorted(changed | missing))

    def ask(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What git prints. Raises CalledProcessError, and OSError where there is no git."""
        command = ["git", *self._SAFE, "-c", f"safe.directory={self._root}", *arguments]
        variables = clean_variables()
        done = subprocess.run(command, cwd=self._root, env=variables, input=stdin, capture_output=True, check=True)
        return done.stdout


def clean_variables() -> dict[str, str]:
    """All of the environment that git gets to see: none of the user's `GIT_*`."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _tree_entry(entry: bytes) -> tuple[str, bytes]:
    details, _, path = entry.partition(b"\t")
    return os.fsdecode(path), details.split()[2]
