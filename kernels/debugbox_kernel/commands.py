"""Runs in the box: a command of the repository, in its own process group, with an end."""

import os
import signal
import subprocess
import time
from collections import namedtuple

Run = namedtuple("Run", "command exit_code stdout stderr duration_s timed_out")


def run_command(command, timeout_s=None, env=None, import_roots=(), cwd="/srv/repo"):
    """See `debugbox_kernel.run`. Output is whole; a shell reads the command."""
    variables = dict(os.environ, PYTHONPATH=os.pathsep.join(import_roots), **(env or {}))
    started = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=cwd,
        env=variables,
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
    return Run(
        command,
        process.returncode,
        out.decode("utf-8", "replace"),
        err.decode("utf-8", "replace"),
        time.monotonic() - started,
        timed_out,
    )


def _kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
