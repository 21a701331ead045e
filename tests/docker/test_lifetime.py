"""Requirement: a box ends with its debugbox, however that ends, and the cause of its end is named."""

import os
import signal
import subprocess
import sys
import time

import pytest

from debugbox.engines import BoxSize
from debugbox.engines.docker import DockerEngine
from debugbox.engines.docker_owner import OWNER_LABEL, host_id, is_gone, owner_of_this_process, start_time
from debugbox.errors import BoxGone
from tests.docker.conftest import SIZE, Boxes

HOLDS_A_BOX = """
import sys, time
from debugbox.engines.docker import DockerEngine
from debugbox.engines import BoxSize, Environment
environment = Environment(key="k", engine="docker", reference=sys.argv[1], python="3")
size = BoxSize(cpus=1, memory_bytes=256 << 20, pids=64, snapshot_bytes=0, snapshot_files=0)
print(DockerEngine.connect().start(environment, size).container, flush=True)
time.sleep(60)
"""


def containers() -> str:
    listed = subprocess.run(["docker", "ps", "-aq", "--no-trunc"], capture_output=True, text=True, check=True)
    return listed.stdout


def test_a_killed_debugbox_leaves_no_container_after_one_second(boxes: Boxes) -> None:
    command = [sys.executable, "-c", HOLDS_A_BOX, boxes.environment.reference]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        container = holder.stdout.readline().strip()
        assert container in containers()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        deadline = time.monotonic() + 1.0
    while container in containers():
        assert time.monotonic() < deadline, "still there one second after the kill"


def test_kill_leaves_nothing_and_may_be_repeated(boxes: Boxes) -> None:
    transport = boxes.start(["/bin/sleep", "60"])
    assert transport.cause() == ""
    transport.kill()
    assert transport.container not in containers()
    transport.kill()
    assert transport.cause() == "ended by debugbox"
    assert transport.stdout.read() == b""


def test_the_end_of_stdin_reaches_the_box_and_output_still_comes(boxes: Boxes) -> None:
    transport = boxes.start(["/bin/cat"])
    transport.stdin.write(b"one\ntwo\n")
    transport.stdin.close()
    assert transport.stdout.read() == b"one\ntwo\n"
    assert transport.cause() == "the supervisor ended (exit code 0)"


def test_the_memory_limit_is_named_as_the_cause(boxes: Boxes) -> None:
    size = BoxSize(cpus=1, memory_bytes=64 << 20, pids=64, snapshot_bytes=0, snapshot_files=0)
    transport = boxes.start(["/opt/box/kernel/bin/python", "-c", "x = bytearray(1 << 30)"], size)
    assert transport.stdout.read() == b""
    assert transport.cause() == "killed by the memory limit of 64 MiB (--memory)"


def test_the_exit_code_and_the_last_words_are_the_cause(boxes: Boxes) -> None:
    transport = boxes.start(["/bin/sh", "-c", "read line; echo 'no such module: zmq' >&2; exit 7"])
    transport.stdin.write(b"\n")
    assert transport.stdout.read() == b""
    assert transport.cause() == "the supervisor ended (exit code 7): no such module: zmq"


def test_writing_to_a_box_that_is_gone_is_an_os_error(boxes: Boxes) -> None:
    transport = boxes.start(["/bin/sleep", "60"])
    transport.kill()
    with pytest.raises((OSError, ValueError)):
        transport.stdin.write(b"x")


def test_a_box_that_prints_faster_than_it_is_read_waits(boxes: Boxes) -> None:
    transport = boxes.start(["/opt/box/kernel/bin/python", "-c", "while True: print('x' * 65535)"])
    assert transport.stdout.read(1 << 20).count(b"x") > 1 << 19
    transport.kill()


def test_sweep_removes_the_containers_of_the_gone_and_no_other(boxes: Boxes, docker: DockerEngine) -> None:
    living = boxes.start(["/bin/sleep", "60"])
    with subprocess.Popen(["/bin/true"]) as gone:
        owner = f"{host_id()}:{gone.pid}:{start_time(gone.pid)}1"
    reference = boxes.environment.reference
    created = subprocess.run(
        ["docker", "create", "--label", f"{OWNER_LABEL}={owner}", reference, "true"], capture_output=True, text=True
    )
    assert docker.sweep() == [created.stdout.strip()]
    assert living.container in containers()


def test_a_process_id_that_was_used_again_is_not_its_owner() -> None:
    assert not is_gone(owner_of_this_process())
    assert is_gone(f"{host_id()}:{os.getpid()}:1")
    assert not is_gone("anotherhost:1:1")
    assert not is_gone("")


def test_an_image_that_is_gone_is_a_box_that_did_not_start(boxes: Boxes) -> None:
    boxes.environment = type(boxes.environment)(key="k", engine="docker", reference="sha256:" + "0" * 64, python="3.11")
    with pytest.raises(BoxGone, match="No such image"):
        boxes.start(["/bin/cat"], SIZE)
