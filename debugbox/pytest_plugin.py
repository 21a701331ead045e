"""The pytest plugin: for failing tests the ready command, or, with `--debugbox=run`, the investigation itself.

It does nothing unless `--debugbox` is given, and it imports nothing of ours before that. Without a model: a test
run sends nothing anywhere.
"""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

MAX_RUNS = 3  # investigations of one test run; each takes minutes
_RUN_TIMEOUT_S = 3600.0  # the backstop behind the investigation's own limits


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("debugbox", "debugbox: find out why a test fails")
    group.addoption(
        "--debugbox",
        nargs="?",
        const="print",
        choices=["print", "run"],
        help="For failing tests: print the debugbox command, or run it (without a model; at most 3).",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The commands, or the findings, below the test run's own summary."""
    wanted = config.getoption("--debugbox")
    failed = [report for report in terminalreporter.stats.get("failed", []) if report.when == "call"]
    if not wanted or not failed:
        return
    terminalreporter.section("debugbox")
    for number, report in enumerate(failed):
        command = command_for(report.nodeid)
        terminalreporter.write_line(shlex.join(command))
        if wanted == "run" and number < MAX_RUNS:
            terminalreporter.write_line("  (it runs, without a model; this takes about a minute)")
            for line in investigated(command, config.rootpath).splitlines():
                terminalreporter.write_line(f"  {line}")
    if wanted == "run" and len(failed) > MAX_RUNS:
        terminalreporter.write_line(f"({len(failed) - MAX_RUNS} more were not run: {MAX_RUNS} are the limit)")


def command_for(nodeid: str) -> list[str]:
    """The command that asks why this test fails, as one would type it in the repository's folder.

    pytest runs here, so it need not be among the repository's requirements; the box has only those.
    """
    test = shlex.join(["python", "-m", "pytest", "-x", "-p", "no:cacheprovider", nodeid])
    return ["debugbox", f"why does {nodeid} fail", "--run", test, "--with", "pytest"]


def investigated(command: list[str], folder: Path) -> str:
    """The finding's report, or in a line why there is none."""
    given = [sys.executable, "-P", "-m", *command, "--no-model", "--quiet"]
    try:
        done = subprocess.run(given, cwd=folder, capture_output=True, text=True, timeout=_RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"it was stopped after {_RUN_TIMEOUT_S:.0f} s"
    return done.stdout or done.stderr.strip() or f"it ended with {done.returncode} and without a word"
