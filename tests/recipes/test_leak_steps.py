"""What is repeated: a loop's iterations, a function, a test; and what is said where there is nothing to repeat."""

from collections.abc import Callable
from typing import Any

import pytest
from debugbox_recipes.harness import Program

from .test_leak import LOOP, conclusion, investigate, script

__all__ = ["script"]  # a fixture
Write = Callable[..., Program]


def test_a_function_is_a_step(project: Write, script: Any) -> None:
    files = {"pkg/__init__.py": "", "pkg/mod.py": "KEPT = []\ndef handle():\n    KEPT.append({1: 2})\n"}
    study = investigate(script, project(files, "python -c pass"), "pkg.mod:handle")
    assert str(conclusion(script, study).suspects[0]) == "pkg/mod.py:3"
    assert study.proof is not None


def test_a_pytest_test_is_a_step(project: Write, script: Any) -> None:
    files = {
        "app.py": "KEPT = []\ndef handle(name):\n    KEPT.append([name])\n    return len(name)\n",
        "test_app.py": "import app\nimport logging\n\ndef test_handle(tmp_path):\n"
        "    logging.warning('x')\n    assert app.handle('ada') == 3\n",
    }
    study = investigate(script, project(files, "python -m pytest -q test_app.py"))
    assert str(conclusion(script, study).suspects[0]) == "app.py:3"
    assert study.proof is not None


def test_the_outermost_loop_is_the_step_and_not_the_hot_one(project: Write, script: Any) -> None:
    source = "KEPT = []\ndef work(n):\n    for inner in range(300):\n        sum(range(20))\n    KEPT.append([n])\n"
    study = investigate(script, project({"run.py": source + LOOP.format(steps=50)}))
    assert study.step.name == "run.py:7"
    assert study.suspects[0].per_step == 1.0


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("print('no loop')\n", "no step that repeats"),
        ("raise SystemExit('no data')\n", "exit code 1"),
    ],
    ids=["no loop", "crash"],
)
def test_without_a_step_there_is_no_answer(project: Write, script: Any, source: str, why: str) -> None:
    study = investigate(script, project({"run.py": source}))
    said = conclusion(script, study)
    assert said.answer.startswith("No answer")
    assert why in said.answer
    assert said.suspects == ()


def test_what_does_not_run_is_not_absent(project: Write, script: Any) -> None:
    which = project({"run.py": "raise SystemExit('no data')\n"})
    step = script.Step("run.py:1", per_round=10)
    assert script.measure_symptom(which, step)["state"] == "cannot measure"
