"""`lazily`: a list is taken item by item, or the program says that it needs more of it. Nothing is missing silently."""

import ast
from collections.abc import Callable

import pytest
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of
from debugbox_recipes.lazily import candidates

Write = Callable[..., Program]
LOGGED = """
def items(n):
    for i in range(n):
        print("made", i)
        yield i
"""


def lazily(which: Program, *lines: int, nth: int = 0) -> tuple[int | None, str, dict[str, int], str]:
    """Exit code, output, how many items were passed on by place, and the last line of what went wrong."""
    sites = [{"file": "run.py", "line": line, "function": "", "quote": ""} for line in lines]
    nths = {f"run.py:{line}": [nth] for line in lines}
    plan, unknown = plan_of([{"kind": "lazily", "sites": sites, "parameters": {"nth": nths}}])
    run = run_program(which, timeout_s=60, plan=plan)
    assert not unknown
    return run.exit_code, run.stdout, run.results[0]["changed"], run.failure


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("rows = list(items(2))", "made 0\n0\nmade 1\n1\n"),
        ("rows = tuple(items(2))", "made 0\n0\nmade 1\n1\n"),
        ("rows = [i + 1 for i in items(2) if i < 5]", "made 0\n1\nmade 1\n2\n"),
        ("rows = list(i + 1 for i in items(2))", "made 0\n1\nmade 1\n2\n"),
    ],
    ids=["list", "tuple", "comprehension", "list of a generator"],
)
def test_items_come_one_by_one(project: Write, python: str, statement: str, said: str) -> None:
    which = project({"run.py": f"{LOGGED}{statement}\nfor row in rows:\n    print(row)\n"}, python=python)
    assert lazily(which, 6) == (0, said, {"run.py:6": 2}, "")


def test_lines_of_a_file_come_one_by_one(project: Write) -> None:
    source = "import io\nfor line in open(__file__).readlines():\n    print(line.strip()[:3])\n"
    assert lazily(project({"run.py": source}), 2) == (0, "imp\nfor\npri\n", {"run.py:2": 3}, "")


@pytest.mark.parametrize(
    "use",
    ["len(rows)", "rows[0]", "rows + []", "rows.sort()", "(sum(rows), sum(rows))", "next(rows)", "reversed(rows)"],
)
def test_what_needs_more_than_one_loop_raises(project: Write, use: str) -> None:
    code, said, _, why = lazily(project({"run.py": f"rows = list(range(3))\nprint({use})\n"}), 1)
    assert (code, said) == (1, "")
    assert "Error" in why


def test_whether_it_is_empty_may_be_asked_and_loses_nothing(project: Write, python: str) -> None:
    source = (
        "for n in (0, 2):\n    rows = [i for i in range(n)]\n    print(bool(rows), not rows)\n    print(sum(rows))\n"
    )
    code, said, changed, _ = lazily(project({"run.py": source}, python=python), 2)
    assert (code, said, changed) == (0, "False True\n0\nTrue False\n1\n", {"run.py:2": 2})


def test_a_name_that_is_another_function_by_now_is_left_alone(project: Write) -> None:
    source = "def list(some):\n    return 'mine'\nprint(list(range(3)))\n"
    assert lazily(project({"run.py": source}), 3) == (0, "mine\n", {"run.py:3": 0}, "")


def test_of_several_lists_on_a_line_one_is_chosen(project: Write) -> None:
    source = "for a, b in zip(list(range(2)), [i for i in range(3)]):\n    print(a, b)\n"
    for nth in (0, 1):
        assert lazily(project({"run.py": source}), 1, nth=nth)[2] == {"run.py:1": (2, 2)[nth]}
    assert [one.text for one in candidates(ast.parse(source))] == ["list(range(2))", "[i for i in range(3)]"]


def test_displays_and_asynchronous_comprehensions_are_no_candidates() -> None:
    source = "async def f(x):\n    a = [i async for i in x]\n    b = [await i for i in x]\n"
    source += "    c = list([1])\n    d = list()\n"
    assert candidates(ast.parse(source)) == []
