"""The walls of a container, in the names of the engine's API: what is asked for, and whether it was applied.

What they promise: SECURITY.md. Read by `docker.py` only.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from debugbox.engines import BoxSize

MIB = 1 << 20
USER = "10001:10001"
COMMAND = (
    "/opt/box/supervisor/bin/python",
    "-I",
    "/opt/box/lib/kernels/debugbox_kernel/supervisor.py",
)

# A literal list: nothing of the host's environment. The kernel gets its own from the supervisor.
ENVIRONMENT = (
    "PATH=/usr/local/bin:/usr/bin:/bin",
    "HOME=/home/box",
    "LANG=C.UTF-8",
)

# Ways out of the box that must be empty in what the engine reports, whoever put them there.
MUST_BE_EMPTY = (
    "HostConfig.Binds",
    "HostConfig.CapAdd",
    "HostConfig.CgroupParent",
    "HostConfig.DeviceCgroupRules",
    "HostConfig.DeviceRequests",
    "HostConfig.Devices",
    "HostConfig.ExtraHosts",
    "HostConfig.GroupAdd",
    "HostConfig.Links",
    "HostConfig.Mounts",
    "HostConfig.PidMode",
    "HostConfig.PortBindings",
    "HostConfig.PublishAllPorts",
    "HostConfig.Sysctls",
    "HostConfig.UTSMode",
    "HostConfig.UsernsMode",
    "HostConfig.VolumesFrom",
    "Mounts",
)

# docker info's word for a control that its kernel lacks -> the settings it drops, and how the user is told.
CONTROLS = {
    "MemoryLimit": (("Memory", "MemorySwap"), "the memory limit (no memory cgroup)"),
    "SwapLimit": (("MemorySwap",), "the swap limit (no swap accounting): the box may use swap beyond its memory"),
    "PidsLimit": (("PidsLimit",), "the limit of processes (no pids cgroup)"),
    "CpuCfsQuota": (("NanoCpus",), "the CPU limit (no CFS quota)"),
}


def wanted(
    image: str, size: BoxSize, labels: Mapping[str, str], command: Sequence[str], runtime: str | None
) -> dict[str, Any]:
    """The body of the engine's create request: data goes in and out by stdio, nothing is mounted or published."""
    return {
        "Image": image,
        "Cmd": list(command),
        "Entrypoint": [],
        "User": USER,
        "Hostname": "box",
        "WorkingDir": "/",
        "Env": list(ENVIRONMENT),
        "Labels": dict(labels),
        "Tty": False,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "OpenStdin": True,
        "StdinOnce": True,  # the end of our attach is the end of the supervisor's stdin: the lease
        "HostConfig": host_settings(size) | ({"Runtime": runtime} if runtime else {}),
    }


def host_settings(size: BoxSize) -> dict[str, Any]:
    memory = size.memory_bytes + size.snapshot_bytes
    return {
        "NetworkMode": "none",
        "Dns": ["127.0.0.1"],  # "none" still copies the host's resolv.conf, its search domain included
        "ReadonlyRootfs": True,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "Tmpfs": tmpfs(size),
        "Memory": memory,
        "MemorySwap": memory,  # equal: no swap
        "PidsLimit": size.pids,
        "NanoCpus": int(size.cpus * 1e9),
        "Ulimits": [
            {"Name": "core", "Soft": 0, "Hard": 0},
            {"Name": "nofile", "Soft": 4096, "Hard": 4096},
            {"Name": "fsize", "Soft": 1 << 30, "Hard": 1 << 30},
        ],
        "IpcMode": "private",
        "ShmSize": 64 * MIB,
        "LogConfig": {"Type": "none", "Config": {}},  # json-file turned 300 MB of lines into 1 GB on the host's disk
        "AutoRemove": True,
        "Init": False,  # the supervisor is PID 1 and reaps
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    }


def tmpfs(size: BoxSize) -> dict[str, str]:
    """Everything writable. It counts against the memory limit; inodes do not, so they have their own limit."""
    options, owner = "rw,nosuid,nodev", "mode=0700,uid=10001,gid=10001"
    repository_mib = 2 * size.snapshot_bytes // MIB + 256
    inodes = 2 * size.snapshot_files + 100_000
    return {
        "/tmp": f"{options},exec,size=512m,nr_inodes=100000,mode=1777",
        "/srv": f"{options},exec,size={repository_mib}m,nr_inodes={inodes},{owner}",
        "/home/box": f"{options},exec,size=64m,nr_inodes=10000,{owner}",
        "/run/box": f"{options},noexec,size=4m,nr_inodes=1000,{owner}",
    }


def without_unenforceable(
    settings: Mapping[str, Any], info: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings that this engine can apply, and in words those it cannot, for the finding."""
    host, missing = dict(settings["HostConfig"]), []
    for control, (names, words) in CONTROLS.items():
        if info.get(control) is False:
            missing.append(words)
            for name in names:
                host.pop(name, None)
    return {**settings, "HostConfig": host}, tuple(missing)


def differences(
    settings: Mapping[str, Any], reported: Mapping[str, Any], image_environment: Sequence[str]
) -> Iterator[str]:
    """Where the engine's report is weaker or other than what was asked for, one phrase each.

    An engine, Podman's API or a policy plugin can drop options without an error.
    """
    config = {name: value for name, value in settings.items() if name not in ("Image", "HostConfig", "Env")}
    yield from _unequal("Config", config, reported.get("Config") or {})
    yield from _unequal("HostConfig", settings["HostConfig"], reported.get("HostConfig") or {})
    yield from _foreign_environment(settings["Env"], (reported.get("Config") or {}).get("Env"), image_environment)
    for name in MUST_BE_EMPTY:
        if value := _look_up(reported, name):
            yield f"{name} is {value!r}, wanted nothing"
    if reported.get("Image") != settings["Image"]:
        yield f"the image is {reported.get('Image')}, wanted {settings['Image']}"
    if set((reported.get("NetworkSettings") or {}).get("Networks") or {"none": {}}) != {"none"}:
        yield "the container is in a network"


def applied(settings: Mapping[str, Any], reported: Mapping[str, Any], info: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine says it applied, for the finding: the same names, its values."""
    host = {name: reported["HostConfig"].get(name) for name in settings["HostConfig"]}
    return {
        "engine": f"docker {info.get('ServerVersion')}",
        "runtime": reported["HostConfig"].get("Runtime"),
        "security": info.get("SecurityOptions") or [],
        "apparmor": reported.get("AppArmorProfile") or "",
        "cgroups": info.get("CgroupVersion", "1"),
        "user": reported["Config"].get("User"),
        "image": reported.get("Image"),
        **host,
    }


def _unequal(where: str, settings: Mapping[str, Any], reported: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, Mapping) and isinstance(reported.get(name), Mapping):
            yield from _unequal(f"{where}.{name}", value, reported[name])
        elif _comparable(value) != _comparable(reported.get(name)):
            yield f"{where}.{name} is {reported.get(name)!r}, wanted {value!r}"


def _comparable(value: object) -> object:
    """The engine reports an empty list, an empty map and an absent value alike; lists come in any order."""
    if isinstance(value, list):
        return sorted(json.dumps(each, sort_keys=True) for each in value) or None
    return None if value in ("", {}, False) else value


def _foreign_environment(
    settings: Sequence[str], reported: Sequence[str] | None, image: Sequence[str]
) -> Iterator[str]:
    if absent := set(settings) - set(reported or ()):
        yield f"environment variables are missing: {', '.join(sorted(absent))}"
    foreign = set(reported or ()) - set(settings) - set(image)
    if foreign:
        names = sorted(entry.partition("=")[0] for entry in foreign)  # values may be secrets
        yield f"environment variables were added: {', '.join(names)}"


def _look_up(reported: Mapping[str, Any], name: str) -> object:
    value: Any = reported
    for part in name.split("."):
        value = (value or {}).get(part)
    return value
