"""Counting survives the traps of `sys.monitoring`, and of generators: each was met with.

An observer must not change what it observes, and must not go on with what an earlier tool left behind.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from debugbox_recipes.workload import Workload

from .conftest import RECIPES, interpreters

NEW = [path for path in interpreters() if "3.13" in path or sys.version_info >= (3, 12)]


def run(python: str, folder: Path, body: str) -> str:
    """What a program prints that counts the work of the functions in `user.py`."""
    (folder / "user.py").write_text(
        "def one(n):\n    total = 0\n    for i in range(n):\n        total += i\n    return total\n"
        "def items(n):\n    for i in range(n):\n        yield i\ndef passed(n):\n    yield from items(n)\n",
        encoding="utf-8",
    )
    head = f"""
import sys
sys.path[:0] = [{str(RECIPES)!r}, {str(folder)!r}]
from debugbox_recipes import events
from debugbox_recipes.workload import Workload
import user
def relative(path):
    return "user.py" if path and path.endswith("user.py") else None
load = Workload(relative, most=None, timed=False, full=lambda: None)
"""
    done = subprocess.run(
        [python, "-c", head + textwrap.dedent(body)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).parent.parent.name)
def test_counts_are_exact(python: str, tmp_path: Path) -> None:
    said = run(python, tmp_path, "events.watch(load)\nuser.one(100)\nprint(load.result()['lines'])")
    counted = {line: count for _, line, _, count in eval(said)}
    assert counted[4] == 100
    assert counted[3] == 101
    assert counted[2] == counted[5] == 1


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).parent.parent.name)
def test_a_generator_starts_once_and_its_work_is_its_consumers(python: str, tmp_path: Path) -> None:
    body = "events.watch(load)\nlist(user.passed(50))\nprint(load.result()['calls'])"
    calls = {(row[2], row[5].split(".")[-1]): row[7:] for row in eval(run(python, tmp_path, body))}
    entries, below = calls["passed", "items"]
    assert entries == 1
    assert below >= 100


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).parent.parent.name)
def test_delegation_is_counted_where_it_delegates(python: str, tmp_path: Path) -> None:
    said = run(python, tmp_path, "events.watch(load)\nlist(user.passed(50))\nprint(load.result()['lines'])")
    assert {line: count for _, line, _, count in eval(said)}[10] >= 100


@pytest.mark.parametrize("python", NEW, ids=lambda path: Path(path).parent.parent.name)
def test_what_an_earlier_tool_switched_off_is_counted_all_the_same(python: str, tmp_path: Path) -> None:
    body = """
    m = sys.monitoring
    m.use_tool_id(3, "earlier")
    m.register_callback(3, m.events.LINE, lambda *_: m.DISABLE)
    m.set_events(3, m.events.LINE)
    user.one(5)
    m.set_events(3, 0)
    m.free_tool_id(3)
    events.watch(load)
    user.one(5)
    print(load.work > 10)
    """
    assert run(python, tmp_path, body) == "True"


@pytest.mark.parametrize("python", NEW, ids=lambda path: Path(path).parent.parent.name)
def test_a_taken_tool_makes_way_for_the_next_and_two_are_told(python: str, tmp_path: Path) -> None:
    body = """
    m = sys.monitoring
    m.use_tool_id(3, "other")
    print(repr(events.watch(load)), m.get_tool(4))
    print(events.watch(load))
    """
    assert run(python, tmp_path, body).splitlines() == [
        "'' debugbox",
        "the monitoring tools are taken, by other, debugbox",
    ]


@pytest.mark.parametrize("python", NEW, ids=lambda path: Path(path).parent.parent.name)
def test_an_error_of_ours_never_reaches_the_program(python: str, tmp_path: Path) -> None:
    body = """
    events.watch(load)
    load.event = lambda *_: 1 / 0
    print(user.one(5), load.error)
    """
    assert run(python, tmp_path, body) == "10 ZeroDivisionError: division by zero"


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).parent.parent.name)
def test_functions_made_anew_are_not_mistaken_for_each_other(python: str, tmp_path: Path) -> None:
    """Code objects are told apart by address: one that is gone must not lend its address to the next."""
    body = """
    events.watch(load)
    for n in range(50):
        space = {}
        exec(compile(f"def made{n}():\\n    return {n}", "user.py", "exec"), space)
        space[f"made{n}"]()
        del space
    print(len({row[2] for row in load.result()["lines"] if "made" in row[2]}))
    """
    assert run(python, tmp_path, body) == "50"


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).parent.parent.name)
def test_recursion_counts_its_work_once(python: str, tmp_path: Path) -> None:
    body = """
    exec(compile("def down(n):\\n    return n and down(n - 1)", "user.py", "exec"), globals())
    events.watch(load)
    down(30)
    calls = load.result()["calls"]
    print(max(row[8] for row in calls if row[2] == "down") <= load.work)
    """
    assert run(python, tmp_path, body) == "True"


def test_too_much_work_is_ended() -> None:
    ended = []
    load = Workload(lambda path: "x.py", most=3, timed=False, full=lambda: ended.append(True))
    number = load.number(compile("1", "x.py", "exec"))
    for _ in range(4):
        load.event(number, 1)
    assert ended == [True]
