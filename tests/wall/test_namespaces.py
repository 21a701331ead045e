"""The namespaces of the embedded engine alone, without the supervisor and its filter behind them."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from debugbox.engines import BoxSize, Engine
from debugbox.engines import bubblewrap_walls as walls
from debugbox.engines.bubblewrap import bwrap_program
from debugbox.engines.bubblewrap_transport import BubblewrapTransport
from tests.conftest import plain_environment


def inside(*command: str) -> "subprocess.CompletedProcess[str]":
    program = bwrap_program()
    if program is None:
        pytest.skip("there is no bubblewrap here")
    variables = {**os.environ, "ANTHROPIC_API_KEY": "SECRET"}
    arguments = [program, *walls.namespaces(), *walls.system(), *command]
    return subprocess.run(arguments, env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_no_user_namespace_can_be_made_inside() -> None:
    assert inside("/usr/bin/true").returncode == 0
    refused = inside("/usr/bin/unshare", "--user", "/usr/bin/true")
    assert refused.returncode != 0 and "unshare" in refused.stderr


def test_nothing_of_the_hosts_environment_is_inside() -> None:
    said = inside("/usr/bin/env")
    assert said.returncode == 0 and "SECRET" not in said.stdout and "HOME" not in said.stdout


def test_it_has_no_network_and_a_host_name_of_its_own() -> None:
    assert inside("/usr/bin/hostname").stdout == "box\n"
    routes = inside("/usr/bin/cat", "/proc/net/route").stdout.splitlines()
    assert len(routes) <= 1  # nothing but a heading


def descendants(pid: int) -> list[int]:
    try:
        children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []  # it has ended
    return children + [each for child in children for each in descendants(child)]


def is_confined(pids: list[int]) -> bool:
    """Whether there are a `bwrap` and a supervisor at least, and all are in a cgroup of ours."""
    try:
        groups = [Path(f"/proc/{pid}/cgroup").read_text() for pid in pids]
    except OSError:
        return False  # one has ended: look again
    return len(groups) >= 2 and all("/debugbox-" in group for group in groups)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes cgroups of its own")
def test_every_process_of_a_box_is_in_its_cgroup(engine: Engine) -> None:
    if engine.name != "bubblewrap":
        pytest.skip("Docker's limits are read back from the engine")
    size = BoxSize(cpus=1, memory_bytes=1 << 28, pids=64, snapshot_bytes=0, snapshot_files=0)
    transport = engine.start(plain_environment(engine), size)
    assert isinstance(transport, BubblewrapTransport)
    try:
        deadline = time.monotonic() + 10
        while not is_confined(descendants(transport._process.pid)):  # it enters right after it was forked
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        transport.kill()
