"""The snapshot is the repository as it stands, read safely; what is left out is listed; nothing is written."""

import contextlib
import errno
import importlib.metadata
import io
import os
import shutil
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from debugbox.errors import BadSettings, NoSuchRevision, NotARepository, SnapshotTooLarge, SpoolFull
from debugbox.git import Git
from debugbox.listing import Choice
from debugbox.settings import Limits
from debugbox.snapshot import METADATA, Snapshot, take_snapshot
from tests.conftest import ROOT, git


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


def test_git_is_asked_without_hooks_locks_and_the_users_variables(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_CONFIG_GLOBAL"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    asked = Git(repository)
    assert asked.ask("config", "core.hooksPath") == b"/dev/null\n"
    seen = asked.ask("-c", "alias.seen=!env", "seen").decode().splitlines()
    own = {line for line in seen if line.startswith("GIT_") and not line.startswith(("GIT_CONFIG_P", "GIT_PREFIX"))}
    assert {"GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0"} <= own and "elsewhere" not in " ".join(seen)
    assert "app.py" in asked.files()


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
    # In a thread: opened as other files are, a pipe is waited for without end, and no test would fail.
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(take_snapshot, tmp_path, Limits())
        try:
            snapshot = taking.result(timeout=10)
        finally:
            with contextlib.suppress(OSError):
                os.close(os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK))
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
    assert [each.reason for each in snapshot.skipped] == [f"a secret by its name (--allow-secret {name})"]


SECRETS = (
    "-----BEGIN RSA PRIVATE KEY-----" + "k" * 40,
    "sk-ant-" + "a" * 30,
    "sk-proj-" + "a" * 20,
    *(f"gh{kind}_" + "b" * 36 for kind in "pousr"),
    "github_pat_" + "b" * 22,
    "glpat-" + "b" * 20,
    "AKIA" + "C" * 16,
    "ASIA" + "C" * 16,
    "xoxb-" + "1" * 12,
    "AIza" + "d" * 35,
    "ya29." + "d" * 20,
    "eyJ" + "e" * 10 + ".eyJ" + "e" * 10 + "." + "e" * 10,
    "postgres://user:hunter2hunter2@db.example.org/x",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_known_secret_shapes_are_masked_with_the_same_length(repository: Path, secret: str) -> None:
    (repository / "config.py").write_text(f"KEY = '{secret}'\n")
    snapshot = take_snapshot(repository, Limits())
    content = snapshot.read("config.py") or b""
    assert len(content) == len(f"KEY = '{secret}'\n") and secret.encode() not in content
    assert snapshot.masked == ("config.py",)


@pytest.mark.parametrize("near", ["my" + each for each in SECRETS if each[:3] in ("ghp", "AKI", "AIz", "ya2", "eyJ")])
def test_a_shape_in_the_middle_of_a_word_is_no_secret(repository: Path, near: str) -> None:
    (repository / "config.py").write_text(f"KEY = '{near}'\n")
    assert take_snapshot(repository, Limits()).masked == ()


def test_a_secret_that_is_allowed_by_its_path_goes_in_as_it_is(repository: Path) -> None:
    secret = "sk-ant-" + "a" * 30
    for name in (".env", "keys/deploy.pem", "config.py"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(secret)
    choice = Choice(allow_secrets=(".env", "keys/"))
    snapshot = take_snapshot(repository, Limits(), choice=choice)
    assert snapshot.read(".env") == snapshot.read("keys/deploy.pem") == secret.encode()
    assert snapshot.masked == ("config.py",)


def test_include_adds_ignored_files_and_the_rules_for_secrets_stay(repository: Path) -> None:
    (repository / ".gitignore").write_text("data/\nbig.csv\n")
    (repository / "data" / "venv").mkdir(parents=True)
    for name in ("data/a.csv", "data/venv/b.csv", "data/.env", "big.csv", "data/notes.py"):
        (repository / name).write_text("x")
    (repository / "data" / "out").symlink_to("/etc")
    assert "big.csv" not in take_snapshot(repository, Limits()).files
    snapshot = take_snapshot(
        repository, Limits(), choice=Choice(include=("./data", "big.csv"), exclude=("data/notes.py",))
    )
    assert set(snapshot.files) == {".gitignore", "README.md", "app.py", "big.csv", "data/a.csv", "data/venv/b.csv"}
    assert {each.path for each in snapshot.skipped} == {"data/.env", "data/out", "data/notes.py"}


@pytest.mark.parametrize("path", ["..", "../x", "/etc", "nothing", ".git", "sub/../../x", ".", "link", "link/passwd"])
def test_include_leads_nowhere_but_inside(repository: Path, path: str) -> None:
    (repository / "link").symlink_to("/etc")
    with pytest.raises(BadSettings, match="--include"):
        take_snapshot(repository, Limits(), choice=Choice(include=(path,)))


def test_a_submodules_files_go_in_and_a_strangers_repository_does_not(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "lib.py").write_text("lib = 1\n")
    (other / ".env").write_text("secret")
    git(other, "init", "-q")
    git(other, "add", "-f", ".")
    git(other, "commit", "-qm", "first")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "vendor/lib")
    git(repository, "commit", "-qm", "with a submodule")
    shutil.copytree(other, repository / "stranger")
    snapshot = take_snapshot(repository, Limits())
    assert snapshot.read("vendor/lib/lib.py") == b"lib = 1\n" and snapshot.dirty == ()
    reasons = {each.path: each.reason for each in snapshot.skipped}
    assert set(reasons) == {"vendor/lib/.env", "stranger"} and "of its own" in reasons["stranger"]
    (repository / "vendor" / "lib" / "lib.py").write_text("lib = 2\n")
    assert take_snapshot(repository, Limits()).dirty == ("vendor/lib/lib.py",)
    git(repository, "submodule", "--quiet", "deinit", "-f", "vendor/lib")
    assert "not checked out" in take_snapshot(repository, Limits()).skipped[-1].reason


def test_lfs_pointers_are_named_with_what_to_do(repository: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1234\n"
    (repository / "model.bin").write_text(pointer)
    snapshot = take_snapshot(repository, Limits())
    assert snapshot.lfs_pointers == ("model.bin",)
    assert "git lfs pull" in snapshot.notes[0] and "model.bin" in snapshot.notes[0]


def test_history_is_the_last_commits_and_nothing_else_of_git(repository: Path, tmp_path: Path) -> None:
    for number in range(4):
        (repository / "app.py").write_text(f"number = {number}\n")
        git(repository, "commit", "-qam", f"commit {number}")
    git(repository, "remote", "add", "origin", "https://user:hunter2hunter2@example.org/x")
    git(repository, "branch", "other")
    (repository / "app.py").write_text("stashed\n")
    git(repository, "stash")
    (repository / ".git" / "hooks" / "post-checkout").write_text("#!/bin/sh\ntouch /tmp/evil\n")
    snapshot = take_snapshot(repository, Limits(), choice=Choice(history=3))
    assert snapshot.history == 3 and "not masked" in snapshot.notes[0]
    copy = tmp_path / "copy"
    with tarfile.open(fileobj=io.BytesIO(b"".join(snapshot.parts()))) as tar:
        tar.extractall(copy, filter="data")
    assert git(copy, "log", "--format=%s").split("\n")[:-1] == ["commit 3", "commit 2", "commit 1"]
    assert git(copy, "status", "--porcelain") == "" and "number = 1" in git(copy, "show", "HEAD~2:app.py")
    assert "commit 3" in git(copy, "log", "-1", "--format=%s", "--", "app.py") and git(copy, "blame", "app.py")
    assert git(copy, "branch", "-a").split() == ["*", "main"] and not git(copy, "stash", "list")
    held = b"".join(path.read_bytes() for path in (copy / ".git").rglob("*") if path.is_file())
    assert b"hunter2" not in held and b"evil" not in held and not (copy / ".git" / "logs").exists()
    assert snapshot.tree_hash_now() == snapshot.tree_hash
    assert snapshot.files == ("README.md", "app.py")


def test_a_good_revision_brings_itself_and_all_that_came_later(repository: Path, tmp_path: Path) -> None:
    for number in range(4):
        (repository / "app.py").write_text(f"number = {number}\n")
        git(repository, "commit", "-qam", f"commit {number}")
        if number == 2:  # a side branch that began before the good one
            git(repository, "checkout", "-qb", "side", "HEAD~2")
            (repository / "side.py").write_text("side\n")
            git(repository, "add", ".")
            git(repository, "commit", "-qm", "side")
            git(repository, "checkout", "-q", "main")
            git(repository, "merge", "-q", "--no-ff", "-m", "merge", "side")
    good = git(repository, "rev-parse", "HEAD~2").strip()
    snapshot = take_snapshot(repository, Limits(), choice=Choice(good=good[:12]))
    copy = tmp_path / "copy"
    with tarfile.open(fileobj=io.BytesIO(b"".join(snapshot.parts()))) as tar:
        tar.extractall(copy, filter="data")
    told = git(copy, "log", "--format=%s", "--topo-order").splitlines()
    assert sorted(told) == ["commit 2", "commit 3", "merge", "side"] and snapshot.history == 4
    assert git(copy, "rev-parse", "debugbox-good").strip() == good
    assert git(copy, "rev-list", "--bisect", "HEAD", "^debugbox-good").strip()
    assert git(copy, "show", "debugbox-good:app.py") == "number = 2\n" and git(copy, "status", "--porcelain") == ""
    more = take_snapshot(repository, Limits(), choice=Choice(good=good, history=100))
    assert more.history == 7


@pytest.mark.parametrize("good", ["nowhere", "--all", "apart"])
def test_a_good_revision_must_be_one_that_head_comes_from(repository: Path, good: str) -> None:
    git(repository, "checkout", "-q", "--orphan", "apart")
    git(repository, "commit", "-qm", "apart")
    git(repository, "checkout", "-q", "main")
    with pytest.raises(NoSuchRevision, match=good):
        take_snapshot(repository, Limits(), choice=Choice(good=good))


def test_a_history_over_the_limit_stays_behind_and_says_so(repository: Path) -> None:
    (repository / "noise.bin").write_bytes(os.urandom(3 << 20))
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "large")
    (repository / "noise.bin").unlink()
    git(repository, "commit", "-qam", "gone")
    snapshot = take_snapshot(repository, Limits(snapshot_bytes=2 << 20), choice=Choice(history=2))
    assert snapshot.history == 0 and "over the snapshot's limit" in snapshot.notes[0]


def test_no_history_where_git_leads_elsewhere(repository: Path, tmp_path: Path) -> None:
    worktree = tmp_path / "worktree"
    git(repository, "worktree", "add", "-q", str(worktree))
    snapshot = take_snapshot(worktree, Limits(), choice=Choice(history=3))
    assert snapshot.history == 0 and snapshot.skipped[-1].path == ".git"
    assert "no commits go along" in snapshot.notes[0]


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


def test_the_package_is_known_by_name_and_version_without_being_installed(repository: Path, tmp_path: Path) -> None:
    project = '[project]\nname = "my-app"\ndynamic = ["version"]\n[project.scripts]\nmy = "app:main"\n'
    (repository / "pyproject.toml").write_text(project)
    git(repository, "tag", "v3.1.4")
    snapshot = take_snapshot(repository, Limits())
    with tarfile.open(fileobj=io.BytesIO(b"".join(snapshot.parts()))) as tar:
        tar.extractall(tmp_path / "copy", filter="data")
    (found,) = importlib.metadata.distributions(path=[str(tmp_path / "copy" / METADATA)])
    assert (found.name, found.version) == ("my-app", "3.1.4")
    assert [(each.name, each.value) for each in found.entry_points] == [("my", "app:main")]
    assert snapshot.has_metadata and "pyproject.toml" in snapshot.files and not list(repository.glob("*metadata*"))


def test_an_address_with_a_password_keeps_the_rest_of_it(repository: Path) -> None:
    (repository / "config.py").write_text("URL = 'https://me:hunter2hunter2@db.example.org/x'\n")
    assert take_snapshot(repository, Limits()).read("config.py") == (
        b"URL = 'https://*****************@db.example.org/x'\n"
    )


FULL = """
import resource, sys
from pathlib import Path
from debugbox.errors import SpoolFull
from debugbox.settings import Limits
from debugbox.snapshot import take_snapshot
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    take_snapshot(Path(sys.argv[1]), Limits())
except SpoolFull as full:
    print(full.exit_code, full)
"""


def test_a_temporary_folder_that_cannot_hold_it_is_a_clear_error(tmp_path: Path) -> None:
    """The file's limit stands in for a full disk: the write fails in the same place."""
    (tmp_path / "large.bin").write_bytes(bytes(3 << 20))
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("24 The snapshot could not be kept in ") and "TMPDIR" in done.stdout, done.stderr


def test_a_temporary_folder_that_is_not_there_is_a_clear_error(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    with pytest.raises(SpoolFull, match="could not be kept"):
        take_snapshot(repository, Limits())


def test_room_that_was_asked_for_and_not_needed_is_given_back(repository: Path) -> None:
    (repository / "data.bin").write_bytes(bytes(5 << 20))
    snapshot = take_snapshot(repository, Limits())
    assert os.fstat(snapshot._spool).st_size == sum(map(len, snapshot.parts())) < snapshot.size_bytes + (64 << 10)


def test_a_small_snapshot_needs_no_more_room_than_it_takes(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, position: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr("os.posix_fallocate", full)
    assert take_snapshot(repository, Limits()).files
