"""For code in cells: `import debugbox_kernel as box`. Runs in the box; imports nothing of the target.

`box.repo` is the snapshot's folder, `box.run()` runs the question's command or another one,
`box.symptom()` answers whether the symptom is there, `box.measure()` reports a number,
`box.show()` sends a figure, `box.traceback()` prints the last traceback in full.
"""

import json
import os
import pathlib

repo = pathlib.PurePosixPath("/srv/repo")
out = pathlib.PurePosixPath("/srv/out")
python = "/opt/box/repo/bin/python"
context = json.loads(os.environ.get("DEBUGBOX_CONTEXT", "{}"))


def run(command=None, timeout_s=None, env=None):
    """Run a shell command in the repository's folder, with its interpreter first on PATH.

    `command` defaults to the question's `--run`. Gives a `Run` with `exit_code`, `stdout`, `stderr`,
    `duration_s`, `timed_out`. Everything it started is killed at the timeout (in seconds).
    """
    from debugbox_kernel.commands import run_command

    command = command or context.get("run")
    if not command:
        raise ValueError("no command: the question came without --run, so name one")
    return run_command(command, timeout_s=timeout_s, env=env, import_roots=context.get("import_roots", []))


def measure(name, value, unit=""):
    """Report a number under a name; it is kept with the cell as data."""
    report("measurement", {"name": str(name), "value": float(value), "unit": str(unit)})


def symptom(measured=None, expected=None, unit="", present=None, note=""):
    """Answer whether the symptom is there: `present` True, False, or None for "cannot be measured"."""
    state = {True: "present", False: "absent", None: "cannot measure"}[present]
    record = {"state": state, "measured": measured, "expected": expected, "unit": unit, "note": note}
    report("symptom", {key: value for key, value in record.items() if value is not None})


def report(name, data):
    """Send a record (`symptom`, `recipe`, `measurement`) as data. It must be plain, finite JSON."""
    from IPython.display import publish_display_data

    json.dumps(data, allow_nan=False)
    mime = "application/vnd.debugbox.%s+json" % name
    publish_display_data({mime: data, "text/plain": json.dumps(data)[:2000]})


def show(figure, caption=""):
    """Send a matplotlib figure now and close it; open figures are sent at the end of the cell anyway."""
    import sys

    from debugbox_kernel.figures import publish

    publish(figure, caption)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)


def traceback():
    """Print the traceback of the last exception with all its frames."""
    import sys
    import traceback as tracebacks

    error = getattr(sys, "last_value", None)
    print(
        "".join(tracebacks.format_exception(type(error), error, error.__traceback__)) if error else "no exception yet"
    )


def probe():
    """Run the question's command once and report how it ended (record `probe`)."""
    done = run(timeout_s=60)
    tail = {"stdout": done.stdout[-2000:], "stderr": done.stderr[-2000:]}
    report("probe", {"exit_code": done.exit_code, "duration_s": done.duration_s, "timed_out": done.timed_out, **tail})
