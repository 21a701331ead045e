"""`flaky` names the state that one test leaves for another, or the line of chance; and says how sure "never" is."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import flaky
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of

from debugbox.finding import Conclusion, Measurement, parse

from .boxes import FakeBox
from .conftest import RECIPES, program

SUBJECT = RECIPES / "flaky" / "subject"
Write = Callable[..., Program]


@pytest.fixture(scope="module")
def script() -> Any:
    return flaky._module()


def investigate(script: Any, which: Program, question: str = "why does it fail sometimes") -> Any:
    return script.carry_out(which, question, 200.0)


def conclusion(script: Any, study: Any) -> Any:
    return parse(Conclusion, json.loads(json.dumps(script.record(study), allow_nan=False))["conclusion"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outside of this repository: its pytest configuration is not the subject's."""
    folder = tmp_path_factory.mktemp("subject") / "shop"
    shutil.copytree(SUBJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def subject(script: Any, shop: Path) -> Any:
    return investigate(script, program(shop, ""), "why does test_euros fail in the suite")


def test_the_subject_leaves_its_currency_behind(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert (subject.kind, subject.matter) == ("polluted", ["test_prices.py::test_dollars"])
    assert [unit.path for unit in subject.needed] == ["prices.SETTINGS['currency']"]
    assert (said.suspects[0].file, said.suspects[0].function) == ("prices.py", "use_currency")
    assert subject.rates["after it, state put back"] == (0, 20)
    assert said.exact


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any, shop: Path) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        assert (shop / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


def test_symptom_goes_with_the_state_put_back_and_stays_with_other_state_put_back(script: Any, subject: Any) -> None:
    written = json.loads(json.dumps(script.record(subject)["conclusion"]))
    given = (subject.program, subject.victim, script.concluding.company(subject), subject.message[:80])
    before = parse(Measurement, script.measure_symptom(*given))
    after = parse(Measurement, script.measure_symptom(*given, [written["intervention"]]))
    assert (before.state, before.measured, after.state, after.measured) == ("present", 1.0, "absent", 0.0)
    assert all(after.details["changed"].values())
    assert len(written["placebo_sites"]) >= 2
    for site in written["placebo_sites"][:2]:
        run = parse(Measurement, script.measure_symptom(*given, [{**written["intervention"], "sites": [site]}]))
        assert (run.state, run.details["changed"][f"{site['file']}:{site['line']}"] > 0) == ("present", True)


def test_the_intervention_acts_on_any_run_of_the_tests(script: Any, subject: Any, shop: Path) -> None:
    plan, unknown = plan_of([json.loads(json.dumps(script.record(subject)["conclusion"]["intervention"]))])
    command = "python -m pytest -q -p no:cacheprovider"
    assert run_program(program(shop, command), timeout_s=60).exit_code == 1
    assert (run_program(program(shop, command), timeout_s=60, plan=plan).exit_code, unknown) == (0, [])


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    again = investigate(script, subject.program, subject.question)
    assert script.record(again) == script.record(subject)
    assert script.concluding.summary(again) == script.concluding.summary(subject)


HEAD = "import os, importlib, app; KIND = app.Registry\n"
APP = """import functools
class Registry:
    names = ["root"]
    limit = 3
class Session:
    def __init__(self):
        self.user = None
SESSION = Session()
SEEN = set()
@functools.lru_cache(maxsize=None)
def level():
    import os
    return os.environ.get("LEVEL", "low")
def login(name):
    SESSION.user = name
def add(name):
    Registry.names.append(name)
"""


def suite(first: str, second: str, extra: str = "") -> dict[str, str]:
    tests = f"def test_other():\n    app.SEEN.add(1)\n\ndef test_first(monkeypatch):\n    {first}\n"
    tests += f"\ndef test_second():\n    {second}\n{extra}"
    return {"app.py": APP, "test_app.py": HEAD + tests}


@pytest.mark.parametrize(
    ("first", "second", "path", "place"),
    [
        ("app.login('ada')", "assert app.SESSION.user is None", "app.SESSION.user", "app.py:15"),
        ("app.add('x')", "assert app.Registry.names == ['root']", "app.Registry.names", "app.py:17"),
        ("app.Registry.limit = 9", "assert app.Registry.limit == 3", "app.Registry.limit", "test_app.py:6"),
        ("os.environ['DEEP'] = '1'", "assert 'DEEP' not in os.environ", "os.environ['DEEP']", "test_app.py:6"),
        ("os.chdir('/')", "assert os.getcwd() != '/'", "the working directory", "test_app.py:6"),
        ("monkeypatch.setenv('LEVEL', 'high'); app.level()", "assert app.level() == 'low'", "app.level", "app.py:13"),
        ("importlib.reload(app)", "assert app.Registry is KIND", "app (loaded again)", "test_app.py:6"),
        ("app.login = lambda name: 1 / 0", "app.login(None)", "app.login", "test_app.py:6"),
    ],
    ids=[
        "instance",
        "class list",
        "class attribute",
        "environment",
        "cwd",
        "lru_cache",
        "module loaded again",
        "patched function",
    ],
)
def test_what_is_left_behind_is_found(
    project: Write, script: Any, first: str, second: str, path: str, place: str
) -> None:
    study = investigate(script, project(suite(first, second), ""))
    said = conclusion(script, study)
    assert (study.matter, [unit.path for unit in study.needed]) == (["test_app.py::test_first"], [path])
    assert str(said.suspects[0]) == place
    assert study.proof and said.intervention.kind == "restore_state"


def test_a_test_that_needs_another_one(project: Write, script: Any) -> None:
    study = investigate(script, project(suite("app.login('ada')", "assert app.SESSION.user == 'ada'"), ""))
    said = conclusion(script, study)
    assert (study.kind, study.matter) == ("needs another test", ["test_app.py::test_first"])
    assert str(said.suspects[0]) == "app.py:15"
    assert (said.intervention, said.exact) == (None, False)
    assert "fails alone" in said.answer
    run = parse(Measurement, script.measure_symptom(study.program, study.victim, [], study.message[:80]))
    assert run.state == "present"


def test_two_tests_that_are_only_together_too_much(project: Write, script: Any) -> None:
    extra = "\ndef test_third():\n    app.SEEN.add(2)\n\ndef test_last():\n    assert len(app.SEEN) < 2\n"
    study = investigate(script, project(suite("pass", "pass", extra), ""))
    assert study.matter == ["test_app.py::test_other", "test_app.py::test_third"]
    assert [unit.path for unit in study.needed] == ["app.SEEN"]


def test_a_file_left_behind_names_the_test_and_no_state(project: Write, script: Any, tmp_path: Path) -> None:
    first = f"open({str(tmp_path / 'left')!r} + str(os.getpid()), 'w').close()"
    second = f"assert not os.path.exists({str(tmp_path / 'left')!r} + str(os.getpid()))"
    study = investigate(script, project(suite(first, second), ""))
    said = conclusion(script, study)
    assert (study.matter, study.needed, said.intervention) == (["test_app.py::test_first"], [], None)
    assert said.suspects[0].function == "test_first"
    assert any("none put back changes how the test ends" in limit for limit in said.limits)


@pytest.mark.parametrize("by_chance", [True, False], ids=["chance", "neither"])
def test_what_looked_like_order_and_is_not(project: Write, script: Any, by_chance: bool) -> None:
    """In some order it ended otherwise, and with the same tests before it it does not: chance, or nobody knows."""
    asserted = "random.random() < 0.5" if by_chance else "random"
    which = project({"test_pick.py": f"import random\ndef test_pick():\n    assert {asserted}\n"}, "")
    study = script.Study(which, "why does it fail now and then")
    study.victim, study.kind = "test_pick.py::test_pick", "polluted"
    steps = sys.modules["debugbox_recipe_flaky.studying"]
    steps._not_the_order(study, script.Measuring(which, 120.0), "failed")
    guilty = [factor.name for factor in study.chance.factors if factor.guilty] if study.chance else []
    assert (guilty, bool(study.stopped)) == ((["random numbers"], False) if by_chance else ([], True))


def test_chance_in_a_test_is_found_by_line(project: Write, script: Any) -> None:
    files = {"app.py": "def pick(names):\n    return list(set(names))[0]\n"}
    files["test_pick.py"] = "import app\ndef test_pick():\n    assert app.pick(['ab', 'cd', 'ef']) == 'ab'\n"
    study = investigate(script, project(files, ""))
    said = conclusion(script, study)
    assert (study.kind, study.victim) == ("chance", "test_pick.py::test_pick")
    assert [str(place) for place in said.suspects] == ["app.py:2"]
    assert said.intervention.kind == "pin"
    assert "by chance" in said.answer


@pytest.mark.parametrize(
    ("second", "words"),
    [("assert app.SEEN is not None", "fails in less than"), ("assert app.Registry.limit == 4", "in every order")],
    ids=["never fails", "always fails"],
)
def test_nobody_is_accused(project: Write, script: Any, second: str, words: str) -> None:
    study = investigate(script, project(suite("app.login('ada')", second), ""))
    said = conclusion(script, study)
    assert (said.suspects, said.intervention, said.symptom.code) == ((), None, "")
    assert words in said.answer


def test_without_pytest_it_is_said(project: Write, script: Any) -> None:
    study = investigate(script, project({"pytest.py": "raise ImportError\n", "test_x.py": "def test(): pass\n"}, ""))
    assert "no test could be run" in study.stopped
    assert conclusion(script, study).suspects == ()


def test_old_and_new_interpreters_agree(script: Any, shop: Path, python: str) -> None:
    has = run_program(Program("python -c 'import pytest'", shop, python), timeout_s=30)
    if has.exit_code:
        pytest.skip("this interpreter has no pytest")
    study = investigate(script, program(shop, "", python), "why does test_euros fail in the suite")
    assert (conclusion(script, study).suspects[0].file, study.proof) == ("prices.py", True)


def test_the_outermost_functions_report_to_the_box(monkeypatch: pytest.MonkeyPatch, subject: Any) -> None:
    pytest.importorskip("matplotlib")
    box = FakeBox(subject.program)
    monkeypatch.setitem(sys.modules, "debugbox_kernel", box)
    flaky(question="why does test_euros fail in the suite")
    (record,) = box.records["recipe"]
    assert len(box.figures) == 1
    assert "SETTINGS['currency'] is left behind" in box.figures[0]._suptitle.get_text().replace("\n", " ")
    code = record["conclusion"]["symptom"]["code"]
    for interventions in ([], [record["conclusion"]["intervention"]], [{"kind": "keep_exact", "sites": []}]):
        box.context["interventions"] = interventions
        exec(code, {})  # as the checks run it, in a cell
    assert [said["state"] for said in box.records["symptom"]] == ["present", "absent", "cannot measure"]


@pytest.mark.parametrize(("failed", "helps"), [(10, False), (0, True)], ids=["only this", "any state"])
def test_state_is_no_proof_where_any_other_helps_as_well(script: Any, failed: int, helps: bool) -> None:
    study = script.Study(None, "why", kind="polluted", matter=["a", "b"], needed=["x"])
    study.rates = {"alone": (0, 10), study.after: (10, 10), study.restored: (0, 20)}
    study.rates["control: other state put back"] = (failed, 10)
    assert (study.any_helps, study.proof) == (helps, not helps)
