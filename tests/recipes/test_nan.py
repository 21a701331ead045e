"""`nan` names the expression that makes the first number that is not finite, and nobody where none is printed.

What must not be taken for a cause: infinity written by name as a start value, text that mentions NaN, a program that
prints nothing of the kind, and an operation whose operands were not finite already.
"""

import importlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import finiteness, nan
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES, program

SUBJECT = RECIPES / "nan" / "subject"
Write = Callable[..., Program]
needs_numpy = pytest.mark.skipif(not importlib.util.find_spec("numpy"), reason="needs NumPy")


@pytest.fixture(scope="module")
def script() -> Any:
    return nan._module()


def investigate(script: Any, which: Program) -> Any:
    return script.carry_out(which, "why is it nan", 100.0)


def conclusion(script: Any, study: Any) -> Any:
    record = json.loads(json.dumps(script.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


def line_of(folder: Path, file: str, text: str) -> str:
    lines = (folder / file).read_text("utf-8").splitlines()
    return f"{file}:{1 + next(n for n, line in enumerate(lines) if text in line)}"


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT))


def test_the_subject_overflows_where_the_odds_are_multiplied(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert str(said.suspects[0]) == line_of(SUBJECT, "belief.py", "odds *=")
    assert said.suspects[0].function == "odds_after"
    assert said.exact
    assert subject.proof.printed.count == 0
    assert "5.98" in said.answer  # the operand just before


def test_a_call_is_no_birth_where_something_inside_it_was(subject: Any) -> None:
    call = line_of(SUBJECT, "run.py", "probability(odds_after(readings))")
    assert call in [str(spot) for spot in subject.spots]
    assert call not in [str(spot) for spot in subject.births]


def test_infinity_as_a_start_value_is_no_suspect(script: Any, subject: Any) -> None:
    start = line_of(SUBJECT, "belief.py", 'float("-inf")')
    assert start in [str(spot) for spot in subject.births]
    assert start not in [str(suspect) for suspect in conclusion(script, subject).suspects]


def test_moving_other_values_leaves_it_as_it_was(subject: Any) -> None:
    assert len(subject.controls) == 2
    assert all(control.gone == 0.0 for control in subject.controls)


def test_symptom_is_present_then_absent_under_the_intervention(script: Any, subject: Any) -> None:
    written = json.loads(json.dumps(script.record(subject)["conclusion"]))
    before = parse(Measurement, script.measure_symptom(subject.program))
    after = parse(Measurement, script.measure_symptom(subject.program, [written["intervention"]]))
    assert (before.state, before.measured, after.state) == ("present", 2.0, "absent")
    assert after.details["changed"][str(subject.causes[0])] == 1  # zero stays zero from there
    assert len(written["placebo_sites"]) >= 2
    for site in written["placebo_sites"][:2]:
        moved = parse(
            Measurement, script.measure_symptom(subject.program, [{**written["intervention"], "sites": [site]}])
        )
        assert (moved.state, moved.measured) == ("present", 2.0)
        assert moved.details["changed"][f"{site['file']}:{site['line']}"] > 0


def test_the_intervention_acts_on_any_program_that_is_run_with_it(script: Any, subject: Any) -> None:
    plan, unknown = plan_of([json.loads(json.dumps(script.record(subject)["conclusion"]["intervention"]))])
    run = run_program(subject.program, timeout_s=30, plan=plan)
    assert unknown == []
    assert "nan" not in run.stdout


def test_an_unknown_intervention_or_place_cannot_be_measured(script: Any, subject: Any) -> None:
    assert script.measure_symptom(subject.program, [{"kind": "truncate", "sites": []}])["state"] == "cannot measure"
    nowhere = {"kind": "other_value", "sites": [{"file": "belief.py", "line": 1, "quote": "no such line"}]}
    assert script.measure_symptom(subject.program, [nowhere])["state"] == "cannot measure"


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    again = investigate(script, subject.program)
    assert script.record(again) == script.record(subject)
    assert script.concluding.summary(again) == script.concluding.summary(subject)


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        assert (SUBJECT / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


def test_old_and_new_interpreters_agree(script: Any, python: str) -> None:
    study = investigate(script, program(SUBJECT, python=python))
    assert str(study.causes[0]) == line_of(SUBJECT, "belief.py", "odds *=")
    assert study.proof is not None


def test_the_picture_says_the_conclusion(script: Any, subject: Any) -> None:
    pytest.importorskip("matplotlib")
    drawn = importlib.import_module("debugbox_recipe_nan.picture").draw(subject)
    assert "belief.py:14" in drawn.get_suptitle()
    assert len(drawn.axes) == 3


# Negative controls


def test_the_repaired_subject_prints_none(project: Write, script: Any) -> None:
    files = {name: (SUBJECT / name).read_text("utf-8") for name in ("belief.py", "run.py")}
    repaired = files["belief.py"].replace("odds *= opened / closed", "odds = min(odds * opened / closed, 1e12)")
    assert repaired != files["belief.py"]
    study = investigate(script, project({**files, "belief.py": repaired}))
    said = conclusion(script, study)
    assert (said.suspects, said.intervention) == ((), None)
    assert "no number that is not finite is printed" in said.answer


@pytest.mark.parametrize(
    "source",
    [
        'print("dropped NaN rows of the table")',
        'best = float("inf")\nfor x in (3.0, 1.5):\n    best = min(best, x)\nprint(best)',
        "file = open('runs', 'a+')\nprint(float('nan') if file.tell() % 2 == 0 else 1.0)\nfile.write('x')",
    ],
    ids=["text", "start value", "by chance"],
)
def test_nobody_is_named_where_nothing_comes_up(project: Write, script: Any, source: str) -> None:
    said = conclusion(script, investigate(script, project({"run.py": source})))
    assert not [suspect for suspect in said.suspects if suspect.score > 0.6]
    assert not said.exact


def test_a_command_that_fails_to_start_is_told(project: Write, script: Any) -> None:
    study = investigate(script, project({"run.py": "print(1)"}, "no-such-command"))
    assert "cannot be measured" in conclusion(script, study).answer


# What NumPy's error state does not see


@needs_numpy
@pytest.mark.parametrize(
    ("lines", "where"),
    [
        (["a = np.array([1e200, 1.0])", "b = np.einsum('i,i->', a, a)", "print(b - b)"], 3),
        (["a = np.zeros((2, 2))", "with np.errstate(all='ignore'):", "    b = a / a", "print(b.sum())"], 4),
        (["a = np.ones(3)", "b = np.full(3, 2.0)", "a[1] = 0.0", "b /= a * a", "c = b - b", "print(c)"], 5),
        (["text = ['1', 'nan', '2']", "a = np.array([float(each) for each in text])", "print(a.mean())"], 3),
    ],
    ids=["einsum", "silenced", "in place", "input"],
)
def test_numpy_values_are_looked_at_themselves(project: Write, script: Any, lines: list[str], where: int) -> None:
    study = investigate(script, project({"run.py": "\n".join(["import numpy as np", *lines])}))
    said = conclusion(script, study)
    assert (said.suspects[0].file, said.suspects[0].line) == ("run.py", where)
    assert study.proof is not None


def test_a_new_one_among_known_ones_is_a_birth() -> None:
    numpy = pytest.importorskip("numpy")
    from debugbox_recipes.nonfinite import _new

    known = numpy.array([numpy.nan, 1.0, 2.0])
    result = numpy.array([numpy.nan, numpy.inf, 2.0])
    look = finiteness.Look()
    operand = (known, finiteness.bad_mask(known), look(known), {})
    assert _new(result, look(result), [operand])
    assert not _new(known, look(known), [operand])
