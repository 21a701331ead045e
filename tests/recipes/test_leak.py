"""`leak` names the line that fills what grows and the path that holds it, and nothing where something only fills up.

What must not be taken for a leak: a cache with a bound that is not yet full, one that is, and a repaired program.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from debugbox_recipes import leak
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES, program

SUBJECT = RECIPES / "leak" / "subject"
Write = Callable[..., Program]


@pytest.fixture(scope="module")
def script() -> Any:
    return leak._module()


def investigate(script: Any, which: Program, step: str | None = None) -> Any:
    return script.carry_out(which, "why does memory grow", step, 200.0)


def conclusion(script: Any, study: Any) -> Any:
    record = json.loads(json.dumps(script.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


def line_of(folder: Path, file: str, text: str) -> str:
    lines = (folder / file).read_text("utf-8").splitlines()
    return f"{file}:{1 + next(n for n, line in enumerate(lines) if text in line)}"


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT, "python serve.py"))


def test_the_subject_is_held_by_the_listeners(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert str(said.suspects[0]) == line_of(SUBJECT, "store.py", "self.listeners.append")
    assert said.suspects[0].function == "open"
    assert [holder.show for holder in subject.suspects] == ["__main__.ROUTER.listeners"]
    assert subject.suspects[0].per_step == 1.0
    assert said.exact


def test_who_is_given_the_entry_later_is_named_second(script: Any, subject: Any) -> None:
    """`answer` and `close` get the session too; the last is the likeliest to let it go."""
    said = conclusion(script, subject)
    assert [place.function for place in said.suspects][:3] == ["open", "close", "answer"]
    assert "is given them later, and leaves them in" in said.answer


_LATER = """
KEPT = {{}}
OTHER = []
class Part:
    def __init__(self, n): self.n = n
def before(key): return key
def put(key, part): KEPT[key] = part
def outer(key): inner(key)
def inner(key): OTHER[:] = [key]
def size(number, flag): return number
def visit(n):
    key, part = "customer-%d" % n, {part}
    before(key)
    put(key, part)
    size(1, True)
    {last}
for n in range(300):
    visit(n)
"""


@pytest.mark.parametrize(
    ("part", "last", "given"),
    [
        ("Part(n)", "outer(key)", ["outer"]),
        ("Part(n)", "inner(part.n)", []),
        ("Part(n)", "outer('customer-%d' % n)", ["outer"]),
        ("Part(n)", "inner(part)", ["inner"]),
        ("True", "pass", []),
        ("1", "pass", []),
    ],
    ids=["the key", "something of it", "an equal key", "the entry", "one of a kind", "a short number"],
)
def test_who_is_given_what_was_put_in(project: Write, script: Any, part: str, last: str, given: list[str]) -> None:
    """Later, and from somebody who was not given it: neither who put it in, nor who had it before."""
    which = project({"app.py": _LATER.format(part=part, last=last)}, "python app.py")
    study = investigate(script, which)
    told = next(iter(study.given.values()), [])
    assert [line.function for line in told] == given


def test_truncating_it_ends_the_growth_and_truncating_others_does_not(script: Any, subject: Any) -> None:
    assert subject.proof.removed > 0.99
    controls = [trial for trial in subject.trials if trial.name == "control truncated" and trial.acted]
    assert len(controls) >= 2
    assert all(abs(trial.removed) < 0.05 for trial in controls)


def test_symptom_is_present_then_absent_under_the_intervention(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    intervention = json.loads(json.dumps(script.record(subject)["conclusion"]["intervention"]))
    which, step = subject.program, subject.step
    cut, unknown = script.containers_to_truncate([intervention])
    before = parse(Measurement, script.measure_symptom(which, step))
    after = parse(Measurement, script.measure_symptom(which, step, cut))
    assert (before.state, after.state, unknown) == ("present", "absent", [])
    assert before.measured == said.symptom.runs[0].measured
    assert after.details["changed"][str(said.intervention.sites[0])] > 1000


def test_the_intervention_acts_on_any_program_that_is_run_with_it(script: Any, subject: Any) -> None:
    plan, unknown = plan_of([json.loads(json.dumps(script.record(subject)["conclusion"]["intervention"]))])
    run = run_program(subject.program, timeout_s=30, plan=plan)
    assert (unknown, list(run.results[0]["changed"].values())) == ([], [300])
    assert run.stdout == "600 answers\n"


def test_a_placebo_is_the_same_intervention_at_another_site(script: Any, subject: Any) -> None:
    written = script.record(subject)["conclusion"]
    assert len(written["placebo_sites"]) >= 2
    for site in written["placebo_sites"][:2]:
        cut, unknown = script.containers_to_truncate([{**written["intervention"], "sites": [site]}])
        run = parse(Measurement, script.measure_symptom(subject.program, subject.step, cut))
        assert (run.state, unknown) == ("present", [])
        assert run.details["changed"][f"{site['file']}:{site['line']}"] > 0


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    again = investigate(script, subject.program)
    assert script.record(again) == script.record(subject)
    assert script.concluding.summary(again) == script.concluding.summary(subject)


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        assert (SUBJECT / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


def test_old_and_new_interpreters_agree(script: Any, python: str) -> None:
    study = investigate(script, program(SUBJECT, "python serve.py", python))
    assert str(conclusion(script, study).suspects[0]) == line_of(SUBJECT, "store.py", "self.listeners.append")
    assert study.proof is not None


def test_the_repaired_subject_has_no_leak(project: Write, script: Any) -> None:
    faulty = (SUBJECT / "store.py").read_text("utf-8")
    store = faulty.replace("        session.headers = {}", "        self.listeners.remove(session)")
    assert store != faulty
    files = {"store.py": store, "serve.py": (SUBJECT / "serve.py").read_text("utf-8")}
    study = investigate(script, project(files, "python serve.py"))
    said = conclusion(script, study)
    assert said.suspects == ()
    assert said.answer.startswith("No leak")
    assert {run.state for run in said.symptom.runs} == {"absent"}


LOOP = "def main():\n    for n in range({steps}):\n        work(n)\nmain()\n"
FILLING_LRU = """import functools
@functools.lru_cache(maxsize=4096)
def work(n):
    return [n]
"""
FILLING_SLOWLY = FILLING_LRU.replace("    return", "    sum(range(200_000))\n    return").replace("4096", "10**7")
BOUNDED_BY_HAND = """CACHE = {}
def work(n):
    if len(CACHE) > 500:
        CACHE.pop(next(iter(CACHE)))
    CACHE[n] = [n]
"""
BOUNDED_BY_ATTRIBUTE = """class Cache:
    def __init__(self):
        self.maxsize = 10**9
        self.data = {}
    def put(self, n):
        if len(self.data) < self.maxsize:
            self.data[n] = [n]
CACHE = Cache()
def work(n):
    CACHE.put(n)
"""
BOUNDED_DEQUE = """import collections
LAST = collections.deque(maxlen=1000)
def work(n):
    LAST.append([n])
"""


@pytest.mark.parametrize(
    "source",
    [FILLING_LRU, FILLING_SLOWLY, BOUNDED_BY_HAND, BOUNDED_BY_ATTRIBUTE, BOUNDED_DEQUE],
    ids=["lru_cache", "lru_cache, never full", "bounded by hand", "bounded by an attribute", "deque"],
)
def test_a_bounded_cache_that_fills_is_no_leak(project: Write, script: Any, source: str) -> None:
    study = investigate(script, project({"run.py": source + LOOP.format(steps=120)}))
    said = conclusion(script, study)
    assert said.suspects == ()
    assert said.intervention is None
    assert said.answer.startswith("No leak")


UNBOUNDED_LRU = FILLING_LRU.replace("4096", "None")
ATOMS_ONLY = "SEEN = {}\ndef work(n):\n    SEEN[str(n)] = n * 1000\n"
LOCAL = (
    "def work(n):\n    pass\ndef main():\n    kept = []\n    for n in range(300):\n        kept.append([n])\nmain()\n"
)
CLOSURE = """def make():
    calls = set()
    def work(n):
        calls.add(("call", n))
    return work
work = make()
"""
CLASS_ATTRIBUTE = """class Base:
    registry = []
    def __init__(self):
        Base.registry.append(self)
def work(n):
    Base()
"""


@pytest.mark.parametrize(
    ("source", "place", "path"),
    [
        (UNBOUNDED_LRU + LOOP.format(steps=120), "run.py:2", "__main__.work"),
        (ATOMS_ONLY + LOOP.format(steps=120), "run.py:3", "__main__.SEEN"),
        (LOCAL, "run.py:6", "kept (local of main)"),
        (CLOSURE + LOOP.format(steps=120), "run.py:4", "__main__.work.<closure calls>"),
        (CLASS_ATTRIBUTE + LOOP.format(steps=120), "run.py:4", "__main__.Base.registry"),
    ],
    ids=["unbounded lru_cache", "dict of atoms", "local variable", "closure", "class attribute"],
)
def test_what_holds_it_is_found(project: Write, script: Any, source: str, place: str, path: str) -> None:
    study = investigate(script, project({"run.py": source}))
    said = conclusion(script, study)
    assert (str(said.suspects[0]), study.suspects[0].show) == (place, path)
    assert study.proof is not None
    assert said.exact


def test_a_chain_of_objects_names_the_allocating_line_without_an_intervention(project: Write, script: Any) -> None:
    source = "class Link:\n    pass\nHEAD = Link()\ndef work(n):\n    global HEAD\n    link = Link()\n"
    source += "    link.next = HEAD\n    HEAD = link\n" + LOOP.format(steps=120)
    study = investigate(script, project({"run.py": source}))
    said = conclusion(script, study)
    assert said.suspects[0].line in (6, 7)
    assert said.intervention is None
    assert not said.exact
    assert "no container grows" in said.answer


def test_two_holders_of_the_same_objects_are_both_needed(project: Write, script: Any) -> None:
    source = (
        "ONE, TWO = [], {}\ndef work(n):\n    thing = [n, [n], {n: n}]\n    ONE.append(thing)\n    TWO[n] = thing\n"
    )
    study = investigate(script, project({"run.py": source + LOOP.format(steps=120)}))
    assert {holder.show for holder in study.suspects} == {"__main__.ONE", "__main__.TWO"}
    assert {str(place) for place in conclusion(script, study).intervention.sites} == {"run.py:4", "run.py:5"}


def test_a_memo_of_inputs_is_told_from_a_leak(project: Write, script: Any) -> None:
    source = "MEMO = {}\ndef work(n):\n    MEMO.setdefault(n, [n])\nINPUTS = list(range(900))\n"
    source += "def main():\n    for n in INPUTS:\n        work(n)\nmain()\n"
    study = investigate(script, project({"run.py": source}))
    said = conclusion(script, study)
    assert study.keyed
    assert (str(said.suspects[0]), said.exact, said.intervention) == ("run.py:3", False, None)
    assert "only with new inputs" in said.answer


def test_a_program_that_fails_without_its_entries_proves_nothing(project: Write, script: Any) -> None:
    source = "KEPT = []\ndef work(n):\n    KEPT.append([n])\n    assert len(KEPT) == n + 1\n"
    study = investigate(script, project({"run.py": source + LOOP.format(steps=120)}))
    said = conclusion(script, study)
    assert study.proof is None
    assert said.intervention is None
    assert str(said.suspects[0]) == "run.py:3"


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
    leak(question="why does memory grow")
    (record,) = box.records["recipe"]
    assert len(box.figures) == 1
    assert "store.py" in box.figures[0]._suptitle.get_text()
    exec(record["conclusion"]["symptom"]["code"], {})  # as the checks run it, in a cell
    box.context["interventions"] = [record["conclusion"]["intervention"]]
    exec(record["conclusion"]["symptom"]["code"], {})
    box.context["interventions"] = [{"kind": "keep_exact", "sites": [], "parameters": {}}]
    exec(record["conclusion"]["symptom"]["code"], {})
    assert [said["state"] for said in box.records["symptom"]] == ["present", "absent", "cannot measure"]
