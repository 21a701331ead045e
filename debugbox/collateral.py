"""Do the repository's own tests stay green under an intervention? Which tests, and which of them fail."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from debugbox.box import BoxContext, Boxes
from debugbox.errors import BoxGone, KernelDied, SettingsNotApplied
from debugbox.finding import Check, Intervention, Place
from debugbox.snapshot import Snapshot

_MAX_FILES = 5
# The repository's own pytest, or the one that boxes carry: last on the path, so that it shadows nothing of theirs.
_PYTEST = (
    "import sys; sys.path.append('/opt/box/tools/test-runner'); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
)
# Run as a throwaway cell: pytest's own summary lines.
_CODE = """\
import debugbox_kernel as box
# Kernels ask for colour by a variable: a coloured line does not begin with its word.
command = ["python", "-c", {pytest!r}, "-q", "--color=no", "-p", "no:cacheprovider", "-rfE", *{files!r}]
run = box.run(command, timeout_s={timeout_s!r})
summary = run.stdout.strip().splitlines()[-1:] or [""]
# Where pytest cannot start the exit code may be 1 as well: only its own summary line says that tests ran.
ran = any(word in summary[0] for word in (" passed", " failed", " error"))
if run.timed_out or run.exit_code not in (0, 1) or not ran:
    raise SystemExit("the tests could not be run: " + (run.stderr or run.stdout)[-300:])
print("\\n".join(line for line in run.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))))
"""


def check_collateral(
    boxes: Boxes, intervention: Intervention, changed: Mapping[str, bytes], left_s: Callable[[], float]
) -> Check:
    """Where the repository has tests of the changed files, none newly fails. `changed` are the files of a diff."""
    tests = covering_tests(boxes.snapshot, intervention.sites)
    if not tests:
        why = "no tests of the repository name the patched files"
        return Check(name="no collateral", result="not run", why=why)
    with_it = replace(boxes.context, interventions=() if changed else (intervention,))
    before = failing_tests(boxes, boxes.context, {}, tests, left_s())
    after = failing_tests(boxes, with_it, changed, tests, left_s())
    if before is None or after is None:
        why = (
            "the tests that name the patched files could not be run: pytest did not start on them, or no time was left"
        )
        return Check(name="no collateral", result="not run", why=why)
    if newly := sorted(after - before):
        why = f"{len(newly)} tests newly fail: {', '.join(newly[:3])}"
        return Check(name="no collateral", result="failed", why=why)
    why = f"no test of {', '.join(tests)} newly fails with the intervention"
    return Check(name="no collateral", result="passed", why=why)


def covering_tests(snapshot: Snapshot, sites: Sequence[Place]) -> list[str]:
    """Test files that name a module with one of `sites`, those that name it most first; at most five."""
    modules = [PurePosixPath(site.file).stem for site in sites]
    named = re.compile(r"\b(" + "|".join(map(re.escape, modules)) + r")\b")
    counts = {
        path: len(named.findall((snapshot.read(path) or b"").decode("utf-8", "replace"))) for path in _tests(snapshot)
    }
    return sorted((path for path in counts if counts[path]), key=lambda path: (-counts[path], path))[:_MAX_FILES]


def _tests(snapshot: Snapshot) -> list[str]:
    names = re.compile(r"(^|/)(test_[^/]*|[^/]*_tests?)\.py$")
    return [path for path in snapshot.python_files if names.search(path)]


def failing_tests(
    boxes: Boxes, context: BoxContext, changed: Mapping[str, bytes], tests: Sequence[str], limit_s: float
) -> set[str] | None:
    """Names of the tests that fail in a fresh box, or None when they cannot be run."""
    if limit_s < 1:
        return None
    code = _CODE.format(pytest=_PYTEST, files=list(tests), timeout_s=limit_s)
    try:
        with boxes.open(context, changed) as box:
            cell = box.run_cell(code, id=1, purpose="the repository's tests", timeout_s=limit_s + 5)
    except (BoxGone, KernelDied, SettingsNotApplied):
        return None
    if cell.status != "ok":
        return None
    lines = "".join(output.text for output in cell.outputs if output.name == "stdout").splitlines()
    return {line.split(" ", 1)[1].split(" - ")[0] for line in lines if line.startswith(("FAILED ", "ERROR "))}
