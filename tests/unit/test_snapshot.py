"""The snapshot is the repository as it stands, read safely; what is left out is listed; nothing is written."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from debugbox.errors import NotARepository, SnapshotTooLarge
from debugbox.settings import Limits
from debugbox.snapshot import Snapshot, take_snapshot
from tests.conftest import git


def unpacked(snapshot: Snapshot) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(snapshot.parts()))) as tar:
        return {
            m.name: (tar.extractfile(m) or io.BytesIO(m.linkname.encode())).read() if m.isreg() else m.linkname.encode()
            for m in tar
        }


def test_tracked_modified_and_untracked_files_go_in_ignored_and_deleted_do_not(repository: Path) -> None:
    (repository / ".gitignore").write_text("ignored.txt\n")
    (repository / "ignored.txt").write_text("x")
    (repository / "new.py").write_text("new = 1\n")
    (repository / "app.py").write_text("changed = 1\n")
    (repository / "README.md").unlink()
    snapshot = take_snapshot(repository, Limits())
    assert unpacked(snapshot) == {".gitignore": b"ignored.txt\n", "app.py": b"changed = 1\n", "new.py": b"new = 1\n"}
    assert snapshot.commit == git(repository, "rev-parse", "HEAD").strip()
    assert snapshot.dirty == (".gitignore", "README.md", "app.py", "new.py")


def test_a_clean_repository_has_nothing_dirty(repository: Path) -> None:
    assert take_snapshot(repository, Limits()).dirty == ()


def test_a_folder_without_git_is_walked(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.py").write_text("b")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "b.pyc").write_text("x")
    snapshot = take_snapshot(tmp_path, Limits())
    assert snapshot.files == ("a/b.py",) and snapshot.commit is None


def test_a_subfolder_of_a_repository_is_a_repository_of_its_own(repository: Path) -> None:
    (repository / "sub").mkdir()
    (repository / "sub" / "x.py").write_text("x")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "sub")
    snapshot = take_snapshot(repository / "sub", Limits())
    assert snapshot.files == ("x.py",) and snapshot.dirty == ()


def test_the_hash_is_over_content_and_stays_the_same(repository: Path) -> None:
    first = take_snapshot(repository, Limits()).sha256
    os.utime(repository / "app.py", (1, 1))
    assert take_snapshot(repository, Limits()).sha256 == first
    (repository / "app.py").write_text("other")
    assert take_snapshot(repository, Limits()).sha256 != first


def test_nothing_is_written_to_the_tree_or_to_git(repository: Path) -> None:
    os.utime(repository / "app.py", (1, 1))  # a stale index entry is what `git status` would write back
    snapshot = take_snapshot(repository, Limits())
    assert snapshot.tree_hash_now() == snapshot.tree_hash
    (repository / ".git" / "index").touch()
    assert snapshot.tree_hash_now() != snapshot.tree_hash


def test_git_runs_nothing_that_the_repository_configures(repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    (repository / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "core.pager"):
        git(repository, "config", key, str(script))
    git(repository, "config", "core.hooksPath", str(tmp_path))
    (repository / "app.py").write_text("changed\n")
    mark.unlink(missing_ok=True)
    assert "app.py" in take_snapshot(repository, Limits()).dirty
    assert not mark.exists()


def test_links_go_in_only_when_they_stay_inside(repository: Path) -> None:
    (repository / "inside.py").symlink_to("app.py")
    (repository / "absolute").symlink_to("/etc/passwd")
    (repository / "outside").symlink_to("../../secret")
    snapshot = take_snapshot(repository, Limits())
    assert unpacked(snapshot)["inside.py"] == b"app.py"
    assert {each.path for each in snapshot.skipped} == {"absolute", "outside"}


def test_a_folder_swapped_for_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("secret")
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "a.py").write_text("a")
    git(repository, "init", "-q")
    (repository / "folder").mkdir()
    (repository / "folder" / "secret.py").write_text("harmless")
    git(repository, "add", ".")
    (repository / "folder" / "secret.py").unlink()
    (repository / "folder").rmdir()
    (repository / "folder").symlink_to(outside)
    contents = unpacked(take_snapshot(repository, Limits()))
    assert b"secret" not in [content for name, content in contents.items() if name.endswith(".py")]


def test_special_files_do_not_hang_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a")
    os.mkfifo(tmp_path / "pipe")
    snapshot = take_snapshot(tmp_path, Limits())
    assert snapshot.files == ("a.py",) and snapshot.skipped[0].reason == "not a regular file"


@pytest.mark.parametrize(
    "name", [".env", "deploy.pem", "id_rsa", ".aws/credentials", "prod.tfstate", "my-service-account.json"]
)
def test_secret_files_stay_out_and_are_listed(repository: Path, name: str) -> None:
    path = repository / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("secret")
    snapshot = take_snapshot(repository, Limits())
    assert name not in snapshot.files
    assert [each.reason for each in snapshot.skipped] == ["a secret by its name"]


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-" + "a" * 30,
        "ghp_" + "b" * 36,
        "AKIA" + "C" * 16,
        "xoxb-" + "1" * 12,
        "postgres://user:hunter2hunter2@db.example.org/x",
    ],
)
def test_known_secret_shapes_are_masked_with_the_same_length(repository: Path, secret: str) -> None:
    (repository / "config.py").write_text(f"KEY = '{secret}'\n")
    snapshot = take_snapshot(repository, Limits())
    content = snapshot.read("config.py") or b""
    assert len(content) == len(f"KEY = '{secret}'\n") and secret.encode() not in content
    assert snapshot.masked == ("config.py",)


def test_limits_name_themselves_and_the_largest_folders(repository: Path) -> None:
    (repository / "data").mkdir()
    for number in range(5):
        (repository / "data" / f"{number}.bin").write_bytes(bytes(1 << 20))
    with pytest.raises(SnapshotTooLarge, match=r"over 2 MiB in all.*\n.*data"):
        take_snapshot(repository, Limits(snapshot_bytes=2 << 20))
    with pytest.raises(SnapshotTooLarge, match="7 files, the limit is 3"):
        take_snapshot(repository, Limits(snapshot_files=3))
    snapshot = take_snapshot(repository, Limits(snapshot_file_bytes=1 << 19))
    assert [each.reason for each in snapshot.skipped] == ["over 0.5 MiB"] * 5


def test_a_missing_or_empty_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(NotARepository, match="no such folder"):
        take_snapshot(tmp_path / "nowhere", Limits())
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotARepository, match="no files"):
        take_snapshot(tmp_path / "empty", Limits())


def test_source_lines_are_found_by_number(repository: Path) -> None:
    snapshot = take_snapshot(repository, Limits())
    assert snapshot.source_line("app.py", 2) == "return 2 * x"
    assert snapshot.source_line("app.py", 99) is None and snapshot.source_line("none.py", 1) is None
