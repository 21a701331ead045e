"""`diverge` tells the difference between two runs that decides from those that are harmless, and names nobody where it
cannot: equal outcomes, runs that cannot be repeated, an input that simply is another one.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import canonical, diverge
from debugbox_recipes.harness import Program, run_program

from debugbox.finding import Conclusion, Measurement, parse

from .boxes import FakeBox
from .conftest import RECIPES, program

SUBJECT = RECIPES / "diverge" / "subject"
QUESTION = "why is the freight of may.txt so much lower than that of april.txt"
Write = Callable[..., Program]


@pytest.fixture(scope="module")
def script() -> Any:
    return diverge._module()


def investigate(script: Any, which: Program, other: str = "", good: str = "", question: str = "") -> Any:
    return script.carry_out(which, question or "why do they differ", other, good, 200.0)


def conclusion(script: Any, study: Any) -> Any:
    record = json.loads(json.dumps(script.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


def nobody(script: Any, study: Any) -> bool:
    said = conclusion(script, study)
    return bool(said.suspects == () and said.intervention is None and not said.exact and said.limits)


def origin(study: Any) -> list[str]:
    return [point.site.name for point in study.origin]


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT, "python quote.py may.txt"), question=QUESTION)


# The subject


def test_the_subject_is_told_by_the_unit_and_not_by_the_first_difference(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert (said.suspects[0].file, said.suspects[0].function) == ("orders.py", "unit_of")
    assert "The two first differ at quote.py:8" in said.answer
    assert origin(subject) == ["fields.get('unit', 'kg')"]
    assert said.exact
    assert (subject.outcome.mine, subject.outcome.theirs) == (("freight 9.60",), ("freight 42.00",))


def test_harmless_differences_are_told_apart(script: Any, subject: Any) -> None:
    harmless = {trial.point.site.name for trial in subject.harmless if trial.stays}
    assert {"fields['clerk']", "fields['name']", "parcels"} <= harmless
    refuted = [each.text for each in conclusion(script, subject).hypotheses if each.status == "refuted"]
    assert any("fields['clerk']: 'Mary Somerville', there 'Ada Lovelace'" in text for text in refuted)


def test_symptom_is_present_then_absent_under_the_intervention(script: Any, subject: Any) -> None:
    written = json.loads(json.dumps(script.record(subject)["conclusion"]))
    measure = lambda *given: parse(Measurement, script.measure_symptom(subject.program, subject.outcome, given))  # noqa: E731
    before, after = measure(), measure(written["intervention"])
    assert (before.state, before.measured) == ("present", 1.0)
    assert (after.state, after.measured) == ("absent", pytest.approx(0.01, abs=0.02))
    assert after.details["changed"] == {str(subject.origin[0].site): 1}
    assert len(written["placebo_sites"]) >= 2
    for site in written["placebo_sites"]:
        moved = measure({**written["intervention"], "sites": [site]})
        assert (moved.state, moved.measured) == ("present", pytest.approx(1.0, abs=0.1))
        assert sum(moved.details["changed"].values()) > 0


def test_a_place_that_is_not_there_is_no_absence(script: Any, subject: Any) -> None:
    written = json.loads(json.dumps(script.record(subject)["conclusion"]["intervention"]))
    written["sites"][0].update(line=400, quote="nothing like it")
    assert script.measure_symptom(subject.program, subject.outcome, [written])["state"] == "cannot measure"


def test_the_symptoms_code_measures_by_itself(script: Any, subject: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    box = FakeBox(subject.program)
    monkeypatch.setitem(sys.modules, "debugbox_kernel", box)
    exec(script.symptom_code(subject), {})  # it is what is tested
    assert list(box.records) == ["symptom"]
    assert box.records["symptom"][0]["state"] == "present"


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    again = investigate(script, program(SUBJECT, "python quote.py may.txt"), question=QUESTION)
    assert script.record(again) == script.record(subject)


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        assert (SUBJECT / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


def test_old_and_new_interpreters_agree(script: Any, python: str) -> None:
    study = investigate(script, program(SUBJECT, "python quote.py may.txt", python), question=QUESTION)
    assert (origin(study), study.proof) == (["fields.get('unit', 'kg')"], True)


def test_the_picture_says_the_conclusion(subject: Any) -> None:
    pytest.importorskip("matplotlib")
    drawn = importlib.import_module("debugbox_recipe_diverge.picture").draw(subject)
    assert "what matters is fields.get('unit', 'kg') at orders.py:18" in drawn.get_suptitle().replace("\n", " ")
    assert len(drawn.axes) == 2


# What can matter

CRASH = """import sys
RATES = {"": 1, "b": 2, "xx": 3}
def parse(text):
    name, _, size = text.partition(":")
    return name.title(), RATES.get(size)
def share(total, parts):
    return total / parts
name, parts = parse(sys.argv[1])
print(name, share(12, parts))
"""
BRANCH = """import sys
def mode_of(count):
    if count > 3:
        return "bulk"
    return "single"
count = int(sys.argv[1])
mode = mode_of(count)
print(10 if mode == "bulk" else 20)
"""
BOTH = """import sys
note, left, right = sys.argv[1].split(",")
hidden = note.upper()
first = int(left)
second = int(right)
print("far" if first > 5 or second > 5 else "near")
"""
LOOP = """import sys
def clean(words, sep):
    kept = []
    for word in words:
        kept.append(word.strip(sep))
    return kept
tag, sep = sys.argv[1].split("=")
seen = tag.upper()
words = clean(["-a", "-b", "-c"], sep)
print(len("".join(words)))
"""


@pytest.mark.parametrize(
    ("source", "mine", "theirs", "named"),
    [
        (CRASH, "ada:c", "grace:xx", ["RATES.get(size)"]),
        (BRANCH, "2", "7", ["count > 3"]),
        (BOTH, "x,9,9", "y,1,1", ["int(left)", "int(right)"]),
        (LOOP, "a=x", "b=-", ["sep"]),
    ],
    ids=["division", "branch", "only together", "argument of a loop"],
)
def test_what_matters(project: Write, script: Any, source: str, mine: str, theirs: str, named: list[str]) -> None:
    study = investigate(script, project({"run.py": source}, f"python run.py {mine}"), f"python run.py {theirs}")
    assert origin(study) == named
    assert study.proof


def test_where_any_other_value_would_do_the_place_that_cannot_take_it_is_a_suspect(project: Write, script: Any) -> None:
    source = """import sys
def spread(numbers):
    low, high = min(numbers), max(numbers)
    return high - low
def share(numbers, part):
    width = spread(numbers)
    return part / width
label, *texts = sys.argv[1:]
tag = label.upper()
print(share([float(text) for text in texts], 4.0))
"""
    study = investigate(script, project({"run.py": source}, "python run.py a 2 2"), "python run.py b 1 3")
    said = conclusion(script, study)
    assert study.singular
    assert (said.exact, said.intervention) == (False, None)
    assert said.suspects[0].function == "share"


def test_the_last_line_is_not_what_matters(subject: Any) -> None:
    last = [trial.point for trial in subject.followers][-1]
    assert str(last.site) == "rates.py:23"
    assert last not in subject.origin


def test_two_values_on_one_line_are_no_intervention(project: Write, script: Any) -> None:
    joined = BOTH.replace("first = int(left)\nsecond = int(right)", "first, second = int(left), int(right)")
    study = investigate(script, project({"run.py": joined}, "python run.py x,9,9"), "python run.py y,1,1")
    said = conclusion(script, study)
    assert said.intervention is None or len(said.intervention.sites) == len(study.origin)


def test_the_run_that_fails_is_the_one_asked_about(project: Write, script: Any) -> None:
    study = investigate(script, project({"run.py": CRASH}, "python run.py grace:xx"), "python run.py ada:c")
    assert study.program.command == "python run.py ada:c"
    assert "TypeError" in conclusion(script, study).answer


# Versions


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]
    clean = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *who, *arguments], cwd=folder, env=clean, check=True, capture_output=True)


OLD = """def title(rows):
    words = "list of " + str(len(rows))
    return words
def factor(kind):
    known = {"a": 2, "b": 3}
    return known.get(kind, 1)
def total(rows):
    found = 0
    for kind, count in rows:
        found += factor(kind) * count
    return found
"""
NEW = """def title(rows):
    # shorter
    words = "rows: " + str(len(rows))
    return words
def factor(kind):
    known = {"a": 2, "b": 30}
    if not kind:
        return 0
    return known.get(kind, 1)
def total(rows):
    found = 0
    for kind, count in rows:
        found += factor(kind) * count
    return found
"""
RUN = "from lib import title, total\nrows = [('a', 1), ('b', 2)]\nname = title(rows)\nprint(total(rows))\n"


@pytest.fixture
def versions(project: Write) -> Program:
    made = project({"run.py": RUN, "lib.py": OLD})
    folder = Path(made.repo)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "old")
    git(folder, "tag", "debugbox-good")
    (folder / "lib.py").write_text(NEW, "utf-8")
    git(folder, "commit", "--quiet", "-a", "-m", "new")
    return made


def test_two_versions_are_compared_where_the_text_moved(script: Any, versions: Program) -> None:
    study = investigate(script, versions)
    said = conclusion(script, study)
    assert (said.suspects[0].file, said.suspects[0].function) == ("lib.py", "factor")
    assert study.values(study.origin[0].site) in (("30", "3"), ("{'a': 2, 'b': 30}", "{'a': 2, 'b': 3}"))
    assert len(said.placebo_sites) >= 2
    assert {"run.py:2", "lib.py:6"}.isdisjoint({str(site) for site in said.placebo_sites})  # a list, a dict
    assert "lib.py:3 (words: 'rows: 2', there 'list of 2'), which does not matter" in said.answer.replace(
        "'rows: ' + str(len(rows))", "words"
    )
    assert study.proof


def test_a_commit_that_is_not_there_is_told(script: Any, versions: Program, project: Write) -> None:
    assert "names no commit" in investigate(script, versions, good="v99").stopped
    assert nobody(script, investigate(script, versions, good="v99"))


# Which other run


@pytest.mark.parametrize(
    ("command", "question", "other"),
    [
        ("python quote.py may.txt", QUESTION, "python quote.py april.txt"),
        ("python quote.py may.txt", "not as `python quote.py april.txt` does", "python quote.py april.txt"),
        ("python run.py --n 4", "why does it fail with 4 and not with 3", "python run.py --n 3"),
        ("python run.py mode=a", "why is mode=b another", "python run.py mode=b"),
        ("python run.py --n 4", "why does it fail since 2019", ""),
        ("python quote.py may.txt", "why is it so low", ""),
    ],
    ids=["file", "quoted", "number", "key", "a year", "nothing"],
)
def test_the_other_run_is_found_in_the_question(script: Any, command: str, question: str, other: str) -> None:
    choosing = importlib.import_module("debugbox_recipe_diverge.choosing")
    pair = choosing.pair_of(program(SUBJECT, command), question, "", "", 20.0)
    assert (pair.other.command if pair.other else "") == other
    assert other or "--good REV" in pair.why


def test_a_test_that_fails_is_compared_with_its_neighbour(project: Write, script: Any) -> None:
    lib = (
        "def first(text):\n    marks = text.count('#')\n    words = text.split()\n    kept = words[1:]\n"
        "    return kept[0]\n"
    )
    test = (
        "import pytest\nfrom lib import first\n@pytest.mark.parametrize('text', ['a b', 'c', '# d e'])\n"
        "def test_first(text):\n    assert first(text)\ndef test_other():\n    assert True\n"
    )
    study = investigate(
        script, project({"lib.py": lib, "test_lib.py": test}, "python -m pytest -q -p no:cacheprovider")
    )
    assert "test_first[c]" in study.program.command
    assert "test_first[" in study.other.command
    assert origin(study) == ["text"] or study.proof


# Negative controls


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import sys\nx = sys.argv[1]\nprint('the same')", "end alike"),
        ("import random, sys\nprint(random.random())", "depends on chance (the recipe nondet)"),
        ("import os, sys\nkey = os.urandom(4)\nprint(sys.argv[1] * 2 + 'x')", "depends on chance or threads"),
        ("import sys\nword = sys.argv[1]\nraise ValueError(word)", "nothing that the run could follow"),
        ("import sys\nwhile True:\n    pass", "hang"),
    ],
    ids=["equal outcomes", "chance in the output", "chance inside", "both fail", "hang"],
)
def test_nobody_is_named(project: Write, script: Any, source: str, why: str) -> None:
    which = project({"run.py": source}, "python run.py a")
    limit_s = 20.0 if why == "hang" else 200.0
    study = script.carry_out(which, "why do they differ", "python run.py b", "", limit_s)
    assert why in study.stopped
    assert nobody(script, study)


def test_an_input_that_simply_is_another_is_no_fault(project: Write, script: Any) -> None:
    source = "import sys\nsize = int(sys.argv[1])\nprint(size * 3)\n"
    said = conclusion(script, investigate(script, project({"run.py": source}, "python run.py 2"), "python run.py 5"))
    assert (said.intervention, said.exact) == (None, False)
    assert "given other input" in said.answer


def test_what_another_process_does_is_not_blamed_on_a_line(project: Write, script: Any) -> None:
    source = "import subprocess, sys\nsubprocess.run(['/bin/echo', sys.argv[1]])\n"
    said = conclusion(script, investigate(script, project({"run.py": source}, "python run.py a1"), "python run.py b2"))
    assert (said.intervention, said.exact) == (None, False)


def test_no_other_run_is_told_with_the_ways_to_give_one(script: Any) -> None:
    study = investigate(script, program(SUBJECT, "python quote.py may.txt"))
    assert "--good REV" in study.stopped
    assert nobody(script, study)


def test_the_repaired_subject_is_not_blamed_on_the_unit(project: Write, script: Any) -> None:
    files = {path.name: path.read_text("utf-8") for path in SUBJECT.iterdir() if path.is_file()}
    repaired = files["orders.py"].replace('fields.get("unit", "kg")', 'fields.get("unit", "kg").lower()')
    assert repaired != files["orders.py"]
    which = project({**files, "orders.py": repaired}, "python quote.py may.txt")
    study = investigate(script, which, question=QUESTION)
    assert "unit_of" not in {each.function for each in conclusion(script, study).suspects}


# Values


@pytest.mark.parametrize("text", ["1", "'a'", "b'x'", "[1, (2.5, None)]", "{'a': {1, 2}}", "inf", "Decimal('1.20')",
                                  "datetime.date(2024, 2, 29)", "frozenset({3})", "PurePosixPath('a/b')"])  # fmt: skip
def test_values_are_written_and_read_back(text: str) -> None:
    value = canonical.read(text)
    assert canonical.written(value, "/repo") == text
    assert canonical.digest(value, "/repo") == canonical.digest(canonical.read(text), "/repo")


def test_what_is_no_difference_and_what_is() -> None:
    class Thing:
        def __init__(self, name: object) -> None:
            self.name = name

    def same(one: object, other: object) -> bool:
        return canonical.digest(one, "/a/repo") == canonical.digest(other, "/a/repo")

    assert same({3, 1, 2}, {2, 3, 1})
    assert same("<x at 0x7f12345678>", "<x at 0x7f87654321>")
    assert same(Thing(1), Thing(1))
    assert not same(Thing(1), Thing(2))
    assert not same(1, 1.0)
    assert not same(True, 1)
    assert not same([1, 2], (1, 2))
    assert not same("a" * 5000 + "b", "a" * 5000 + "c")
    assert canonical.digest("/a/repo/x", "/a/repo") == canonical.digest("/b/repo/x", "/b/repo")
    assert canonical.written(Thing(1), "/a") is None


GENERATORS = """import asyncio
def numbers(count: int, start=0, *more, key=None):
    \"\"\"Text.\"\"\"
    total: int = start
    for number in range(count):
        total += number
        yield total if number % 2 else -total
async def later(value):
    await asyncio.sleep(0)
    return value
class Box:
    size = 3
    def __init__(self, size=None):
        self.size = size or Box.size
    def grow(self, by): self.size += by; return self
pick = lambda pair: pair[0]
for index, (key, value) in enumerate({"b": 1, "a": 2}.items()):
    while value > 0:
        value -= 1
    print(index, key, value)
print(list(numbers(4)), asyncio.run(later(3)), Box(2).grow(1).size, sorted([(2, 1), (1, 5)], key=pick))
print([x * 2 for x in (1, 2) if x], numbers.__doc__, f"{Box().size:>4}")
"""


def test_a_program_that_is_written_down_does_what_it_did(project: Write, python: str) -> None:
    which = project({"run.py": GENERATORS}, python=python)
    plain = run_program(which, timeout_s=60)
    seen = run_program(which, timeout_s=60, plan={"observer": "divergence"})
    assert plain.exit_code == 0
    assert (seen.exit_code, seen.stdout, seen.stderr) == (0, plain.stdout, plain.stderr)
    assert seen.results[0]["error"] == ""
