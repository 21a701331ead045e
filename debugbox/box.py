"""The host's end of the box protocol: run cells, interrupt, read files, close.

A `Box` that you hold is a running one. `Boxes` opens clean boxes on demand; nothing is shared between them.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from debugbox.connection import Connection
from debugbox.engines import BoxSize, Engine, Environment, Transport
from debugbox.errors import BoxGone, CellInterrupted, KernelDied
from debugbox.finding import Cell, Intervention, Output
from debugbox.growing import GrowingCell, OnOutput, Outputs, as_background, output_of
from debugbox.hints import hints_for
from debugbox.messages import Message
from debugbox.settings import Limits
from debugbox.snapshot import Snapshot
from debugbox.spare import Spare
from debugbox.tarstream import END, file_member, in_parts

PROTOCOL = 1
START_TIMEOUT_S = 60.0
# The box interrupts at the cell's limit and kills 3 s later; the host is the backstop behind both.
BACKSTOP_S = 10.0
STOP_S = 5.0  # granted to a cell after Ctrl-C
_AHEAD_BYTES = 64 << 20


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
        self._connection = Connection(transport, limits.image_bytes)
        self.ready: Message = {}
        self.lost = ""  # why the kernel is gone, once it is
        self._snapshot: Snapshot | None = None
        self._context, self._told = BoxContext(), True  # whether the box knows it
        self._background = Outputs(limits)

    @property
    def applied(self) -> Mapping[str, Any]:
        return self._transport.applied

    @property
    def unenforced(self) -> tuple[str, ...]:
        named = [str(each) for each in self.ready.get("unenforced", [])]
        return (*self._transport.unenforced, *named)

    @property
    def bad_messages(self) -> int:
        return self._connection.bad_messages

    @property
    def is_alive(self) -> bool:
        """Whether a cell can be run, as far as the box has told; else `lost` says why not."""
        self._hear_pending()
        return not self.lost

    def greet(self, size: BoxSize, context: BoxContext, variables: Mapping[str, str]) -> None:
        """The first words: its kernel begins to start. Raises BoxGone."""
        self._context = context
        self._connection.send(
            {
                "type": "hello",
                "protocol": PROTOCOL,
                "limits": _box_limits(self._limits, size),
                "context": {**asdict(context), "variables": dict(variables)},
            }
        )

    def fill(self, snapshot: Snapshot) -> None:
        """Send the snapshot, wait until it is unpacked and the kernel ready. Raises BoxGone."""
        self._snapshot = snapshot
        self._unpack(snapshot.parts())
        self._wait_for({"ready", "unpacked"})

    def adapt(self, context: BoxContext, changed: Mapping[str, bytes]) -> None:
        """Before the first cell: another context, and these files of the snapshot changed. Raises BoxGone."""
        self._context, self._told = context, self._context == context
        if changed:
            self._unpack(in_parts(b"".join(file_member(path, content) for path, content in changed.items()) + END))
            self._wait_for({"unpacked"})

    def _unpack(self, parts: Iterable[bytes]) -> None:
        for part in parts:
            self._connection.send({"type": "unpack", "size": len(part)}, part)
        self._connection.send({"type": "unpack", "size": 0})

    def _wait_for(self, types: set[str]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        seen = {"ready"} if self.ready else set()  # it may have been heard before
        while not types <= seen:
            message = self._connection.next(deadline, "it did not become ready")
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
        growing = GrowingCell(id, code, purpose, setup, self._limits, self._background, on_output)
        try:
            if not self.is_alive:
                raise BoxGone(self.lost)
            told = {} if self._told else {"context": asdict(self._context)}
            self._connection.send({"type": "run", "id": id, "code": code, "timeout_s": timeout_s, **told})
            self._told = True
            return self._collect(growing, timeout_s)
        except (KernelDied, BoxGone) as gone:
            self._lose(gone.cause)
            gone.cell = growing.died(gone.cause)
            raise
        except KeyboardInterrupt:
            raise CellInterrupted(self._stop_cell(growing)) from None
        finally:
            self._background = Outputs(self._limits)

    def take_background(self) -> tuple[Output, ...]:
        """What threads, tasks and processes of earlier cells gave back since the last cell ended. Given once: else
        the next cell has it, as outputs named `background`."""
        self._hear_pending()
        taken, self._background = self._background, Outputs(self._limits)
        return as_background(taken)

    def _collect(self, growing: GrowingCell, timeout_s: float, stopped: str = "") -> Cell:
        """Take outputs until the cell has ended. `stopped` is why we ended it ourselves."""
        deadline = time.monotonic() + timeout_s + (0 if stopped else BACKSTOP_S)
        while True:
            message = self._connection.next(deadline, f"it did not end the cell at {self._limits.of_a_cell(timeout_s)}")
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
        """Take what came while nobody waited: background output, the kernel's beginning or its end."""
        try:
            for message in self._connection.waiting():
                if message["type"] == "kernel_died":
                    self.lost = self.lost or message["cause"]
                elif message["type"] == "ready":
                    self.ready = message
                self._take(message, None)
        except BoxGone as gone:
            self.lost = self.lost or gone.cause

    def _take(self, message: Message, growing: GrowingCell | None) -> None:
        if message["type"] != "output":
            return
        if growing and message["id"] == growing.id:
            growing.take(message)
        elif message["id"] == 0 and (output := output_of(message)):
            self._background.add(output)

    def read_file(self, name: str, max_bytes: int) -> bytes | None:
        """A file that code in the box left in /srv/out, or None with no such file. Raises BoxGone."""
        with self._connection.expecting_file(max_bytes):
            self._connection.send({"type": "read_file", "path": name, "max_bytes": max_bytes})
            while True:
                message = self._connection.next(time.monotonic() + 30, "it did not send the file")
                if message["type"] == "refused":
                    return None
                if message["type"] == "file" and message["path"] == name:
                    bulk: bytes = message["bulk"]
                    return bulk
                self._take(message, None)

    def interrupt(self) -> None:
        """KeyboardInterrupt in the running cell."""
        self._connection.send({"type": "interrupt"})

    def kill(self) -> None:
        """End the box; nothing of it is left when this returns."""
        self._connection.close()


def _box_limits(limits: Limits, size: BoxSize) -> dict[str, Any]:
    return {
        "text_chars": limits.cell_text_chars,
        "outputs": limits.cell_outputs,
        "images": limits.cell_images,
        "image_bytes": limits.image_bytes,
        "memory_bytes": size.memory_bytes + size.snapshot_bytes,  # where the copy lives
        "cpus": limits.cpus,
    }


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """Opens clean boxes: the same environment and the same snapshot bytes in each.

    `begun` gives a box that was started and greeted before, if there is one as it would be started now.
    """

    engine: Engine
    environment: Environment
    snapshot: Snapshot
    limits: Limits
    context: BoxContext
    spare: Spare[Box] | None = None
    begun: Callable[[Environment, BoxSize, BoxContext], Box | None] = lambda *_: None

    @contextmanager
    def ahead(self) -> Iterator["Boxes"]:
        """The same, and the next one is started beside the cells of the last; large snapshots, which live in the
        box's memory, are not unpacked ahead."""
        if self.snapshot.size_bytes > _AHEAD_BYTES:
            yield self
            return
        spare = Spare(self._start)
        try:
            spare.prepare()
            yield replace(self, spare=spare)
        finally:
            spare.close()

    @contextmanager
    def open(self, context: BoxContext | None = None, changed: Mapping[str, bytes] | None = None) -> Iterator[Box]:
        """A fresh box with its kernel ready; gone when the block is left, however it is left.

        `changed` gives files of the snapshot another content in this box.

        Raises:
            BoxGone, SettingsNotApplied: it could not be started as asked for.
        """
        box = (self.spare.take() if self.spare else None) or self._start()
        try:
            box.adapt(context or self.context, changed or {})
            if self.spare:
                self.spare.prepare()
            yield box
        finally:
            box.kill()

    def _start(self) -> Box:
        size = BoxSize.of(self.limits, self.snapshot.size_bytes, len(self.snapshot.files))
        box = self.begun(self.environment, size, self.context)
        box = box or begin(self.engine, self.environment, size, self.limits, self.context)
        try:
            box.fill(self.snapshot)
        except BaseException:
            box.kill()
            raise
        return box


def begin(engine: Engine, environment: Environment, size: BoxSize, limits: Limits, context: BoxContext) -> Box:
    """A started and greeted box. Raises BoxGone, SettingsNotApplied."""
    box = Box(engine.start(environment, size), limits)
    try:
        box.greet(size, context, environment.variables)
    except BaseException:
        box.kill()
        raise
    return box
