"""Runs in the box, in the supervisor. The kernel as its child: started, interrupted, killed, measured."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import resource
import signal
import sys
import uuid
from typing import Any

from . import seccomp
from .death import cause_of_death

BOX = "/opt/box"
REPO = "/srv/repo"
OUT = "/srv/out"
HOME = "/home/box"
SOCKETS = "/run/box"
CONNECTION = SOCKETS + "/kernel.json"

# Where the kernel finds them: `streams.READING_ENDS` and `launch.CRASH_FD`.
_STDOUT_END, _STDERR_END, _CRASH_FD = 10, 11, 12
_PIPE_BYTES = 1 << 20
_MAY_DIFFER = ("LANG", "TZ", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_F_SETPIPE_SZ = 1031
_CRASH_WORDS_BYTES = 16384


def environment(cpus: float) -> dict[str, str]:
    """All that the kernel finds in its environment: a literal list, nothing inherited."""
    threads = str(max(1, int(cpus)))
    return {
        "PATH": BOX + "/repo/bin:" + BOX + "/kernel/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": HOME,
        "USER": "box",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": "/tmp",
        "IPYTHONDIR": HOME + "/.ipython",
        "MPLCONFIGDIR": HOME + "/.mpl",
        "XDG_CACHE_HOME": HOME + "/.cache",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
    }


def with_given(own: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """With what the host gave: the user's own image, or --env. Of what the box stands on nothing is replaced."""
    path = own["PATH"] + ":" + given["PATH"] if given.get("PATH") else own["PATH"]
    return {**given, **own, **{name: given[name] for name in _MAY_DIFFER if name in given}, "PATH": path}


class Kernel:
    """A running kernel process.

    `fd` becomes readable when it ends. `ends` are the reading ends of its descriptors 1 and 2, by stream.
    `killed_because` is why we ended it ourselves.
    """

    def __init__(self, pid: int, ends: dict[str, int], crash_end: int, connection: dict[str, Any]) -> None:
        self.pid = pid
        self.fd = os.pidfd_open(pid)
        self.ends = ends
        self.connection = connection
        self.enforced = {"seccomp filter": platform.machine() in seccomp.ARCHITECTURES}
        self.killed_because = ""
        self._crash_end = crash_end

    @classmethod
    def start(cls, context: dict[str, Any], cpus: float) -> Kernel:
        """Fork and exec the kernel, with its own session, limits and the second filter."""
        for folder in (REPO, OUT, HOME + "/.mpl"):
            os.makedirs(folder, exist_ok=True)
        connection = _write_connection_file()
        variables = with_given(environment(cpus), context.pop("variables", {}))
        variables["DEBUGBOX_CONTEXT"] = json.dumps(context)
        launcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")
        command = [BOX + "/kernel/bin/python", "-s", "-B", "-u", launcher, CONNECTION]
        pipes = [_pipe() for _ in range(3)]
        pid = os.fork()
        if pid == 0:
            _become_kernel(command, variables, pipes)
        for _, writer in pipes:
            os.close(writer)
        (out, _), (err, _), (crash, _) = pipes
        return cls(pid, {"stdout": out, "stderr": err}, crash, connection)

    def interrupt(self) -> None:
        self._signal(signal.SIGINT)

    def kill(self, because: str = "") -> None:
        self.killed_because = self.killed_because or because
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def reset_peak(self) -> None:
        """Let the peak of memory start afresh, so that it is the next cell's own."""
        try:
            with open("/proc/%d/clear_refs" % self.pid, "w") as file:
                file.write("5")
        except OSError:
            pass  # then the peak is the kernel's so far, which is no less

    def usage(self) -> tuple[float, int]:
        """(CPU seconds of kernel and finished children, peak resident bytes) so far."""
        try:
            with open("/proc/%d/stat" % self.pid) as file:
                ticks = file.read().rpartition(")")[2].split()[11:15]
            with open("/proc/%d/status" % self.pid) as file:
                peak = [line for line in file if line.startswith("VmHWM:")]
        except OSError:
            return 0.0, 0
        seconds = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        return seconds, int(peak[0].split()[1]) * 1024 if peak else 0

    def cause_of_death(self, status: int, memory_bytes: int, oom_kills: int, stderr_tail: str) -> str:
        """The wait status in words. `oom_kills` is how many processes the limit has ended during the cell."""
        if self.killed_because:
            return self.killed_because
        try:
            words = os.read(self._crash_end, _CRASH_WORDS_BYTES).decode("utf-8", "replace")
        except BlockingIOError:
            words = ""
        return cause_of_death(status, memory_bytes, oom_kills, words, stderr_tail)


def _pipe() -> tuple[int, int]:
    """A large pipe, read without waiting and written with."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with contextlib.suppress(OSError):  # over the user's sum of pipes: the usual 64 KiB do as well, only slower
        fcntl.fcntl(writer, _F_SETPIPE_SZ, _PIPE_BYTES)
    return reader, writer


def _write_connection_file() -> dict[str, Any]:
    connection = {
        "transport": "ipc",
        "ip": SOCKETS + "/kernel",
        "shell_port": 1,
        "iopub_port": 2,
        "stdin_port": 3,
        "control_port": 4,
        "hb_port": 5,
        "key": uuid.uuid4().hex,
        "signature_scheme": "hmac-sha256",
        "kernel_name": "",
    }
    with open(CONNECTION, "w") as file:
        json.dump(connection, file)
    return connection


def _become_kernel(command: list[str], variables: dict[str, str], pipes: list[tuple[int, int]]) -> None:
    """In the child, up to exec. Whatever fails ends the child: there is no way back."""
    try:
        os.setsid()
        _lay_out_descriptors(pipes)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        seccomp.prctl(4, 1)  # PR_SET_DUMPABLE: the supervisor may read /proc/PID of the kernel
        _die_first()
        seccomp.install()
        os.chdir(REPO)
        os.execve(command[0], command, variables)
    except OSError as error:
        os.write(2, str(error).encode())
    finally:
        os._exit(127)


def _lay_out_descriptors(pipes: list[tuple[int, int]]) -> None:
    """Nothing on 0, the pipes on 1 and 2, their reading ends and the crash pipe where the kernel expects them."""
    (out_end, out), (err_end, err), (_, crash) = pipes
    null = os.open(os.devnull, os.O_RDONLY)
    wanted = {0: null, 1: out, 2: err, _STDOUT_END: out_end, _STDERR_END: err_end, _CRASH_FD: crash}
    # First out of the way: a descriptor may stand where another is wanted.
    copies = {target: _high_copy(source) for target, source in wanted.items()}
    for target, copy in copies.items():
        os.dup2(copy, target)
        os.close(copy)


def _high_copy(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100)


def _die_first() -> None:
    """When memory runs out, the kernel is what the system ends, not the supervisor."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError as error:
        print("oom_score_adj:", error, file=sys.stderr)
