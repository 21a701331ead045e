"""The host's end of the box protocol: run cells, interrupt, read files, close.

A `Box` that you hold is a running one. It owns the engine's transport, a thread that reads what the box
says, and one that keeps the lease. `Boxes` opens clean boxes on demand; nothing is shared between them.
"""

import contextlib
import json
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from debugbox.engines import BoxSize, Engine, Environment, Transport
from debugbox.errors import BoxGone, CellInterrupted, KernelDied
from debugbox.finding import Cell, Intervention, Output
from debugbox.growing import GrowingCell, OnOutput, Outputs, output_of
from debugbox.hints import hints_for
from debugbox.mailbox import Mailbox
from debugbox.messages import Message, MessageReader
from debugbox.settings import Limits
from debugbox.snapshot import Snapshot

PROTOCOL = 1
START_TIMEOUT_S = 60.0
LEASE_EVERY_S = 15.0
# The box interrupts at the cell's limit and kills 3 s later; the host is the backstop behind both.
BACKSTOP_S = 10.0
STOP_S = 5.0  # granted to a cell after Ctrl-C
_WAITING_BYTES, _WAITING_MESSAGES = 4 << 20, 64  # the rest waits in the box


@dataclass(frozen=True, kw_only=True)
class BoxContext:
    """What code in a box finds in `box.context`: the question's command, and what the checks apply."""

    run: str | None = None
    question: str = ""
    import_roots: tuple[str, ...] = ("/srv/repo",)
    interventions: tuple[Intervention, ...] = ()
    expected: Mapping[str, Any] | None = None


class Box:
    """One running box. Not safe for two threads at once, except `interrupt` and `kill`."""

    def __init__(self, transport: Transport, limits: Limits) -> None:
        self._transport, self._limits = transport, limits
        self._messages: Mailbox[Message | BoxGone | None] = Mailbox(_WAITING_BYTES, _WAITING_MESSAGES)
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._reader = MessageReader(transport.stdout, limits.image_bytes)
        self.ready: Message = {}
        self.lost = ""  # why the kernel is gone, once it is
        self._snapshot: Snapshot | None = None
        self._background = Outputs(limits)
        for target in (self._read, self._keep_lease):
            threading.Thread(target=target, daemon=True).start()

    @property
    def applied(self) -> Mapping[str, Any]:
        return self._transport.applied

    @property
    def unenforced(self) -> tuple[str, ...]:
        named = [str(each) for each in self.ready.get("unenforced", [])]
        return (*self._transport.unenforced, *named)

    @property
    def bad_messages(self) -> int:
        return self._reader.bad

    @property
    def background(self) -> list[Output]:
        """What threads, tasks and processes gave back after their cell had ended: of no cell."""
        self._hear_pending()
        return list(self._background.frozen())

    @property
    def is_alive(self) -> bool:
        """Whether a cell can be run, as far as the box has told; else `lost` says why not."""
        self._hear_pending()
        return not self.lost

    def start(
        self,
        snapshot: Snapshot,
        context: BoxContext,
        changed: Mapping[str, bytes],
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Greet the box, send the snapshot with these files changed, wait for the kernel. Raises BoxGone."""
        self._snapshot = snapshot
        self._send(
            {
                "type": "hello",
                "protocol": PROTOCOL,
                "limits": _box_limits(self._limits, snapshot.size_bytes),
                "context": {**asdict(context), "variables": dict(variables)},
            }
        )
        for part in snapshot.parts(changed):
            self._send({"type": "unpack", "size": len(part)}, part)
        self._send({"type": "unpack", "size": 0})
        deadline = time.monotonic() + START_TIMEOUT_S
        seen: set[str] = set()
        while not {"ready", "unpacked"} <= seen:
            message = self._next(deadline, "it did not become ready")
            if message["type"] == "ready":
                self.ready = message
            elif message["type"] == "refused":
                raise BoxGone(f"{message['what']}: {message['why']}")
            elif message["type"] == "kernel_died":
                raise BoxGone(f"the kernel did not start: {message['cause']}")
            seen.add(message["type"])

    def run_cell(
        self,
        code: str,
        *,
        id: int,
        purpose: str,
        timeout_s: float,
        setup: bool = False,
        on_output: OnOutput | None = None,
    ) -> Cell:
        """Run one cell and wait until the kernel is idle again.

        Output beyond the cell's limits keeps its head and tail, and says how much was cut.
        An exception in `code` is a result (status "error"), and so is a timeout (interrupted, partial
        output kept, kernel usable; where the cell ignored the interrupt, `lost` says that the kernel is gone).
        A failure whose reason lies in the box gets outputs named `hint`.

        Raises:
            KernelDied: the kernel ended; `cell` of the exception holds what had come back.
            BoxGone: the box is not there any more; the same.
            CellInterrupted: Ctrl-C; the same, and the kernel is usable unless `lost` says otherwise.
        """
        growing = GrowingCell(id, code, purpose, setup, self._limits, on_output)
        try:
            if not self.is_alive:
                raise BoxGone(self.lost)
            self._send({"type": "run", "id": id, "code": code, "timeout_s": timeout_s})
            return self._collect(growing, timeout_s)
        except (KernelDied, BoxGone) as gone:
            self._lose(gone.cause)
            gone.cell = growing.died(gone.cause)
            raise
        except KeyboardInterrupt:
            raise CellInterrupted(self._stop_cell(growing)) from None

    def _collect(self, growing: GrowingCell, timeout_s: float, stopped: str = "") -> Cell:
        """Take outputs until the cell has ended. `stopped` is why we ended it ourselves."""
        deadline = time.monotonic() + timeout_s + (0 if stopped else BACKSTOP_S)
        while True:
            message = self._next(deadline, f"it did not end the cell at {self._limits.of_a_cell(timeout_s)}")
            if message["type"] == "done" and message["id"] == growing.id:
                return self._finish(growing, message, timeout_s, stopped)
            if message["type"] == "kernel_died":
                raise KernelDied(message["cause"])
            self._take(message, growing)

    def _finish(self, growing: GrowingCell, done: Message, timeout_s: float, stopped: str) -> Cell:
        failed = done["status"] == "error" and not stopped
        if self._snapshot:
            outputs = growing.outputs.frozen()
            for hint in hints_for(outputs, self._snapshot, failed=failed, oom_kills=done["oom_kills"]):
                growing.add(hint)
        if done["kernel_lost"]:
            self._lose(done["kernel_lost"])
        at_limit = ""
        if done["status"] == "timeout":
            lost = f"; {done['kernel_lost']}" if done["kernel_lost"] else ""
            at_limit = f"it was interrupted at {self._limits.of_a_cell(timeout_s)}{lost}"
        return growing.finish(done, cause=stopped or at_limit or done["kernel_lost"])

    def _stop_cell(self, growing: GrowingCell) -> Cell:
        """Interrupt the running cell by hand and take what it still gives; a deaf one costs the box."""
        try:
            self.interrupt()
            return self._collect(growing, STOP_S, "interrupted by Ctrl-C")
        except (KernelDied, BoxGone) as gone:
            self._lose(gone.cause)
            return growing.died(f"interrupted by Ctrl-C; {gone.cause}")
        except KeyboardInterrupt:
            self._lose("interrupted twice")
            return growing.died("interrupted twice by Ctrl-C")

    def _lose(self, cause: str) -> None:
        self.lost = self.lost or cause
        self.kill()

    def _hear_pending(self) -> None:
        """Take what came while nobody waited: background output, or the kernel's end."""
        while True:
            try:
                message = self._messages.get(0)
            except queue.Empty:
                return
            if message is None or isinstance(message, BoxGone):
                self.lost = self.lost or (message.cause if message else self._wait_for_cause())
                return
            if message["type"] == "kernel_died":
                self.lost = self.lost or message["cause"]
            self._take(message, None)

    def _take(self, message: Message, growing: GrowingCell | None) -> None:
        if message["type"] != "output":
            return
        if growing and message["id"] == growing.id:
            growing.take(message)
        elif message["id"] == 0 and (output := output_of(message)):
            self._background.add(output)

    def read_file(self, name: str, max_bytes: int) -> bytes | None:
        """A file that code in the box left in /srv/out, or None with no such file. Raises BoxGone."""
        self._reader.file_bytes = max_bytes
        try:
            self._send({"type": "read_file", "path": name, "max_bytes": max_bytes})
            while True:
                message = self._next(time.monotonic() + 30, "it did not send the file")
                if message["type"] == "refused":
                    return None
                if message["type"] == "file" and message["path"] == name:
                    bulk: bytes = message["bulk"]
                    return bulk
        finally:
            self._reader.file_bytes = 0

    def interrupt(self) -> None:
        """KeyboardInterrupt in the running cell."""
        self._send({"type": "interrupt"})

    def kill(self) -> None:
        """End the box; nothing of it is left when this returns."""
        self._closed.set()
        self._transport.kill()

    # The two threads

    def _read(self) -> None:
        try:
            while not self._closed.is_set() and (message := self._reader.next()) is not None:
                self._messages.put(message, self._reader.size)
        except (BoxGone, OSError, ValueError) as error:
            gone = error if isinstance(error, BoxGone) else BoxGone(str(error))
            self._messages.put(gone, 0)
        self._messages.put(None, 0)

    def _keep_lease(self) -> None:
        while not self._closed.wait(LEASE_EVERY_S):
            with contextlib.suppress(BoxGone):
                self._send({"type": "ping"})

    def _send(self, message: Message, bulk: bytes = b"") -> None:
        line = json.dumps(message).encode("ascii") + b"\n"
        try:
            with self._writing:
                self._transport.stdin.write(line)
                if bulk:
                    self._transport.stdin.write(bulk)
                self._transport.stdin.flush()
        except (OSError, ValueError) as error:
            raise BoxGone(self._transport.cause() or str(error)) from error

    def _next(self, deadline: float, otherwise: str) -> Message:
        left_s = deadline - time.monotonic()
        try:
            if left_s < 0:
                raise queue.Empty  # a box that always has something to say is over its time all the same
            message = self._messages.get(left_s)
        except queue.Empty:
            raise BoxGone(otherwise) from None
        if message is None:
            raise BoxGone(self._wait_for_cause())
        if isinstance(message, BoxGone):
            raise message
        return message

    def _wait_for_cause(self) -> str:
        """The engine knows the cause a moment after the stream has ended."""
        deadline = time.monotonic() + 1.5
        while not (cause := self._transport.cause()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return cause or "its stream ended"


def _box_limits(limits: Limits, snapshot_bytes: int) -> dict[str, Any]:
    return {
        "text_chars": limits.cell_text_chars,
        "outputs": limits.cell_outputs,
        "images": limits.cell_images,
        "image_bytes": limits.image_bytes,
        "memory_bytes": limits.memory_bytes + snapshot_bytes,  # where the copy lives
        "cpus": limits.cpus,
    }


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """Opens clean boxes: the same environment and the same snapshot bytes in each."""

    engine: Engine
    environment: Environment
    snapshot: Snapshot
    limits: Limits
    context: BoxContext

    @contextmanager
    def open(self, context: BoxContext | None = None, changed: Mapping[str, bytes] | None = None) -> Iterator[Box]:
        """A fresh box with its kernel ready; gone when the block is left, however it is left.

        `changed` gives files of the snapshot another content in this box.

        Raises:
            BoxGone, SettingsNotApplied: it could not be started as asked for.
        """
        size = BoxSize(
            cpus=self.limits.cpus,
            memory_bytes=self.limits.memory_bytes,
            pids=self.limits.pids,
            snapshot_bytes=self.snapshot.size_bytes,
            snapshot_files=len(self.snapshot.files),
        )
        transport = self.engine.start(self.environment, size)
        box = Box(transport, self.limits)
        try:
            box.start(self.snapshot, context or self.context, changed or {}, self.environment.variables)
            yield box
        finally:
            box.kill()
