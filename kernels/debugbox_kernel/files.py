"""Runs in the box, in the supervisor. Files that the host asks for."""

from __future__ import annotations

import os
import stat

from .child import OUT


def read_regular_file(name: str, max_bytes: int) -> bytes:
    """A regular file directly below /srv/out. Links are not followed, nothing is waited for."""
    if "/" in name or name in ("", ".", ".."):
        raise ValueError("only names directly below %s" % OUT)
    fd = os.open(os.path.join(OUT, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        details = os.fstat(file.fileno())
        if not stat.S_ISREG(details.st_mode) or details.st_size > max_bytes:
            raise ValueError("not a regular file of at most %d bytes" % max_bytes)
        return file.read(max_bytes)
