"""Runs in the box: a command of the repository, in its own process group, with an end and what it took."""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_AFTER_KILL_S = 2.0  # a process that left the group may hold the pipes open for ever
_READ_BYTES = 1 << 16


class Run(NamedTuple):
    """How a command ended. `stdout` and `stderr` are whole.

    `cpu_s` is of the command and all that it waited for. `memory_bytes` is the resident peak of the largest of these,
    but never less than what the kernel held: the system counts that as the command's before it is replaced.
    """

    command: str
    exit_code: int
    stdout: str
    stderr: str
    duration_s: float
    timed_out: bool
    cpu_s: float = 0.0
    memory_bytes: int = 0


class LargestChild:
    """The memory of the largest process that the running cell has waited for, as far as it can be known here."""

    def __init__(self) -> None:
        self._of_commands = self._before = 0

    def start_cell(self) -> None:
        self._of_commands, self._before = 0, _children_bytes()

    def ran(self, memory_bytes: int) -> None:
        self._of_commands = max(self._of_commands, memory_bytes)

    @property
    def memory_bytes(self) -> int:
        """Of `run_command` exactly. For all other children the system keeps one number, so it tells when that grew."""
        every = _children_bytes()
        return max(self._of_commands, every if every > self._before else 0)


largest_child = LargestChild()


def run_command(
    command: str,
    timeout_s: float | None = None,
    env: Mapping[str, str] | None = None,
    import_roots: Sequence[str] = (),
    cwd: str = "/srv/repo",
) -> Run:
    """See `debugbox_kernel.run`. Output is whole; a shell reads the command."""
    started = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(import_roots), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    outputs = [bytearray(), bytearray()]
    try:
        timed_out = not _ends_within(timeout_s, process, outputs)
        if timed_out:
            _kill_group(process)
            _ends_within(_AFTER_KILL_S, process, outputs)
    except BaseException:
        _kill_group(process)
        raise
    finally:
        usage = _wait(process)
    memory_bytes = usage.ru_maxrss * 1024
    largest_child.ran(memory_bytes)
    out, err = (output.decode("utf-8", "replace") for output in outputs)
    duration_s, cpu_s = time.monotonic() - started, usage.ru_utime + usage.ru_stime
    return Run(command, process.returncode, out, err, duration_s, timed_out, cpu_s, memory_bytes)


def _ends_within(timeout_s: float | None, process: subprocess.Popen[bytes], outputs: list[bytearray]) -> bool:
    """Read until the process has ended and both streams are closed; False when that takes too long."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    end = os.pidfd_open(process.pid)
    with contextlib.closing(selectors.DefaultSelector()) as selector:
        for source, kept in zip((process.stdout, process.stderr, end), (*outputs, None)):  # noqa: B905 (Python 3.9 has no strict)
            selector.register(source, selectors.EVENT_READ, kept)  # type: ignore[arg-type]  # both are pipes
        try:
            while selector.get_map():
                left_s = None if deadline is None else deadline - time.monotonic()
                if left_s is not None and left_s <= 0:
                    return False
                for key, _ in selector.select(left_s):
                    if not _take(key):
                        selector.unregister(key.fileobj)
        finally:
            os.close(end)
    return True


def _take(key: selectors.SelectorKey) -> bool:
    """Keep what lies in a pipe; False at its end, and when it was the process that ended."""
    data = os.read(key.fd, _READ_BYTES) if key.data is not None else b""
    if data:
        key.data.extend(data)
    return bool(data)


def _wait(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    """What the ended process has taken. Popen itself would throw that away."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    return usage


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _children_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
