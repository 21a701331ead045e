"""`suspects` names the function that makes a test fail, and nobody where there is nothing to name.

A small change that makes the test pass counts only where other tests run that line and go on passing.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import suspects
from debugbox_recipes.harness import Program

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES

Write = Callable[..., Program]
recipe: Any = suspects._module()


def investigate(which: Program, question: str = "why does it fail") -> Any:
    return recipe.carry_out(which, question, 120.0)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("subject") / "calendar"
    shutil.copytree(RECIPES / "suspects" / "subject", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return Program("", folder, sys.executable, (str(folder),))


@pytest.fixture(scope="module")
def explained(subject: Program) -> Any:
    return investigate(subject, "why does the leap day in february fail")


def line_of(which: Program, text: str) -> int:
    lines = (Path(which.repo) / "calendar_days.py").read_text("utf-8").splitlines()
    return 1 + next(number for number, line in enumerate(lines) if text in line)


def test_the_subject_ends_at_its_fault(explained: Any, subject: Program) -> None:
    assert explained.ranked[0].name == "leap_day"
    assert explained.reproduced == 2
    assert explained.flip.place["line"] == line_of(subject, "if month >= 2")
    assert explained.flip.place["kind"] == "swap_comparison"
    assert explained.flip.covering >= 5


def test_a_change_that_breaks_other_tests_is_refuted(explained: Any) -> None:
    flipped = [trial for trial in explained.trials if trial.outcome == "flipped"]
    assert any(trial.broken for trial in flipped)
    assert all(trial.clean is False for trial in flipped if trial.broken)


def test_the_record_is_a_conclusion(explained: Any, subject: Program) -> None:
    record = json.loads(json.dumps(recipe.concluding.record(explained), allow_nan=False))
    said = parse(Conclusion, record["conclusion"])
    assert said.suspects[0].function == "leap_day"
    assert said.intervention.kind == "swap_comparison"
    assert not said.exact  # a ranking and a flip are no exact measurement
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        text = (Path(subject.repo) / place.file).read_text("utf-8").splitlines()[place.line - 1]
        assert text.strip() == place.quote
    assert len(said.placebo_sites) >= 2


def test_the_symptom_is_absent_with_the_change_and_present_with_a_placebo(explained: Any, subject: Program) -> None:
    said = recipe.concluding.record(explained)["conclusion"]
    given = {"test": explained.target.id, "exception": "AssertionError", "guards": recipe.concluding.guards(explained)}
    change = said["intervention"]

    def measured(*sites: Any) -> Any:
        interventions = [{**change, "sites": list(sites)}] if sites else []
        return parse(Measurement, recipe.measure_symptom(subject, **given, interventions=interventions))

    assert measured().state == "present"
    assert measured(*change["sites"]).state == "absent"
    other = next(site for site in said["placebo_sites"] if site["function"] == "is_leap")
    moved = measured(other)  # the failing test passes with it, but others fail now
    assert moved.state == "present"
    assert moved.measured >= 1.0
    assert moved.details["changed"][f"{other['file']}:{other['line']}"] > 0


PATCH = """--- a/calendar_days.py
+++ b/calendar_days.py
@@ -14,5 +14,5 @@
     if not 1 <= month <= 12:
         raise ValueError(month)
-    if month >= 2:
+    if month > 2:
         return int(is_leap(year))
     return 0
"""


def test_a_given_patch_is_handed_to_the_checks(subject: Program) -> None:
    study = recipe.carry_out(subject, "why does the leap day in february fail", 60.0, PATCH)
    patches = sys.modules["debugbox_recipe_suspects.patches"]
    line = line_of(subject, "if month >= 2")
    said = parse(Conclusion, recipe.concluding.record(study)["conclusion"])
    assert said.intervention.kind == "diff"
    assert said.intervention.describe == PATCH
    assert (said.suspects[0].file, said.suspects[0].function) == ("calendar_days.py", "leap_day")
    assert patches.changed_lines(PATCH) == [("calendar_days.py", line)]


def test_an_intervention_of_an_unknown_kind_cannot_be_measured(subject: Program, explained: Any) -> None:
    unknown = [{"kind": "freeze_time", "sites": []}]
    assert recipe.measure_symptom(subject, explained.target.id, interventions=unknown)["state"] == "cannot measure"


def test_the_picture_is_drawn(explained: Any) -> None:
    pytest.importorskip("matplotlib")
    picture = sys.modules.get("debugbox_recipe_suspects.picture") or __import__(
        "debugbox_recipe_suspects.picture", fromlist=["draw"]
    )
    picture.draw(explained).canvas.draw()
    assert "calendar_days.py" in picture.title(explained)


CRASH = """
def parse(text):
    return int(text)
def load(rows):
    return [parse(row) for row in rows]
print(load(["1", "x"]))
"""


def test_a_program_that_crashes_is_a_failing_test_of_its_own(project: Write) -> None:
    study = investigate(project({"run.py": CRASH}))
    assert study.is_program
    assert study.target.exception == "ValueError"
    assert study.ranked[0].name == "parse"
    assert any("little contrast" in limit for limit in study.limits)
    assert study.flip is None
    assert recipe.measure_symptom(project({"run.py": CRASH}), "the program", "ValueError")["state"] == "present"


# Negative controls: nobody is named.
NOTHING_FAILS = {"test_a.py": "def test_a():\n    assert True\n"}
ORDER = {
    "state.py": "seen = []\ndef remember(x):\n    seen.append(x)\n    return list(seen)\n",
    "test_a.py": "import state\ndef test_a():\n    assert state.remember(1) == [1]\n"
    "def test_b():\n    assert state.remember(2) == [2]\n",
}
BROKEN_TEST = {"test_a.py": "def test_a():\n    assert 1 == 2\n", "prog.py": "def unused():\n    return 1\n"}


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (NOTHING_FAILS, "nothing fails"),
        (ORDER, "It depends on order"),
        (BROKEN_TEST, "no function of the repository was seen"),
        ({"test_a.py": "import not_there\n"}, "collected no test"),
        ({"run.py": "x = 1\n"}, "ran nothing that can be seen"),
    ],
    ids=["nothing fails", "order", "the test itself", "collection error", "no tests"],
)
def test_nobody_is_named(project: Write, files: dict[str, str], why: str) -> None:
    study = investigate(project(files, command=""))
    said = parse(Conclusion, recipe.concluding.record(study)["conclusion"])
    assert why in said.answer
    assert not said.suspects
    assert said.intervention is None


def test_a_repository_without_pytest_is_told_how_to_get_it(project: Write) -> None:
    which = project(NOTHING_FAILS, command="")
    python = Path(which.repo) / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    study = investigate(Program("", which.repo, str(python)))
    assert "--with pytest" in study.stopped


def test_a_test_that_hangs_ends_and_the_others_are_seen(project: Write) -> None:
    files = {
        "prog.py": "import time\ndef wait(n):\n    time.sleep(n)\n    return n\n",
        "test_a.py": "import prog\ndef test_short():\n    assert prog.wait(0) == 0\n"
        "def test_hangs():\n    prog.wait(600)\n",
    }
    running = sys.modules["debugbox_recipe_suspects.running"]
    which = project(files, command="python -m pytest")
    done = running.Running(which, 90.0).command(which.command, limit_s=30.0)  # a third of it for each test
    assert {test.id.split("::")[1]: test.outcome for test in done.tests} == {
        "test_short": "passed",
        "test_hangs": "failed",
    }
    assert "still running" in done.named("test_a.py::test_hangs").message


def test_wide_fixtures_count_for_no_test(project: Write) -> None:
    files = {
        "prog.py": "def setup():\n    return 7\ndef use(x):\n    return x\n",
        "test_a.py": "import prog, pytest\n@pytest.fixture(scope='module')\ndef seven():\n    return prog.setup()\n"
        "def test_first(seven):\n    assert prog.use(seven) == 8\n",
    }
    running = sys.modules["debugbox_recipe_suspects.running"]
    which = project(files, command="python -m pytest")
    done = running.Running(which, 60.0).command(which.command, limit_s=20.0)
    assert done.failing[0].ran() == [("prog.py", 4)]


def test_what_describes_a_failure_does_not_count_as_run_by_it(project: Write) -> None:
    files = {
        "prog.py": "class Box(list):\n    def __repr__(self):\n        return 'a box'\n"
        "def filled(n):\n    return Box([n])\n",
        "test_a.py": "import prog\ndef test_box():\n    assert prog.filled(1) == [2]\n"
        "def test_shown():\n    assert repr(prog.filled(1)) == 'a box'\n",
    }
    running = sys.modules["debugbox_recipe_suspects.running"]
    which = project(files, command="python -m pytest")
    done = running.Running(which, 60.0).command(which.command, limit_s=20.0)
    assert done.failing[0].ran() == [("prog.py", 5)]
    assert done.passing[0].ran() == [("prog.py", 5), ("prog.py", 3)]


def test_files_about_the_code_give_the_contrast(project: Write) -> None:
    related = sys.modules["debugbox_recipe_suspects.related"].related_tests
    files = {
        "pkg/__init__.py": "",
        "pkg/reading.py": "",
        "tests/test_all.py": "import pkg\n",
        "tests/test_reading.py": "from pkg import reading\n",
        "tests/test_writing.py": "from pkg import writing\n",
        "tests/reading.txt": "reading",
        ".hidden/test_reading.py": "from pkg import reading\n",
    }
    repo = Path(project(files).repo)
    assert related(repo, "", {"pkg/reading.py"}) == ["tests/test_reading.py"]
    assert related(repo, "tests", {"pkg/reading.py", "pkg/__init__.py"})[0] == "test_reading.py"
    assert related(repo, "", {"pkg/other.py", "tests/test_all.py"}) == []
