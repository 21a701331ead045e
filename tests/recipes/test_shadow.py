"""The shadow's exact value is what fractions give, and the split of its error by line adds up to the error."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from debugbox_recipes.harness import Program, run_program

Write = Callable[..., Program]

# Every operation with a plain and a shadowed operand on either side; the names differ, so each line has its own site.
STEPS = """
a = 1.0 / 3.0
b = a - 0.1
c = 0.7 - b
d = a - c
e = d * 0.3
f = 0.9 * e
g = f * c
h = g / 7.0
i = 2.0 / h
j = i / c
k = -j + 5
l = abs(k - 100000.1) - 3
m = l ** 3
n = 1000003 - m
p = n / 3 - b * c + a
p += a
p -= c
p *= d
p /= e
q = sum([p, a, 0.1, c])
r = q % 0.37
s = r + q
""".strip()


def exactly() -> dict[str, Fraction]:
    """STEPS in fractions: every literal is the double's exact value."""
    import re

    text = re.sub(r"(?<![\w.])\d+\.\d+", lambda match: f"F({match[0]})", STEPS).replace("/ 3 -", "/ F(3) -")
    text = text.replace("% F(0.37)", "- COMPUTED * F(0.37)")
    computed: dict[str, Any] = {}
    exec(STEPS, computed)
    names: dict[str, Any] = {"F": Fraction, "COMPUTED": Fraction(computed["q"] // 0.37)}
    exec(text, names)
    return {name: value for name, value in names.items() if isinstance(value, Fraction)}


@pytest.mark.parametrize("position", range(len(STEPS.splitlines())), ids=lambda n: STEPS.splitlines()[n])
def test_exact_value_and_split(steps: dict[str, Any], position: int) -> None:
    line = STEPS.splitlines()[position]
    chosen = steps[f"run.py:{position + 1}:{line.split()[0]}"]["chosen"]
    if line[2] == "=":  # a name's last value is known at its last assignment only
        truth = exactly()[line[0]] if line[0] != "p" else None
        if truth is not None:
            assert Fraction(chosen["value"]) - truth == pytest.approx(chosen["error"], rel=1e-12, abs=1e-300)
    assert sum(chosen["split"].values()) == pytest.approx(chosen["error"], rel=1e-9, abs=1e-300)
    assert chosen["split"]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    import sys

    folder = tmp_path_factory.mktemp("steps")
    (folder / "run.py").write_text(STEPS)
    watches = [f"run.py:{n}:{line.split()[0]}" for n, line in enumerate(STEPS.splitlines(), 1)]
    plan = {"mode": "shadow", "watches": watches}
    run = run_program(Program("python run.py", folder, sys.executable, (), ""), timeout_s=60, plan=plan)
    assert run.failure == ""
    return dict(run.results[0]["series"])
