"""Runs in the box. Unpacks the snapshot's tar as it arrives, in a child of the supervisor."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tarfile

from .child import REPO


class Unpacking:
    """The child that reads the tar from a pipe. `write` feeds it, `finish` gives (files, bytes)."""

    def __init__(self) -> None:
        program = "import sys; sys.path.insert(0, %r); from debugbox_kernel.unpack import unpack; unpack(0, %r)"
        folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", program % (folder, REPO)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def write(self, data: bytes) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the child has failed; its words come at `finish`
            self._child.stdin.write(data)

    def finish(self) -> tuple[int, int]:
        """Raises ValueError with the child's last words when it could not unpack everything."""
        out, err = self._child.communicate()
        # Its exit code may have gone to the supervisor, who reaps whatever ends; its words have not.
        if self._child.returncode != 0 or not out:
            raise ValueError((err.decode("utf-8", "replace").strip().splitlines() or ["unknown"])[-1])
        files, size = out.split()
        return int(files), int(size)


def unpack(fd: int, folder: str) -> None:
    """Read an uncompressed tar from `fd` into `folder`; only files, folders and links that stay inside."""
    files = size = 0
    with (
        os.fdopen(fd, "rb", 1 << 20) as stream,
        tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 20) as tar,
    ):
        for member in tar:
            _extract(tar, member, folder)
            files += 1
            size += member.size
    print(files, size)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    if hasattr(tarfile, "data_filter"):
        tar.extract(member, folder, set_attrs=not member.islnk(), filter="data")
        return
    # Pythons before the filter: the host builds the tar, so this is the second lock, not the first.
    inside = os.path.realpath(os.path.join(folder, member.name))
    if not inside.startswith(os.path.realpath(folder) + os.sep) or not (
        member.isreg() or member.isdir() or member.issym()
    ):
        raise ValueError("a member outside: " + member.name)
    tar.extract(member, folder)
