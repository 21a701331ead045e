"""A failing test leads to debugbox in one step, and a test run without the option is as it was."""

import subprocess
import sys
from pathlib import Path

from debugbox.pytest_plugin import command_for, investigated

TESTS = """\
import pytest

@pytest.mark.parametrize("word", ["it's"])
def test_fails(word):
    assert word == ""

def test_passes():
    pass
"""


def run_pytest(folder: Path, *options: str) -> str:
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60).stdout


def test_a_failing_test_gets_its_command_ready_to_paste(tmp_path: Path) -> None:
    output = run_pytest(tmp_path, "--debugbox")
    (line,) = [line for line in output.splitlines() if line.startswith("debugbox ")]
    said = subprocess.run(
        ["sh", "-c", f"debugbox() {{ printf '%s\\n' \"$@\"; }}; {line}"], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == command_for("test_it.py::test_fails[it's]")[1:], "a shell reads it as meant"
    assert "test_passes" not in line


def test_without_the_option_nothing_is_said(tmp_path: Path) -> None:
    assert "debugbox" not in run_pytest(tmp_path)


def test_what_cannot_be_investigated_is_said_in_a_line(tmp_path: Path) -> None:
    words = investigated(command_for("x"), tmp_path)
    assert words.startswith("debugbox:") and "holds no files" in words


def test_a_test_run_pays_for_nothing_of_ours() -> None:
    code = "import sys, debugbox.pytest_plugin; print([name for name in sys.modules if name.startswith('debugbox.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['debugbox.pytest_plugin']\n"
