"""For code in cells: `import debugbox_kernel as box`. Runs in the box; imports nothing of the target.

`box.repo` is the snapshot's folder, `box.run()` runs the question's command or another one,
`box.symptom()` answers whether the symptom is there, `box.measure()` reports a number, `box.show()` sends
a figure, `box.traceback()` prints the last traceback in full, `box.out(7).text` is all that cell 7 said.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from debugbox_kernel.commands import Run
    from debugbox_kernel.owners import CellText

repo = pathlib.Path("/srv/repo")
out_folder = pathlib.Path("/srv/out")
python = "/opt/box/repo/bin/python"
MAX_RECORD_CHARS = 800_000
context: dict[str, Any] = json.loads(os.environ.get("DEBUGBOX_CONTEXT", "{}"))


def run(
    command: str | Sequence[str] | None = None,
    timeout_s: float | None = None,
    env: Mapping[str, str] | None = None,
) -> Run:
    """Run a shell command, or a list of arguments, in the repository's folder, its interpreter first on PATH.

    `command` defaults to the question's `--run`. Gives a `Run` with `exit_code`, `stdout`, `stderr`,
    `duration_s`, `timed_out`, `cpu_s`, `memory_bytes` (its largest process's peak). Everything it started is killed
    at the timeout (in seconds).
    The context's run-time interventions act on it.
    """
    from debugbox_kernel.commands import run_command

    command = command or context.get("run")
    if not command:
        raise ValueError("no command: the question came without --run, so name one")
    if not isinstance(command, str):
        command = shlex.join(map(str, command))
    roots = context.get("import_roots", [])
    env = {**_interventions(roots), **(env or {})}
    return run_command(command, timeout_s=timeout_s, env=env, import_roots=roots)


def _interventions(roots: Sequence[str]) -> Mapping[str, str]:
    """Variables that put the context's run-time interventions in force; {} where there are none."""
    if not context.get("interventions"):
        return {}
    from debugbox_recipes.interventions import environment

    return environment(context, str(repo), roots)


def measure(name: str, value: float, unit: str = "") -> None:
    """Report a number under a name; it is kept with the cell as data."""
    report("measurement", {"name": str(name), "value": float(value), "unit": str(unit)})


def symptom(
    measured: float | None = None,
    expected: float | None = None,
    unit: str = "",
    present: bool | None = None,
    note: str = "",
) -> None:
    """Answer whether the symptom is there: `present` True, False, or None for "cannot be measured"."""
    state = {True: "present", False: "absent", None: "cannot measure"}[present]
    record = {"state": state, "measured": measured, "expected": expected, "unit": unit, "note": note}
    report("symptom", {key: value for key, value in record.items() if value is not None})


def report(name: str, data: Mapping[str, Any]) -> None:
    """Send a record (`symptom`, `recipe`, `measurement`) as data. It must be plain, finite JSON of limited size."""
    from debugbox_kernel.bundles import publish

    text = json.dumps(data, allow_nan=False)
    if len(text) > MAX_RECORD_CHARS:
        raise ValueError("a record has at most %d characters as JSON, this one %d" % (MAX_RECORD_CHARS, len(text)))
    publish({"application/vnd.debugbox.%s+json" % name: data, "text/plain": text[:2000]})


def show(figure: Any, caption: str = "") -> None:
    """Send a matplotlib figure now and close it; open figures are sent at the end of the cell anyway."""
    import sys

    from debugbox_kernel import bundles, figures

    bundles.publish(figures.bundle(figure, caption))
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)


def traceback() -> None:
    """Print the traceback of the last exception with all its frames."""
    import sys

    from debugbox_kernel.tracebacks import in_full

    print("\n".join(in_full(getattr(sys, "last_value", None))))


def out(cell: int) -> CellText:
    """What cell number `cell` said: `out(7).text` is all of it, also what was cut on its way out of the box.

    Of a cell with more than 8 Mi characters the middle is gone, and of all cells together the last 64 Mi are kept.
    Raises KeyError where this kernel has not run that cell, or has it no more.
    """
    from debugbox_kernel.streams import owners

    try:
        return owners.kept(cell)
    except KeyError:
        raise KeyError("cell %s is not in this kernel: it ran before a new box was started, or never" % cell) from None


def probe(command: str | None = None, timeout_s: float = 60) -> None:
    """Run the question's command, or another, and report how it ended (record `probe`).

    A quick one runs twice: do two runs agree? Of failing tests the first runs alone: does it need the others?
    """
    from debugbox_kernel.curve import MemoryCurve

    with MemoryCurve() as curve:
        done = run(command, timeout_s=timeout_s)
    ended = {**_ended(done), "memory_mib": curve.mebibytes}
    if done.duration_s < 5 and done.exit_code not in (126, 127):
        ended["again"] = _ended(run(command, timeout_s=timeout_s / 2))
    failed = re.search(r"^FAILED (\S+::.+?)( - |$)", done.stdout, re.MULTILINE)
    if failed and done.duration_s < timeout_s / 3:
        alone = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", failed[1]]
        ended["alone"] = _ended(run(alone, timeout_s=timeout_s / 2))
    if os.path.isdir(repo / ".git"):
        ended["history"] = "good" if os.path.exists(repo / ".git/refs/tags/debugbox-good") else "some"
    report("probe", ended)


def _ended(done: Run) -> dict[str, Any]:
    tail = {"stdout": done.stdout[-2000:], "stderr": done.stderr[-2000:]}
    return {"exit_code": done.exit_code, "duration_s": done.duration_s, "timed_out": done.timed_out, **tail}
