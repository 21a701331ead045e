"""A program under observation computes and prints, bit for bit, what it does alone.

Each case is a way to write Python that a rewrite of the syntax tree has got wrong, here or elsewhere. Not the same: an
error raised by arithmetic itself has frames of ours at its end, and `pickle.dumps` of a shadow is some bytes longer.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes.harness import Program, ProgramRun, run_program

from .cases import CASES

Write = Callable[..., Program]

MATCH = """
def kind(v):
    match v:
        case 1+2j: return "complex"
        case -0.5: return "half"
        case float(): return "float"
        case _: return "other"
print(kind(1 + 2j), kind(0.1 - 0.6), kind(0.1 + 0.2), kind("x"))
"""


def observed(which: Program, **plan: Any) -> ProgramRun:
    return run_program(which, timeout_s=60, plan={"watches": [], "keep": [], **plan})


def check_same(which: Program) -> None:
    """Plainly, natively with the hook, and under shadow execution."""
    alone = run_program(which, timeout_s=60)
    assert alone.failure == "", alone.stderr
    for run in (observed(which), observed(which, mode="shadow")):
        assert (run.stdout, run.stderr, run.exit_code) == (alone.stdout, alone.stderr, 0)
        assert run.results, "the hook did not start"


@pytest.mark.parametrize("case", CASES)
def test_observed_program_prints_the_same(project: Write, case: str) -> None:
    check_same(project({"run.py": CASES[case]}))


@pytest.mark.skipif(sys.version_info < (3, 10), reason="match is new in 3.10")
def test_patterns_are_not_arithmetic(project: Write) -> None:
    check_same(project({"run.py": MATCH}))


def test_all_cases_as_modules_on_other_interpreters(project: Write, python: str) -> None:
    files = {
        f"case{n}.py": text for n, text in enumerate(CASES.values()) if "getsource" not in text and "argv" not in text
    }
    main = "\n".join(f"import {name[:-3]}" for name in files)
    check_same(project({**files, "run.py": main}, python=python))


@pytest.mark.parametrize("case", CASES)
def test_every_line_kept_exact_still_runs(project: Write, case: str) -> None:
    """Values may change in the last digit: what must not happen is an error, a lost watch or another shape."""
    text = CASES[case]
    keep = [{"file": "run.py", "line": n} for n in range(1, text.count("\n") + 2)]
    which = project({"run.py": text})
    alone, kept = run_program(which, timeout_s=60), observed(which, keep=keep)
    assert kept.exit_code == 0, kept.stderr
    assert len(kept.stdout.split()) == len(alone.stdout.split())


@pytest.mark.parametrize(
    "command", ["python run.py", "python -m run", "python -m pack", "python -m pytest -q test_it.py"]
)
def test_every_way_to_start_is_observed(project: Write, command: str) -> None:
    files = {
        "run.py": "import calc\nprint(calc.mean([0.1, 0.2]))\n",
        "pack/__init__.py": "",
        "pack/__main__.py": "import calc\nprint(calc.mean([0.1, 0.2]))\n",
        "calc.py": "def mean(values):\n    total = sum(values) * 1.1\n    return total / len(values)\n",
        "test_it.py": "import calc\ndef test_mean():\n    assert abs(calc.mean([0.1, 0.2]) - 0.165) < 1e-9\n",
    }
    run = observed(project(files, command), mode="shadow", watches=["calc.py:3:mean()"])
    assert run.exit_code == 0, run.stdout + run.stderr
    result = run.result_with("calc.py:3:mean()")
    assert result is not None
    assert result["series"]["calc.py:3:mean()"]["count"] == 1
    assert result["series"]["calc.py:3:mean()"]["chosen"]["split"]


def test_a_console_script_outside_the_repository_is_observed(project: Write, tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_text(f"#!{sys.executable}\nimport calc\ncalc.go()\n")
    script.chmod(0o755)
    run = observed(
        project({"calc.py": "def go():\n    x = 1 / 3\n    print(x)\n"}, str(script)), watches=["calc.py:2:x"]
    )
    assert run.results[0]["series"]["calc.py:2:x"]["count"] == 1


def test_cached_bytecode_is_not_taken(project: Write) -> None:
    which = project({"run.py": "import calc\n", "calc.py": "x = 1 / 3\nprint(x)\n"})
    import py_compile

    py_compile.compile(str(Path(which.repo) / "calc.py"))
    assert observed(which, watches=["calc.py:1:x"]).results[0]["series"]["calc.py:1:x"]["count"] == 1


def test_the_users_own_sitecustomize_still_runs(project: Write) -> None:
    which = project(
        {
            "run.py": "import builtins\nprint(builtins.theirs)\n",
            "sitecustomize.py": "import builtins\nbuiltins.theirs = 7\n",
        }
    )
    assert observed(which).stdout == "7\n"


def test_library_code_is_left_alone_but_its_results_keep_their_error(project: Write) -> None:
    files = {
        "run.py": "import lib\nx = 1 / 3\ny = lib.twice_plus(x)\n",
        "site-packages/lib.py": "def twice_plus(x):\n    return x * 2 + 0.1\n",
    }
    which = project(files)
    roots = (f"{which.repo}/site-packages",)
    run = observed(Program(which.command, which.repo, which.python, roots), mode="shadow", watches=["run.py:3:y"])
    result = run.results[0]
    assert result["modules"] == ["run.py"]
    split = result["series"]["run.py:3:y"]["chosen"]["split"]
    named = {f"{Path(result['sites'][int(n)]['file']).name}:{result['sites'][int(n)]['line']}" for n in split}
    assert "run.py:2" in named
    assert named <= {"run.py:2", "lib.py:2"}


def test_flips_are_counted_where_exact_numbers_would_branch_otherwise(project: Write) -> None:
    source = "x = 0.1 + 0.2 - 0.3\nn = 0\nif x > 2.8e-17:\n    n += 1\nif x > 1:\n    n += 1\n"
    assert observed(project({"run.py": source}), mode="shadow").results[0]["flips"] == {"run.py:3": 1}
