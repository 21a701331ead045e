"""A running embedded box: its two streams, its end, and why it ended. Read by `bubblewrap.py`."""

import fcntl
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from debugbox.engines import cgroups
from debugbox.engines.bubblewrap_walls import UID

NEVER_ENFORCED = ("inode counts of tmpfs",)  # bubblewrap has no option for it


@dataclass(frozen=True)
class BubblewrapTransport:
    """A running `bwrap` and its two streams."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    applied: Mapping[str, Any]
    unenforced: tuple[str, ...]
    _process: "subprocess.Popen[bytes]" = field(repr=False)

    @classmethod
    def start(cls, command: list[str], confinement: cgroups.Confinement) -> "BubblewrapTransport":
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.defpath, **_user_session()},
            start_new_session=True,  # Ctrl-C is for the CLI to handle
        )
        assert process.stdin and process.stdout and process.stderr
        fcntl.fcntl(process.stderr, fcntl.F_SETFL, fcntl.fcntl(process.stderr, fcntl.F_GETFL) | os.O_NONBLOCK)
        applied = {"network": "none", "root": "read-only", "capabilities": "none", "uid": UID, **confinement.applied}
        unenforced = (*confinement.unenforced, *NEVER_ENFORCED)
        return cls(process.stdin, process.stdout, applied, unenforced, process)

    def kill(self) -> None:
        self._process.terminate()  # the keeper's handler kills the box and removes its cgroups
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self.stdin, self.stdout, self._process.stderr):
            _close(stream)

    def cause(self) -> str:
        code = self._process.poll()
        if code is None:
            return ""
        words = (
            (self._process.stderr.read() or b"") if self._process.stderr and not self._process.stderr.closed else b""
        )
        return f"it ended with code {code}" + (f": {words.decode('utf-8', 'replace').strip()[-500:]}" if words else "")


def _close(stream: IO[bytes] | None) -> None:
    try:
        if stream:
            stream.close()
    except OSError:
        pass  # unsent bytes for a box that is gone


def _user_session() -> dict[str, str]:
    """What `systemd-run --user` needs to find the user's session; the box itself gets `--clearenv`."""
    names = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
    return {name: os.environ[name] for name in names if name in os.environ}
