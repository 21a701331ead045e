"""`race` names the value that threads share without a lock and the window; time, order and deadlocks are no races.

Runs fail by pauses drawn from seeds, most of them or none: the records hold no counts.
"""

import ast
import importlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from debugbox_recipes import race
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of
from debugbox_recipes.windows import around, simple_lines

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES, program

SUBJECT = RECIPES / "race" / "subject"
Write = Callable[..., Program]


@pytest.fixture(scope="module")
def script() -> Any:
    return race._module()


def investigate(script: Any, which: Program) -> Any:
    return script.carry_out(which, "is there a race", 600.0)


def conclusion(script: Any, study: Any) -> Any:
    record = json.loads(json.dumps(script.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT))


def faulty_line() -> int:
    lines = (SUBJECT / "till.py").read_text("utf-8").splitlines()
    return 1 + next(number for number, line in enumerate(lines) if "self.total += amount" in line)


def test_the_subject_adds_to_a_total_without_its_lock(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert [str(each) for each in said.suspects] == [f"till.py:{faulty_line()}"]
    assert (said.suspects[0].function, said.exact) == ("Till.pay", True)
    assert list(subject.units) == ["Till.total"]
    assert "Till.total" in said.answer


def test_it_fails_with_pauses_there_and_not_under_a_lock(script: Any, subject: Any) -> None:
    states = {trial.name: [each.state for each in trial.outcomes] for trial in subject.trials}
    assert states["slowed down, nobody let in"].count("failed") == 0
    assert states[f"pauses in till.py:{faulty_line()}"].count("failed") >= 8
    assert states[f"the same, locked: till.py:{faulty_line()}"] == ["good"] * 10
    assert len(subject.controls) >= 2
    assert all(trial.share == "most" for trial in subject.trial("control"))


def test_symptom_is_present_then_absent_under_the_intervention(script: Any, subject: Any) -> None:
    written = json.loads(json.dumps(script.record(subject)["conclusion"]))
    windows = [[each["file"], each["line"], each["last"], each["quote"]] for each in subject.places(subject.noisy)]

    def measured(*interventions: Any) -> Any:
        given = script.measure_symptom(subject.program, windows, subject.reference, interventions)
        return parse(Measurement, given)

    before, after = measured(), measured(written["intervention"])
    assert (before.state, before.measured, after.state, after.measured) == ("present", 1.0, "absent", 0.0)
    assert after.details["changed"] == {str(parse(Conclusion, written).suspects[0]): 1}
    assert len(written["placebo_sites"]) >= 2
    other = measured({**written["intervention"], "sites": written["placebo_sites"][:1]})
    assert (other.state, list(other.details["changed"].values())) == ("present", [1])
    assert measured({"kind": "truncate", "sites": []}).state == "cannot measure"
    gone = {**written["intervention"]["sites"][0], "quote": "no such line"}
    assert measured({**written["intervention"], "sites": [gone]}).state == "cannot measure"


def test_the_symptoms_code_says_all_that_the_symptom_needs(script: Any, subject: Any) -> None:
    call = ast.parse(script.symptom_code(subject)).body[-1]
    given = {each.arg: ast.literal_eval(each.value) for each in call.value.keywords}  # type: ignore[attr-defined]
    assert given["windows"] == [["till.py", faulty_line(), faulty_line(), "self.total += amount"]]
    assert (given["run"], given["good"]) == ("python run.py", "serial")


def test_the_intervention_acts_on_any_program_that_is_run_with_it(script: Any, subject: Any) -> None:
    plan, unknown = plan_of([json.loads(json.dumps(script.record(subject)["conclusion"]["intervention"]))])
    run = run_program(subject.program, timeout_s=60, plan=plan)
    assert (unknown, run.exit_code, run.results[0]["entered"]) == ([], 0, {f"till.py:{faulty_line()}": 160})


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
    assert (str(study.locked[0]), study.proof) == (f"till.py:{faulty_line()}", True)


def test_the_picture_says_the_conclusion(subject: Any) -> None:
    pytest.importorskip("matplotlib")
    drawn = importlib.import_module("debugbox_recipe_race.picture").draw(subject)
    assert f"Race at till.py:{faulty_line()}" in drawn.get_suptitle()
    assert len(drawn.axes) == 2


# Other races

THREADS = """
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
ONCE = f"""import threading
class Table:
    one = None
    def __init__(self):
        self.rows = []
    def load(self):
        for number in range(20):
            self.rows.append(number)
    @classmethod
    def get(cls):
        if cls.one is None:
            cls.one = cls()
            cls.one.load()
        return cls.one
found, lock = [], threading.Lock()
def work(number):
    rows = len(Table.get().rows)
    with lock:
        found.append(rows)
{THREADS}
print(sorted(found))
"""
ACCOUNT = f"""import threading
class Account:
    balance = 1000
    def put(self, amount):
        old = self.balance
        new = old + amount
        self.balance = new
    def take(self, amount):
        self.balance -= amount
account = Account()
def work(number):
    for turn in range(20):
        if number % 2:
            account.put(5)
        else:
            account.take(5)
{THREADS}
print(account.balance)
"""
ALWAYS = f"""import threading, time
total = 0
def work(number):
    global total
    seen = total
    time.sleep(0.05)
    total = seen + 1
{THREADS}
print("total", total)
"""


@pytest.mark.parametrize(
    ("source", "unit", "windows"),
    [
        (ONCE, "Table.one", ["run.py:11 to 14"]),
        (ACCOUNT, "Account.balance", ["run.py:5 to 7", "run.py:9"]),
        (ALWAYS, "total", ["run.py:5 to 7"]),
    ],
    ids=["made once", "two functions", "in every run"],
)
def test_which_windows_it_is(project: Write, script: Any, source: str, unit: str, windows: list[str]) -> None:
    study = investigate(script, project({"run.py": source}))
    assert (sorted(map(str, study.locked)), study.proof) == (windows, True)
    assert all(unit in window.units for window in study.locked)


# Negative controls

LOCKED = f"""import threading
class Counter:
    def __init__(self):
        self.lock, self.count, self.seen = threading.Lock(), 0, {{}}
    def add(self, word):
        self.lock.acquire()
        try:
            self.count += 1
        finally:
            self.lock.release()
        with self.lock:
            if word not in self.seen:
                self.seen[word] = 0
            self.seen[word] += 1
counter = Counter()
def work(number):
    for turn in range(30):
        counter.add("abc"[turn % 3])
{THREADS}
print(counter.count, counter.seen)
"""
HARMLESS = f"""import threading
last = None
def work(number):
    global last
    for turn in range(40):
        last = turn
{THREADS}
print("last", last)
"""
LINES = f"""import threading
def work(number):
    for turn in range(5):
        print("thread", number, "row", turn)
{THREADS}
"""
ALONE = "total = 0\nfor number in range(100):\n    total += number\nassert total == 4950\n"
WRONG = f"import threading\ndef work(number):\n    pass\n{THREADS}\nraise SystemExit('wrong anyway')\n"
IN_TIME = """import threading, time
ready = False
def work():
    global ready
    for turn in range(200):
        turn += 1
    ready = True
thread = threading.Thread(target=work)
thread.start()
until = time.monotonic() + 0.4
while not ready and time.monotonic() < until:
    time.sleep(0.001)
assert ready, "not ready in time"
"""

SLOW = f"""import threading, time
last, began = None, time.monotonic()
def work(number):
    global last
    for turn in range(1200):
        last = turn
{THREADS}
assert time.monotonic() - began < 0.25, "too slow"
"""


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (LOCKED, "is used under a common lock"),
        (HARMLESS, "no run with pauses failed"),
        (LINES, "is used under a common lock"),
        (ALONE, "only one thread"),
        (WRONG, "in every run"),
        (IN_TIME, ""),
        (SLOW, "when it is only slowed down"),
        ("print(", "in every run"),
    ],
    ids=["locks", "harmless", "order of lines", "one thread", "wrong anyway", "in time", "too slow", "no program"],
)
def test_what_is_no_race_names_nobody(project: Write, script: Any, source: str, why: str) -> None:
    study = investigate(script, project({"run.py": source}))
    said = conclusion(script, study)
    assert (said.suspects, said.intervention, said.exact) == ((), None, False)
    assert why in said.answer
    assert "No line is to blame" in said.answer


def test_a_deadlock_is_left_to_hang(script: Any, monkeypatch: pytest.MonkeyPatch, project: Write) -> None:
    monkeypatch.setattr(script.carry_out.__globals__["Measuring"], "patience_s", 2.0)
    study = investigate(
        script, project({"run.py": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()\n"})
    )
    said = conclusion(script, study)
    assert (said.suspects, "the recipe hang" in said.answer) == ((), True)


def test_the_repaired_subject_is_no_race(project: Write, script: Any) -> None:
    files = {name: (SUBJECT / name).read_text("utf-8") for name in ("till.py", "run.py")}
    locked = "with self.lock:\n            self.total += amount"
    repaired = {**files, "till.py": files["till.py"].replace("self.total += amount", locked)}
    assert repaired != files
    assert conclusion(script, investigate(script, project(repaired))).suspects == ()


# Windows

CODE = """def f(self):
    if self.one is None:
        self.one = 1
        self.two = 2
    else:
        self.one = 3
    return self.one
def g(self):
    for each in self.all:
        yield each
def h(self):
    "text"
    self.one = 1
"""


@pytest.mark.parametrize(
    ("lines", "window"),
    [
        ([3], (3, 3)),
        ([3, 4], (3, 4)),
        ([2, 3], (2, 6)),
        ([3, 6], (2, 6)),
        ([2, 7], (2, 7)),
        ([9], None),
        ([3, 13], None),
    ],
)
def test_a_window_is_the_least_around_the_lines(lines: list[int], window: Any) -> None:
    assert around(ast.parse(CODE), lines) == window


def test_simple_statements_of_functions_can_be_wrapped() -> None:
    assert simple_lines(ast.parse(CODE)) == [3, 4, 6, 7, 13]
