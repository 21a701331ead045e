"""What has become of a finding's lines: still there, moved, changed or gone, and by which commits."""

import difflib
import subprocess
from dataclasses import asdict, dataclass
from typing import Any, Literal

from debugbox.finding import Finding, Place, Suspect
from debugbox.foreign import clean_line, cleaned
from debugbox.listing import choice_of
from debugbox.places import site_now
from debugbox.revision import Commit, describe_commits, file_at
from debugbox.settings import Settings
from debugbox.snapshot import Snapshot, take_snapshot

Fate = Literal["unchanged", "moved", "changed", "file gone"]
_COMMITS = 10
_CONTEXT = 3  # lines around the suspect line that are shown of a change


@dataclass(frozen=True, kw_only=True)
class Change:
    """One suspect line then and now. `diff` is of the lines around it, against the finding's commit."""

    place: str
    fate: Fate
    now: str = ""  # where it stands, or what stands there
    commits: tuple[Commit, ...] = ()
    diff: str = ""

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.fate}{f', {self.now}' if self.now else ''}"]
        lines += [f"  {each.id[:10]}  {each.date}  {clean_line(each.subject)}" for each in self.commits]
        return "\n".join([*lines, *(f"    {line}" for line in self.diff.splitlines())])

    def as_plain(self) -> dict[str, Any]:
        return asdict(self)


def changes_since(finding: Finding, settings: Settings) -> list[Change]:
    """One change for each suspect, on the working tree as it is now."""
    snapshot = take_snapshot(settings.repository, settings.limits, choice=choice_of(settings))
    commit = str(finding.provenance.get("commit") or "")
    return [cleaned(_change(suspect, commit, snapshot)) for suspect in finding.suspects]


def _change(suspect: Suspect, commit: str, snapshot: Snapshot) -> Change:
    commits = _commits(suspect, commit, snapshot)
    content = snapshot.read(suspect.file)
    if content is None:
        return Change(place=str(suspect), fate="file gone", commits=commits)
    now = site_now(suspect, snapshot) if suspect.quote else None
    if now is not None:
        moved = now.line != suspect.line
        return Change(
            place=str(suspect),
            fate="moved" if moved else "unchanged",
            now=f"now {now}" if moved else "",
            commits=commits,
        )
    there = snapshot.source_line(suspect.file, suspect.line)
    return Change(
        place=str(suspect),
        fate="changed",
        now=f"there is now: {there}" if there else "the file is shorter now",
        commits=commits,
        diff=_diff(suspect, commit, snapshot, content.decode("utf-8", "replace")),
    )


def _commits(place: Place, commit: str, snapshot: Snapshot) -> tuple[Commit, ...]:
    """The commits since the finding's that touched the file; none where the finding's is not in this history."""
    if not commit or snapshot.commit is None:
        return ()
    try:
        found = describe_commits(snapshot.root, f"-{_COMMITS}", f"{commit}..HEAD", "--", place.file)
    except subprocess.CalledProcessError:
        return ()
    return tuple(found)


def _diff(place: Place, commit: str, snapshot: Snapshot, now: str) -> str:
    """The hunks of the file's change that touch the place; empty where the old text is not to be had."""
    before = file_at(snapshot.root, commit, place.file) if commit else None
    if before is None:
        return ""
    lines = list(difflib.unified_diff(before.splitlines(), now.splitlines(), lineterm="", n=_CONTEXT))[2:]
    starts = [index for index, line in enumerate(lines) if line.startswith("@@")]
    hunks = [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    return "\n".join(line for hunk in hunks if _touches(hunk[0], place.line) for line in hunk)


def _touches(header: str, line: int) -> bool:
    """Whether a hunk's header (`@@ -16,3 +16,4 @@`) covers this line of the old text."""
    first, _, count = header.split()[1].removeprefix("-").partition(",")
    return int(first) <= line < int(first) + int(count or 1)
