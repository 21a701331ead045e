"""`drift` names the lines that introduce a rounding error, and no line where rounding is not the problem.

It must hold on programs it has never seen: the example is also run renamed, moved and on other interpreters.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from debugbox_recipes.harness import Program

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES, ROOT, needs_mpmath, program

EXAMPLE = ROOT / "examples" / "weather-station"
Write = Callable[..., Program]


def investigate(recipe: Any, which: Program, question: str, watch: str | None = None) -> Any:
    return recipe.carry_out(which, question, watch, 1e-9, 100.0)


def explaining(recipe: Any) -> Any:
    return sys.modules[f"{recipe.__package__}.explaining"]


def places(study: Any) -> set[str]:
    return {str(line) for line in study.suspects}


def line_of(folder: Path, file: str, text: str) -> str:
    lines = (folder / file).read_text("utf-8").splitlines()
    return f"{file}:{1 + next(n for n, line in enumerate(lines) if text in line)}"


@pytest.fixture(scope="module")
def example(recipe: Any) -> Any:
    return investigate(recipe, program(EXAMPLE), "why does the mean temperature drift")


@needs_mpmath
def test_example_names_both_lines_of_the_running_sum(example: Any) -> None:
    both = {line_of(EXAMPLE, "station/window.py", text) for text in ("self.total +=", "self.total -=")}
    assert places(example) == both
    assert example.present
    assert example.exact, example.checks


def test_keeping_the_suspects_exact_removes_the_error_and_the_control_line_does_not(example: Any) -> None:
    removed = {trial.name: trial.removed for trial in example.trials if set(trial.lines) == set(example.suspects)}
    assert removed["suspects exact"] > 0.99
    control = next(trial for trial in example.trials if trial.name == "control line exact")
    assert abs(control.removed) < 0.01
    assert sum(control.native.counts("changed").values()) > 0  # it ran and did something


def test_lines_that_are_not_kept_go_on_rounding(example: Any) -> None:
    """Else one of the two lines of the running sum would be enough: the other would pass the exact value on."""
    alone = [trial for trial in example.trials if len(trial.lines) == 1 and trial.lines[0] in example.suspects]
    assert len(alone) == 2
    assert all(trial.removed < 0.9 for trial in alone)


def test_the_output_line_kept_exact_changes_nothing(example: Any, recipe: Any) -> None:
    file, line = line_of(EXAMPLE, "station/window.py", "return self.total / len").rsplit(":", 1)
    keep = [{"file": file, "line": int(line), "quote": "return self.total / len(self.values)"}]
    said = recipe.measure_symptom(example.program, example.watch, keep=keep)
    assert said["state"] == "present"
    assert said["details"]["changed"][f"{file}:{line}"] > 0


@needs_mpmath
def test_renamed_and_moved_example_gives_the_same_answer(tmp_path: Path, recipe: Any, python: str) -> None:
    moved = tmp_path / "elsewhere" / "deep"
    shutil.copytree(EXAMPLE, moved, ignore=shutil.ignore_patterns("__pycache__"))
    (moved / "station" / "window.py").rename(moved / "station" / "smoothing.py")
    renames = {"SlidingMean": "Averager", "self.total": "self.acc", "station.window": "station.smoothing"}
    for path in moved.rglob("*.py"):
        text = path.read_text("utf-8")
        for old, new in renames.items():
            text = text.replace(old, new)
        path.write_text(text, "utf-8")
    study = investigate(recipe, program(moved, python=python), "why does the mean temperature drift")
    assert places(study) == {line_of(moved, "station/smoothing.py", f"self.acc {sign}=") for sign in "+-"}
    assert study.exact, study.checks


def test_subject_names_the_source_and_not_the_amplifier(recipe: Any, python: str) -> None:
    folder = RECIPES / "drift" / "subject"
    study = investigate(recipe, program(folder, python=python), "why does the clock lag")
    assert places(study) == {line_of(folder, "clock.py", "self.now + self.tick")}
    amplifying = [str(line) for line in explaining(recipe).amplifying_lines(study)]
    assert amplifying == [line_of(folder, "clock.py", "due - self.now")]


def test_a_question_without_matching_words_takes_the_printed_value_that_deviates(recipe: Any) -> None:
    study = investigate(recipe, program(EXAMPLE), "what is going on here")
    assert study.watch.endswith(":{mean}")
    assert len(study.suspects) == 2


EULER = """
def main():
    x, v, dt = 1.0, 0.0, 0.001
    for step in range(5000):
        x, v = x + v * dt, v - x * dt
    energy = 0.5 * (x * x + v * v)
    print(f"energy {energy:.9f}")
main()
"""
SOUND = """
import math
def total(values):
    result = math.fsum(values)
    return result
print("total", total([0.1 * n for n in range(1000)]))
"""


@pytest.mark.parametrize(
    ("source", "question"),
    [(EULER, "why does the energy drift"), (SOUND, "why does the total drift")],
    ids=["explicit Euler", "fsum"],
)
def test_no_rounding_problem_has_no_suspects(project: Write, recipe: Any, source: str, question: str) -> None:
    study = investigate(recipe, project({"run.py": source}), question)
    said = recipe.record(study)["conclusion"]
    assert said["suspects"] == []
    assert said["intervention"] is None
    assert said["answer"].startswith("No rounding problem")
    assert [run["state"] for run in said["symptom"]["runs"]] == ["absent", "absent"]


def test_arithmetic_of_other_libraries_is_said_to_be_unseen(project: Write, recipe: Any) -> None:
    source = "from decimal import Decimal\nsum_ = Decimal(0)\nfor n in range(99):\n    sum_ = sum_ + Decimal('0.1')\n"
    source += "total = float(sum_)\nprint(f'total {total}')\n"
    study = investigate(recipe, project({"run.py": source}), "why does the total drift")
    said = recipe.record(study)["conclusion"]
    assert "cannot be judged" in said["answer"]
    assert any("decimal.Decimal (198 times)" in limit for limit in said["limits"])
    assert not said["exact"]


def test_values_that_lost_their_history_forbid_an_all_clear(project: Write, recipe: Any) -> None:
    source = """import array
total = array.array("d", [0.0])
for n in range(3000):
    total[0] += 0.1
print(f"total {total[0]}")
"""
    study = investigate(recipe, project({"run.py": source}), "why does the total drift")
    assert study.shadow["lost"] > 2000
    assert not study.exact
    assert "cannot be judged" in recipe.concluding.answer(study)


@needs_mpmath
def test_nothing_is_said_to_be_lost_in_an_ordinary_program(example: Any) -> None:
    assert example.shadow["lost"] == 0
    assert example.shadow["foreign"] == {}


def test_the_outermost_functions_report_to_the_box(monkeypatch: pytest.MonkeyPatch, recipe: Any, example: Any) -> None:
    pytest.importorskip("matplotlib")
    box = FakeBox(example.program)
    monkeypatch.setitem(sys.modules, "debugbox_kernel", box)
    recipe.investigate(question="why does the mean temperature drift")
    (record,) = box.records["recipe"]
    assert len(box.figures) == 1
    assert parse(Conclusion, record["conclusion"]).suspects
    exec(record["conclusion"]["symptom"]["code"], {})  # as the checks run it, in a cell
    box.context["interventions"] = [record["conclusion"]["intervention"]]
    box.context["expected"] = {"value": example.expected}
    exec(record["conclusion"]["symptom"]["code"], {})
    assert [said["state"] for said in box.records["symptom"]] == ["present", "absent"]


class FakeBox:
    """`debugbox_kernel` as a cell sees it."""

    def __init__(self, which: Program) -> None:
        self.repo, self.python = PurePosixPath(which.repo), which.python
        roots = list(which.import_roots)
        self.context: dict[str, Any] = {
            "run": which.command,
            "import_roots": roots,
            "interventions": [],
            "expected": None,
        }
        self.records: dict[str, list[Any]] = {}
        self.figures: list[Any] = []

    def report(self, name: str, data: Any) -> None:
        self.records.setdefault(name, []).append(json.loads(json.dumps(data, allow_nan=False)))

    def show(self, figure: Any, caption: str = "") -> None:
        figure.canvas.draw()
        self.figures.append(figure)


def test_accumulation_and_cancellation_are_told_apart(project: Write, recipe: Any) -> None:
    source = """def main():
    elapsed = 0.0
    for n in range(20000):
        elapsed += 0.1
    x = 1.3e-9
    shifted = 1.0 + x
    growth = (shifted - 1.0) / x
    print(f"elapsed {elapsed}")
    print(f"growth {growth}")
main()
"""
    which = project({"run.py": source})
    accumulated = recipe.carry_out(which, "why does elapsed drift", None, 1e-14, 100.0)
    assert recipe.concluding.kind_of_error(accumulated) == "accumulation"
    assert places(accumulated) == {"run.py:4"}
    cancelled = investigate(recipe, which, "why does growth drift")
    assert recipe.concluding.kind_of_error(cancelled) == "cancellation"
    assert places(cancelled) == {"run.py:6"}
    assert [str(line) for line in explaining(recipe).amplifying_lines(cancelled)] == ["run.py:7"]


def test_record_is_a_conclusion_in_finite_json(example: Any, recipe: Any) -> None:
    record = json.loads(json.dumps(recipe.record(example), allow_nan=False))
    conclusion = parse(Conclusion, record["conclusion"])
    assert record["recipe"] == "drift"
    assert conclusion.by == "recipe drift"
    assert conclusion.intervention.kind == "keep_exact"
    for place in (*conclusion.suspects, *conclusion.intervention.sites, *conclusion.placebo_sites):
        assert (EXAMPLE / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote
    assert len(conclusion.placebo_sites) >= 2


def test_record_comes_out_alike_when_the_cell_is_replayed(example: Any, recipe: Any) -> None:
    again = investigate(recipe, program(EXAMPLE), "why does the mean temperature drift")
    assert recipe.record(again) == recipe.record(example)


def test_symptom_is_present_then_absent_under_the_intervention(example: Any, recipe: Any) -> None:
    before = parse(Measurement, recipe.measure_symptom(example.program, example.watch))
    sites = recipe.record(example)["conclusion"]["intervention"]["sites"]
    after = parse(Measurement, recipe.measure_symptom(example.program, example.watch, keep=sites))
    assert (before.state, after.state) == ("present", "absent")
    assert before.expected == after.expected
    assert all(after.details["changed"][f"{site['file']}:{site['line']}"] > 1000 for site in sites)


def test_an_earlier_record_spares_the_shadow_run(example: Any, recipe: Any) -> None:
    before = recipe.measure_symptom(example.program, example.watch)
    shifted = {**before, "expected": 7.0}
    assert recipe.measure_symptom(example.program, example.watch, given=shifted)["expected"] == 7.0


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise SystemExit('no data')", "never reached"),
        ("import time\ntotal = 0.1\ntime.sleep(99)", "still running"),
        ("import os\nfor n in range(3):\n    total = n * 0.1\nos._exit(3)", "no record"),
    ],
    ids=["crash", "timeout", "os._exit"],
)
def test_what_cannot_be_measured_is_never_absent(project: Write, recipe: Any, source: str, why: str) -> None:
    point = {"expected": 1.0, "index": 0, "scale": 1.0}
    which = project({"run.py": source})
    said = recipe.measure_symptom(which, "run.py:3:total", given=point, time_limit_s=3)
    assert said["state"] == "cannot measure"
    assert why in said["note"]


def test_an_intervention_at_a_line_that_is_gone_cannot_be_measured(example: Any, recipe: Any) -> None:
    point = {"expected": 1.0, "index": 0, "scale": 1.0}
    keep = [{"file": "station/window.py", "line": 18, "quote": "this stood there once"}]
    said = recipe.measure_symptom(example.program, example.watch, keep=keep, given=point)
    assert said["state"] == "cannot measure"


def test_a_spent_budget_ends_in_a_conclusion_with_a_limit(project: Write, recipe: Any) -> None:
    source = """def main():
    total = 0.0
    for n in range(400_000):
        total += 0.1
        mean = total / (n + 1)
    print(f"mean {mean}")
main()
"""
    study = recipe.carry_out(project({"run.py": source}), "why does total drift", None, 1e-9, 3.0)
    said = recipe.record(study)["conclusion"]
    assert not said["exact"]
    assert any("stopped after" in limit for limit in said["limits"])


def test_recipe_code_knows_nothing_of_the_example() -> None:
    for path in (RECIPES / "debugbox_recipes").rglob("*.py"):
        assert "station" not in path.read_text("utf-8"), path
