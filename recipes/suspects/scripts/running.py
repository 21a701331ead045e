"""Runs the program or its tests under observation and reads what was seen. Runs in the box, in the kernel."""

import re
import shlex
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.harness import Program, ProgramRun, run_program

PROGRAM = "the program"  # as `debugbox_recipes.spectrum` calls a run that is no pytest run
_NO_TESTS_RAN, _USAGE = 5, 4  # pytest's exit codes
_TEST_FILE = re.compile(r"(^|/)(tests?/|test_[^/]*\.py$|[^/]*_tests?\.py$|conftest\.py$)")
_OPTIONS = ("-q", "-p", "no:cacheprovider", "--continue-on-collection-errors")


def is_test_file(file: str) -> bool:
    """Tests and what they share are no suspects."""
    return bool(_TEST_FILE.search(file))


@dataclass(frozen=True)
class Test:
    """One test of one run: how it ended, and the program's lines it ran, in order of first hit (None: not kept)."""

    id: str
    outcome: str  # passed, failed, skipped, hung
    phase: str
    exception: str
    message: str
    frames: Tuple[Mapping[str, Any], ...]
    lines: Optional[Mapping[str, Sequence[int]]]

    @property
    def failed(self) -> bool:
        return self.outcome in ("failed", "hung")

    @property
    def program_frames(self) -> List[Mapping[str, Any]]:
        return [frame for frame in self.frames if not is_test_file(frame["file"])]

    def ran(self) -> List[Tuple[str, int]]:
        """Lines of the program, tests left out."""
        lines = self.lines or {}
        return [(file, line) for file in lines if not is_test_file(file) for line in lines[file]]


Tried = Tuple[Test, int]  # how the test ended, and how many values the change changed


@dataclass(frozen=True)
class Tests:
    """All tests of one run."""

    run: ProgramRun
    tests: Tuple[Test, ...] = ()
    under_pytest: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)  # files that could not be collected
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failing(self) -> List[Test]:
        return [test for test in self.tests if test.failed]

    @property
    def passing(self) -> List[Test]:
        return [test for test in self.tests if test.outcome == "passed"]

    def named(self, name: str) -> Optional[Test]:
        return next((test for test in self.tests if test.id == name), None)

    def counts(self, key: str) -> Dict[str, int]:
        """`applied` or `changed` by file:line, of changes made to the whole run."""
        counted: Dict[str, int] = {}
        for site in self.result.get("sites") or ():
            place = f"{site['file']}:{site['line']}"
            counted[place] = counted.get(place, 0) + int(site[key])
        return counted


class Running:
    """Runs within `time_limit_s` in all. `folder` is where pytest runs, relative to the repository."""

    def __init__(self, program: Program, time_limit_s: float, folder: str = "") -> None:
        self.program, self.folder = program, folder
        self.ends = time.monotonic() + time_limit_s

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()

    def has_pytest(self) -> bool:
        """Whether the repository's interpreter finds it."""
        look = replace(self.program, command="python -c 'import pytest'")
        return run_program(look, timeout_s=max(5.0, min(30.0, self.left_s))).exit_code == 0

    def command(
        self,
        command: str,
        *,
        limit_s: float,
        lines: bool = True,
        mutations: Sequence[Mapping[str, Any]] = (),
        plan: Optional[Mapping[str, Any]] = None,
    ) -> Tests:
        """Run a command as it is. Tests stop by themselves at the limit; a program is killed."""
        limit_s = max(2.0, min(limit_s, self.left_s))
        whole = {
            "observer": "spectrum", "repo": str(self.program.repo), "lines": lines, "mutations": list(mutations),
            "test_timeout_s": max(2.0, min(60.0, limit_s / 3)), "deadline_s": limit_s * 0.8, **(plan or {}),
        }  # fmt: skip
        where = Path(self.program.repo) / self.folder
        program = replace(self.program, command=command, repo=where)
        run = run_program(program, timeout_s=limit_s, plan=whole)
        return _tests_of(run)

    def tests(
        self, ids: Sequence[str], *, limit_s: float, lines: bool = True, mutations: Sequence[Mapping[str, Any]] = ()
    ) -> Tests:
        """Run tests by their ids or files, all where there are none; files that cannot be collected are left aside.

        Options of the repository's own configuration that need plugins the box has not are left out.
        """
        done = self.command(pytest_command(ids), limit_s=limit_s, lines=lines, mutations=mutations)
        if done.run.exit_code == _USAGE and not done.tests:
            command = pytest_command(ids, ("-o", "addopts="))
            done = self.command(command, limit_s=limit_s, lines=lines, mutations=mutations)
        return done

    def trials(
        self, test: str, mutations: Sequence[Mapping[str, Any]], *, each_s: float, limit_s: float
    ) -> List[Optional[Tried]]:
        """One test, once as it is and once for each change alone, in forks of one process: quick, but modules are
        imported without the change. None where a run did not end. Fewer where the time was up.
        """
        plan = {"one_by_one": True, "test_timeout_s": each_s}
        done = self.command(pytest_command([test]), limit_s=limit_s, lines=False, mutations=mutations, plan=plan)
        said = done.result.get("trials") or []
        return [(_test(each, done.run), int(each["changed"])) if each else None for each in said]


def pytest_command(ids: Sequence[str], options: Sequence[str] = ()) -> str:
    return " ".join(map(shlex.quote, ["python", "-m", "pytest", *_OPTIONS, *options, *ids]))


def _tests_of(run: ProgramRun) -> Tests:
    """Of several processes, the one that ran most tests; else the one with most of the user's modules."""

    def weight(result: Mapping[str, Any]) -> Tuple[int, int]:
        return (len(result["tests"]) if result.get("under_pytest") else 0, len(result["modules"]))

    result = max((each for each in run.results if "tests" in each), key=weight, default=None)
    if result is None:
        return Tests(run)
    tests = tuple(_test(each, run) for each in result["tests"])
    return Tests(run, tests, bool(result["under_pytest"]), result["errors"], result)


def _test(said: Mapping[str, Any], run: ProgramRun) -> Test:
    outcome = said["outcome"] or ("passed" if run.exit_code == 0 else "failed")
    return Test(
        id=said["id"],
        outcome=outcome,
        phase=said["phase"],
        exception=said["exception"]
        or (f"exit code {run.exit_code}" if said["id"] == PROGRAM and outcome == "failed" else ""),
        message=said["message"],
        frames=tuple(said["frames"]),
        lines=said["lines"],
    )
