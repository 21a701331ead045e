"""`nondet` names the lines that let chance into the output, and nobody where nothing can be held or nothing differs."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import nondet
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of

from debugbox.finding import Conclusion, Measurement, parse

from .boxes import FakeBox
from .conftest import RECIPES, program

SUBJECT = RECIPES / "nondet" / "subject"
Write = Callable[..., Program]


@pytest.fixture(scope="module")
def script() -> Any:
    return nondet._module()


def investigate(script: Any, which: Program, output: str = "") -> Any:
    return script.carry_out(which, "why is the output different each time", output, 200.0)


def conclusion(script: Any, study: Any) -> Any:
    return parse(Conclusion, json.loads(json.dumps(script.record(study), allow_nan=False))["conclusion"])


def line_of(folder: Path, file: str, text: str) -> str:
    lines = (folder / file).read_text("utf-8").splitlines()
    return f"{file}:{1 + next(n for n, line in enumerate(lines) if text in line)}"


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT, "python report.py"))


def test_the_subject_lists_a_set_in_its_order(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert [str(place) for place in said.suspects] == [line_of(SUBJECT, "inventory.py", "found = set()")]
    assert said.suspects[0].function == "Inventory.tags"
    assert subject.guilty == ["hash order"]
    assert said.exact and subject.proof and subject.complete


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        assert (SUBJECT / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


def test_symptom_goes_with_the_lines_pinned_and_stays_with_others_pinned(script: Any, subject: Any) -> None:
    written = json.loads(json.dumps(script.record(subject)["conclusion"]))
    which, vary = subject.program, subject.guilty
    before = parse(Measurement, script.measure_symptom(which, vary))
    after = parse(Measurement, script.measure_symptom(which, vary, "", [written["intervention"]]))
    assert (before.state, before.measured, after.state, after.measured) == ("present", 8.0, "absent", 1.0)
    assert after.details["changed"]["inventory.py:14"] > 0
    assert len(written["placebo_sites"]) >= 2
    for site in written["placebo_sites"][:2]:
        placebo = {**written["intervention"], "sites": [site]}
        run = parse(Measurement, script.measure_symptom(which, vary, "", [placebo]))
        assert (run.state, run.measured) == ("present", 8.0)
        assert run.details["changed"][f"{site['file']}:{site['line']}"] > 0


def test_the_intervention_acts_on_any_program_that_is_run_with_it(script: Any, subject: Any) -> None:
    plan, unknown = plan_of([script.record(subject)["conclusion"]["intervention"]])
    outputs = {
        run_program(subject.program, timeout_s=30, plan=plan, variables={"PYTHONHASHSEED": str(seed)}).stdout
        for seed in range(4)
    }
    assert (len(outputs), unknown) == (1, [])


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    again = investigate(script, subject.program)
    assert script.record(again) == script.record(subject)
    assert script.concluding.summary(again) == script.concluding.summary(subject)


def test_old_and_new_interpreters_agree(script: Any, python: str) -> None:
    study = investigate(script, program(SUBJECT, "python report.py", python))
    assert str(conclusion(script, study).suspects[0]) == line_of(SUBJECT, "inventory.py", "found = set()")
    assert study.proof


DRAWS = "import random\ndef sample(rows):\n    return random.sample(rows, 3)\nprint(sample(list(range(99))))\n"
TOKENS = "import uuid\ndef name():\n    return uuid.uuid4().hex\nprint(len(name()), name()[:8])\n"
CLOCKED = "import time\ndef stamp():\n    return time.time() // 3600\nprint('made on', stamp())\n"
LISTED = "import os\nopen('b', 'w'), open('a', 'w'), open('c', 'w')\nprint([f for f in os.listdir('.') if f < 'd'])\n"
HASHED = "def bucket(word):\n    return hash(word) % 1000\nprint(bucket('apple'))\n"
TWO = "A = {c for c in 'abcdef'}\nB = frozenset('uvwxyz')\nprint(list(A))\nprint(''.join(B))\n"
HANDED_ON = "from collections import defaultdict\nd = defaultdict(set)\nd[1].update('abcdef')\nprint(list(d[1]))\n"
ZONED = "import time\nprint(time.localtime(0).tm_hour)\n"
BY_ADDRESS = """class Thing:
    def __init__(self, name):
        self.name = name
kept = [bytearray(n * 131) for n in range(1, int(__import__('os').getpid()) % 97)]
things = [Thing(f't{n}') for n in range(60)]
print([thing.name for thing in set(things)])
"""


@pytest.mark.parametrize(
    ("source", "places", "factor"),
    [
        (DRAWS, ["run.py:3"], "random numbers"),
        (TOKENS, ["run.py:3"], "random numbers"),
        (CLOCKED, ["run.py:3"], "clock"),
        (LISTED, ["run.py:3"], "directory order"),
        (HASHED, ["run.py:2"], "hash order"),
        (TWO, ["run.py:1", "run.py:2"], "hash order"),
        (HANDED_ON, ["run.py:2"], "hash order"),
        (ZONED, ["run.py:2"], "time zone"),
    ],
    ids=["draw", "uuid", "clock", "listing", "hash", "two sets, both needed", "set handed on", "time zone"],
)
def test_the_lines_are_found(project: Write, script: Any, source: str, places: list[str], factor: str) -> None:
    study = investigate(script, project({"run.py": source}))
    said = conclusion(script, study)
    assert study.guilty == [factor], said.answer
    assert sorted(map(str, said.suspects)) == places
    assert study.proof and said.intervention.kind == "pin"


def test_a_file_is_compared_instead_of_what_is_printed(project: Write, script: Any) -> None:
    source = "print('done')\nopen('out.txt', 'w').write(''.join({'ab', 'cd', 'ef', 'gh'}))\n"
    study = investigate(script, project({"run.py": source}), "out.txt")
    assert [str(place) for place in conclusion(script, study).suspects] == ["run.py:2"]
    assert "output='out.txt'" in script.symptom_code(study)


SEEDED = "import random\nrandom.seed(1)\nprint(random.random(), sorted({'a', 'b', 'c'}), {'x': 1})\n"
USELESS = "import random, time\nrandom.random(), time.time()\nprint(len({'a', 'b'}))\n"
ADDRESSES = "print([object() for _ in range(2)])\n"
THREADS = """import threading, time, os
found = []
def work(n):
    time.sleep(int.from_bytes(open('/dev/urandom', 'rb').read(1), 'big') / 5000)
    found.append(n)
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print(found)
"""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (SEEDED, "no two runs differ"),
        (USELESS, "no two runs differ"),
        (ADDRESSES, "memory addresses"),
        (THREADS, "threads, timing"),
    ],
    ids=["seeded and sorted", "chance that does not come out", "addresses printed", "threads"],
)
def test_nobody_is_accused(project: Write, script: Any, source: str, words: str) -> None:
    study = investigate(script, project({"run.py": source}))
    said = conclusion(script, study)
    assert (said.suspects, said.intervention, said.exact) == ((), None, False)
    assert words in said.answer


def test_a_set_in_a_library_is_no_line_of_the_repository(project: Write, script: Any, tmp_path: Path) -> None:
    library = tmp_path / "site-packages"
    library.mkdir()
    (library / "faraway.py").write_text("def words():\n    return list({'a', 'b', 'c', 'd', 'e'})\n")
    which = project({"run.py": "import faraway\nprint(faraway.words())\n"})
    which = Program(which.command, which.repo, which.python, (str(which.repo), str(library)))
    said = conclusion(script, investigate(script, which))
    assert (said.suspects, said.intervention) == ((), None)
    assert "a library does" in said.answer


def test_objects_ordered_by_their_address(project: Write, script: Any) -> None:
    study = investigate(script, project({"run.py": BY_ADDRESS}))
    said = conclusion(script, study)
    if study.natural and not study.differs_by_itself:
        pytest.skip("addresses are not randomised here")
    assert [str(place) for place in said.suspects] == ["run.py:6"]
    assert "memory address" in said.answer


def test_a_command_that_is_not_there_is_said(project: Write, script: Any) -> None:
    study = investigate(script, project({"run.py": ""}, "nosuchprogram"))
    assert conclusion(script, study).suspects == ()
    assert "nosuchprogram" in study.stopped


def test_the_outermost_functions_report_to_the_box(monkeypatch: pytest.MonkeyPatch, subject: Any) -> None:
    pytest.importorskip("matplotlib")
    box = FakeBox(subject.program)
    monkeypatch.setitem(sys.modules, "debugbox_kernel", box)
    nondet(question="why is the output different each time")
    (record,) = box.records["recipe"]
    assert len(box.figures) == 1
    assert "inventory.py:14" in box.figures[0]._suptitle.get_text()
    code = record["conclusion"]["symptom"]["code"]
    for interventions in ([], [record["conclusion"]["intervention"]], [{"kind": "keep_exact", "sites": []}]):
        box.context["interventions"] = interventions
        exec(code, {})  # as the checks run it, in a cell
    assert [said["state"] for said in box.records["symptom"]] == ["present", "absent", "cannot measure"]
