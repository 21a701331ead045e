"""The symptom that `drift` keeps is measured at its line also where that has moved, or says that it is gone."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from debugbox_recipes.harness import Program

from debugbox.finding import Measurement, parse

Write = Callable[..., Program]
BODY = """\
def first(total):
    print(f"{total:.3f}")


def second(values):
    total = 0.0
    for value in values:
        total += value
    print(f"{total:.3f}")


first(1.5)
second([1e16, 1.25, -1e16, 1.25] * 9)
"""
QUOTE = 'print(f"{total:.3f}")'


@pytest.fixture
def moving(recipe: Any) -> Any:
    return sys.modules[f"{recipe.__package__}.moving"]


@pytest.mark.parametrize(
    ("line", "function", "now"),
    [
        (9, "second", "run.py:9:{total}"),
        (7, "second", "run.py:9:{total}"),
        (3, "second", "run.py:9:{total}"),
        (8, "first", "run.py:2:{total}"),
        (3, "renamed", "run.py:2:{total}"),
    ],
    ids=["where it was", "moved", "nearer to another function's", "the other function's", "function renamed"],
)
def test_a_line_is_found_by_its_function_and_its_text(
    moving: Any, project: Write, line: int, function: str, now: str
) -> None:
    program = project({"run.py": BODY})
    assert moving.watch_now(program.repo, f"run.py:{line}:{{total}}", QUOTE, function) == now


@pytest.mark.parametrize("body", [BODY.replace(":.3f", ":.2f"), "def broken(:\n", None], ids=["text", "syntax", "file"])
def test_a_line_that_is_gone_is_named(moving: Any, project: Write, body: str | None) -> None:
    program = project({"run.py": body} if body else {"other.py": BODY})
    with pytest.raises(moving.NotThere, match=r"run\.py:9 in second, is not there any more: print"):
        moving.watch_now(program.repo, "run.py:9:{total}", QUOTE, "second")


def test_without_a_quote_the_line_is_taken_as_it_is(moving: Any, project: Write) -> None:
    assert moving.watch_now(project({"run.py": BODY}).repo, "run.py:9:{total}", "", "") == "run.py:9:{total}"


def test_the_symptom_that_is_kept_knows_its_line(recipe: Any, moving: Any, project: Write) -> None:
    program = project({"run.py": BODY})
    study = recipe.carry_out(program, "why is the total wrong", "run.py:9:{total}", 1e-9, 60.0)
    assert f"quote={QUOTE!r}, function='second'" in recipe.symptom_code(study), study.stopped
    moved = project({"run.py": "# a new head\n\n" + BODY})
    watch = moving.watch_now(moved.repo, "run.py:9:{total}", QUOTE, "second")
    said = parse(Measurement, recipe.measure_symptom(moved, watch))
    assert (watch, said.state) == ("run.py:11:{total}", "present"), said.note
