"""A snapshot in words: a line for the terminal, and the list of names that a model gets at first."""

import re
from collections import Counter
from pathlib import PurePosixPath

from debugbox.snapshot import Snapshot

_BROUGHT = re.compile(r"\.debugbox/recipes/([a-z][a-z0-9-]*)/SKILL\.md")
CROWDED = 6  # files of a folder that are no Python: more are counted in the overview, not listed


def described(snapshot: Snapshot) -> str:
    """A line about it for the terminal."""
    parts = [f"{len(snapshot.files)} files, {_size(snapshot.size_bytes)}"]
    if snapshot.commit:
        parts.append(f"at {snapshot.commit[:10]}")
    if snapshot.dirty:
        parts.append(f"{len(snapshot.dirty)} changed")
    if snapshot.skipped:
        parts.append(f"{len(snapshot.skipped)} left out")
    return ", ".join(parts)


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB" if count >= 1 << 20 else f"{count / 1024:.1f} KiB"


def overview_of(snapshot: Snapshot, most: int = 150) -> str:
    """What the model gets to see of the repository at first: names only, the rest it can read in the box.

    Folders with many files that are no Python are counted, not listed.
    """
    others = Counter(PurePosixPath(path).parent for path in snapshot.files if not path.endswith(".py"))
    crowded = {folder for folder, count in others.items() if count > CROWDED}
    listed = [path for path in snapshot.files if path.endswith(".py") or PurePosixPath(path).parent not in crowded]
    small = [path for path in listed if not path.startswith(".")]
    lines = small[:most] + [f"({len(small) - most} more files)"] * (len(small) > most)
    lines += [f"{folder}/ ({others[folder]} files that are no Python)" for folder in sorted(crowded)]
    return "\n".join([*lines, *_brought(snapshot)])


def _brought(snapshot: Snapshot) -> list[str]:
    """Recipes of the repository, by name: their cards are read in a cell, as data."""
    names = [match[1] for path in snapshot.files if (match := _BROUGHT.fullmatch(path))]
    how = "`from debugbox_recipes import NAME`, then `print(NAME.card)`; - is _ in the import"
    return [f"(the repository brings recipes: {', '.join(names)}; {how})"] if names else []
