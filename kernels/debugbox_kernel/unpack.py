"""Runs in the box. Unpacks the snapshot's tar as it arrives, in a child of the supervisor (untar.py)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys

from .child import REPO

_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031


class Unpacking:
    """The child that reads the tar from a pipe. `write` feeds it, `finish` gives (members, bytes)."""

    def __init__(self) -> None:
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "untar.py")
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", program, REPO],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self._child.stdin is not None
        self._fd = self._child.stdin.fileno()
        with contextlib.suppress(OSError):  # over the user's sum of pipes: the usual 64 KiB do as well, only slower
            fcntl.fcntl(self._fd, _F_SETPIPE_SZ, _PIPE_BYTES)

    def write(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # the child has failed; its words come at `finish`
            while data:
                data = data[os.write(self._fd, data) :]

    def finish(self) -> tuple[int, int]:
        """Raises ValueError with the child's last words when it could not unpack everything."""
        out, err = self._child.communicate()
        # Its exit code may have gone to the supervisor, who reaps whatever ends; its words have not.
        if self._child.returncode != 0 or not out:
            raise ValueError((err.decode("utf-8", "replace").strip().splitlines() or ["unknown"])[-1])
        files, size = out.split()
        return int(files), int(size)
