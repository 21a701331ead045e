"""`hang` names who waits for whom, or the loop that goes on; a program that is only slow, or that ends, is no hang.

Patience is short here: the programs either end within a second or never.
"""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import hang
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES, program

SUBJECT = RECIPES / "hang" / "subject"
Write = Callable[..., Program]
PATIENCE_S, MOST_S = 2.0, 6.0


@pytest.fixture(scope="module")
def script() -> Any:
    return hang._module()


def investigate(script: Any, which: Program) -> Any:
    return script.carry_out(which, "why does it hang", 200.0, PATIENCE_S, MOST_S)


def conclusion(script: Any, study: Any) -> Any:
    record = json.loads(json.dumps(script.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


def line_of(folder: Path, file: str, text: str) -> str:
    lines = (folder / file).read_text("utf-8").splitlines()
    return f"{file}:{1 + next(n for n, line in enumerate(lines) if text in line)}"


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT))


def test_the_subject_is_a_circle_of_two_tellers(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert subject.state == "circle"
    assert [each["name"] for each in subject.hung.circle] == ["teller 1", "teller 2"]
    assert str(said.suspects[0]) == line_of(SUBJECT, "bank.py", "with target.lock")
    assert said.suspects[0].function == "transfer"
    assert said.exact
    assert line_of(SUBJECT, "bank.py", "with source.lock") in said.answer


def test_it_ends_without_the_lock_and_hangs_without_others(script: Any, subject: Any) -> None:
    assert subject.proof.ends
    controls = [trial for trial in subject.trials if trial.control]
    assert len(controls) == 2
    assert all(trial.done.state == "circle" for trial in controls)


def test_symptom_is_present_then_absent_under_the_intervention(script: Any, subject: Any) -> None:
    written = json.loads(json.dumps(script.record(subject)["conclusion"]))
    before = parse(Measurement, script.measure_symptom(subject.program))
    after = parse(Measurement, script.measure_symptom(subject.program, interventions=[written["intervention"]]))
    assert (before.state, before.measured, after.state, after.measured) == ("present", 1.0, "absent", 0.0)
    assert after.details["changed"][str(subject.lines[0])] == 2
    assert len(written["placebo_sites"]) >= 2
    moved = {**written["intervention"], "sites": written["placebo_sites"][:1]}
    other = parse(Measurement, script.measure_symptom(subject.program, interventions=[moved]))
    assert other.state == "present"
    assert sum(other.details["changed"].values()) > 0


def test_the_intervention_acts_on_any_program_that_is_run_with_it(script: Any, subject: Any) -> None:
    plan, unknown = plan_of([json.loads(json.dumps(script.record(subject)["conclusion"]["intervention"]))])
    run = run_program(subject.program, timeout_s=20, plan=plan)
    assert (unknown, run.exit_code, run.stdout) == ([], 0, "100 and 120 after 2 deposits\n")


def test_an_unknown_intervention_or_place_cannot_be_measured(script: Any, subject: Any) -> None:
    unknown = [{"kind": "truncate", "sites": []}]
    assert script.measure_symptom(subject.program, interventions=unknown)["state"] == "cannot measure"


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    assert script.record(investigate(script, subject.program)) == script.record(subject)


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        assert (SUBJECT / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


def test_old_and_new_interpreters_agree(script: Any, python: str) -> None:
    study = investigate(script, program(SUBJECT, python=python))
    assert (study.state, str(study.lines[0])) == ("circle", line_of(SUBJECT, "bank.py", "with target.lock"))
    assert study.proof is not None


def test_the_picture_says_the_conclusion(subject: Any) -> None:
    pytest.importorskip("matplotlib")
    drawn = importlib.import_module("debugbox_recipe_hang.picture").draw(subject)
    assert "Deadlock at bank.py:25" in drawn.get_suptitle()
    assert len(drawn.axes) == 2


# Other ways to stand still

ITSELF = """import threading
class Cache:
    def __init__(self):
        self.lock = threading.Lock()
        self.data = {}
    def get(self, key):
        with self.lock:
            return self.put(key)
    def put(self, key):
        with self.lock:
            return self.data.setdefault(key, len(key))
print(Cache().get("hello"))
"""
DEAD_HOLDER = """import threading
lock = threading.Lock()
def worker():
    lock.acquire()
    raise ValueError("no work")
thread = threading.Thread(target=worker)
thread.start()
thread.join()
lock.acquire()
"""
TASKS = """import asyncio
async def move(first, second):
    async with first:
        await asyncio.sleep(0.05)
        async with second:
            print("moved")
async def main():
    a, b = asyncio.Lock(), asyncio.Lock()
    await asyncio.gather(move(a, b), move(b, a))
asyncio.run(main())
"""
SEARCH = """def find(values, wanted):
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle
        else:
            high = middle
    return low
for k in range(50):
    total = sum(range(k))
for k in range(40):
    total += k
print(find([1, 3, 5, 7], 4))
"""
AWAY = """x = 0.0
while x != 1.0:
    x += 0.1
print(x)
"""
COUNTER = """def skip(lines, wanted):
    seen, at = 0, 0
    while True:
        line = lines[at]
        seen += len(line)
        if line == wanted:
            return seen
        at = min(at + 1, len(lines) - 1)
print(skip(["a", "b", "c"], "x"))
"""
DEAD_WORKER = """import queue, threading
jobs = queue.Queue()
def worker():
    while True:
        print(10 / jobs.get())
        jobs.task_done()
threading.Thread(target=worker, daemon=True).start()
jobs.put(0)
jobs.join()
"""


@pytest.mark.parametrize(
    ("source", "state", "line", "exact"),
    [
        (ITSELF, "circle", 10, True),
        (DEAD_HOLDER, "abandoned", 4, True),
        (TASKS, "circle", 5, True),
        (SEARCH, "looping", 3, True),
        (AWAY, "looping", 2, False),
        (COUNTER, "looping", 3, False),
        (DEAD_WORKER, "waiting", 5, False),
    ],
    ids=["itself", "dead holder", "tasks", "loop", "away from its end", "only a counter", "dead worker"],
)
def test_who_or_what_it_is(project: Write, script: Any, source: str, state: str, line: int, exact: bool) -> None:
    study = investigate(script, project({"run.py": source}))
    said = conclusion(script, study)
    assert (study.state, said.suspects[0].line, said.exact) == (state, line, exact)
    assert (study.proof is not None) == (state != "waiting" and source is not TASKS)


def test_ending_another_loop_leaves_it_looping(project: Write, script: Any) -> None:
    study = investigate(script, project({"run.py": SEARCH}))
    controls = [trial for trial in study.trials if trial.control]
    assert len(controls) == 2
    assert all(trial.done.state == "looping" and any(trial.done.counts("changed").values()) for trial in controls)
    assert script.record(investigate(script, study.program)) == script.record(study)


def test_nothing_reads_the_stacks_of_running_threads_from_outside(project: Write, script: Any) -> None:
    """CPython's `faulthandler` does without the interpreter's lock, which now and then crashes a busy loop."""
    which = project({"run.py": SEARCH})
    done = importlib.import_module("debugbox_recipe_hang.measuring").Measuring(which, 60.0, 3.0).watched()
    assert (done.run.timed_out, done.run.stderr) == (True, "")
    assert done.result["taken"] > 2


def test_c_code_that_holds_the_interpreter_is_named_as_such(project: Write, script: Any) -> None:
    study = investigate(script, project({"run.py": "import ctypes\nctypes.PyDLL(None).sleep(60)\n"}))
    assert "C code holds the interpreter" in conclusion(script, study).answer
    assert study.lines == []


LUCK = """import threading
a, b = threading.Lock(), threading.Lock()
def one():
    with a:
        with b:
            return 1
def two():
    with b:
        with a:
            return 2
for function in (one, two):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
threads = [threading.Thread(target=function) for function in (one, two)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_locks_taken_in_both_orders_are_brought_to_hang(project: Write, script: Any) -> None:
    study = investigate(script, project({"run.py": LUCK}))
    said = conclusion(script, study)
    assert study.pauses
    assert {suspect.line for suspect in said.suspects[:2]} <= {5, 9}
    assert "ends by itself" in said.answer
    again = parse(Measurement, script.measure_symptom(study.program, pauses=study.pauses))
    assert again.state == "present"


# Negative controls

SLOW = """longest = 0
for start in range(1, 10**8):
    x, steps = start, 0
    while x != 1:
        x = 3 * x + 1 if x % 2 else x // 2
        steps += 1
    longest = max(longest, steps)
"""
GATED = LUCK.replace("with a:\n        with b:", "with gate, a:\n        with b:").replace(
    "with b:\n        with a:\n            return 2", "with gate, b:\n        return 2"
)


def test_a_slow_program_is_no_hang(project: Write, script: Any) -> None:
    study = investigate(script, project({"run.py": SLOW}))
    said = conclusion(script, study)
    assert (said.suspects, said.intervention, said.exact) == ((), None, False)
    assert "still working" in said.answer


@pytest.mark.parametrize(
    "source",
    ["import time\ntime.sleep(0.5)", GATED.replace("a, b =", "gate, a, b = threading.Lock(),"), "raise SystemExit(3)"],
    ids=["sleeps", "one order", "fails"],
)
def test_a_program_that_ends_is_no_hang(project: Write, script: Any, source: str) -> None:
    said = conclusion(script, investigate(script, project({"run.py": source})))
    assert (said.suspects, said.intervention) == ((), None)
    assert "ends by itself" in said.answer


def test_the_repaired_subject_ends(project: Write, script: Any) -> None:
    files = {name: (SUBJECT / name).read_text("utf-8") for name in ("bank.py", "run.py")}
    ordered = "first, second = sorted((source, target), key=lambda account: account.name)\n    with first.lock:"
    repaired = files["bank.py"].replace("with source.lock:", ordered).replace("with target.lock:", "with second.lock:")
    assert repaired != files["bank.py"]
    said = conclusion(script, investigate(script, project({**files, "bank.py": repaired})))
    assert said.suspects == ()
