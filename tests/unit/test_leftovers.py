"""What killed runs leave goes at the next start, what living ones use stays; `clean` says what it removes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from debugbox.commands import machine
from debugbox.engines import Leftover
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.docker_owner import host_id, owner_of_this_process, start_time


def half_built(engine_folder: Path, owner: str) -> Path:
    folder = engine_folder / f"building-{owner.replace(':', '-')}-key"
    (folder / "prefix").mkdir(parents=True)
    (folder / "prefix" / "file").write_bytes(bytes(1000))
    return folder


def test_half_built_environments_of_the_gone_are_removed_and_of_the_living_are_not(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        gone = f"{host_id()}:{process.pid}:1"
    engine = BubblewrapEngine(tmp_path)
    of_the_gone = half_built(tmp_path / "bubblewrap", gone)
    reused = half_built(tmp_path / "bubblewrap", f"{host_id()}:{os.getpid()}:1")  # our pid, another start
    living = half_built(tmp_path / "bubblewrap", owner_of_this_process())
    elsewhere = half_built(tmp_path / "bubblewrap", f"otherhost:{process.pid}:1")
    assert {Path(each.name) for each in engine.abandoned_builds()} == {of_the_gone, reused}
    assert str(of_the_gone) in engine.sweep()
    assert not of_the_gone.exists() and not reused.exists() and living.exists() and elsewhere.exists()
    assert start_time(os.getpid())


def environment(cache: Path, name: str, *, age_days: float, size: int) -> Path:
    folder = cache / "bubblewrap" / name
    folder.mkdir(parents=True)
    (folder / "data").write_bytes(bytes(size))
    (folder / "complete").write_text("/usr/bin/python3")
    used = time.time() - age_days * machine.DAY_S
    os.utime(folder / "complete", (used, used))
    return folder


@pytest.fixture
def only_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No Docker engine and no cgroup of the machine: the command must not clean what is not the test's."""
    monkeypatch.setenv("DEBUGBOX_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    monkeypatch.setattr("debugbox.engines.cgroups.leftovers", lambda: iter(()))
    return tmp_path


def test_clean_removes_old_environments_by_age_and_size(only_this_folder: Path) -> None:
    old = environment(only_this_folder, "old", age_days=40, size=2 << 20)
    small = environment(only_this_folder, "small", age_days=40, size=1)
    used = environment(only_this_folder, "used", age_days=1, size=2 << 20)
    planned = CliRunner().invoke(machine.clean, ["--dry-run", "--larger-than", "1m"])
    assert f"would remove environment {old} (2 MiB, 40.0 days)" in planned.output and old.exists()
    assert "2 MiB could be freed; 2 environments are kept" in planned.output
    done = CliRunner().invoke(machine.clean, ["--larger-than", "1m"])
    assert f"removed environment {old}" in done.output
    assert not old.exists() and small.exists() and used.exists()


def test_what_could_not_be_removed_is_not_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    left = Leftover(what="container", name="stubborn", age_s=0, remove=lambda: False)
    monkeypatch.setattr(machine, "_leftovers", lambda: iter([left]))
    assert "stubborn" not in CliRunner().invoke(machine.clean, []).output
