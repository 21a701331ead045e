"""Requirement: a box has no network, no privileges, no writable image, and the engine's own report says so."""

import json
import subprocess
from typing import Any

import pytest
import requests

from debugbox.engines import docker_settings
from debugbox.engines.docker import DockerEngine
from debugbox.engines.docker_owner import OWNER_LABEL, owner_of_this_process
from debugbox.errors import BoxGone, SettingsNotApplied
from tests.docker.conftest import SIZE, Boxes


def test_the_engine_reports_the_walls_that_the_finding_names(boxes: Boxes) -> None:
    applied = boxes.start(["/bin/cat"]).applied
    assert applied["NetworkMode"] == "none"
    assert applied["ReadonlyRootfs"] is True
    assert applied["CapDrop"] == ["ALL"]
    assert applied["SecurityOpt"] == ["no-new-privileges:true"]
    assert applied["Memory"] == applied["MemorySwap"] == SIZE.memory_bytes
    assert applied["PidsLimit"] == SIZE.pids
    assert applied["LogConfig"]["Type"] == "none"
    assert applied["user"] == "10001:10001"
    assert all("size=" in options and "nr_inodes=" in options for options in applied["Tmpfs"].values())


GUARDS: dict[str, Any] = {
    "NetworkMode": "bridge",
    "Dns": [],
    "ReadonlyRootfs": False,
    "CapDrop": [],
    "SecurityOpt": [],
    "Memory": 128 << 20,
    "MemorySwap": -1,
    "PidsLimit": 0,
    "NanoCpus": 0,
    "Ulimits": [],
    "IpcMode": "shareable",
    "ShmSize": 1 << 30,
    "LogConfig": {"Type": "json-file", "Config": {}},
    "AutoRemove": False,
    "Privileged": True,
    "Binds": ["/tmp:/host"],
    "CapAdd": ["SYS_PTRACE"],
    "PidMode": "host",
}


@pytest.mark.parametrize("guard", GUARDS)
def test_a_guard_that_is_not_applied_stops_the_box(
    guard: str, boxes: Boxes, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine stands in for one that drops an option: it gets another value than was asked for."""
    create = type(docker._api).create_container_from_config

    def forgetful(api: Any, config: dict[str, Any], *rest: Any) -> Any:
        changed = {**config, "HostConfig": {**config["HostConfig"], guard: GUARDS[guard]}}
        return create(api, changed, *rest)

    monkeypatch.setattr("docker.APIClient.create_container_from_config", forgetful)
    with pytest.raises(SettingsNotApplied) as refused:
        boxes.start(["/bin/cat"])
    assert guard in str(refused.value)


def test_a_variable_that_somebody_adds_stops_the_box() -> None:
    settings = docker_settings.wanted("sha256:1", SIZE, {}, ["/bin/cat"], None)
    reported = json.loads(json.dumps({"Config": settings, **settings}))
    assert list(docker_settings.differences(settings, reported, [])) == []
    reported["Config"]["Env"].append("HTTPS_PROXY=http://user:secret@proxy")
    (found,) = docker_settings.differences(settings, reported, ["LANG=C"])
    assert "HTTPS_PROXY" in found and "secret" not in found


def test_a_limit_that_the_engine_cannot_enforce_is_named_and_not_compared() -> None:
    settings = docker_settings.wanted("sha256:1", SIZE, {}, ["/bin/cat"], None)
    left, unenforced = docker_settings.without_unenforceable(settings, {"SwapLimit": False, "PidsLimit": True})
    assert "MemorySwap" not in left["HostConfig"] and "Memory" in left["HostConfig"]
    assert unenforced == (docker_settings.CONTROLS["SwapLimit"][1],)


def test_the_box_sees_no_network_but_its_loopback(boxes: Boxes) -> None:
    said = boxes.shell("ls /sys/class/net; cat /etc/resolv.conf /proc/net/route; hostname")
    lines = said.splitlines()
    assert lines[0] == "lo" and "nameserver 127.0.0.1" in lines and lines[-1] == "box"
    assert "search" not in said and "eth0" not in said


def test_the_box_runs_without_root_capabilities_or_privilege_gain(boxes: Boxes) -> None:
    said = boxes.shell("id -u; id -g; whoami; cat /proc/self/status")
    assert said.splitlines()[:3] == ["10001", "10001", "box"]
    status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


def test_only_the_tmpfs_folders_can_be_written_to(boxes: Boxes) -> None:
    script = (
        "for folder in / /opt/box /etc /usr/bin /tmp /srv /home/box /run/box; do touch $folder/x && echo $folder; done"
    )
    assert boxes.shell(f"{script} 2>/dev/null").split() == ["/tmp", "/srv", "/home/box", "/run/box"]


def test_a_process_of_the_box_has_its_own_limits(boxes: Boxes) -> None:
    said = boxes.shell("cat /proc/self/limits")
    limits = {line[:26].strip(): line[26:].split()[:2] for line in said.splitlines()}
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max open files"] == ["4096", "4096"]
    assert limits["Max file size"] == [str(1 << 30)] * 2


def test_no_program_starts_where_the_sockets_are_and_nothing_gains_a_user(boxes: Boxes) -> None:
    said = boxes.shell("for folder in /tmp /run/box; do cp /bin/true $folder/; $folder/true && echo $folder; done")
    assert said == "/tmp"
    mounts = dict(line.split()[1::2][:2] for line in boxes.shell("cat /proc/mounts").splitlines())
    for folder in ("/tmp", "/srv", "/home/box", "/run/box"):
        assert {"nosuid", "nodev"} <= set(mounts[folder].split(",")), folder


def test_the_image_holds_no_certificates_proxies_build_tools_or_setuid_files(boxes: Boxes) -> None:
    said = boxes.shell(
        "env | grep -i proxy; ls -d /build /etc/ssl/certs /root/.cache /opt/box/uv 2>/dev/null;"
        "for tool in gcc cc g++ curl wget uv git; do command -v $tool; done;"
        "find / -xdev -perm /6000 2>/dev/null; find / -xdev -name 'ca*.pem' -o -xdev -name 'ca-*.crt' 2>/dev/null"
    )
    assert said == ""


def test_the_image_declares_no_volume_health_check_or_trigger(docker: DockerEngine, boxes: Boxes) -> None:
    inspected = subprocess.run(
        ["docker", "image", "inspect", boxes.environment.reference], capture_output=True, text=True, check=True
    )
    (image,) = json.loads(inspected.stdout)
    config = image["Config"]
    assert not config.get("Volumes") and not config.get("OnBuild")
    assert config.get("Healthcheck") in (None, {"Test": ["NONE"]})
    history = subprocess.run(
        ["docker", "history", "--no-trunc", boxes.environment.reference], capture_output=True, text=True, check=True
    )
    assert "proxy" not in history.stdout.lower() and "ca.pem" not in history.stdout


def left() -> str:
    """Containers of this process, those that never started included."""
    mine = f"label={OWNER_LABEL}={owner_of_this_process()}"
    listed = subprocess.run(["docker", "ps", "-aq", "--filter", mine], capture_output=True, text=True, check=True)
    return listed.stdout


def test_a_box_that_cannot_start_says_so_in_the_engines_words_and_leaves_nothing(boxes: Boxes) -> None:
    with pytest.raises(BoxGone, match="no such file"):
        boxes.start(["/nonexistent"])
    assert left() == ""


def test_a_container_that_cannot_be_reached_is_removed(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise requests.ConnectionError("no way in")

    monkeypatch.setattr("debugbox.engines.docker.DockerTransport", refuse)
    with pytest.raises(BoxGone, match="does not answer"):
        boxes.start(["/bin/cat"])
    assert left() == ""
