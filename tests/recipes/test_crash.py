"""`crash` walks from an exception back to the place that made the bad value, and names nobody where it cannot.

What must not be taken for an origin: a value of another object or an earlier call, the line of an explicit `raise`.
"""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import crash
from debugbox_recipes.harness import Program

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES, program

SUBJECT = RECIPES / "crash" / "subject"
Write = Callable[..., Program]


@pytest.fixture(scope="module")
def script() -> Any:
    return crash._module()


def investigate(script: Any, which: Program) -> Any:
    return script.carry_out(which, "why does it crash", 100.0)


def conclusion(script: Any, study: Any) -> Any:
    record = json.loads(json.dumps(script.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


def line_of(folder: Path, file: str, text: str) -> str:
    lines = (folder / file).read_text("utf-8").splitlines()
    return f"{file}:{1 + next(n for n, line in enumerate(lines) if text in line)}"


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT))


def test_the_subject_goes_back_to_the_function_that_returns_nothing(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert str(subject.chain[0]) == line_of(SUBJECT, "stations.py", "fall * station.altitude")
    assert said.suspects[0].function == "altitude_of"
    assert "without returning anything" in said.answer
    way = [str(hop) for hop in subject.chain]
    for text in ("self.altitude = altitude", "Station(name, found)", "found = altitude_of"):
        assert line_of(SUBJECT, "stations.py", text) in way
    assert said.exact


def test_another_value_at_the_origin_cures_it_and_elsewhere_it_does_not(subject: Any) -> None:
    assert subject.proof.literal == 870.0  # what the same place gave for another station
    controls = [trial for trial in subject.trials if trial.control]
    assert len(controls) == 2
    assert not any(trial.done.well for trial in controls)


def test_symptom_is_present_then_absent_under_the_intervention(script: Any, subject: Any) -> None:
    written = json.loads(json.dumps(script.record(subject)["conclusion"]))
    given = {"exception": subject.exception, "file": subject.file}
    before = parse(Measurement, script.measure_symptom(subject.program, **given))
    after = parse(
        Measurement, script.measure_symptom(subject.program, **given, interventions=[written["intervention"]])
    )
    assert (before.state, after.state) == ("present", "absent")
    assert after.details["changed"][str(subject.proof.hop)] == 1
    assert len(written["placebo_sites"]) >= 2
    moved = {**written["intervention"], "sites": written["placebo_sites"][:1]}
    other = parse(Measurement, script.measure_symptom(subject.program, **given, interventions=[moved]))
    assert other.state == "present"
    assert sum(other.details["changed"].values()) > 0
    assert script.measure_symptom(subject.program, "KeyError")["state"] == "cannot measure"


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    assert script.record(investigate(script, subject.program)) == script.record(subject)


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        assert (SUBJECT / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


def test_old_and_new_interpreters_agree(script: Any, python: str) -> None:
    study = investigate(script, program(SUBJECT, python=python))
    assert (study.origin.function, study.exact) == ("altitude_of", True)
    assert study.proof is not None


def test_the_picture_says_the_conclusion(subject: Any) -> None:
    pytest.importorskip("matplotlib")
    drawn = importlib.import_module("debugbox_recipe_crash.picture").draw(subject)
    assert "TypeError at stations.py:32, but None comes from stations.py:9" in drawn.get_suptitle()
    assert len(drawn.axes) == 2


# Ways that a value takes

DEFAULT = """def area(width, height=None):
    return width * height
def main(sizes):
    for size in sizes:
        print(area(*size) if len(size) == 2 else area(size[0]))
main([(2, 3), (4,)])
"""
STORED = """class Node:
    def __init__(self, name):
        self.name = name
        self.parent = None
    def path(self):
        return self.parent.path() + [self.name]
root, leaf = Node("root"), Node("leaf")
leaf.parent = root
print(leaf.path())
"""
ITEM = """def load(rows):
    table = {}
    for key, number in rows:
        table[key] = number
    return table
def total(table):
    count = table["b"]
    return 10 / count
print(total(load([("a", 1), ("b", 0), ("c", 2)])))
"""
BRANCH = """def choose(rows, wanted):
    for row in rows:
        if row == wanted:
            return row
    return None
def use(found):
    return found.upper()
names = ["ada", "grace"]
print(use(choose(names, "ada")))
missing = choose(names, "edsger")
print(use(missing))
"""
SAME_NAME = """def lookup(table, key):
    return table.get(key)
def width(rows):
    found = rows[0]
    return found * 2
def main():
    found = lookup({}, "x")
    twice = width([4])
    return found + twice
main()
"""


@pytest.mark.parametrize(
    ("source", "origin"),
    [(DEFAULT, 1), (STORED, 4), (ITEM, 4), (BRANCH, 5), (SAME_NAME, 2)],
    ids=["default", "attribute of that object", "item", "return of that call", "name in that frame"],
)
def test_where_it_comes_from(project: Write, script: Any, source: str, origin: int) -> None:
    study = investigate(script, project({"run.py": source}))
    assert origin in [hop.line for hop in study.chain[1:]]
    assert study.origin.line == origin or source is ITEM


def test_in_a_test_too(project: Write, script: Any) -> None:
    files = {"lib.py": BRANCH.partition("names =")[0], "test_lib.py": (
        "from lib import choose, use\n\ndef test_found():\n    assert use(choose(['a'], 'a')) == 'A'\n\n"
        "def test_missing():\n    assert use(choose(['a'], 'b')) == 'B'\n"
    )}  # fmt: skip
    study = investigate(script, project(files, "python -m pytest -q -p no:cacheprovider"))
    assert (study.exception, str(study.chain[0])) == ("AttributeError", "lib.py:7")


# Negative controls


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("print(1)", "ends well"),
        ("raise SystemExit(3)", "without a Python exception"),
        ("import os\nos.kill(os.getpid(), 11)", "killed by signal 11"),
        ("import json\njson.loads('{')", ""),
    ],
    ids=["well", "exit", "signal", "library"],
)
def test_nobody_is_named_for_sure(project: Write, script: Any, source: str, why: str) -> None:
    said = conclusion(script, investigate(script, project({"run.py": source})))
    assert not said.exact
    assert said.intervention is None
    assert why in said.answer
    assert not why or said.suspects == ()


def test_an_explicit_raise_is_no_exact_origin(project: Write, script: Any) -> None:
    source = "def check(age):\n    if age < 0:\n        raise ValueError('negative')\nyears = 3 - 5\ncheck(years)\n"
    said = conclusion(script, investigate(script, project({"run.py": source})))
    assert not said.exact


def test_the_repaired_subject_does_not_crash(project: Write, script: Any) -> None:
    files = {name: (SUBJECT / name).read_text("utf-8") for name in ("stations.py", "run.py")}
    repaired = files["stations.py"].replace(
        "        return float(text)\n", "        return float(text)\n    return 0.0\n"
    )
    assert repaired != files["stations.py"]
    said = conclusion(script, investigate(script, project({**files, "stations.py": repaired})))
    assert (said.suspects, "ends well" in said.answer) == ((), True)
