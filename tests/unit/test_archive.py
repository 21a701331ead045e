"""A finding that was made is kept, found again by a part of its id, and never overwrites another one."""

import os
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from debugbox.archive import Archive, Kept
from debugbox.errors import NoSuchFinding
from debugbox.finding import Cost, Discarded, Finding, Suspect, Symptom
from debugbox.render.notebook import to_notebook

FINDING = Finding(
    id="20261121-7f3a09",
    created="2026-11-21T12:00:00+00:00",
    question="why does the mean drift",
    run=None,
    verdict="suspected",
    answer="The count is wrong.",
    suspects=(Suspect(file="stats/welford.py", line=12),),
    symptom=Symptom(),
    checks=(),
    evidence=(),
    hypotheses=(),
    intervention=None,
    limits=(),
    by="agent",
    provenance={},
    cost=Cost(),
    discarded=Discarded(),
)


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.of_user(tmp_path / "data", tmp_path / "my repo")


def keep(archive: Archive, id: str, **changes: object) -> Kept:
    return archive.keep(replace(FINDING, id=id, **changes))  # type: ignore[arg-type]  # fields by name


def test_what_is_kept_is_loaded_again(archive: Archive, tmp_path: Path) -> None:
    kept = archive.keep(FINDING)
    assert kept.finding == FINDING
    assert kept.path == archive.folder / "20261121-7f3a09.ipynb"
    assert archive.folder.parent == tmp_path / "data" / "findings"
    assert archive.folder.name.startswith("my-repo-")
    assert archive.load("20261121-7f3a09") == FINDING
    assert [path.name for path in archive.folder.iterdir()] == ["20261121-7f3a09.ipynb"], "nothing is left beside it"


def test_only_its_owner_may_read_it(archive: Archive) -> None:
    old = os.umask(0)
    try:
        kept = archive.keep(FINDING)
    finally:
        os.umask(old)
    assert kept.path is not None
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (archive.folder, archive.folder.parent)} == {0o700}


def test_two_repositories_of_one_name_have_two_archives(tmp_path: Path) -> None:
    first, second = (Archive.of_user(tmp_path, Path(f"/home/{user}/stats")) for user in "ab")
    assert first.folder != second.folder


@pytest.mark.parametrize("name", ["", "..", "-rf", "\x1b[2J\n", "数" * 90])
def test_any_repository_name_gives_a_plain_folder_name(tmp_path: Path, name: str) -> None:
    folder = Archive.of_user(tmp_path, Path("/repos") / name).folder
    assert folder.parent == tmp_path / "findings"
    assert folder.name.isascii() and folder.name.isprintable() and not folder.name.startswith((".", "-"))


def test_a_taken_id_gets_another_and_the_first_finding_stays(archive: Archive) -> None:
    archive.keep(FINDING)
    second = archive.keep(replace(FINDING, answer="Another."))
    assert second.finding.id != FINDING.id and second.finding.id.startswith("20261121-")
    assert archive.load(FINDING.id) == FINDING
    assert archive.load(second.finding.id).answer == "Another."


def test_runs_at_the_same_time_keep_all_their_findings(archive: Archive) -> None:
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda number: archive.keep(replace(FINDING, answer=str(number))), range(16)))
    assert len({each.path for each in kept}) == 16
    assert {entry.finding.answer for entry in archive.list_findings().entries} == {str(n) for n in range(16)}


@pytest.mark.parametrize("prefix", ["20261121-7f3a09", "20261121-7", "7f3", "7"])
def test_a_finding_is_found_by_the_beginning_of_its_id(archive: Archive, prefix: str) -> None:
    keep(archive, "20261121-7f3a09")
    keep(archive, "20261121-b00000")
    assert archive.load(prefix).id == "20261121-7f3a09"


@pytest.mark.parametrize(
    ("prefix", "why"),
    [("2026", "2 begin so: 20261121-7f3a09, 20261121-7f3b00"), ("9", "none in"), ("", "none in"), ("../x", "none in")],
)
def test_an_unclear_id_names_what_there_is(archive: Archive, prefix: str, why: str) -> None:
    keep(archive, "20261121-7f3a09")
    keep(archive, "20261121-7f3b00")
    with pytest.raises(NoSuchFinding, match=why):
        archive.load(prefix)


def test_a_whole_id_wins_over_a_longer_one(archive: Archive) -> None:
    keep(archive, "20261121-7f3a")
    keep(archive, "20261121-7f3a09")
    assert archive.load("20261121-7f3a").id == "20261121-7f3a"


def test_the_list_is_newest_first_and_can_be_filtered(archive: Archive) -> None:
    keep(archive, "20261121-000001", created="2026-11-21T12:00:00+00:00")
    keep(archive, "20261120-000002", created="2026-11-20T12:00:00+00:00", verdict="confirmed")
    keep(archive, "20261122-000003", created="2026-11-22T12:00:00+00:00", question="why SLOW", suspects=())

    def ids(**filters: object) -> list[str]:
        entries = archive.list_findings(**filters).entries  # type: ignore[arg-type]  # filters by name
        return [entry.finding.id[-1] for entry in entries]

    assert ids() == ["3", "1", "2"]
    assert ids(verdict="confirmed") == ["2"]
    assert ids(text="slow") == ["3"]
    assert ids(file="welford.py") == ids(file="stats/welford.py") == ["1", "2"]
    assert ids(file="ford.py") == []


@pytest.mark.parametrize(
    "data", [b"{}", b"not json", b"\xff", b"[" * 100_000, b'{"metadata": {"debugbox": {"schema": 99}}, "cells": []}']
)
def test_a_notebook_that_cannot_be_read_is_named_and_stops_nothing(archive: Archive, data: bytes) -> None:
    archive.keep(FINDING)
    (archive.folder / "20261121-bad000.ipynb").write_bytes(data)
    listing = archive.list_findings()
    assert [entry.finding.id for entry in listing.entries] == [FINDING.id]
    assert [bad.path.name for bad in listing.unreadable] == ["20261121-bad000.ipynb"]
    with pytest.raises(NoSuchFinding, match="cannot be read"):
        archive.load("20261121-bad")


def test_other_files_links_and_pipes_in_the_folder_are_no_findings(archive: Archive, tmp_path: Path) -> None:
    archive.keep(FINDING)
    secret = tmp_path / "20261121-5ec7e7.ipynb"
    secret.write_bytes(to_notebook(replace(FINDING, id="20261121-5ec7e7")))
    (archive.folder / secret.name).symlink_to(secret)
    (archive.folder / "notes.ipynb").write_text("{}")
    (archive.folder / "20261121-abcdef.ipynb").touch()  # another run is writing it
    os.mkfifo(archive.folder / "20261121-f1f0f1.ipynb")
    listing = archive.list_findings()
    assert [entry.finding.id for entry in listing.entries] == [FINDING.id]
    assert [bad.path.name for bad in listing.unreadable] == [secret.name]


def test_a_repository_without_findings_has_an_empty_list(archive: Archive) -> None:
    assert archive.list_findings().entries == ()
    assert not archive.folder.exists(), "looking makes no folder"


def test_an_archive_in_the_repository(tmp_path: Path) -> None:
    archive = Archive.in_repository(tmp_path, Path("docs/findings"))
    archive.keep(FINDING)
    assert (tmp_path / "docs/findings/20261121-7f3a09.ipynb").exists()
    assert Archive.in_repository(tmp_path, tmp_path / "docs/findings").load("7f3") == FINDING


@pytest.mark.parametrize("folder", ["..", "/etc", "docs/../../x", ".", ".git/hooks"])
def test_an_archive_outside_the_repository_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(ValueError):
        Archive.in_repository(tmp_path, Path(folder))


def test_a_repositorys_link_does_not_lead_the_archive_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "repo" / "docs").symlink_to(tmp_path / "home")
    kept = Archive.in_repository(tmp_path / "repo", Path("docs/findings")).keep(FINDING)
    assert not any((tmp_path / "home").iterdir())
    assert kept.path is not None and "could not be written" in kept.note


def test_a_folder_that_cannot_be_written_falls_back_and_says_where(tmp_path: Path, temporary_folder: Path) -> None:
    (tmp_path / "findings").write_text("in the way")
    kept = Archive.of_user(tmp_path, Path("/repos/stats")).keep(FINDING)
    assert kept.path is not None and kept.path.is_file()
    assert kept.path.parent.parent == temporary_folder
    assert str(tmp_path / "findings") in kept.note and "temporary folder" in kept.note


def test_without_any_folder_the_finding_is_still_handed_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "findings").write_text("in the way")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "findings"))
    kept = Archive.of_user(tmp_path, Path("/repos/stats")).keep(FINDING)
    assert (kept.path, kept.finding) == (None, FINDING)
    assert "nor could" in kept.note


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounts a tiny tmpfs")
def test_a_full_disk_leaves_no_half_notebook_and_falls_back(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True)
    if mount.returncode:
        pytest.skip("may not mount")
    try:
        archive = Archive.of_user(disk, Path("/repos/stats"))
        kept = archive.keep(replace(FINDING, answer="long " * 100_000))
        assert "No space left" in kept.note
        assert kept.path is not None and kept.path.stat().st_size > 500_000
        assert list(archive.folder.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_id_that_is_no_file_name_is_replaced(archive: Archive) -> None:
    kept = keep(archive, "../../etc/passwd")
    assert kept.path is not None and kept.path.parent == archive.folder
