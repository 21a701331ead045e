"""Who owns a container: this host, process and start time. Two debugbox side by side never sweep each other.

Read by `docker.py`. A process id alone is used again within minutes; with its start time it names one process.
"""

import hashlib
import os
import platform
import subprocess
from functools import cache
from pathlib import Path

OWNER_LABEL = "io.debugbox.owner"
_MACHINE_ID = Path("/etc/machine-id")
_PROC = Path("/proc")


def owner_of_this_process() -> str:
    return f"{host_id()}:{os.getpid()}:{start_time(os.getpid())}"


def is_gone(owner: str) -> bool:
    """Whether the owner was a process of this host that has ended. Another host's is never gone for us."""
    host, _, process = owner.partition(":")
    pid, _, started = process.partition(":")
    if host != host_id() or not pid.isdigit():
        return False
    return start_time(int(pid)) != started


@cache
def host_id() -> str:
    """This host as far as process ids go: two containers that share an engine's socket are two hosts."""
    try:
        machine = _MACHINE_ID.read_text().strip()
    except OSError:
        machine = ""
    try:
        namespace = str((_PROC / "self/ns/pid").readlink())
    except OSError:  # not Linux
        namespace = ""
    return hashlib.sha256(f"{platform.node()}\0{machine}\0{namespace}".encode()).hexdigest()[:12]


def start_time(pid: int) -> str:
    """When the process started, in the system's own words; empty when there is no such process."""
    if not (_PROC / "self").exists():
        done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
        return done.stdout.strip().replace(":", ".")
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]  # a zombie runs nothing more
