"""A revision is read as git has it, without running or following anything that the repository brings."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from debugbox.errors import NoSuchRevision
from debugbox.finding import Finding, Intervention, Place, Suspect
from debugbox.revision import checked_out, commit_of, commits_between, file_at
from debugbox.settings import Limits, Settings
from debugbox.since import changes_since
from debugbox.snapshot import take_snapshot
from debugbox.verification import _moved, site_now
from tests.conftest import git

GOLD = Path(__file__).parents[1] / "gold"
FINDING = Finding.from_json((GOLD / "finding.json").read_bytes())


@pytest.fixture
def two_commits(repository: Path) -> Path:
    """The second commit puts two lines above `double` and changes what is printed."""
    (repository / "app.py").write_text(
        "import sys\n\ndef double(x):\n    return 2 * x\n\n\nif __name__ == '__main__':\n    print(double(22))\n"
    )
    git(repository, "commit", "-q", "-am", "second")
    return repository


def test_an_older_revision_is_read_and_the_tree_stays(two_commits: Path) -> None:
    before = take_snapshot(two_commits, Limits()).tree_hash
    with checked_out(two_commits, commit_of(two_commits, "HEAD~1"), Limits()) as folder:
        snapshot = take_snapshot(folder, Limits())
        assert snapshot.files == ("README.md", "app.py")
        assert b"double(21)" in (snapshot.read("app.py") or b"")
    assert not folder.exists()
    assert take_snapshot(two_commits, Limits()).tree_hash == before


def test_of_a_repository_in_a_subfolder_only_that_folder_is_read(repository: Path) -> None:
    (repository / "inner" / "deep").mkdir(parents=True)
    (repository / "inner" / "deep" / "x.py").write_text("x = 1\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "inner")
    with checked_out(repository / "inner", "HEAD", Limits()) as folder:
        assert [path.relative_to(folder).as_posix() for path in folder.rglob("*.py")] == ["deep/x.py"]
    assert file_at(repository / "inner", "HEAD", "deep/x.py") == "x = 1\n"
    assert file_at(repository / "inner", "HEAD", "no.py") is None


@pytest.mark.parametrize("revision", ["no-such", "", "-h", "--output=x", "HEAD^{tree}", "HEAD:app.py"])
def test_what_is_no_commit_is_said_to_be_none(repository: Path, revision: str) -> None:
    with pytest.raises(NoSuchRevision):
        commit_of(repository, revision)


def test_filters_of_the_repository_do_not_run(repository: Path, tmp_path: Path) -> None:
    (repository / ".gitattributes").write_text("*.py filter=evil\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "attributes")
    git(repository, "config", "filter.evil.smudge", f"touch {tmp_path / 'ran'}; cat")
    with checked_out(repository, "HEAD", Limits()) as folder:
        assert (folder / "app.py").exists()
    assert not (tmp_path / "ran").exists()


def test_links_and_folders_of_a_hostile_tree_stay_inside(repository: Path, tmp_path: Path) -> None:
    """A tree that git's own commands would not make: a link, and below its name a file."""
    outside = tmp_path / "outside"
    outside.mkdir()
    link = (
        subprocess.run(
            ["git", "hash-object", "-w", "--stdin"],
            cwd=repository,
            input=os.fsencode(outside),
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .strip()
    )
    blob = git(repository, "rev-parse", "HEAD:app.py").strip()
    inner = _mktree(repository, f"100644 blob {blob}\tx.py\n")
    tree = _mktree(repository, f"120000 blob {link}\ta\n040000 tree {inner}\ta\n100755 blob {blob}\tgo.py\n")
    commit = git(repository, "commit-tree", tree, "-m", "hostile").strip()
    with checked_out(repository, commit, Limits()) as folder:
        assert (folder / "a").is_symlink()
        assert (folder / "go.py").stat().st_mode & 0o777 == 0o700
    assert not list(outside.iterdir())


def _mktree(repository: Path, entries: str) -> str:
    made = subprocess.run(["git", "mktree"], cwd=repository, input=entries.encode(), capture_output=True, check=True)
    return made.stdout.decode().strip()


def test_commits_are_listed_oldest_first(two_commits: Path) -> None:
    first, second = commit_of(two_commits, "HEAD~1"), commit_of(two_commits, "HEAD")
    assert commits_between(two_commits, None, second) == [first, second]
    assert commits_between(two_commits, first, second) == [second]


# What has become of a line


def test_a_line_is_found_again_where_it_has_moved_to(two_commits: Path) -> None:
    snapshot = take_snapshot(two_commits, Limits())
    place = Place(file="app.py", line=2, quote="return 2 * x")
    assert site_now(place, snapshot) == replace(place, line=4)
    assert site_now(replace(place, quote="return 3 * x"), snapshot) is None
    assert site_now(replace(place, file="gone.py"), snapshot) is None
    assert site_now(replace(place, quote=""), snapshot) == replace(place, quote="")


def test_an_intervention_of_which_a_line_is_gone_is_not_tried_by_half(two_commits: Path) -> None:
    snapshot = take_snapshot(two_commits, Limits())
    there, gone = (
        Place(file="app.py", line=2, quote="return 2 * x"),
        Place(file="app.py", line=6, quote="print(double(21))"),
    )
    moved = _moved(Intervention(kind="keep_exact", sites=(there,)), snapshot)
    assert moved is not None and moved.sites[0].line == 4
    assert _moved(Intervention(kind="keep_exact", sites=(there, gone)), snapshot) is None


def test_since_tells_moved_changed_and_gone_lines_apart(two_commits: Path) -> None:
    suspects = (
        Suspect(file="app.py", line=2, quote="return 2 * x"),
        Suspect(file="app.py", line=6, quote="print(double(21))"),
        Suspect(file="README.md", line=1, quote="a small program"),
        Suspect(file="gone.py", line=1, quote="x"),
    )
    commit = commit_of(two_commits, "HEAD~1")
    finding = replace(FINDING, suspects=suspects, provenance={"commit": commit})
    moved, changed, same, gone = changes_since(finding, Settings(repository=two_commits))
    assert (moved.fate, moved.now) == ("moved", "now app.py:4")
    assert [each.subject for each in moved.commits] == ["second"]
    assert changed.fate == "changed" and "-    print(double(21))\n+    print(double(22))" in changed.diff
    assert (same.fate, same.commits, str(same)) == ("unchanged", (), "README.md:1: unchanged")
    assert gone.fate == "file gone"


def test_since_works_where_the_findings_commit_is_unknown(repository: Path) -> None:
    suspect = Suspect(file="app.py", line=2, quote="return 3 * x")
    finding = replace(FINDING, suspects=(suspect,), provenance={"commit": "0" * 40})
    (change,) = changes_since(finding, Settings(repository=repository))
    assert (change.fate, change.now, change.diff) == ("changed", "there is now: return 2 * x", "")
