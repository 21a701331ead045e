"""Limits of the embedded engine's boxes: a cgroup of its own when root (v1 or v2), else a user scope, else none.

A limit that cannot be enforced is named, never assumed.
"""

import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from debugbox.engines import BoxSize, Leftover

_V1 = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000
_FRESH_S = 60


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """How a box's command is started so that its limits hold.

    `prefix` goes in front of the command; `binds` are (host folder, folder in the box) pairs that let the
    supervisor read its own memory events; `applied` was read back.
    """

    prefix: tuple[str, ...]
    binds: tuple[tuple[str, str], ...]
    applied: dict[str, str]
    unenforced: tuple[str, ...]
    folders: tuple[Path, ...] = ()


def confine(size: BoxSize) -> Confinement:
    """The strongest confinement that this machine and user allow."""
    name = f"debugbox-{uuid.uuid4().hex[:12]}"
    if os.geteuid() == 0:
        if Path("/sys/fs/cgroup/cgroup.controllers").exists():
            return _v2(name, size)
        return _v1(name, size)
    if shutil.which("systemd-run") and Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere"), "systemd/private").exists():
        return _user_scope(size)
    return Confinement(prefix=_keeper(()), binds=(), applied={}, unenforced=("memory", "processes", "CPUs"))


def unenforced_here() -> tuple[str, ...]:
    """The limits that an embedded box could not have on this machine; tried, and taken back."""
    confinement = confine(BoxSize(cpus=1, memory_bytes=1 << 28, pids=64, snapshot_bytes=0, snapshot_files=0))
    for folder in confinement.folders:
        _remove(folder)
    return confinement.unenforced


def _keeper(folders: tuple[Path, ...]) -> tuple[str, ...]:
    """The small process that enters the cgroup, starts the box, and removes the cgroup when the box has ended."""
    keeper = Path(__file__).with_name("keeper.py")
    return (sys.executable, "-I", "-S", str(keeper), *map(str, folders), "--")


def _v1(name: str, size: BoxSize) -> Confinement:
    memory = str(size.memory_bytes + size.snapshot_bytes)
    wanted = {
        # Order matters: memory+swap may not be set below memory.
        "memory": {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory},
        "pids": {"pids.max": str(size.pids)},
        "cpu": {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": str(int(size.cpus * _PERIOD_US))},
    }
    applied: dict[str, str] = {}
    unenforced: list[str] = []
    folders = []
    for controller, values in wanted.items():
        folder = _V1 / controller / name
        if _make(folder):
            folders.append(folder)
            unenforced += _write_all(folder, values, applied)
        else:
            unenforced.append(controller)
    binds = tuple((str(folder), "/sys/fs/cgroup/memory") for folder in folders if folder.parent.name == "memory")
    return Confinement(
        prefix=_keeper(tuple(folders)),
        binds=binds,
        applied=applied,
        unenforced=tuple(unenforced),
        folders=tuple(folders),
    )


def _v2(name: str, size: BoxSize) -> Confinement:
    folder = _V1 / name
    values = {
        "memory.max": str(size.memory_bytes + size.snapshot_bytes),
        "memory.swap.max": "0",
        "pids.max": str(size.pids),
        "cpu.max": f"{int(size.cpus * _PERIOD_US)} {_PERIOD_US}",
    }
    if not _make(folder):
        return Confinement(prefix=_keeper(()), binds=(), applied={}, unenforced=("memory", "processes", "CPUs"))
    applied: dict[str, str] = {}
    unenforced = _write_all(folder, values, applied)
    return Confinement(
        prefix=_keeper((folder,)),
        binds=((str(folder), "/sys/fs/cgroup"),),
        applied=applied,
        unenforced=tuple(unenforced),
        folders=(folder,),
    )


def _user_scope(size: BoxSize) -> Confinement:
    limits = {
        "MemoryMax": str(size.memory_bytes + size.snapshot_bytes),
        "MemorySwapMax": "0",
        "TasksMax": str(size.pids),
        "CPUQuota": f"{int(size.cpus * 100)}%",
    }
    properties = [argument for key, value in limits.items() for argument in ("-p", f"{key}={value}")]
    prefix = ("systemd-run", "--user", "--scope", "--quiet", "--collect", *properties, "--")
    return Confinement(prefix=(*prefix, *_keeper(())), binds=(), applied=limits, unenforced=())


def _make(folder: Path) -> bool:
    try:
        folder.mkdir()
    except OSError:
        return False
    return True


def _write_all(folder: Path, values: dict[str, str], applied: dict[str, str]) -> list[str]:
    """Write the limits and read them back; gives the names of those that did not take."""
    missing = []
    for name, value in values.items():
        try:
            (folder / name).write_text(value)
            applied[name] = (folder / name).read_text().strip()
        except OSError:
            missing.append(name)
    return missing


def abandoned() -> Iterator[Leftover]:
    """Cgroups of ours that hold no process any more.

    Fresh ones are not told: another run may have made its cgroup and not entered it yet.
    """
    for folder in leftovers():
        age_s = _age(folder)
        if age_s > _FRESH_S and _is_empty(folder):
            yield Leftover(what="cgroup", name=str(folder), age_s=age_s, remove=partial(_remove, folder))


def leftovers() -> Iterator[Path]:
    """Every cgroup of ours, in use or not."""
    yield from _V1.glob("debugbox-*")
    yield from _V1.glob("*/debugbox-*")


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _is_empty(folder: Path) -> bool:
    try:
        return not (folder / "cgroup.procs").read_text().strip()
    except OSError:
        return False


def _remove(folder: Path) -> bool:
    try:
        folder.rmdir()  # refused by the system while a process is in it
    except OSError:
        return False
    return True
