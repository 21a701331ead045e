"""Runs in the box, as PID 1: speaks the box protocol with the host and has the kernel as its child.

Started as `python -I supervisor.py`. When standard input closes, or is silent for the lease, the box
is gone. The protocol is written down in docs/box-protocol.md.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from debugbox_kernel import files, greeting, seccomp
from debugbox_kernel.cell import RunningCell
from debugbox_kernel.child import Kernel
from debugbox_kernel.death import oom_kills
from debugbox_kernel.descriptors import Descriptors
from debugbox_kernel.lastwords import STREAMS, LastWords
from debugbox_kernel.outputs import CellOutputs, forward, stream_name
from debugbox_kernel.unpack import Unpacking
from debugbox_kernel.wire import HostGone, Wire

if TYPE_CHECKING:
    from debugbox_kernel.channels import Channels, Message

MAX_ZMQ_BYTES = 64 << 20
MAX_BAD_MESSAGES = 1000
_LAST_MESSAGES_S = 0.3  # granted to what a dead kernel had sent


def main() -> None:
    harden()
    wire = Wire()
    try:
        serve(wire)
    except HostGone:
        os._exit(0)  # the kernel and whatever it started die with PID 1


def harden() -> None:
    """The kernel runs under our uid: close /proc/1 to it, and let no signal end us."""
    seccomp.prctl(4, 0)  # PR_SET_DUMPABLE
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)


def serve(wire: Wire) -> None:
    hello = greeting.wait_for_hello(wire)
    limits = hello["limits"]
    last_words = LastWords()
    kernel = Kernel.start(hello.get("context", {}), limits["cpus"])
    # Imported while the kernel starts: it takes as long as the kernel's own first imports.
    from debugbox_kernel.channels import Channels

    channels = Channels(kernel.connection, MAX_ZMQ_BYTES)
    Supervisor(wire, kernel, channels, last_words, limits).run()


class Supervisor:
    """The loop: host messages, kernel messages, deadlines. One cell runs at a time."""

    def __init__(
        self, wire: Wire, kernel: Kernel, channels: Channels, last_words: LastWords, limits: dict[str, Any]
    ) -> None:
        self.wire, self.kernel, self.channels, self.limits = wire, kernel, channels, limits
        self.last_words = last_words
        self.descriptors = Descriptors(kernel.ends, lambda name, text: self._outputs().text(name, text))
        self.waiting: deque[dict[str, Any]] = deque()  # cells that came before the kernel was ready
        self.ready = False
        self._greeting: dict[str, Any] | None = None  # the kernel's first reply
        self._published = False  # something came on iopub
        self.unpacking: Unpacking | None = None
        self.cell: RunningCell | None = None
        self.background = CellOutputs(0, wire, limits)  # of no running cell, since the last one ended
        self.bad = 0

    def run(self) -> None:
        while True:
            descriptors = {self.wire.stdin_fd, self.kernel.fd, *self.descriptors.listening()}
            self.descriptors.readable(self.channels.poll(self._timeout_s(), descriptors))
            self._hear_host()
            self._read_kernel()
            self.descriptors.take_due()
            self._look_at_deadlines()
            self._reap()

    # From the host

    def _hear_host(self) -> None:
        while True:
            message = self.wire.receive()
            if message is None:
                break
            self._obey(message)
        if self.wire.lease_left() < 0:
            raise HostGone("the lease ran out")

    def _obey(self, message: dict[str, Any]) -> None:
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

    def _unpack(self, size: int) -> None:
        if self.unpacking is None:
            self.unpacking = Unpacking()
        if size:
            self.wire.read_bulk(size, self.unpacking.write)
            return
        try:
            unpacking, self.unpacking = self.unpacking, None
            files, count = unpacking.finish()
        except ValueError as error:
            self.wire.send("refused", what="unpack", why=str(error))
        else:
            self.wire.send("unpacked", files=files, bytes=count)

    def _send_file(self, path: str, max_bytes: int) -> None:
        try:
            data = files.read_regular_file(path, max_bytes)
        except (OSError, ValueError) as error:
            self.wire.send("refused", what="read_file", why=str(error))
        else:
            self.wire.send("file", path=path, size=len(data), bulk=data)

    # From the kernel

    def _read_kernel(self) -> bool:
        """Hand on what has arrived; gives whether there was anything."""
        some = False
        for channel, message in self.channels.messages():
            some = True
            if message is None:
                self._count_bad()
            elif channel == "iopub":
                self._on_iopub(message)
            else:
                self._on_reply(message)
        if not self.ready and self._greeting is not None and self._published:
            self._become_ready(self._greeting)
        if not some and self.channels.replace_lost():
            self._count_bad()
        return some

    def _count_bad(self) -> None:
        self.bad += 1
        if self.bad > MAX_BAD_MESSAGES:
            self.kernel.kill("it sent more than %d messages that cannot be read" % MAX_BAD_MESSAGES)

    def _on_reply(self, message: Message) -> None:
        if not self.ready:
            self._greeting = message["content"]
        elif self.cell and message["parent_header"].get("msg_id") == self.cell.request:
            self.cell.replied(message["content"])

    def _become_ready(self, content: dict[str, Any]) -> None:
        """Both channels have spoken. Before that, output of a first cell would be lost: iopub is subscribed late."""
        self.ready = True
        self.wire.send("ready", **greeting.ready_fields(content, self.kernel.enforced))
        self._start_next()

    def _on_iopub(self, message: Message) -> None:
        content, self._published = message["content"], True
        mine = self.cell is not None and message["parent_header"].get("msg_id") == self.cell.request
        if self.cell is not None and mine:
            self.cell.heard()
        if message["msg_type"] == "status":
            if self.cell is not None and mine and content.get("execution_state") == "idle":
                self.cell.fell_idle()
            return
        outputs = self.cell.outputs if self.cell is not None and mine else self.background
        try:
            if message["msg_type"] == "stream":
                self.last_words.heard(stream_name(content), content["text"])
            forward(message["msg_type"], content, outputs)
        except (KeyError, TypeError, ValueError):
            self._count_bad()

    # Cells

    def _outputs(self) -> CellOutputs:
        """Where belongs what has no sender: the running cell, or nobody's."""
        return self.cell.outputs if self.cell is not None else self.background

    def _start_next(self) -> None:
        if not self.ready or self.cell is not None or not self.waiting:
            return
        self.descriptors.take_all()  # it is none of the next cell's
        self.last_words.start_cell()
        self.kernel.reset_peak()
        request = self.waiting.popleft()
        outputs = CellOutputs(request["id"], self.wire, self.limits)
        message_id = self.channels.execute(request["code"], request["id"], request.get("context"))
        self.cell = RunningCell(request, message_id, outputs, self.kernel.usage()[0], oom_kills())

    def _look_at_deadlines(self) -> None:
        cell, now = self.cell, time.monotonic()
        if cell is None:
            return
        if cell.has_ended(now):
            self._finish_cell(cell, "timeout" if cell.interrupted else cell.status)
        elif cell.is_deaf(now):
            cause = "the cell ignored the interrupt at its limit of %g s" % cell.timeout_s
            self._recover_last_words()
            self._finish_cell(cell, "timeout", cause)
            self._report_death(cause)
        elif cell.is_over_its_limit(now):
            cell.interrupted = now
            self.kernel.interrupt()

    def _finish_cell(self, cell: RunningCell, status: str, cause: str = "") -> None:
        self.descriptors.take_all()
        self.cell = None
        cell.outputs.finish()
        lost = cell.outputs.dropped_outputs + self._end_background()
        cpu_s, memory_bytes = self.kernel.usage()
        self.wire.send(
            "done",
            id=cell.id,
            status=status,
            duration_s=time.monotonic() - cell.started,
            cpu_s=max(0.0, cpu_s - cell.cpu_before_s),
            memory_bytes=max(memory_bytes, cell.child_bytes),
            dropped_outputs=lost,
            oom_kills=max(0, oom_kills() - cell.oom_before),
            kernel_lost=cause,
        )
        if not cause:
            self._start_next()

    def _end_background(self) -> int:
        """Send what is left of the background; what comes from now on has new room. Gives how much was dropped."""
        self.background.finish()
        lost = self.background.dropped_outputs
        self.background = CellOutputs(0, self.wire, self.limits)
        return lost

    # The end

    def _reap(self) -> None:
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

    def _kernel_ended(self, status: int) -> None:
        """Collect what it had still said, by whichever way, then tell its end."""
        self.channels.wait_for_end(_LAST_MESSAGES_S)
        while self._read_kernel():
            pass
        self.descriptors.take_all()
        self._recover_last_words()
        before = self.cell.oom_before if self.cell is not None else 0
        memory, kills = self.limits["memory_bytes"], oom_kills() - before
        cause = self.kernel.cause_of_death(status, memory, kills, self.descriptors.tail("stderr"))
        self._outputs().finish()
        self.background.finish()
        self._report_death(cause)

    def _recover_last_words(self) -> None:
        """What was written and is lost on the way, as far as the recorder has it."""
        for name in STREAMS:
            text, gone = self.last_words.missing(name)
            self._outputs().text(name, text, gone)

    def _report_death(self, cause: str) -> None:
        self.kernel.kill(cause)
        self.wire.send("kernel_died", cause=cause[:2000])
        raise HostGone("the kernel died")

    def _timeout_s(self) -> float:
        """Until the next thing that nobody announces: a deadline or the end of the lease."""
        if self.wire.pending():
            return 0.0
        now = time.monotonic()
        due = [self.wire.lease_left(), *(at - now for at in self.descriptors.due_at())]
        if self.cell is not None:
            due.append(self.cell.next_deadline() - now)
        if not self.ready:
            due.append(self.channels.knock())
        return max(0.0, min(due))


if __name__ == "__main__":
    main()
