"""What is going to be in a snapshot, told before it is read."""

from pathlib import Path

from debugbox.listing import Listed
from debugbox.settings import Limits
from debugbox.snapshot import take_snapshot
from debugbox.tree import tree_state
from tests.conftest import git


def listed(root: Path, limits: Limits | None = None) -> Listed:
    told: list[Listed] = []
    take_snapshot(root, limits or Limits(), when_listed=told.append)
    return told[0]


def test_it_says_what_the_snapshot_then_holds(repository: Path) -> None:
    (repository / "data").mkdir()
    (repository / "data" / "rows.csv").write_bytes(b"1,2\n" * 1000)
    (repository / ".gitignore").write_text("build/\n")
    (repository / "build").mkdir()
    (repository / "build" / "large").write_bytes(bytes(5000))
    git(repository, "add", ".")
    snapshot = take_snapshot(repository, Limits())
    told = listed(repository)
    assert (told.files, told.size_bytes) == (snapshot.files, snapshot.size_bytes)
    assert all(told.read(path) == snapshot.read(path) for path in snapshot.files)


def test_a_file_over_the_limit_is_not_counted(repository: Path) -> None:
    before = listed(repository).size_bytes
    (repository / "large.bin").write_bytes(bytes(2 << 20))
    assert listed(repository, Limits(snapshot_file_bytes=1 << 20)).size_bytes == before


def test_only_listed_regular_files_are_read(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    (repository / "link.txt").symlink_to(tmp_path / "outside.txt")
    (repository / ".gitignore").write_text("ignored.txt\n")
    (repository / "ignored.txt").write_text("x")
    told = listed(repository)
    assert "link.txt" in told.files
    assert [told.read(path) for path in ("link.txt", "ignored.txt", "../outside.txt", "nothing.txt")] == [None] * 4
    (repository / "README.md").write_bytes(bytes(9 << 20))
    assert told.read("README.md") is None


def test_sizes_are_by_path_below_the_root(repository: Path) -> None:
    (repository / "a" / "b").mkdir(parents=True)
    (repository / "a" / "b" / "c.py").write_text("pass\n")
    sizes = tree_state(repository).sizes
    assert (sizes["a/b/c.py"], sizes["README.md"]) == (5, 16)
