"""The skeleton of a new recipe works as it is: who raised the error, and nobody where there is none."""

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes.harness import Program

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES, program

SKELETON = RECIPES / "debugbox_recipes" / "skeleton"


@pytest.fixture(scope="module")
def skeleton() -> Any:
    spec = importlib.util.spec_from_file_location("skeleton_recipe", SKELETON / "scripts" / "skeleton.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def subject(tmp_path: Path) -> Program:
    shutil.copytree(SKELETON / "subject", tmp_path / "subject")
    return program(tmp_path / "subject")


def test_the_subject_ends_at_its_fault(skeleton: Any, subject: Program) -> None:
    runs = [skeleton.measure(subject, 20.0) for _ in range(2)]
    said = parse(Conclusion, skeleton.conclude(subject, runs))
    assert (said.suspects[0].function, said.suspects[0].quote) == ("price_of", 'return order["price"]')
    assert "skeleton.symptom(run='python run.py', error='KeyError')" in said.symptom.code
    assert parse(Measurement, skeleton.symptom_of(runs[0], "KeyError")).state == "present"


def test_another_error_is_neither_presence_nor_absence(skeleton: Any, subject: Program) -> None:
    measured = skeleton.measure(subject, 20.0)
    assert skeleton.symptom_of(measured, "ValueError")["state"] == "cannot measure"


def test_a_program_that_ends_well_has_no_suspects(skeleton: Any, subject: Program) -> None:
    (Path(subject.repo) / "run.py").write_text("print(1)\n")
    runs = [skeleton.measure(subject, 20.0)]
    said = parse(Conclusion, skeleton.conclude(subject, runs))
    assert said.suspects == ()
    assert "not reproduced" in said.limits[0]
    assert skeleton.symptom_of(runs[0], "KeyError")["state"] == "absent"


def test_runs_that_end_differently_have_no_suspects(skeleton: Any, subject: Program) -> None:
    here = skeleton.measure(subject, 20.0)
    (Path(subject.repo) / "run.py").write_text("print(1)\n")
    said = skeleton.conclude(subject, [here, skeleton.measure(subject, 20.0)])
    assert said["suspects"] == []
    assert said["limits"] == ["the runs end in different ways"]


def test_the_picture_is_drawn(skeleton: Any, subject: Program) -> None:
    pytest.importorskip("matplotlib")
    said = skeleton.conclude(subject, [skeleton.measure(subject, 20.0)])
    figure = skeleton.draw(said)
    assert "KeyError is raised in price_of" in figure.get_suptitle().replace("\n", " ")
