"""`peak` says how the memory peak grows with the size, what is alive then, and which line keeps it.

Programs of constant memory, peaks that are an import's, and leaks must not be accused.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import peak
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of

from debugbox.finding import Conclusion, Measurement, parse

from .boxes import FakeBox
from .conftest import RECIPES, program

SUBJECT = RECIPES / "peak" / "subject"
Write = Callable[..., Program]


@pytest.fixture(scope="module")
def script() -> Any:
    return peak._module()


def investigate(script: Any, which: Program, size: int | None = None) -> Any:
    return script.carry_out(which, "why does it take so much memory", size, 250.0)


def conclusion(script: Any, study: Any) -> Any:
    record = json.loads(json.dumps(script.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


def line_of(file: str, text: str) -> str:
    lines = (SUBJECT / file).read_text("utf-8").splitlines()
    return f"{file}:{1 + next(n for n, line in enumerate(lines) if text in line)}"


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT, "python report.py 4000"))


def test_the_line_that_keeps_is_named_before_those_that_allocate(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert str(said.suspects[0]) == line_of("readings.py", "kept = list")
    assert subject.hot == line_of("readings.py", "yield sensor, value")
    assert subject.power == pytest.approx(1.0, abs=0.2)
    assert said.exact


def test_taken_lazily_the_growth_is_gone_and_other_lists_change_nothing(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert [str(site) for site in said.intervention.sites] == [line_of("readings.py", "kept = list")]
    assert subject.proof.removed > 0.95
    assert len(said.placebo_sites) >= 2
    assert all(control.passed and abs(control.removed) < 0.1 for control in subject.controls)


def test_symptom_is_present_then_absent_under_the_intervention(script: Any, subject: Any) -> None:
    written = script.record(subject)["conclusion"]
    sizes = [one.size for one in subject.plain[:2]]
    before = parse(Measurement, script.measure_symptom(subject.program, subject.knob, sizes))
    runs = []
    for site in (written["intervention"]["sites"][0], *written["placebo_sites"][:2]):
        places = script.lazily.places_of({**written["intervention"], "sites": [site]})
        run = parse(Measurement, script.measure_symptom(subject.program, subject.knob, sizes, places))
        assert run.details["applied"][f"{site['file']}:{site['line']}"] > 0
        assert run.details["changed"][f"{site['file']}:{site['line']}"] > 0
        runs.append(run.state)
    assert (before.state, runs) == ("present", ["absent", "present", "present"])
    assert before.measured == pytest.approx(conclusion(script, subject).symptom.runs[0].measured, rel=0.05)


def test_the_intervention_acts_on_any_program_that_is_run_with_it(script: Any, subject: Any) -> None:
    plan, unknown = plan_of([script.record(subject)["conclusion"]["intervention"]])
    run = run_program(program(SUBJECT, "python report.py 40"), timeout_s=30, plan=plan)
    where = line_of("readings.py", "kept = list")
    assert (unknown, run.exit_code, run.results[0]["applied"]) == ([], 0, {where: 1})
    assert 0 < run.results[0]["changed"][where] <= 40


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    again = investigate(script, subject.program)
    assert script.record(again) == script.record(subject)
    assert script.concluding.summary(again) == script.concluding.summary(subject)


def test_old_and_new_interpreters_agree(script: Any, python: str) -> None:
    study = investigate(script, program(SUBJECT, "python report.py 4000", python))
    assert str(conclusion(script, study).suspects[0]) == line_of("readings.py", "kept = list")
    assert study.proof is not None


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        assert (SUBJECT / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


MAIN = "if __name__ == '__main__':\n    work(int(sys.argv[1]))\n"
ITEMS = "import sys\ndef items(n):\n    for i in range(n):\n        yield (i, 'item %d' % i)\n"
CONSTANT = ITEMS + "def work(n):\n    total = 0\n    for i, _ in items(n):\n        total += i\n    print(total)\n"
BIG = "TABLE = [str(i) for i in range(200_000)]\ndel TABLE\n"


@pytest.mark.parametrize(
    ("files", "where"),
    [({"run.py": CONSTANT + MAIN}, ""), ({"run.py": "import big\n" + CONSTANT + MAIN, "big.py": BIG}, "big.py:1")],
    ids=["constant memory", "the peak is an import"],
)
def test_a_peak_that_does_not_grow_accuses_nobody(
    project: Write, script: Any, files: dict[str, str], where: str
) -> None:
    study = investigate(script, project(files, "python run.py 4000"))
    said = conclusion(script, study)
    assert said.answer.startswith("No memory blow-up")
    assert where in said.answer
    assert (said.suspects, said.intervention, said.exact) == ((), None, False)
    assert [run.state for run in said.symptom.runs] == ["absent", "absent"]


def test_a_leak_is_left_to_the_recipe_for_leaks(script: Any) -> None:
    study = investigate(script, program(RECIPES / "leak" / "subject", "python serve.py"))
    said = conclusion(script, study)
    assert study.grows
    assert (said.suspects, said.intervention, said.exact) == ((), None, False)
    assert any("leak" in limit for limit in said.limits)


def test_what_each_step_leaves_in_an_object_to_the_end_may_be_a_leak(project: Write, script: Any) -> None:
    source = (
        "import sys\nclass Log:\n    rows = []\n    def add(self, i):\n        self.rows.append((i, 'row %d' % i))\n"
    )
    source += "def work(n):\n    log = Log()\n    for i in range(n):\n        log.add(i)\n    print(len(log.rows))\n"
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 4000"))
    said = conclusion(script, study)
    assert (study.leaks, said.suspects, said.exact) == (True, (), False)
    assert "run.py:9 leaves something behind" in said.answer


KEEPING = {
    "appended in a loop": (
        ITEMS + "def load(n):\n    kept = []\n    for item in items(n):\n        kept.append(item)\n    return kept\n"
        "def work(n):\n    rows = load(n)\n    print(len(rows), rows[-1])\n",
        "kept.append(item)",
    ),
    "made by a function that is called for each": (
        "import sys\ndef made(i):\n    return {'number': i, 'text': str(i)}\n"
        "def work(n):\n    rows = {}\n    for i in range(n):\n        rows[i] = made(i)\n    print(len(rows))\n",
        "rows[i] = made(i)",
    ),
    "a table of all pairs": (
        "import sys\ndef table(n):\n    return [[0.5] * n for _ in range(n)]\n"
        "def work(n):\n    print(len(table(n // 8)))\n",
        "return [[0.5] * n",
    ),
    "what has been seen, in a generator": (
        ITEMS + "def unique(some):\n    seen = set()\n    for item in some:\n        if item not in seen:\n"
        "            seen.add(item)\n            yield item\ndef work(n):\n"
        "    total = 0\n    for i, _ in unique(items(n)):\n        total += i\n    print(total)\n",
        "seen.add(item)",
    ),
    "a text that grows": (
        "import sys\ndef joined(n):\n    text = ''\n    for i in range(n):\n"
        "        text += 'number %d\\n' % (i % 7) * 20\n"
        "    return text\ndef work(n):\n    print(len(joined(n)))\n",
        "text +=",
    ),
    "needed only while a line runs": (
        "import sys\ndef words(n):\n    text = 'some words ' * n\n    return len(sorted(text.upper().split()))\n"
        "def work(n):\n    print(words(n))\n",
        "sorted(text",
    ),
    "an object with a list, let go in the end": (
        "import sys\nclass Report:\n    def __init__(self):\n        self.rows = []\n    def add(self, i):\n"
        "        self.rows.append((i, 'row %d' % i))\ndef full(n):\n    report = Report()\n    for i in range(n):\n"
        "        report.add(i)\n    return len(report.rows)\n"
        "def work(n):\n    size = full(n)\n    print(size)\n"
        "    for _ in range(10):\n        size += 1\n    print(size)\n",
        "report.add(i)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "text"), KEEPING.values(), ids=KEEPING)
def test_who_keeps_it(project: Write, script: Any, source: str, text: str) -> None:
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 4000"))
    said = conclusion(script, study)
    assert text in said.suspects[0].quote
    assert said.intervention is None
    assert said.exact


def test_a_table_of_all_pairs_grows_with_the_square(project: Write, script: Any) -> None:
    source = KEEPING["a table of all pairs"][0]
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 4000"))
    assert study.power == pytest.approx(2.0, abs=0.1)


def test_of_lists_that_follow_each_other_the_fewest_are_found(project: Write, script: Any) -> None:
    source = (
        ITEMS + "def work(n):\n    first = list(items(n))\n    second = [i * 3 + 1 for i, _ in first]\n"
        "    few = [i for i in range(5)]\n    print(sum(second), max(few))\n"
    )
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 4000"))
    said = conclusion(script, study)
    assert {place.quote for place in said.intervention.sites} == {
        "first = list(items(n))",
        "second = [i * 3 + 1 for i, _ in first]",
    }


@pytest.mark.parametrize(
    "use",
    ["print(len(rows))", "print(sum(i for i, _ in rows), sum(i for i, _ in rows))", "print(rows[0])"],
    ids=["its length", "twice", "an index"],
)
def test_a_list_that_is_needed_whole_is_no_intervention(project: Write, script: Any, use: str) -> None:
    source = ITEMS + f"def work(n):\n    rows = list(items(n))\n    {use}\n"
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 4000"))
    said = conclusion(script, study)
    assert said.suspects[0].quote == "rows = list(items(n))"
    assert said.intervention is None
    assert said.exact
    assert [trial.removed for trial in study.trials] == [None]


LOUD = "import sys\ndef items(n):\n    for i in range(n):\n        if i % 100 == 0:\n            print('made', i)\n"
LOUD += "        yield i\ndef work(n):\n    rows = list(items(n))\n    for row in rows:\n"
LOUD += "        if row % 100 == 0:\n            print('seen', row)\n"
QUIET = ITEMS + "def work(n):\n    rows = list(items(n))\n    total = sum(i for i, _ in rows)\n    try:\n"
QUIET += "        more = sum(i for i, _ in rows)\n    except RuntimeError:\n        more = 0\n    print(total)\n"


@pytest.mark.parametrize("source", [LOUD, QUIET], ids=["another order", "what raises is swallowed"])
def test_a_lazy_list_that_changes_the_program_is_no_measurement(project: Write, script: Any, source: str) -> None:
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 4000"))
    said = conclusion(script, study)
    assert said.suspects[0].quote == "rows = list(items(n))"
    assert said.intervention is None
    place = {"file": "run.py", "line": said.suspects[0].line, "quote": said.suspects[0].quote, "nth": 0}
    measured = script.measure_symptom(study.program, study.knob, [500, 8000], [place])
    assert (measured["state"], measured["measured"]) == ("cannot measure", None)


def test_a_program_that_needs_too_much_is_looked_at_with_less(project: Write, script: Any) -> None:
    source = "import sys\ndef work(n):\n    rows = list(range(n))\n    print(sum(rows))\n"
    study = investigate(script, project({"run.py": source + MAIN}, "python run.py 8000000"))
    assert study.rungs[-1].size < 8_000_000
    assert max(study.peaks) < 1 << 26
    assert conclusion(script, study).suspects[0].quote == "rows = list(range(n))"


def test_the_memory_of_compiling_the_source_is_not_the_program_s(project: Write, script: Any) -> None:
    long = "".join(f"def f{n}(a, b):\n    return (a + {n}) * (b - {n}) if a > b else [a, b, {n}]\n" for n in range(600))
    measured = {}
    for name, text in (("short", "x = 1\n"), ("long", long)):
        which = project({"run.py": f"import {name}\nprint(1)\n", f"{name}.py": text})
        plan = {"observer": "peaks", "look": "height"}
        measured[name] = run_program(which, timeout_s=60, plan=plan).results[0]["peak"]
    assert measured["long"] - measured["short"] < 1 << 20


def test_lines_of_an_input_file_are_a_size(project: Write, script: Any) -> None:
    source = "import sys\ntotal = 0\nwith open(sys.argv[1]) as file:\n    for line in file.readlines():\n"
    source += "        total += len(line)\nprint(total)\n"
    files = {"run.py": source, "data.txt": "".join(f"line {n}\n" for n in range(4000))}
    study = investigate(script, project(files, "python run.py data.txt"))
    said = conclusion(script, study)
    assert study.knob.words == "the lines of data.txt"
    assert [place.quote for place in said.intervention.sites] == ["for line in file.readlines():"]


def test_the_size_is_what_changes_the_peak(project: Write, script: Any) -> None:
    source = ITEMS + "ROUNDS = 5000\nROWS = 3000\nfor _ in range(ROUNDS):\n    pass\nprint(len(list(items(ROWS))))\n"
    study = investigate(script, project({"run.py": source}))
    assert study.knob.words == "ROWS at run.py:6"
    assert study.grows


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("print('no number here')\n", "no size was found"),
        ("import sys\nraise SystemExit('no data')\n", "no data"),
        ("import sys, tracemalloc\ntracemalloc.stop()\nprint(len([str(i) for i in range(int(sys.argv[1]))]))\n", "off"),
    ],
    ids=["no size", "it fails", "it switches the tracing off"],
)
def test_what_cannot_be_measured_is_said(project: Write, script: Any, source: str, words: str) -> None:
    command = "python run.py" if "here" in source else "python run.py 300"
    said = conclusion(script, investigate(script, project({"run.py": source}, command)))
    assert said.answer.startswith("No answer")
    assert words in said.answer
    assert (said.suspects, said.symptom.code) == ((), "")


def test_a_symptom_of_a_program_that_fails_cannot_be_measured(project: Write, script: Any) -> None:
    which = project({"run.py": "raise SystemExit('no data')\n"}, "python run.py 300")
    said = script.measure_symptom(which, script.Knob("python run.py {n}", "", 300), [10, 40])
    assert (said["state"], said["measured"]) == ("cannot measure", None)


def test_the_outermost_functions_report_to_the_box(monkeypatch: pytest.MonkeyPatch, subject: Any) -> None:
    pytest.importorskip("matplotlib")
    box = FakeBox(subject.program)
    monkeypatch.setitem(sys.modules, "debugbox_kernel", box)
    peak(question="why does the report take so much memory")
    (record,) = box.records["recipe"]
    assert "grows as n" in box.figures[0]._suptitle.get_text()
    assert line_of("readings.py", "kept = list") in box.figures[0]._suptitle.get_text()
    exec(record["conclusion"]["symptom"]["code"], {})  # as the checks run it, in a cell
    box.context["interventions"] = [record["conclusion"]["intervention"]]
    exec(record["conclusion"]["symptom"]["code"], {})
    box.context["interventions"] = [{"kind": "truncate", "sites": [], "parameters": {}}]
    exec(record["conclusion"]["symptom"]["code"], {})
    assert [said["state"] for said in box.records["symptom"]] == ["present", "absent", "cannot measure"]


def test_recipe_code_knows_nothing_of_its_subject() -> None:
    for path in [*(RECIPES / "debugbox_recipes").rglob("*.py"), *(RECIPES / "peak" / "scripts").glob("*.py")]:
        assert "readings" not in Path(path).read_text("utf-8"), path
