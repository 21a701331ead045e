"""A question that starts from a kept finding: what is taken over from it, and the files it was made on.

Neighbours: `earlier` puts findings into words for the agent, `investigation` asks for both.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from debugbox.archive import Archive
from debugbox.errors import NoSuchFinding, NoSuchRevision, TreeNotKept
from debugbox.finding import Finding
from debugbox.foreign import clean_line
from debugbox.journal import Interrupted
from debugbox.revision import checked_out, commit_of
from debugbox.settings import Settings
from debugbox.snapshot import Snapshot

_RECIPE = "recipe "  # as the findings of recipes say who concluded


@dataclass(frozen=True, kw_only=True)
class Followed:
    """The finding that a question starts from. `tree` holds its own files; None is the working tree of today."""

    finding: Finding
    tree: Path | None = None

    def taken_over(self, settings: Settings) -> Settings:
        """Its command, and its recipe for who has no model, where none is named."""
        recipe = self.finding.by.removeprefix(_RECIPE) if self.finding.by.startswith(_RECIPE) else None
        return replace(settings, run=settings.run or self.finding.run, recipe=settings.recipe or recipe)

    def in_words(self, settings: Settings) -> str:
        """For the terminal: what it starts from, and what was taken over into `settings`."""
        taken = [f"the command {settings.run}"] if settings.run and settings.run == self.finding.run else []
        taken += [f"the recipe {settings.recipe}"] if self.finding.by == f"{_RECIPE}{settings.recipe}" else []
        return ", with ".join([f"follows {self.finding.id}", *([" and ".join(taken)] if taken else [])])

    def link(self, snapshot: Snapshot) -> dict[str, Any]:
        """What the new finding says of it in its provenance."""
        facts: dict[str, Any] = {
            "follows": {
                "id": self.finding.id,
                "question": self.finding.question,
                "verdict": self.finding.verdict,
                "as found": self.tree is not None,
                "same files": snapshot.sha256 == _snapshot_hash(self.finding),
            }
        }
        return facts | ({"commit": self.finding.provenance.get("commit")} if self.tree else {})


@contextmanager
def followed(finding: Finding, settings: Settings, *, as_found: bool) -> Iterator[Followed]:
    """The finding as one to start from; `as_found` with its own files. Raises TreeNotKept."""
    with files_of(finding, settings) if as_found else nullcontext() as tree:
        yield Followed(finding=finding, tree=tree)


@contextmanager
def followed_again(past: Interrupted, archive: Archive, settings: Settings) -> Iterator[Followed | None]:
    """What an interrupted run had followed; None where that was nothing, or has been deleted since."""
    link = past.records.header["provenance"].get("follows")
    finding = _kept(archive, str(link.get("id", ""))) if isinstance(link, dict) else None
    if finding is None or not isinstance(link, dict):
        yield None
        return
    with followed(finding, settings, as_found=bool(link.get("as found"))) as follows:
        yield follows


def _kept(archive: Archive, id: str) -> Finding | None:
    try:
        return archive.load(id)
    except NoSuchFinding:
        return None


@contextmanager
def files_of(finding: Finding, settings: Settings) -> Iterator[Path]:
    """The files that a finding was made on, from history, in a folder that goes when the block is left.

    Raises TreeNotKept: it was made on changed files, without git, or on a commit that is not here.
    """
    commit, dirty = finding.provenance.get("commit"), finding.provenance.get("dirty")
    if not isinstance(commit, str) or not commit:
        raise TreeNotKept(finding.id, "it was made on files that were under no commit")
    if dirty:
        names = ", ".join(clean_line(str(each)) for each in dirty[:3]) if isinstance(dirty, list) else "some"
        raise TreeNotKept(finding.id, f"files had changed since the commit then ({names})")
    try:
        known = commit_of(settings.repository, commit)
    except NoSuchRevision as error:
        raise TreeNotKept(finding.id, f"its commit {clean_line(commit)[:10]} is not in this repository") from error
    with checked_out(settings.repository, known, settings.limits) as folder:
        yield folder


def _snapshot_hash(finding: Finding) -> str:
    snapshot = finding.provenance.get("snapshot")
    return str(snapshot.get("sha256", "")) if isinstance(snapshot, dict) else ""
