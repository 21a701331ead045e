"""Runs in the box, in the supervisor: the kernel's ZeroMQ channels, by way of `jupyter_client`.

Sockets are ipc files in a folder of the box. A message that cannot be read, or is signed wrongly,
comes out as None: the caller counts it.
"""

import time

import zmq
from jupyter_client.client import KernelClient

_KNOCK_EVERY_S = 0.1


class Channels:
    """shell and iopub of one kernel, and one poll over them and the supervisor's descriptors."""

    def __init__(self, connection, max_bytes):
        context = zmq.Context()
        context.setsockopt(zmq.MAXMSGSIZE, max_bytes)
        context.setsockopt(zmq.LINGER, 0)
        context.setsockopt(zmq.RECONNECT_IVL, 10)
        self._client = KernelClient(context=context)
        self._client.load_connection_info(connection)
        self._sockets = {"shell": self._client.connect_shell(), "iopub": self._client.connect_iopub()}
        self._poller = zmq.Poller()
        for socket in self._sockets.values():
            self._poller.register(socket, zmq.POLLIN)
        self._knocked = 0.0

    def poll(self, timeout_s, *descriptors):
        for fd in descriptors:
            self._poller.register(fd, zmq.POLLIN)
        self._poller.poll(timeout_s * 1000)

    def knock(self):
        """Ask the kernel for its `kernel_info` until it answers; gives the seconds until the next try.

        Repeated, because a request that goes out before the kernel listens may be lost.
        """
        now = time.monotonic()
        if now > self._knocked + _KNOCK_EVERY_S:
            self._knocked = now
            self._client.session.send(self._sockets["shell"], "kernel_info_request", {})
        return self._knocked + _KNOCK_EVERY_S - now

    def execute(self, code, cell):
        """Send one cell; gives the request's message id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": False,  # In and Out would keep the target's objects alive
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        message = self._client.session.msg("execute_request", content, metadata={"cellId": str(cell)})
        self._client.session.send(self._sockets["shell"], message)
        return message["header"]["msg_id"]

    def messages(self):
        """Everything that has arrived, as (channel, message or None)."""
        # iopub first: what was published before a reply is read before it.
        for name in ("iopub", "shell"):
            while self._sockets[name].getsockopt(zmq.EVENTS) & zmq.POLLIN:
                yield name, self._receive(self._sockets[name])

    def _receive(self, socket):
        try:
            _, message = self._client.session.recv(socket, mode=zmq.NOBLOCK, copy=True)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, zmq.ZMQError):
            return None
        return message if _well_formed(message) else None


def _well_formed(message):
    return (
        isinstance(message, dict)
        and isinstance(message.get("msg_type"), str)
        and isinstance(message.get("content"), dict)
        and isinstance(message.get("parent_header"), dict)
    )
