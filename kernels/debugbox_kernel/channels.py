"""Runs in the box, in the supervisor: the kernel's ZeroMQ channels, by way of `jupyter_client`.

Sockets are ipc files in a folder of the box. A message that cannot be read, or is signed wrongly,
comes out as None: the caller counts it. A message over the size limit ends its connection for good
(libzmq calls it a protocol error and does not reconnect), so a lost connection is replaced.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import zmq
from jupyter_client.client import KernelClient

_KNOCK_EVERY_S = 0.05
_AT_ONCE = 500  # messages of one channel before the loop looks at the host and the clock again
_NAMES = ("iopub", "shell")  # iopub first: what was published before a reply is read before it

Message = dict[str, Any]


class Channels:
    """shell and iopub of one kernel, and one poll over them and the supervisor's descriptors."""

    def __init__(self, connection: dict[str, Any], max_bytes: int) -> None:
        context = zmq.Context()
        context.setsockopt(zmq.MAXMSGSIZE, max_bytes)
        context.setsockopt(zmq.LINGER, 0)
        context.setsockopt(zmq.RECONNECT_IVL, 10)
        self._client = KernelClient(context=context)
        self._client.load_connection_info(connection)  # type: ignore[arg-type]  # its type lists what we do not set
        self._poller = zmq.Poller()
        self._sockets: dict[str, Any] = {}
        self._monitors: dict[str, Any] = {}
        self._descriptors: set[int] = set()
        self._knocked = 0.0
        for name in _NAMES:
            self._connect(name)

    def poll(self, timeout_s: float, descriptors: set[int]) -> set[int]:
        """Wait for a message or for one of `descriptors`; gives those that are readable or closed."""
        for fd in self._descriptors - descriptors:
            self._poller.unregister(fd)
        for fd in descriptors - self._descriptors:
            self._poller.register(fd, zmq.POLLIN)
        self._descriptors = descriptors
        # A millisecond more than asked: a poll that is rounded down would come back early, again and again.
        ready = {each for each, _ in self._poller.poll(int(timeout_s * 1000) + 1 if timeout_s else 0)}
        return {fd for fd in descriptors if fd in ready}

    def knock(self) -> float:
        """Ask the kernel for its `kernel_info` until it answers; gives the seconds until the next try.

        Repeated, because a request that goes out before the kernel listens may be lost.
        """
        now = time.monotonic()
        if now > self._knocked + _KNOCK_EVERY_S:
            self._knocked = now
            self._client.session.send(self._sockets["shell"], "kernel_info_request", {})
        return self._knocked + _KNOCK_EVERY_S - now

    def execute(self, code: str, cell: int, context: dict[str, Any] | None = None) -> str:
        """Send one cell, with the context that holds from now on where it is another; gives the message id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": False,  # In and Out would keep the target's objects alive
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        metadata = {"cellId": str(cell), **({"context": context} if context is not None else {})}
        message = self._client.session.msg("execute_request", content, metadata=metadata)
        self._client.session.send(self._sockets["shell"], message)
        return str(message["header"]["msg_id"])

    def messages(self) -> Iterator[tuple[str, Message | None]]:
        """What has arrived, as (channel, message or None); a flood is given in parts."""
        for name in _NAMES:
            for _ in range(_AT_ONCE):
                if not self._sockets[name].getsockopt(zmq.EVENTS) & zmq.POLLIN:
                    break
                yield name, self._receive(self._sockets[name])

    def replace_lost(self) -> list[str]:
        """Connect anew where a connection was lost, if the kernel lives; gives the channels' names."""
        lost = [name for name in _NAMES if self._is_lost(name)]
        for name in lost:
            self._disconnect(name)
            self._connect(name)
        return lost

    def wait_for_end(self, within_s: float) -> None:
        """After the kernel's death: until all that it had sent is here, which is when its connection ends."""
        deadline = time.monotonic() + within_s
        while not self._monitors["iopub"].poll(max(0.0, deadline - time.monotonic()) * 1000):
            if time.monotonic() >= deadline:
                return

    def _connect(self, name: str) -> None:
        identity = self._client.session.bsession  # the same again: the kernel's reply finds the new connection
        connect = {"shell": self._client.connect_shell, "iopub": self._client.connect_iopub}[name]
        socket = connect(identity=identity)
        self._sockets[name] = socket
        self._monitors[name] = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._poller.register(socket, zmq.POLLIN)
        self._poller.register(self._monitors[name], zmq.POLLIN)

    def _disconnect(self, name: str) -> None:
        socket = self._sockets.pop(name)
        self._poller.unregister(socket)
        monitor = self._monitors.pop(name)
        self._poller.unregister(monitor)
        socket.disable_monitor()
        for each in (monitor, socket):
            each.close(0)

    def _is_lost(self, name: str) -> bool:
        return bool(self._monitors[name].getsockopt(zmq.EVENTS) & zmq.POLLIN)

    def _receive(self, socket: Any) -> Message | None:
        try:
            _, message = self._client.session.recv(socket, mode=zmq.NOBLOCK, copy=True)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError, zmq.ZMQError):
            return None
        return message if _well_formed(message) else None


def _well_formed(message: object) -> bool:
    return (
        isinstance(message, dict)
        and isinstance(message.get("msg_type"), str)
        and isinstance(message.get("content"), dict)
        and isinstance(message.get("parent_header"), dict)
    )
