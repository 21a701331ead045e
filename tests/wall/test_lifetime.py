"""A box ends with its debugbox: under a second after `kill -9` in every phase, and two runs never touch each other."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from debugbox.engines import Engine, EnvironmentPlan
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.docker_owner import OWNER_LABEL
from debugbox.settings import Settings
from tests.conftest import ROOT, plain_environment

GONE_S = 1.0


@contextmanager
def held(engine: Engine, reference: str, phase: str, repository: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process of ours in this phase of a run."""
    program = Path(__file__).with_name("holder.py")
    command = [sys.executable, str(program), engine.name, reference, phase]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=repository, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().strip() == phase
        try:
            yield process
        finally:
            process.kill()


def boxes_of(engine: Engine, pid: int) -> set[str]:
    """What runs on behalf of this process: containers by their owner, or processes below it."""
    if engine.name == "docker":
        form = f'{{{{.ID}}}} {{{{.Label "{OWNER_LABEL}"}}}}'
        listed = subprocess.run(["docker", "ps", "-a", "--format", form], capture_output=True, text=True, check=True)
        lines = [line.split() for line in listed.stdout.splitlines()]
        return {words[0] for words in lines if len(words) == 2 and words[1].split(":")[1] == str(pid)}
    return below(pid)


def below(pid: int) -> set[str]:
    """All descendants of a process, each with its start time: a number alone is used again."""
    parents: dict[str, tuple[str, str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[stat.parent.name] = (fields[1], fields[19])
    found: set[str] = set()
    waiting = {str(pid)}
    while waiting:
        waiting = {child for child, (parent, _) in parents.items() if parent in waiting}
        found |= {f"{child}:{parents[child][1]}" for child in waiting}
    return found


def still_there(engine: Engine, boxes: set[str], pid: int) -> set[str]:
    if engine.name == "docker":
        return boxes & boxes_of(engine, pid)
    return {each for each in boxes if start_of(each.partition(":")[0]) == each.partition(":")[2]}


def start_of(pid: str) -> str:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


@pytest.mark.parametrize("phase", ["early", "unpacking", "running", "ahead", "closing"])
def test_nothing_is_left_a_second_after_kill_9(engine: Engine, phase: str, repository: Path) -> None:
    with held(engine, plain_environment(engine).reference, phase, repository) as process:
        boxes = boxes_of(engine, process.pid)
        assert boxes or phase == "closing"
        assert len(boxes) >= 2 or phase != "ahead"
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + GONE_S
    keeper_s = 0.5 if engine.name == "bubblewrap" else 0.0  # it waits for the box, then removes its cgroups
    while left := still_there(engine, boxes, process.pid):
        assert time.monotonic() < deadline + keeper_s, f"still there: {left}"
        time.sleep(0.02)


def test_a_killed_build_ends_and_leaves_nothing_half_made(repository: Path) -> None:
    """The embedded engine's; the docker engine's is in tests/docker/test_build.py."""
    engine = BubblewrapEngine(Settings(repository=repository).cache_dir)
    if why := engine.answers():
        pytest.skip(f"engine bubblewrap: {why}")
    python = plain_environment(engine).python.rpartition(".")[0]
    with held(engine, python, "building", repository) as process:
        building = below(process.pid)
        assert building and list(engine._folder.glob("building-*test-killed-build"))
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + GONE_S
    while left := still_there(engine, building, process.pid):
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)
    assert engine.find(EnvironmentPlan(key="test-killed-build", python=python)) is None
    assert [name for name in engine.sweep() if "test-killed-build" in name]
    assert not [*engine._folder.glob("*test-killed-build")]


SLEEPS_IN_A_BUILD_BOX = """
import subprocess, sys, time
from pathlib import Path
from debugbox.engines import interpreters
from debugbox.engines.bubblewrap import BubblewrapEngine
command = BubblewrapEngine(Path(sys.argv[1]))._base(interpreters.installed()[0], share_network=True)
subprocess.Popen([*command, "/usr/bin/sleep", "600"])
time.sleep(0.5)
print("building", flush=True)
time.sleep(600)
"""


def test_a_build_that_says_nothing_ends_with_its_debugbox_too(tmp_path: Path) -> None:
    """One that writes is ended by its closed pipe already."""
    engine = BubblewrapEngine(tmp_path)
    if why := engine.answers():
        pytest.skip(f"engine bubblewrap: {why}")
    command = [sys.executable, "-c", SLEEPS_IN_A_BUILD_BOX, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "building\n"
        building = below(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + GONE_S
    try:
        while left := still_there(engine, building, process.pid):
            assert building and time.monotonic() < deadline, f"still there: {left}"
            time.sleep(0.02)
    finally:
        for each in still_there(engine, building, process.pid):
            os.kill(int(each.partition(":")[0]), signal.SIGKILL)


def test_two_runs_side_by_side_do_not_sweep_each_other(engine: Engine, repository: Path) -> None:
    reference = plain_environment(engine).reference
    with held(engine, reference, "running", repository) as one, held(engine, reference, "running", repository) as other:
        boxes = boxes_of(engine, one.pid)
        other.send_signal(signal.SIGKILL)
        other.wait()
        engine.sweep()
        assert boxes and still_there(engine, boxes, one.pid) == boxes
