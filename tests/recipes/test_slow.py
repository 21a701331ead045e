"""`slow` gives the exponent by exact counts, names the hot line and its cause, and says what counts cannot see.

Linear programs, programs that are merely busy, and numbers that are no sizes must not be accused.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from debugbox_recipes import slow
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES, program

SUBJECT = RECIPES / "slow" / "subject"
Write = Callable[..., Program]


@pytest.fixture(scope="module")
def script() -> Any:
    return slow._module()


def investigate(script: Any, which: Program, size: int | None = None) -> Any:
    return script.carry_out(which, "why is it slow", size, 200.0)


def conclusion(script: Any, study: Any) -> Any:
    record = json.loads(json.dumps(script.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


def line_of(file: str, text: str) -> str:
    lines = (SUBJECT / file).read_text("utf-8").splitlines()
    return f"{file}:{1 + next(n for n, line in enumerate(lines) if text in line)}"


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT, "python report.py 400"))


def test_the_subject_is_quadratic_and_the_cause_is_the_repeated_call(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert subject.power == pytest.approx(2.0, abs=0.05)
    assert str(said.suspects[0]) == line_of("table.py", "self.width()}")
    assert subject.hot in (line_of("table.py", "for name, _"), line_of("table.py", "widest = max"))
    assert said.exact


def test_keeping_the_width_removes_it_and_keeping_others_does_not(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert str(said.intervention.sites[0]) == line_of("table.py", "def width")
    assert subject.proof.power == pytest.approx(1.0, abs=0.1)
    assert {str(place) for place in said.placebo_sites} == {line_of("table.py", f"def {n}") for n in ("symbol", "flag")}
    assert all(control.power > 1.9 and control.hits > 0 for control in subject.controls)


def test_symptom_is_present_then_absent_under_the_intervention(script: Any, subject: Any) -> None:
    written = script.record(subject)["conclusion"]
    sizes = [rung.size for rung in subject.rungs[-3:]]
    before = parse(Measurement, script.measure_symptom(subject.program, subject.knob, sizes))
    runs = []
    for site in (written["intervention"]["sites"][0], written["placebo_sites"][0]):
        memoise, unknown = script.functions_to_memoise([{**written["intervention"], "sites": [site]}])
        run = parse(Measurement, script.measure_symptom(subject.program, subject.knob, sizes, memoise))
        assert (unknown, run.details["changed"][f"{site['file']}:{site['line']}"] > 100) == ([], True)
        runs.append(run.state)
    assert (before.state, runs) == ("present", ["absent", "present"])
    assert before.measured == conclusion(script, subject).symptom.runs[0].measured


def test_the_intervention_acts_on_any_program_that_is_run_with_it(subject: Any) -> None:
    plan, unknown = plan_of([slow._module().record(subject)["conclusion"]["intervention"]])
    run = run_program(program(SUBJECT, "python report.py 40"), timeout_s=30, plan=plan)
    assert (unknown, run.results[0]["changed"]) == ([], {line_of("table.py", "def width"): 39})


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    again = investigate(script, subject.program)
    assert script.record(again) == script.record(subject)
    assert script.concluding.summary(again) == script.concluding.summary(subject)


def test_old_and_new_interpreters_agree(script: Any, python: str) -> None:
    study = investigate(script, program(SUBJECT, "python report.py 400", python))
    said = conclusion(script, study)
    assert str(said.suspects[0]) == line_of("table.py", "self.width()}")
    assert study.proof is not None


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        assert (SUBJECT / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


LINEAR = "import sys\ndef work(n):\n    total = 0\n    for i in range(n):\n        total += i\n    print(total)\n"
SORTING = """import sys
def merge(values):
    if len(values) < 2:
        return values
    half = len(values) // 2
    left, right = merge(values[:half]), merge(values[half:])
    result = []
    while left and right:
        result.append(left.pop() if left[-1] > right[-1] else right.pop())
    return left + right + result[::-1] if left or right else result[::-1]
def work(n):
    print(len(merge([i * 7919 % 1009 for i in range(n)])))
"""
MAIN = "work(int(sys.argv[1]))\n"


@pytest.mark.parametrize("source", [LINEAR, SORTING], ids=["linear", "n log n"])
def test_work_that_grows_with_the_size_is_no_problem(project: Write, script: Any, source: str) -> None:
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 2000"))
    said = conclusion(script, study)
    assert said.answer.startswith("No scaling problem")
    assert said.suspects == ()
    assert [run.state for run in said.symptom.runs] == ["absent"]


def test_loops_in_one_function_are_their_own_cause(project: Write, script: Any) -> None:
    source = "import sys\ndef work(n):\n    total = 0\n    for i in range(n):\n        for j in range(i):\n"
    source += "            total += j\n    print(total)\n"
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 400"))
    said = conclusion(script, study)
    assert study.cause is None
    assert said.suspects[0].line in (5, 6)
    assert said.suspects[0].function == "work"
    assert said.intervention is None


def test_a_recursion_that_solves_the_same_again_is_helped_by_keeping(project: Write, script: Any) -> None:
    source = """import sys
def ways(n):
    if n < 2:
        return 1
    return ways(n - 1) + ways(n - 2)
def double(n):
    return n + n
def half(n):
    return n // 2
def work(n):
    print(ways(n), sum(double(i % 2) + half(i % 2) for i in range(n)))
"""
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 20"))
    said = conclusion(script, study)
    assert study.exponential
    assert said.suspects[0].function == "ways"
    assert str(said.intervention.sites[0]) == "run.py:2"


def test_a_function_whose_kept_results_change_the_output_is_no_intervention(project: Write, script: Any) -> None:
    source = """import sys
STOCK = []
def total():
    result = 0
    for item in STOCK:
        result += item
    return result
def work(n):
    for i in range(n):
        STOCK.append(i)
        last = total()
    print(last)
"""
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 300"))
    said = conclusion(script, study)
    assert said.intervention is None
    assert said.exact
    assert str(said.suspects[0]) == "run.py:11"
    assert study.trials[0].power is None


def test_c_code_inside_a_line_is_seen_by_the_clock_only(project: Write, script: Any) -> None:
    source = "import sys\ndef work(n):\n    seen = []\n    for i in range(n):\n        if i not in seen:\n"
    source += "            seen.append(i)\n    print(len(seen))\n"
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 4000"))
    said = conclusion(script, study)
    assert not study.superlinear
    assert study.by_clock
    assert str(said.suspects[0]) == "run.py:5"
    assert not said.exact
    assert "C code" in said.answer


def test_delegated_generators_are_work(project: Write, script: Any, python: str) -> None:
    """`yield from` has no line events: counting lines alone calls this linear."""
    source = """import sys
def nested(depth):
    if depth:
        yield depth
        yield from nested(depth - 1)
def work(n):
    print(sum(nested(n)))
"""
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 200", python))
    assert study.power == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("files", "command", "words"),
    [
        ({}, "python run.py --seed 7000 --rows 300", "the argument --rows"),
        ({}, "python run.py --port=8080 --rows=300", "the argument --rows"),
        ({"data.txt": "1\n" * 300}, "python run.py --input data.txt", "the lines of data.txt"),
        ({}, "python run.py", "ROWS at run.py:2"),
    ],
    ids=["argument", "argument with =", "file", "constant"],
)
def test_the_size_is_what_changes_the_work(
    project: Write, script: Any, files: dict[str, str], command: str, words: str
) -> None:
    source = """import argparse
ROWS = 300
parser = argparse.ArgumentParser()
for name in ("--rows", "--seed", "--port", "--input"):
    parser.add_argument(name)
options = parser.parse_args()
count = int(options.rows or ROWS) if not options.input else len(open(options.input).readlines())
total = 0
for i in range(count):
    for j in range(count):
        total += 1
print(total)
"""
    study = investigate(script, project({"run.py": source, **files}, command))
    assert study.knob.words == words
    assert study.power == pytest.approx(2.0, abs=0.05)


def test_without_a_size_the_hot_line_is_named_and_nothing_is_proven(project: Write, script: Any) -> None:
    source = "def work():\n    total = 0\n    while total < 300 * 1000:\n        total += 1\n    print(total)\nwork()\n"
    study = investigate(script, project({"run.py": source}))
    said = conclusion(script, study)
    assert "no size knob" in said.answer
    assert said.suspects[0].function == "work"
    assert (said.exact, said.symptom.code, said.intervention) == (False, "", None)


def test_a_program_that_fails_cannot_be_measured(project: Write, script: Any) -> None:
    which = project({"run.py": "import sys\nraise SystemExit('no data')\n"}, "python run.py 300")
    said = script.measure_symptom(which, script.Knob("python run.py {n}", "", 300), [10, 20, 40])
    assert said["state"] == "cannot measure"
    assert conclusion(script, investigate(script, which)).answer.startswith("No answer")


class FakeBox:
    """`debugbox_kernel` as a cell sees it."""

    def __init__(self, which: Program) -> None:
        self.repo, self.python = PurePosixPath(which.repo), which.python
        self.context: dict[str, Any] = {"run": which.command, "import_roots": [], "interventions": []}
        self.records: dict[str, list[Any]] = {}
        self.figures: list[Any] = []

    def report(self, name: str, data: Any) -> None:
        self.records.setdefault(name, []).append(json.loads(json.dumps(data, allow_nan=False)))

    def show(self, figure: Any, caption: str = "") -> None:
        figure.canvas.draw()
        self.figures.append(figure)


def test_the_outermost_functions_report_to_the_box(monkeypatch: pytest.MonkeyPatch, subject: Any) -> None:
    pytest.importorskip("matplotlib")
    box = FakeBox(subject.program)
    monkeypatch.setitem(sys.modules, "debugbox_kernel", box)
    slow(question="why is the report slow")
    (record,) = box.records["recipe"]
    assert len(box.figures) == 1
    assert "n^2" in box.figures[0]._suptitle.get_text()
    exec(record["conclusion"]["symptom"]["code"], {})  # as the checks run it, in a cell
    box.context["interventions"] = [record["conclusion"]["intervention"]]
    exec(record["conclusion"]["symptom"]["code"], {})
    box.context["interventions"] = [{"kind": "truncate", "sites": [], "parameters": {}}]
    exec(record["conclusion"]["symptom"]["code"], {})
    assert [said["state"] for said in box.records["symptom"]] == ["present", "absent", "cannot measure"]


def test_recipe_code_knows_nothing_of_its_subject() -> None:
    for path in [*(RECIPES / "debugbox_recipes").rglob("*.py"), *(RECIPES / "slow" / "scripts").glob("*.py")]:
        assert "table.py" not in Path(path).read_text("utf-8"), path
