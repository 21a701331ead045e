"""`drift` on NumPy: arrays are followed in a wider type, and what is not followed is shaken, not guessed.

What must not be taken for a rounding problem: a sound program, float32 that is accurate enough, whole numbers, views
that are written in place, memory that was written without our seeing it.
"""

import importlib.util
import json
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of

from debugbox.finding import Conclusion, Measurement, parse

from .boxes import FakeBox
from .cases import CASES
from .conftest import RECIPES

Write = Callable[..., Program]
pytestmark = pytest.mark.skipif(not importlib.util.find_spec("numpy"), reason="needs NumPy")

VARIANCE = """
import numpy as np

def variance(x):
    mean_of_squares = np.mean(x * x)
    square_of_mean = np.mean(x) ** 2
    return mean_of_squares - square_of_mean

def readings(offset, kind):
    n = np.arange(1000, dtype=kind)
    return kind(offset) + np.sin(n) / kind(7)

def main():
    v = variance(readings(OFFSET, np.KIND))
    print(f"variance {v}")

main()
"""
FLOAT32 = VARIANCE.replace("OFFSET", "4096.3").replace("KIND", "float32")
FLOAT64 = VARIANCE.replace("OFFSET", "3.1e7").replace("KIND", "float64")
ILL = """
import numpy as np

def weights(points, values):
    matrix = np.vander(points, 12)
    return np.linalg.solve(matrix, values)

def main():
    points = np.linspace(0.0, 1.0, 12) * 0.3 + SHIFT
    first = weights(points, np.sqrt(points) / 1.7)[0]
    print(f"weight {first:.6g}")

main()
"""


def investigate(recipe: Any, which: Program, question: str) -> Any:
    return recipe.carry_out(which, question, None, 1e-9, 200.0)


def conclusion(recipe: Any, study: Any) -> Conclusion:
    record = json.loads(json.dumps(recipe.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


def line_of(source: str, text: str) -> str:
    return f"run.py:{1 + next(n for n, line in enumerate(source.splitlines()) if text in line)}"


def followed(which: Program, *watches: str, **plan: Any) -> dict[str, Any]:
    """The result of one run over arrays."""
    run = run_program(which, timeout_s=120, plan={"mode": "shadow", "arrays": True, "watches": watches, **plan})
    assert run.failure == "", run.stderr
    return run.results[0]


@pytest.fixture(scope="module", params=[FLOAT32, FLOAT64], ids=["float32", "float64"])
def variance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, recipe: Any) -> Any:
    folder = tmp_path_factory.mktemp("variance")
    (folder / "run.py").write_text(request.param, encoding="utf-8")
    which = Program("python run.py", folder, sys.executable, (str(folder),), "")
    return investigate(recipe, which, "why is the variance wrong")


def test_a_difference_of_means_is_the_amplifier_and_stands_first(variance: Any, recipe: Any) -> None:
    said = conclusion(recipe, variance)
    assert variance.arrays
    assert variance.exact, variance.checks
    assert str(said.suspects[0]) == line_of(FLOAT32, "mean_of_squares - square_of_mean")
    sources = {line_of(FLOAT32, text) for text in ("np.mean(x * x)", "np.mean(x) **")}
    assert {str(place) for place in said.intervention.sites} <= sources
    assert "cancellation" in said.answer


def test_lines_computed_in_the_wider_type_take_the_error_away(variance: Any, recipe: Any) -> None:
    trial = recipe.concluding.trial_of_suspects(variance)
    assert trial.removed > 0.9
    assert sum(trial.native.counts("changed").values()) > 0


def test_the_error_goes_with_the_intervention_and_stays_with_a_placebo(variance: Any, recipe: Any) -> None:
    said = conclusion(recipe, variance)
    sites = recipe.record(variance)["conclusion"]["intervention"]["sites"]
    placebo = next(p for p in said.placebo_sites if "np.sin" in p.quote)
    other = [{"file": placebo.file, "line": placebo.line, "quote": placebo.quote}]
    runs = [
        parse(Measurement, recipe.measure_symptom(variance.program, variance.watch, 1e-4, keep, arrays=True))
        for keep in ((), sites, other)
    ]
    assert [run.state for run in (runs[0], runs[2])] == ["present", "present"]
    assert runs[1].effect < 0.1 * runs[0].effect
    assert sum(runs[2].details["applied"].values()) > 0


def test_the_record_comes_out_alike_again(variance: Any, recipe: Any) -> None:
    again = investigate(recipe, variance.program, "why is the variance wrong")
    assert recipe.record(again) == recipe.record(variance)


def test_the_symptoms_code_follows_arrays_in_the_box(
    monkeypatch: pytest.MonkeyPatch, variance: Any, recipe: Any
) -> None:
    box = FakeBox(variance.program)
    box.context["expected"] = None
    monkeypatch.setitem(sys.modules, "debugbox_kernel", box)
    said = conclusion(recipe, variance)
    exec(said.symptom.code, {})
    box.context["interventions"] = [recipe.record(variance)["conclusion"]["intervention"]]
    exec(said.symptom.code, {})
    before, after = (parse(Measurement, one) for one in box.records["symptom"])
    assert before.state == "present"
    assert after.effect < 0.1 * before.effect


def test_the_intervention_acts_on_any_program_by_its_plan(variance: Any, recipe: Any) -> None:
    plan, unknown = plan_of([recipe.record(variance)["conclusion"]["intervention"]])
    assert (plan["arrays"], unknown) == (True, [])


EXACTLY = """
import numpy as np
x = np.array([0.1, 0.7, 100000.1])
y = x / 3.0
z = (y - x) * 0.3
z[1:] += y[:-1]
z[0] = z[2] / y[1]
parts = -z.reshape(3, 1) @ y.reshape(1, 3)
total = parts.sum()
for part in z:
    total = total + part * 0.3
print(total)
"""


def test_errors_and_their_split_are_what_fractions_give(project: Write) -> None:
    import numpy as np

    x = [Fraction(value) for value in (0.1, 0.7, 100000.1)]
    y = [value / 3 for value in x]
    z = [(b - a) * Fraction(0.3) for a, b in zip(x, y, strict=True)]
    z = [z[0], z[1] + y[0], z[2] + y[1]]
    z[0] = z[2] / y[1]
    exact = sum(-a * b for a in z for b in y) + sum(a * Fraction(0.3) for a in z)
    watch = f"{line_of(EXACTLY, 'total + part')}:total"
    chosen = followed(project({"run.py": EXACTLY}), watch)["series"][watch]["chosen"]
    truth = float(Fraction(chosen["value"]) - exact)
    if np.finfo(np.longdouble).eps < 1e-18:
        assert chosen["error"] == pytest.approx(truth, rel=0.02)
        assert sum(chosen["split"].values()) == pytest.approx(chosen["error"], rel=0.02)
        assert len(chosen["split"]) >= 4


SHORT = """
import numpy as np
x = np.zeros(4, dtype=np.float32)
inner = x[1:3]
inner += 0.1
doubled = np.asarray(x.T)[::-1] * 2
picked = doubled[[1, 2]]
x.fill(0.5)
same = x + 0.0
x[x > 2] = np.float32(0.1) / 3
same = x * 1.0
"""


def test_views_share_what_is_known_and_unseen_writes_end_it(project: Write) -> None:
    watches = [
        f"{line_of(SHORT, text)}:{text.split()[0]}" for text in ("inner +=", "doubled =", "picked =", "same = x +")
    ]
    series = followed(project({"run.py": SHORT}), *watches)["series"]
    error = float.fromhex("0x1.99999a0000000p-4") - 0.1  # of 0.1 in float32
    inner, doubled, picked, same = [[point[2] for point in series[watch]["points"]] for watch in watches]
    assert inner == pytest.approx([error, error], rel=1e-6)
    assert doubled == pytest.approx([0, 2 * error, 2 * error, 0], rel=1e-6)
    assert picked == pytest.approx([2 * error, 2 * error], rel=1e-6)
    assert same == [0, 0, 0, 0]


MOVED = """
import numpy as np
a = np.array([0.5, 1.0], dtype=np.float32) / np.float32(3.0)
b = np.zeros((2, 4), dtype=np.float32)
b[1, 1:3] = a
c = -np.concatenate([b[1][[1, 2]], a])[::-1].copy()
wide = c.astype(np.float64)
"""


def test_what_only_moves_elements_carries_on_what_a_kept_line_made(project: Write) -> None:
    watch, place = f"{line_of(MOVED, 'wide =')}:wide", line_of(MOVED, "/ np.float32").split(":")
    keep = [{"file": place[0], "line": int(place[1])}]
    plain, kept = (
        [
            point[1]
            for point in followed(project({"run.py": MOVED}), watch, mode="native", keep=lines)["series"][watch][
                "points"
            ]
        ]
        for lines in ([], keep)
    )
    exact = [-1.0 / 3, -0.5 / 3, -1.0 / 3, -0.5 / 3]
    assert kept == pytest.approx(exact, rel=1e-15)
    assert plain == pytest.approx(exact, rel=1e-7)
    assert all(abs(one - two) > 1e-10 for one, two in zip(plain, exact, strict=True))


DISTANCES = """
import numpy as np

def distances(x, y):
    square = -2 * np.dot(x, y.T)
    square += (x * x).sum(axis=1)[:, None]
    square += (y * y).sum(axis=1)[None, :]
    np.maximum(square, 0, out=square)
    return np.sqrt(square)

def main():
    n = np.arange(60, dtype=np.float32).reshape(12, 5)
    x = np.sin(n) + np.float32(1000)
    print("distances", distances(x, x[::-1] + np.float32(0.5)))

main()
"""


def test_an_amplifier_that_writes_in_place_is_found(project: Write, recipe: Any) -> None:
    study = investigate(recipe, project({"run.py": DISTANCES}), "why are the distances wrong")
    said = conclusion(recipe, study)
    assert str(said.suspects[0]) == line_of(DISTANCES, "square += (y * y)")
    assert "cancellation" in said.answer


def test_masked_arrays_are_said_to_be_unseen(project: Write, recipe: Any) -> None:
    source = """import numpy as np
x = np.ma.masked_invalid(np.array([0.1, np.nan, 0.3]))
mean = float((x * 3.0).mean())
print(f"mean {mean}")
"""
    said = conclusion(recipe, investigate(recipe, project({"run.py": source}), "why is the mean wrong"))
    assert "cannot be judged" in said.answer
    assert "stands random rounding" not in said.answer  # nothing could be shaken
    assert any("MaskedArray" in limit for limit in said.limits)


@pytest.mark.parametrize("mode", ["shadow", "noise"])
def test_settings_that_make_warnings_errors_are_the_programs_own(project: Write, mode: str) -> None:
    source = """import threading, warnings
import numpy as np
warnings.simplefilter("error")
np.seterr(all="raise")
def work(results, n):
    x = np.array([1e-300, 0.1, 3.0]) * n
    with np.errstate(all="ignore"):
        y = np.log(x * 1e-200) / x
    results[n] = float(np.where(np.isfinite(y), y, 0.0)[:2].sum()) < 0
results = {}
threads = [threading.Thread(target=work, args=(results, n)) for n in range(1, 9)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sorted(results.items()))
try:
    np.float32(1e30) * np.float32(1e30)
except FloatingPointError as error:
    print(error)
"""
    which = project({"run.py": source})
    plain = run_program(which, timeout_s=60)
    plan = {"mode": mode, "arrays": True, "noise": {"seed": 1}}
    seen = run_program(which, timeout_s=60, plan=plan)
    assert (seen.stdout, seen.stderr) == (plain.stdout, plain.stderr) != ("", "")
    assert seen.results[0]["followed"] > 8


SOUND = {
    "whole numbers": "x = np.arange(1000)\ntotal = x.sum() - x[::2].sum()",
    "float32 that is accurate enough": "x = np.arange(1000, dtype=np.float32) / np.float32(7)\ntotal = x.sum()",
    "float64": "x = np.linspace(0.0, 1.0, 500)\ntotal = np.sqrt(x).sum() / 3.0",
    "views in place": "x = np.ones((20, 30))\nx[::2] += 0.1\nx.T[3] *= 0.7\ntotal = x.sum()",
    "random numbers": "x = np.random.default_rng(3).normal(size=500)\ntotal = (x * 2.5).sum()",
    "a step that is fine": "dt = 0.5\nx = np.zeros(2)\nfor n in range(64):\n    x += dt\ntotal = x.sum()",
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_program_has_no_suspects(project: Write, recipe: Any, name: str) -> None:
    source = f"import numpy as np\n\n{SOUND[name]}\nprint(f'total {{total}}')\n"
    study = investigate(recipe, project({"run.py": source}), "why is the total wrong")
    said = conclusion(recipe, study)
    assert said.answer.startswith("No rounding problem")
    assert (said.suspects, said.intervention) == ((), None)
    assert [run.state for run in said.symptom.runs] == ["absent", "absent"]
    assert ("float32" in said.answer) == ("float32" in name)
    assert ("The step is not to blame" in said.answer) == ("step" in name)


def test_a_tolerance_that_was_given_holds_for_float32_too(project: Write, recipe: Any) -> None:
    source = f"import numpy as np\n\n{SOUND['float32 that is accurate enough']}\nprint(f'total {{total}}')\n"
    study = recipe.carry_out(project({"run.py": source}), "why is the total wrong", None, 1e-8, 200.0)
    assert study.present
    assert study.suspects


def test_an_ill_conditioned_call_that_is_not_followed_is_shaken(project: Write, recipe: Any) -> None:
    source = ILL.replace("SHIFT", "1000.1")
    study = investigate(recipe, project({"run.py": source}), "why is the weight wrong")
    said = conclusion(recipe, study)
    assert "does not stand random rounding" in said.answer
    assert [str(place) for place in said.suspects] == [line_of(source, "np.linalg.solve")]
    assert said.intervention is None
    assert not said.exact
    assert said.symptom.runs[0].state == "present"
    again = investigate(recipe, study.program, "why is the weight wrong")
    assert recipe.record(again) == recipe.record(study)


def test_one_of_many_lines_is_what_random_rounding_finds(project: Write, recipe: Any) -> None:
    """Shaken alone it spreads the value; without it the others do not."""
    source = """import numpy as np
def residual(a, b):
    moved = np.linalg.inv(a) @ b
    small = np.sqrt(b) / 7.0
    near = (1.0e7 + small) - 1.0e7
    return moved[0] + near.sum()
residue = residual(np.array([[2.3, 0.7], [0.1, 1.9]]), np.array([0.2, 0.6]))
print(f"residue {residue}")
"""
    measuring = sys.modules[f"{recipe.__package__}.measuring"].Measuring(project({"run.py": source}), 100.0)
    shaking = sys.modules[f"{recipe.__package__}.shaking"]
    found = shaking.shake(measuring, f"{line_of(source, 'return moved')}:residual()", 0, 1e-12)
    assert found.suspects == (line_of(source, "1.0e7 + small"),)
    assert found.others.size < 1e-12 < found.whole.size


def test_a_call_that_stands_random_rounding_names_nobody(project: Write, recipe: Any) -> None:
    source = """import numpy as np
def solve(a, b):
    return np.linalg.solve(a, b)
answer = solve(np.array([[2.3, 0.7], [0.1, 1.9]]), np.array([0.2, 0.6]) / 3.0)[0]
print(f"answer {answer}")
"""
    study = investigate(recipe, project({"run.py": source}), "why is the answer wrong")
    said = conclusion(recipe, study)
    assert "It stands random rounding" in said.answer
    assert said.suspects == ()
    assert any("solve" in limit for limit in said.limits)


def test_shaking_is_a_symptom_that_can_be_measured_again(
    monkeypatch: pytest.MonkeyPatch, project: Write, recipe: Any
) -> None:
    which = project({"run.py": ILL.replace("SHIFT", "1000.1")})
    box = FakeBox(which)
    monkeypatch.setitem(sys.modules, "debugbox_kernel", box)
    code = investigate(recipe, which, "why is the weight wrong")
    exec(conclusion(recipe, code).symptom.code, {})
    box.context["interventions"] = [{"kind": "keep_exact", "sites": [{"file": "run.py", "line": 6}]}]
    exec(conclusion(recipe, code).symptom.code, {})
    assert [one["state"] for one in box.records["symptom"]] == ["present", "cannot measure"]


OSCILLATOR = """
import numpy as np

def energy_after(span, dt=0.01):
    state = np.array([1.0, 0.0])
    for _ in range(int(span / dt)):
        state = state + dt * np.array([state[1], -state[0]])
    return 0.5 * float(state @ state)

energy = energy_after(5.0)
print(f"energy {energy:.9f}")
"""
COUNTED = OSCILLATOR.replace("range(int(span / dt))", "range(500)")


@pytest.mark.parametrize("source", [OSCILLATOR, COUNTED], ids=["by span", "by count"])
def test_a_step_that_is_too_long_is_the_method_not_rounding(project: Write, recipe: Any, source: str) -> None:
    study = investigate(recipe, project({"run.py": source}), "why does the energy drift")
    said = conclusion(recipe, study)
    assert "Method error, not rounding" in said.answer
    assert study.halved.limit == pytest.approx(0.5, rel=1e-3)
    assert study.halved.order == pytest.approx(1.0, abs=0.1)
    assert said.suspects == ()
    assert next(h for h in said.hypotheses if "method" in h.text).status == "supported"


@pytest.mark.parametrize("name", [name for name in CASES if "__future__" not in CASES[name]])
def test_programs_do_what_they_did(project: Write, name: str) -> None:
    which = project({"run.py": f"import numpy\n{CASES[name]}"})
    plain = run_program(which, timeout_s=60)
    for plan in ({"mode": "shadow"}, {"keep": [{"file": "run.py", "line": 1}]}):
        seen = run_program(which, timeout_s=60, plan={"arrays": True, **plan})
        assert (seen.exit_code, seen.stdout) == (plain.exit_code, plain.stdout), seen.stderr


ARRAYS = """
import numpy as np
a = np.arange(12.0).reshape(3, 4) / 7
b = a[1:, ::2]
b[...] = -b
a[0, 1] = a[2, 3] * 3
a[:, 0] /= 3
a[[0, 2]] += 0.1
a[a > 1] = 0.3
a[1:] = a[:-1]
np.add(a, 0.1, out=a)
np.random.seed(4)
c = np.random.normal(a)
d = {"k": a.sum(axis=0), 1: [float(v) for v in a[0]]}
d["k"][1:3] -= a.mean()
e = a.astype(np.float32).std(), np.float32(0.1) * 3, sum(a[0]), max(a[0]), round(a[1, 1], 3), abs(-a[2, 2])
z = (a[0] + 1j * a[1]) ** 2
print(repr((a, b, c, d, e, z, abs(z), a @ a.T, np.linalg.inv(a @ a.T + np.eye(3)), np.einsum("ij,ij->i", a, a))))
print(a.dtype, type(e[1]), type(d[1][0]), np.where(a > 0.2, a, 0.1).tolist(), a.argmax(), np.random.random())
def f(x: list[int], *rest: "a[0]") -> dict[str, float]:
    return x[0], rest[:1], x[-1:]
print(f([1, 2], 3), f.__annotations__)
"""


def test_programs_with_arrays_compute_what_they_did(project: Write) -> None:
    which = project({"run.py": ARRAYS})
    plain = run_program(which, timeout_s=60)
    assert plain.failure == ""
    for plan in ({"mode": "shadow"}, {"watches": ["run.py:3:a"]}):
        seen = run_program(which, timeout_s=60, plan={"arrays": True, **plan})
        assert seen.stdout == plain.stdout, seen.stderr


def test_a_program_without_numpy_is_not_given_it(project: Write) -> None:
    result = followed(project({"run.py": "total = 0.1 * 3\nprint(total)\n"}), "run.py:1:total")
    assert not result["numpy"]
    for path in (RECIPES / "debugbox_recipes").glob("array_*.py"):
        assert "import numpy" not in Path(path).read_text("utf-8")
