"""`python -m tests.guards [NAME …]`: takes each guard out, one at a time, and sees that a test notices.

Works on a copy of the checkout's files, so nothing of it is changed. A guard of the box's own files makes the copy
build its environments anew. Exit code 1 where a guard went out unnoticed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.guards.table import GUARDS, Guard

ROOT = Path(__file__).parents[2]
_FAILED, _TIMEOUT_S = 1, 900


def main(names: list[str]) -> int:
    wanted = [guard for guard in GUARDS if not names or any(name in guard.name for name in names)]
    with tempfile.TemporaryDirectory(prefix="guards-") as scratch:
        copy = Path(scratch, "repo")
        copy_of_the_checkout(copy)
        unnoticed = [guard for guard in wanted if not notices(guard, copy)]
    print(f"{len(wanted) - len(unnoticed)} of {len(wanted)} guards have a test that fails without them")
    for guard in unnoticed:
        print(f"  unnoticed: {guard.name} ({guard.file})")
    return 1 if unnoticed else 0


def copy_of_the_checkout(copy: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)


def notices(guard: Guard, copy: Path) -> bool:
    """Whether a test fails in the copy once the guard is out; the copy is whole again afterwards."""
    file = copy / guard.file
    whole = file.read_text("utf-8")
    assert whole.count(guard.text) == 1, f"{guard.name}: its text must stand once in {guard.file}"
    began = time.monotonic()
    try:
        file.write_text(whole.replace(guard.text, guard.instead), "utf-8")
        code, last = tested(guard, copy)
    finally:
        file.write_text(whole, "utf-8")
    word = "noticed" if code == _FAILED else "UNNOTICED"
    print(f"{word:9} {time.monotonic() - began:5.0f} s  {guard.name:40} {last}", flush=True)
    return code == _FAILED


def tested(guard: Guard, copy: Path) -> tuple[int, str]:
    """pytest's exit code, and the first test that failed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *guard.tests]
    options: dict[str, Any] = {"cwd": copy, "capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    variables = {**os.environ, "PYTHONPATH": str(copy)}  # also for the programs that the tests start
    try:
        done = subprocess.run(command, env=variables, timeout=_TIMEOUT_S, **options)
    except subprocess.TimeoutExpired:
        return -1, f"not over after {_TIMEOUT_S} s"
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return done.returncode, failed[0] if failed else (done.stdout.strip().splitlines() or [done.stderr[-200:]])[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
