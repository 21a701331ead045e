"""A change of one statement does what its name says, at its place only, and counts what it did."""

import ast
import builtins
from typing import Any

import pytest
from debugbox_recipes.interventions import plan_of
from debugbox_recipes.mutations import KINDS, Mutations, candidates

SOURCE = """\
def judge(x, flag):
    total = 0
    if x > 10 and flag:
        total += 5
    total += 2
    return total
"""
LINES = SOURCE.splitlines()


def judged(kind: str, line: int, nth: int, *arguments: Any) -> tuple[Any, int, int]:
    """What `judge` gives with one change, and how often that was applied and made a difference."""
    place = {"file": "m.py", "line": line, "quote": LINES[line - 1].strip(), "kind": kind, "nth": nth}
    mutations = Mutations([place])
    names: dict[str, Any] = {}
    exec(compile(mutations.transform(ast.parse(SOURCE), "m.py", LINES), "m.py", "exec"), names)
    given = names["judge"](*arguments)
    return given, mutations.applied[0], mutations.changed[0]


@pytest.mark.parametrize(
    ("kind", "line", "nth", "arguments", "given"),
    [
        ("negate_condition", 3, 0, (11, True), (2, 1, 1)),
        ("force_true", 3, 0, (1, True), (7, 1, 1)),
        ("force_true", 3, 0, (11, True), (7, 1, 0)),
        ("force_false", 3, 0, (11, True), (2, 1, 1)),
        ("swap_comparison", 3, 0, (10, True), (7, 1, 1)),
        ("swap_comparison", 3, 0, (11, True), (7, 1, 0)),
        ("drop_clause", 3, 0, (1, True), (7, 1, 1)),
        ("drop_clause", 3, 1, (11, False), (7, 1, 1)),
        ("constant_plus", 3, 0, (11, True), (2, 1, 1)),
        ("constant_minus", 5, 0, (1, True), (1, 1, 1)),
        ("drop_statement", 5, 0, (11, True), (5, 1, 1)),
    ],
    ids=lambda value: str(value),
)
def test_change(kind: str, line: int, nth: int, arguments: Any, given: tuple[Any, int, int]) -> None:
    assert judged(kind, line, nth, *arguments) == given


def test_every_kind_is_offered_where_it_fits_and_nowhere_else() -> None:
    found = candidates(ast.parse(SOURCE))
    assert {each.kind for each in found} == set(KINDS)
    assert [each.line for each in found if each.kind == "swap_comparison"] == [3]
    assert sorted(each.nth for each in found if each.kind == "drop_clause") == [0, 1]


def test_docstrings_annotations_and_fstrings_are_left_alone() -> None:
    source = 'def f(x: 1 = 2) -> 3:\n    "text"\n    y: 4 = x\n    return f"{x:>{5}}{y == 6}"\n'
    assert {(each.kind, each.line) for each in candidates(ast.parse(source))} == {
        ("constant_plus", 1), ("constant_minus", 1)
    }  # fmt: skip


def test_changes_that_are_not_active_leave_everything_as_it_was() -> None:
    places = [
        {"file": "m.py", "line": each.line, "kind": each.kind, "nth": each.nth, "quote": ""}
        for each in candidates(ast.parse(SOURCE))
    ]
    mutations = Mutations(places)
    names: dict[str, Any] = {}
    exec(compile(mutations.transform(ast.parse(SOURCE), "m.py", LINES), "m.py", "exec"), names)
    mutations.active.clear()
    for x in (9, 10, 11):
        for flag in (True, False):
            plain: dict[str, Any] = {}
            exec(SOURCE, plain)
            assert names["judge"](x, flag) == plain["judge"](x, flag)
    assert not sum(mutations.applied)


def test_a_line_that_moved_is_found_by_its_quote_and_one_that_is_gone_is_not() -> None:
    moved = ["# a new first line", *LINES]
    place = {"file": "m.py", "line": 5, "quote": "total += 2", "kind": "drop_statement", "nth": 0}
    mutations = Mutations([place])
    mutations.transform(ast.parse("\n".join(moved)), "m.py", moved)
    assert mutations.found == ["m.py:5"]
    gone = Mutations([{**place, "quote": "total += 3"}])
    gone.transform(ast.parse(SOURCE), "m.py", LINES)
    assert gone.found == []


def test_interventions_of_the_context_become_a_plan() -> None:
    site = {"file": "m.py", "line": 3, "quote": "if x:", "function": "judge"}
    plan, unknown = plan_of([{"kind": "swap_comparison", "sites": [site], "parameters": {"nth": 1}}])
    assert plan["observer"] == "spectrum"
    assert plan["mutations"] == [{"file": "m.py", "line": 3, "quote": "if x:", "kind": "swap_comparison", "nth": 1}]
    assert plan_of([{"kind": "keep_exact", "sites": [site]}])[0]["keep"]
    assert (plan_of([{"kind": "freeze_time", "sites": [site]}]), unknown) == (({}, ["freeze_time"]), [])


@pytest.fixture(autouse=True)
def clean_builtins() -> Any:
    """What changed modules call is put into builtins: not for the tests that follow."""
    before = set(vars(builtins))
    yield
    for name in set(vars(builtins)) - before:
        delattr(builtins, name)
