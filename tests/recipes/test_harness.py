"""The harness runs a command as the user types it, ends all of it at the timeout, and never hangs."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from debugbox_recipes.harness import KEPT_OUTPUT_BYTES, Program, command_line, run_program

Write = Callable[..., Program]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    return state != "Z"  # a zombie of a foreign parent is dead


def test_timeout_kills_the_whole_process_group(project: Write, tmp_path: Path) -> None:
    source = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
print("started", flush=True)
time.sleep(600)
"""
    run = run_program(project({"run.py": source}), timeout_s=1.5)
    assert run.timed_out
    assert run.exit_code is None
    assert run.stdout == "started\n"  # what was printed survives
    assert not alive(int((tmp_path / "pid").read_text()))


def test_a_background_child_does_not_hold_the_run_open(project: Write) -> None:
    source = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    started = time.monotonic()
    assert run_program(project({"run.py": source}), timeout_s=30).exit_code == 0
    assert time.monotonic() - started < 10


def test_long_output_keeps_head_and_tail_and_the_hash_is_of_all_of_it(project: Write) -> None:
    import hashlib

    run = run_program(project({"run.py": "print('a' * 1_000_000 + 'z')"}), timeout_s=30)
    assert run.stdout.startswith("aaa") and run.stdout.endswith("z\n")
    assert len(run.stdout) < KEPT_OUTPUT_BYTES + 100
    assert run.stdout_sha256 == hashlib.sha256(b"a" * 1_000_000 + b"z\n").hexdigest()


@pytest.mark.parametrize(
    ("command", "words", "extra"),
    [
        ("python run.py --n 3", ["/py/bin/python", "run.py", "--n", "3"], {}),
        ("python3.11 -m pkg", ["/py/bin/python", "-m", "pkg"], {}),
        ("N=3 run.py", ["/py/bin/python", "run.py"], {"N": "3"}),
        ("pytest -q 'a b.py'", ["pytest", "-q", "a b.py"], {}),
        ("cd sub && python run.py", ["/bin/sh", "-c", "cd sub && python run.py"], {}),
    ],
    ids=["script", "module", "assignment", "tool", "shell"],
)
def test_command_line(command: str, words: list[str], extra: dict[str, str]) -> None:
    assert command_line(Program(command, Path("/r"), "/py/bin/python")) == (words, extra)


def test_a_command_that_does_not_exist_is_a_run_with_a_reason(tmp_path: Path) -> None:
    run = run_program(Program("no-such-thing --x", tmp_path, sys.executable), timeout_s=5)
    assert run.exit_code == 127
    assert "No such file" in run.failure


def test_program_is_left_as_it_is(project: Write) -> None:
    which = project({"run.py": "import helper", "helper.py": "x = 1.5 * 3"})
    run_program(which, timeout_s=20, plan={"mode": "shadow", "watches": ["helper.py:1:x"]})
    assert sorted(path.name for path in Path(which.repo).rglob("*")) == ["helper.py", "run.py"]
