"""The snapshot with what the repository's own set-up command makes of it: built extensions, generated files.

The command runs in a box like any other, on a copy, without network; what it made comes out as bytes that are not
trusted, and goes into the boxes only. Neighbours: kernels/debugbox_kernel/setting_up.py, `environment` (the compiler).
"""

import json
import os
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from debugbox.box import Box, BoxContext, Boxes
from debugbox.engines import Engine, Environment
from debugbox.environment import import_roots
from debugbox.errors import BoxGone, KernelDied, SetupFailed
from debugbox.settings import Limits, Settings
from debugbox.snapshot import METADATA, Made, Snapshot

PIECE_BYTES = 8 << 20
INDEX_BYTES = 16 << 20
_LATE_S = 30.0  # for laying out what was made
_MAX_PATH = 1000
_CODE = "from debugbox_kernel.setting_up import set_up\nset_up({command!r}, {timeout_s!r})\n"


def set_up(snapshot: Snapshot, environment: Environment, engine: Engine, settings: Settings) -> Snapshot:
    """The snapshot that the boxes get; the same where the repository names no set-up command.

    Raises:
        SetupFailed: the command did, or what it made is over the snapshot's limits.
    """
    if not settings.setup:
        return snapshot
    boxes = Boxes(
        engine=engine,
        environment=environment,
        snapshot=snapshot,
        limits=settings.limits,
        context=BoxContext(import_roots=import_roots(snapshot)),
    )
    try:
        with boxes.open() as box:
            pieces = _run(box, settings.setup, settings.limits.setup_timeout_s)
            return snapshot.with_made(_made(box, pieces, settings.setup, settings.limits))
    except (BoxGone, KernelDied) as gone:
        raise SetupFailed(settings.setup, gone.cause, "") from gone


def _run(box: Box, command: str, timeout_s: float) -> int:
    """Run it; gives how many pieces its result has."""
    code = _CODE.format(command=command, timeout_s=timeout_s)
    cell = box.run_cell(code, id=1, purpose="set-up", timeout_s=timeout_s + _LATE_S)
    text = "".join(output.text for output in cell.outputs if output.name == "stdout")
    try:
        told: dict[str, Any] = json.loads(text.rstrip("\n").rpartition("\n")[2])
        words, pieces = str(told["words"]).strip(), int(told["pieces"])
        if told["timed_out"]:
            raise SetupFailed(command, f"it did not end within {timeout_s:g} s (setup_timeout)", words)
        if told["exit_code"]:
            raise SetupFailed(command, f"it ended with {int(told['exit_code'])}", words)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        said = " ".join(output.text for output in cell.outputs)
        raise SetupFailed(command, cell.cause or "the box did not say how it went", said) from error
    return pieces


def _made(box: Box, pieces: int, command: str, limits: Limits) -> Iterator[Made]:
    """What it made, file by file, checked: of what a box says nothing is believed."""
    content = _Contents(box, pieces)
    left_files, left_bytes = limits.snapshot_files, limits.snapshot_bytes
    for line in (box.read_file("setup-index", INDEX_BYTES) or b"").splitlines():
        path, size, executable, target = _entry(line, command)
        left_files, left_bytes = left_files - 1, left_bytes - size
        if left_files < 0 or left_bytes < 0 or size > limits.snapshot_file_bytes:
            raise SetupFailed(command, f"what it made is over the snapshot's limits ({path}, {size} bytes)", "")
        data = content.take(size)
        if len(data) < size:
            raise SetupFailed(command, "the box did not send all of what it made", "")
        yield Made(path=path, content=data, executable=executable, target=target)


def _entry(line: bytes, command: str) -> tuple[str, int, bool, str]:
    """One line of the index. Raises SetupFailed where it is none, or leads outside the repository."""
    try:
        path, size, executable, target = json.loads(line)
        inside = isinstance(path, str) and isinstance(target, str) and _is_inside(path, target)
        if inside and isinstance(size, int) and size >= 0 and not (target and size):
            return path, size, bool(executable), target
    except (ValueError, TypeError, RecursionError):
        pass
    raise SetupFailed(command, "the box's list of what it made cannot be read", "")


def _is_inside(path: str, target: str) -> bool:
    parts = PurePosixPath(path).parts
    leads_to = os.path.normpath(PurePosixPath(path).parent / target)
    return (
        0 < len(path) <= _MAX_PATH
        and os.path.normpath(path) == path
        and not path.startswith(("/", "../"))
        and not {"..", ".git", METADATA}.intersection(parts)
        and "\0" not in path + target
        and not target.startswith("/")
        and not leads_to.startswith("..")
    )


class _Contents:
    """The pieces as one stream, a piece in memory at a time."""

    def __init__(self, box: Box, pieces: int) -> None:
        self._parts = (box.read_file(f"setup-{number}", PIECE_BYTES) or b"" for number in range(pieces))
        self._held = b""

    def take(self, size: int) -> bytes:
        taken = []
        while size:
            if not self._held:
                self._held = next(self._parts, b"")
                if not self._held:
                    break
            taken.append(self._held[:size])
            self._held = self._held[size:]
            size -= len(taken[-1])
        return b"".join(taken)
