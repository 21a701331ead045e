"""Runs in the box: a command of the repository, in its own process group, with an end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Run(NamedTuple):
    """How a command ended. `stdout` and `stderr` are whole."""

    command: str
    exit_code: int
    stdout: str
    stderr: str
    duration_s: float
    timed_out: bool


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
    timed_out = False
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        timed_out = True
        _kill_group(process)
        out, err = process.communicate()
    except BaseException:
        _kill_group(process)
        process.wait()
        raise
    texts = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    return Run(command, process.returncode, *texts, time.monotonic() - started, timed_out)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
