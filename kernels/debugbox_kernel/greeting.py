"""Runs in the box, in the supervisor. The first words of both sides: `hello` and `ready`."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping
from typing import Any

from .wire import HostGone, Wire

PROTOCOL = 1


def wait_for_hello(wire: Wire) -> dict[str, Any]:
    poll = select.poll()
    poll.register(wire.stdin_fd, select.POLLIN)
    while True:
        message = wire.receive()
        if message is not None:
            break
        if not poll.poll(max(0, wire.lease_left()) * 1000):
            raise HostGone("no hello")
    if message["type"] != "hello" or message.get("protocol") != PROTOCOL:
        wire.send("refused", what="hello", why="this box speaks protocol %d" % PROTOCOL)
        raise HostGone("no hello")
    return message


def ready_fields(reply: dict[str, Any], enforced: Mapping[str, bool]) -> dict[str, Any]:
    """What `ready` says, from the kernel's first reply: text from the kernel, so it is cut."""
    implementation = "%s %s" % (reply.get("implementation"), reply.get("implementation_version"))
    language = reply.get("language_info")
    return {
        "protocol": PROTOCOL,
        "python": str(language.get("version") if isinstance(language, dict) else None)[:40],
        "kernel": implementation[:80],
        "pid": os.getpid(),
        "enforced": dict(enforced),
        "unenforced": [name for name, applied in enforced.items() if not applied],
    }
