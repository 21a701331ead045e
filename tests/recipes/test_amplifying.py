"""Where a rounding comes in and where it becomes large are told apart, on the way of the watched value only."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from debugbox_recipes.harness import Program

from .conftest import needs_mpmath

Write = Callable[..., Program]

# An import-time table amplifies errors of its own; the watched angle's error grows at acos.
ANGLE = """import math
TABLE = [(1.0 + 1e-9 * n / 3) - 1.0 for n in range(1, 50)]
def length(a, b):
    return math.sqrt(a * a + b * b)
def angle(a, b, c, d):
    cosine = (a * c + b * d) / (length(a, b) * length(c, d))
    return math.acos(cosine)
bend = angle(3.1, 1.7, 3.1, 1.7000007)
print(f"bend {bend}")
print(len(TABLE))
"""
# The sum swallows digits of the offset; the subtraction only shows it.
SWALLOWED = """def stamp(day, offset):
    return day + offset
def since(now, epoch):
    return now - epoch
elapsed = since(stamp(2458826.5, 0.1234567), 2458826.5) * 1440.0
print(f"elapsed {elapsed}")
"""
# 36,000 roundings add up before the subtraction shows them.
ADDED_UP = """now = 0.0
for n in range(1, 36001):
    now = now + 0.1
    last = n
lag = last * 0.1 - now
print(f"lag {lag}")
"""
# A difference of two rounded products: no sum before it could do better.
PRODUCTS = """def determinant(a, b, c, d):
    return a * d - b * c
area = determinant(1.1, 1.2000000013, 1.1000000007, 1.2)
print(f"area {area}")
"""


@pytest.mark.parametrize(
    ("source", "question", "kind", "first"),
    [
        (ANGLE, "why is the bend off", "ill-conditioned operation", "run.py:7"),
        (SWALLOWED, "why is elapsed off", "cancellation", "run.py:2"),
        (ADDED_UP, "why does the lag grow", "accumulation", "run.py:3"),
        (PRODUCTS, "why is the area off", "cancellation", "run.py:2"),
    ],
    ids=["ill-conditioned", "swallowed", "added up", "products"],
)
@needs_mpmath
def test_class_and_the_line_to_change(
    project: Write, recipe: Any, source: str, question: str, kind: str, first: str
) -> None:
    study = recipe.carry_out(project({"run.py": source}), question, None, 1e-12, 100.0)
    explaining = sys.modules[f"{recipe.__package__}.explaining"]
    assert explaining.kind_of_error(study) == kind
    suspect = recipe.record(study)["conclusion"]["suspects"][0]
    assert f"{suspect['file']}:{suspect['line']}" == first
    assert f"To change: {first}" in recipe.concluding.answer(study)


@needs_mpmath
def test_lines_that_amplified_other_values_are_not_named(project: Write, recipe: Any) -> None:
    study = recipe.carry_out(project({"run.py": ANGLE}), "why is the bend off", None, 1e-9, 100.0)
    assert [str(each) for each in study.amplifiers] == ["run.py:7"]
    assert study.amplifiers[0].factor > 1e6
    assert study.amplifiers[0].operation == "acos"


@needs_mpmath
def test_the_intervention_stays_at_the_sources(project: Write, recipe: Any) -> None:
    study = recipe.carry_out(project({"run.py": ANGLE}), "why is the bend off", None, 1e-9, 100.0)
    said = recipe.record(study)["conclusion"]
    assert "run.py:7" not in {f"{site['file']}:{site['line']}" for site in said["intervention"]["sites"]}
    assert said["suspects"][0]["line"] == 7
