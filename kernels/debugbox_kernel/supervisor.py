"""Runs in the box, as PID 1: speaks the box protocol with the host and has the kernel as its child.

Started as `python -I supervisor.py`. When standard input closes, or is silent for the lease, the box
is gone. The protocol is written down in docs/box-protocol.md.
"""

import os
import signal
import sys
import time
from collections import deque

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from debugbox_kernel import seccomp
from debugbox_kernel.child import OUT, Kernel
from debugbox_kernel.outputs import CellOutputs, forward
from debugbox_kernel.unpack import Unpacking
from debugbox_kernel.wire import HostGone, Wire

PROTOCOL = 1
IDLE_GRACE_S = 2.0  # `idle` may never come: iopub is lossy by design
INTERRUPT_GRACE_S = 3.0
MAX_ZMQ_BYTES = 64 << 20
MAX_BAD_MESSAGES = 1000


def main():
    harden()
    wire = Wire()
    try:
        serve(wire)
    except HostGone:
        os._exit(0)  # the kernel and whatever it started die with PID 1


def harden():
    """The kernel runs under our uid: close /proc/1 to it, and let no signal end us."""
    seccomp.prctl(4, 0)  # PR_SET_DUMPABLE
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)


def serve(wire):
    hello = wait_for_hello(wire)
    limits = hello["limits"]
    kernel = Kernel.start(hello.get("context", {}), limits["cpus"])
    # Imported while the kernel starts: it takes as long as the kernel's own first imports.
    from debugbox_kernel.channels import Channels

    channels = Channels(kernel.connection, MAX_ZMQ_BYTES)
    Supervisor(wire, kernel, channels, limits).run()


def wait_for_hello(wire):
    import select

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


class Supervisor:
    """The loop: host messages, kernel messages, deadlines. One cell runs at a time."""

    def __init__(self, wire, kernel, channels, limits):
        self.wire, self.kernel, self.channels, self.limits = wire, kernel, channels, limits
        self.waiting = deque()  # cells that came before the kernel was ready
        self.ready = False
        self.unpacking = None
        self.cell = None
        self.background = None  # output after a cell's end
        self.last_cell = 0
        self.bad = 0

    def run(self):
        while True:
            self.channels.poll(self._timeout_s(), self.wire.stdin_fd, self.kernel.fd, self.kernel.stderr_fd)
            self.kernel.listen()
            while True:
                message = self.wire.receive()
                if message is None:
                    break
                self._obey(message)
            if self.wire.lease_left() < 0:
                raise HostGone("the lease ran out")
            self._read_kernel()
            self._look_at_deadlines()
            self._reap()

    # From the host

    def _obey(self, message):
        kind = message["type"]
        if kind == "run":
            self.waiting.append(message)
            self._start_next()
        elif kind == "unpack":
            self._unpack(message["size"])
        elif kind == "interrupt":
            self.kernel.interrupt()
        elif kind == "read_file":
            self._send_file(message["path"], message["max_bytes"])
        elif kind == "ping":
            self.wire.send("pong")
        elif kind == "close":
            raise HostGone("closed")
        else:
            raise HostGone("an unknown request: " + kind)

    def _unpack(self, size):
        if self.unpacking is None:
            self.unpacking = Unpacking()
        if size:
            self.wire.read_bulk(size, self.unpacking.write)
            return
        try:
            files, count = self.unpacking.finish()
        except ValueError as error:
            self.wire.send("refused", what="unpack", why=str(error))
        else:
            self.wire.send("unpacked", files=files, bytes=count)

    def _send_file(self, path, max_bytes):
        try:
            data = read_regular_file(path, max_bytes)
        except (OSError, ValueError) as error:
            self.wire.send("refused", what="read_file", why=str(error))
        else:
            self.wire.send("file", path=path, size=len(data), bulk=data)

    # From the kernel

    def _read_kernel(self):
        for channel, message in self.channels.messages():
            if message is None:
                self.bad += 1
                if self.bad > MAX_BAD_MESSAGES:
                    self.kernel.kill()
                continue
            if channel == "iopub":
                self._on_iopub(message)
            elif channel == "shell":
                self._on_reply(message)

    def _on_reply(self, message):
        if not self.ready:
            self._become_ready(message)
        elif self.cell and message["parent_header"].get("msg_id") == self.cell.request:
            self.cell.replied(message["content"].get("status"))

    def _become_ready(self, message):
        content = message["content"]
        implementation = "%s %s" % (content.get("implementation"), content.get("implementation_version"))
        language = content.get("language_info", {})
        self.ready = True
        self.wire.send(
            "ready",
            protocol=PROTOCOL,
            python=str(language.get("version"))[:40],
            kernel=implementation[:80],
            pid=os.getpid(),
            enforced=self.kernel.enforced,
            unenforced=[name for name, applied in self.kernel.enforced.items() if not applied],
        )
        self._start_next()

    def _on_iopub(self, message):
        parent = message["parent_header"].get("msg_id")
        mine = self.cell is not None and parent == self.cell.request
        if message["msg_type"] == "status":
            if mine and message["content"].get("execution_state") == "idle":
                self.cell.idle = True
            return
        target = self.cell.outputs if mine else self._background_outputs()
        try:
            forward(message["msg_type"], message["content"], target)
        except (KeyError, TypeError, ValueError):
            self.bad += 1

    def _background_outputs(self):
        """Where output goes that belongs to no running cell: bounded for the life of the box."""
        if self.background is None:
            self.background = CellOutputs(0, self.wire, self.limits)
        return self.background

    # Cells

    def _start_next(self):
        if not self.ready or self.cell is not None or not self.waiting:
            return
        request = self.waiting.popleft()
        outputs = CellOutputs(request["id"], self.wire, self.limits)
        message_id = self.channels.execute(request["code"], request["id"])
        self.cell = RunningCell(request, message_id, outputs, self.kernel.usage()[0])

    def _look_at_deadlines(self):
        cell = self.cell
        if cell is None:
            return
        now = time.monotonic()
        if cell.has_ended(now):
            self._finish_cell("timeout" if cell.interrupted else cell.status)
        elif cell.interrupted and now > cell.interrupted + INTERRUPT_GRACE_S:
            self._finish_cell("timeout")
            self._report_death("the cell ignored the interrupt at its limit of %g s" % cell.timeout_s)
        elif not cell.interrupted and now > cell.deadline:
            cell.interrupted = now
            self.kernel.interrupt()

    def _finish_cell(self, status):
        cell, self.cell = self.cell, None
        cell.outputs.finish()
        cpu_s, memory_bytes = self.kernel.usage()
        self.wire.send(
            "done",
            id=cell.id,
            status=status,
            duration_s=time.monotonic() - cell.started,
            cpu_s=max(0.0, cpu_s - cell.cpu_before_s),
            memory_bytes=memory_bytes,
            dropped_outputs=cell.outputs.dropped_outputs,
        )
        self._start_next()

    # The end

    def _reap(self):
        """Children that ended: orphans of the kernel are forgotten, the kernel's end is reported."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.kernel.pid:
                self._kernel_ended(status)

    def _kernel_ended(self, status):
        self._read_kernel()  # what it said before it died is still in the sockets
        cause = self.kernel.cause_of_death(status, self.limits["memory_bytes"])
        if self.cell is not None:
            self.cell.outputs.finish()
        self._report_death(cause)

    def _report_death(self, cause):
        self.kernel.kill()
        self.wire.send("kernel_died", cause=cause[:2000])
        raise HostGone("the kernel died")

    def _timeout_s(self):
        """Until the next thing that nobody announces: a deadline or the end of the lease."""
        if self.wire.pending():
            return 0.0
        due = self.wire.lease_left()
        if self.cell is not None:
            due = min(due, self.cell.next_deadline() - time.monotonic())
        if not self.ready:
            due = min(due, self.channels.knock())
        return max(0.0, due)


class RunningCell:
    """The cell in the kernel, its deadlines and what is known of its end."""

    def __init__(self, request, message_id, outputs, cpu_before_s):
        self.id, self.timeout_s = request["id"], request["timeout_s"]
        self.request, self.outputs, self.cpu_before_s = message_id, outputs, cpu_before_s
        self.started = time.monotonic()
        self.deadline = self.started + self.timeout_s
        self.interrupted = None
        self.reply_at = None
        self.status = "ok"
        self.idle = False

    def replied(self, status):
        self.reply_at = time.monotonic()
        self.status = "ok" if status == "ok" else "error"

    def has_ended(self, now):
        return self.reply_at is not None and (self.idle or now > self.reply_at + IDLE_GRACE_S)

    def next_deadline(self):
        if self.reply_at is not None:
            return self.reply_at + IDLE_GRACE_S
        return self.interrupted + INTERRUPT_GRACE_S if self.interrupted else self.deadline


def read_regular_file(name, max_bytes):
    """A regular file directly below /srv/out. Links are not followed, nothing is waited for."""
    if "/" in name or name in ("", ".", ".."):
        raise ValueError("only names directly below %s" % OUT)
    fd = os.open(os.path.join(OUT, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        import stat

        details = os.fstat(file.fileno())
        if not stat.S_ISREG(details.st_mode) or details.st_size > max_bytes:
            raise ValueError("not a regular file of at most %d bytes" % max_bytes)
        return file.read(max_bytes)


if __name__ == "__main__":
    main()
