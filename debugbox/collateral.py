"""Do the repository's own tests stay green under an intervention? Which tests, and which of them fail."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from debugbox.box import BoxContext, Boxes
from debugbox.errors import BoxGone, KernelDied, SettingsNotApplied
from debugbox.finding import Place
from debugbox.snapshot import Snapshot

_MAX_FILES = 5
# Run as a throwaway cell: pytest's own summary lines, or nothing when there is no pytest.
_CODE = """\
import debugbox_kernel as box
run = box.run("python -m pytest -q -p no:cacheprovider -rfE {files}", timeout_s={timeout_s!r})
summary = run.stdout.strip().splitlines()[-1:] or [""]
# Without pytest the exit code is 1 as well: only its own summary line says that tests ran.
if run.timed_out or run.exit_code not in (0, 1) or not any(word in summary[0] for word in (" passed", " failed", " error")):
    raise SystemExit("the tests could not be run: " + (run.stderr or run.stdout)[-300:])
print("\\n".join(line for line in run.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))))
"""


def covering_tests(snapshot: Snapshot, sites: Sequence[Place]) -> list[str]:
    """Test files that name a module with one of `sites`, those that name it most first; at most five."""
    modules = [PurePosixPath(site.file).stem for site in sites]
    named = re.compile(r"\b(" + "|".join(map(re.escape, modules)) + r")\b")
    counts = {
        path: len(named.findall((snapshot.read(path) or b"").decode("utf-8", "replace"))) for path in _tests(snapshot)
    }
    return sorted((path for path in counts if counts[path]), key=lambda path: (-counts[path], path))[:_MAX_FILES]


def _tests(snapshot: Snapshot) -> list[str]:
    names = re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$")
    return [path for path in snapshot.python_files if names.search(path)]


def failing_tests(boxes: Boxes, context: BoxContext, tests: Sequence[str], limit_s: float) -> set[str] | None:
    """Names of the tests that fail in a fresh box, or None when they cannot be run (no pytest, no time)."""
    quoted = " ".join(f"'{path}'" for path in tests if "'" not in path)
    code = _CODE.format(files=quoted, timeout_s=limit_s)
    try:
        with boxes.open(context) as box:
            cell = box.run_cell(code, id=1, purpose="the repository's tests", timeout_s=limit_s + 5)
    except (BoxGone, KernelDied, SettingsNotApplied):
        return None
    if cell.status != "ok":
        return None
    lines = "".join(output.text for output in cell.outputs if output.name == "stdout").splitlines()
    return {line.split(" ", 1)[1].split(" - ")[0] for line in lines if line.startswith(("FAILED ", "ERROR "))}
