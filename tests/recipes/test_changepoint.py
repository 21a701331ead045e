"""`changepoint` names the row where a series changes and the expression where it begins, and nobody where none does.

What must not be taken for a change: a series that wanders by its own memory (measured without prewhitening: 13 false
changes a series of 400 values at a memory of 0.7, 23 at 0.95), a trend, a rhythm, a few values.
"""

import importlib
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import changepoint
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of
from debugbox_recipes.levels import changes_in
from debugbox_recipes.printed import series_in

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES, program

SUBJECT = RECIPES / "changepoint" / "subject"
Write = Callable[..., Program]


@pytest.fixture(scope="module")
def script() -> Any:
    return changepoint._module()


def investigate(script: Any, which: Program, question: str = "since when is it higher", **more: str) -> Any:
    return script.carry_out(which, question, 200.0, **more)


def conclusion(script: Any, study: Any) -> Any:
    record = json.loads(json.dumps(script.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


def line_of(folder: Path, file: str, text: str) -> str:
    lines = (folder / file).read_text("utf-8").splitlines()
    return f"{file}:{1 + next(n for n, line in enumerate(lines) if text in line)}"


def wandering(memory: float, count: int, seed: int) -> list[float]:
    """AR(1), after it has forgotten where it began."""
    chance, value, made = random.Random(seed), 0.0, []
    for _ in range(count + 200):
        value = memory * value + chance.gauss(0.0, 1.0)
        made.append(value)
    return made[200:]


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT))


def test_the_subject_changes_where_the_table_is_read(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert str(said.suspects[0]) == line_of(SUBJECT, "boiler.py", "BAR_PER_COUNT[row")
    assert said.suspects[0].function == "pressure"
    assert "row['firmware'] (1.4 before, 2 after)" in said.answer
    assert subject.proof.gone == 1.0


def test_the_row_of_the_first_new_firmware_lies_within_the_interval(subject: Any) -> None:
    rows = (SUBJECT / "readings.csv").read_text("utf-8").splitlines()[1:]
    truth = next(n for n, row in enumerate(rows) if row.split(",")[1].startswith("2"))
    assert subject.change.low <= truth <= subject.change.high
    assert subject.change.high - subject.change.low < 10


def test_what_does_not_change_is_said_to_be_steady(subject: Any) -> None:
    assert {name: len(changes) for name, changes in subject.changes.items()} == {"bar": 1, "C": 0, "l/min": 0}
    assert subject.with_it == []


def test_other_values_repeated_leave_the_change(subject: Any) -> None:
    assert len(subject.controls) == 2
    assert all(control.gone < 0.2 for control in subject.controls)


def test_symptom_is_present_then_absent_under_the_intervention(script: Any, subject: Any) -> None:
    written = json.loads(json.dumps(script.record(subject)["conclusion"]))
    at, name = subject.change.index, subject.name

    def measured(*interventions: Any) -> Any:
        return parse(Measurement, script.measure_symptom(subject.program, name, at, interventions))

    before, after = measured(), measured(written["intervention"])
    assert (before.state, after.state, after.measured) == ("present", "absent", 0.0)
    assert before.measured > 0.15
    assert after.details["changed"][str(subject.cause)] == len(subject.series.values) - at
    assert len(written["placebo_sites"]) >= 2
    for site in written["placebo_sites"]:
        moved = measured({**written["intervention"], "sites": [site]})
        assert moved.state == "present"
        assert moved.details["changed"][f"{site['file']}:{site['line']}"] > 0


def test_the_intervention_acts_on_any_program_that_is_run_with_it(script: Any, subject: Any) -> None:
    plan, unknown = plan_of([json.loads(json.dumps(script.record(subject)["conclusion"]["intervention"]))])
    run = run_program(subject.program, timeout_s=60, plan=plan)
    assert unknown == []
    bar = next(each for each in series_in(run.stdout, 24) if each.name == "bar")
    assert changes_in(bar.values) == []


def test_an_unknown_intervention_place_or_series_cannot_be_measured(script: Any, subject: Any) -> None:
    nowhere = {"kind": "repeat", "sites": [{"file": "boiler.py", "line": 1, "quote": "no such line"}]}
    for interventions, name in (([{"kind": "truncate", "sites": []}], "bar"), ([nowhere], "bar"), ([], "foo")):
        assert script.measure_symptom(subject.program, name, 163, interventions)["state"] == "cannot measure"


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
    assert str(study.cause) == line_of(SUBJECT, "boiler.py", "BAR_PER_COUNT[row")
    assert study.proof is not None


def test_the_picture_says_the_conclusion(script: Any, subject: Any) -> None:
    pytest.importorskip("matplotlib")
    drawn = importlib.import_module("debugbox_recipe_changepoint.picture").draw(subject)
    assert "boiler.py:10" in drawn.get_suptitle()
    assert "row 164" in drawn.get_suptitle()
    assert len(drawn.axes) == 4


# Negative controls


@pytest.mark.parametrize(("memory", "seeds"), [(0.0, 10), (0.7, 20), (0.95, 20)])
def test_a_series_with_a_memory_has_no_change(memory: float, seeds: int) -> None:
    assert [seed for seed in range(seeds) if changes_in(wandering(memory, 400, seed))] == []


@pytest.mark.parametrize("count", [24, 50, 100])
def test_a_short_series_with_a_memory_has_no_change(count: int) -> None:
    assert [seed for seed in range(20) if changes_in(wandering(0.7, count, seed))] == []


def test_a_trend_a_rhythm_and_a_constant_are_no_change() -> None:
    noise = wandering(0.3, 400, 1)
    for values in (
        [0.05 * n + each for n, each in enumerate(noise)],
        [5.0 * math.sin(n / 12) + each for n, each in enumerate(noise)],
        [math.sin(n / 12) for n in range(400)],
        [float(n) for n in range(400)],
        [1.0] * 400,
    ):
        assert changes_in(values) == []


@pytest.mark.parametrize("memory", [0.7, 0.95])
def test_a_program_that_prints_a_wandering_series_is_not_accused(project: Write, script: Any, memory: float) -> None:
    walk = f"v = {memory} * v + chance.gauss(0, 1)"
    source = (
        f"import random\nchance, v = random.Random(3), 0.0\nfor n in range(400):\n    {walk}\n    print('level', v)\n"
    )
    said = conclusion(script, investigate(script, project({"run.py": source})))
    assert (said.suspects, said.intervention, said.symptom.code) == ((), None, "")
    assert "own memory" in said.answer


def test_the_repaired_subject_has_no_change(project: Write, script: Any) -> None:
    files = {path.name: path.read_text("utf-8") for path in SUBJECT.iterdir() if path.is_file()}
    repaired = files["boiler.py"].replace("0.0142", "0.0122")
    assert repaired != files["boiler.py"]
    said = conclusion(script, investigate(script, project({**files, "boiler.py": repaired})))
    assert (said.suspects, said.intervention) == ((), None)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("print('all is well')", "no series"),
        ("for n in range(12):\n    print('level', 1.0 + n % 2 + 9 * (n > 6))", "no series"),
        ("raise SystemExit(3)", "cannot be measured"),
        ("import random\nfor n in range(99 + random.randrange(90)):\n    print('x', random.random() + 9 * (n > 50))",
         "other lengths"),
    ],
    ids=["no numbers", "too short", "fails", "another each time"],
)  # fmt: skip
def test_nobody_is_named_and_the_reason_is_said(project: Write, script: Any, source: str, said: str) -> None:
    told = conclusion(script, investigate(script, project({"run.py": source})))
    assert (told.suspects, told.intervention) == ((), None)
    assert said in told.answer


def test_a_program_that_prints_too_much_is_told(project: Write, script: Any) -> None:
    source = "for n in range(400):\n    print('level', n % 7 + 9.5 * (n > 200), 'x' * 20_000)"
    told = conclusion(script, investigate(script, project({"run.py": source})))
    assert told.suspects == ()
    assert "more than the 4 MiB" in told.answer


# What it sees


@pytest.mark.parametrize("memory", [0.0, 0.7])
def test_a_large_step_is_found_within_its_interval(memory: float) -> None:
    for seed in range(5):
        values = [each + (8.0 if n >= 240 else 0.0) for n, each in enumerate(wandering(memory, 400, seed))]
        found = changes_in(values)
        assert len(found) == 1
        assert found[0].low <= 240 <= found[0].high + 1
        assert found[0].size == pytest.approx(8.0, abs=2.0)


def test_a_bend_and_two_steps_are_found() -> None:
    noise = wandering(0.0, 400, 1)
    bend = changes_in([each + max(0.0, 0.2 * (n - 200)) for n, each in enumerate(noise)])
    steps = changes_in([each + 6.0 * (120 <= n < 280) for n, each in enumerate(noise)])
    assert bend[0].kind == "slope"
    assert abs(bend[0].index - 200) < 20
    assert [abs(each.index - at) <= 1 for each, at in zip(steps, (120, 280), strict=True)] == [True, True]


DATA = ["day,visits,orders", *(f"{n},{100 + n * 7 % 11 + (40 if n >= 90 else 0)},{n * 3 % 7}" for n in range(150))]
READS = """\
import csv

def visits(row):
    return float(row["visits"])

for row in csv.DictReader(open("days.csv")):
    print("day", row["day"], "visits", visits(row), "orders", int(row["orders"]))
"""


def test_a_change_in_the_data_names_the_row_of_the_file(project: Write, script: Any) -> None:
    study = investigate(script, project({"run.py": READS, "days.csv": "\n".join(DATA) + "\n"}))
    said = conclusion(script, study)
    assert "days.csv:92" in [str(suspect) for suspect in said.suspects[:2]]
    assert "the change is in the data already" in said.answer.lower()
    assert {str(suspect) for suspect in said.suspects[:2]} == {"days.csv:92", "run.py:4"}


def test_a_table_can_be_looked_at_without_a_program(project: Write, script: Any) -> None:
    study = investigate(script, project({"days.csv": "\n".join(DATA) + "\n"}, ""), file="days.csv", series="visits")
    said = conclusion(script, study)
    assert [str(suspect) for suspect in said.suspects] == ["days.csv:92"]
    assert said.intervention is None
    assert script.measure_symptom(study.program, "visits", 90, file="days.csv")["state"] == "present"


def test_lists_are_series_too(project: Write, script: Any) -> None:
    source = """\
def scaled(values):
    return [value * (1.5 if n >= 100 else 1.0) for n, value in enumerate(values)]

values = [10.0 + n * 7 % 5 for n in range(160)]
for n, value in enumerate(scaled(values)):
    print("value", n, value)
"""
    study = investigate(script, project({"run.py": source}))
    assert study.change.low <= 100 <= study.change.high
    assert (str(study.cause), study.proof is not None) == ("run.py:2", True)
    assert study.cause.text.startswith("1.5 if ")


def test_arrays_are_series_too(project: Write, script: Any) -> None:
    pytest.importorskip("numpy")
    source = """\
import numpy as np

values = 10.0 + np.arange(160) * 7 % 5
factors = np.where(np.arange(160) >= 100, 1.5, 1.0)
for n, value in enumerate(values * factors):
    print("value", n, f"{value:.2f}")
"""
    study = investigate(script, project({"run.py": source}))
    assert (str(study.cause), study.proof is not None) == ("run.py:4", True)


def test_a_name_that_a_branch_set_is_told(project: Write, script: Any) -> None:
    source = """\
factor = 1.0
for n in range(160):
    if n == 100:
        factor = 1.5
    print("value", n, (10.0 + n * 7 % 5) * factor)
"""
    study = investigate(script, project({"run.py": source}))
    assert (str(study.cause), study.proof is not None) == ("run.py:5", True)
    assert "With it changes factor (1 before, 1.5 after)" in conclusion(script, study).answer


def test_a_long_word_is_read_once() -> None:
    assert series_in("\n".join(f"level {n % 3} {'x' * 1900}" for n in range(2000)), 24)[0].name == "level"


def test_series_have_names_that_do_not_depend_on_their_numbers() -> None:
    lines = "\n".join(f"{n:03} 2026-01-01 12:00 load {n % 3}.5 of 4, wait {n % 5} ms" for n in range(30))
    assert [(each.name, each.values[1]) for each in series_in(lines, 24)] == [("load", 1.5), ("wait", 1.0)]
    table = "host,load\n" + "\n".join(f"h{n % 3},{n % 4}" for n in range(30))
    assert [(each.name, each.lines[0]) for each in series_in(table, 24)] == [("load", 2)]
