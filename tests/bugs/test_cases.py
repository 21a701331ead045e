"""The benchmark itself: its cases are complete, and its scores say what they should.

At least 30 real bugs, spread over the recipes; a `confirmed` at a wrong place counts as wrong; equal ones share a rank.
"""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.bugs.cases import Case, Spot, read_cases
from tests.bugs.releases import lay_out
from tests.bugs.scoring import ranks, score_finding
from tests.bugs.tables import failures
from tests.bugs.verifying import source_of

TRUTH = (Spot(file="pkg/a.py", function="Reader.read"),)


def a_case(**given: Any) -> Case:
    plain = {"package": "pkg", "buggy": "1.0", "fixed": "1.1", "recipe": "suspects", "question": "why", "fix": "a fix"}
    return Case(name="a-case", **{**plain, "truth": TRUTH, **given})


def finding(*places: tuple[str, str], verdict: str = "suspected") -> dict[str, Any]:
    suspects = [{"file": file, "function": function} for file, function in places]
    return {"suspects": suspects, "verdict": verdict, "by": "recipe suspects"}


def test_there_are_thirty_cases_spread_over_the_recipes() -> None:
    kinds = Counter(case.recipe for case in read_cases())
    assert sum(kinds.values()) >= 30
    assert len(kinds) >= 7
    assert kinds["suspects"] == max(kinds.values())


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_a_case_is_complete(case: Case) -> None:
    assert case.buggy != case.fixed
    assert case.truth
    assert case.run or case.check
    assert any(case.files.iterdir())
    assert bool(case.accepted) == bool(case.accepted_because)


def test_names_of_cases_and_of_recipes_choose() -> None:
    slow = read_cases(["slow"])
    assert {case.recipe for case in slow} == {"slow"}
    assert [case.name for case in read_cases([slow[0].name, "slow"])] == [case.name for case in slow]
    with pytest.raises(KeyError):
        read_cases(["no-such-case"])


def test_the_rank_is_the_place_among_functions() -> None:
    said = finding(("pkg/b.py", "other"), ("pkg/a.py", "Reader.close"), ("pkg/a.py", "Reader.read"))
    score = score_finding(a_case(), said)
    assert (score.function, score.file) == (3, 2)


def test_several_lines_of_one_function_are_one_rank() -> None:
    score = score_finding(a_case(), finding(("b.py", "f"), ("b.py", "f"), ("pkg/a.py", "read")))
    assert score.function == 2


def test_equal_ones_share_the_middle_of_their_ranks() -> None:
    groups = [[["b.py", "f"]], [["pkg/a.py", "Reader.read"], ["b.py", "g"], ["c.py", "h"]]]
    assert ranks(TRUTH, groups)[0] == 3.0
    assert ranks(TRUTH, groups[:1]) == (None, None)


@pytest.mark.parametrize(
    ("place", "verdict", "wrong"),
    [
        (("pkg/a.py", "Reader.read"), "confirmed", False),
        (("pkg/a.py", "Reader.close"), "confirmed", True),
        (("pkg/a.py", "Reader.close"), "suspected", False),
        (("pkg/c.py", "put"), "confirmed", False),
    ],
    ids=["right", "another function", "not confirmed", "accepted"],
)
def test_a_confirmed_elsewhere_is_wrong(place: tuple[str, str], verdict: str, wrong: bool) -> None:
    case = a_case(accepted=(Spot(file="pkg/c.py", function="put"),), accepted_because="put in there")
    score = score_finding(case, finding(place, verdict=verdict))
    assert score.wrong is wrong
    assert (score.function == 1) == (place == ("pkg/a.py", "Reader.read"))


def test_a_confirmed_without_a_suspect_is_wrong() -> None:
    assert score_finding(a_case(), finding(verdict="confirmed")).wrong


def test_missed_bars_are_named_and_an_error_counts_as_not_found() -> None:
    good = {"case": "a", "seconds": 10.0, "score": score_finding(a_case(), finding(("pkg/a.py", "read"))).to_plain()}
    assert failures([good]) == []
    lost = {"case": "b", "error": "no box"}
    assert [line.split(":")[0] for line in failures([good, lost, lost])] == ["function top 1", "function top 3"]
    wrong = {**good, "score": {**good["score"], "wrong": True}, "seconds": 100.0}
    assert failures([wrong]) == ["wrong confirmed: a", "median 100 s a case, the bar is 60 s"]


def test_releases_become_commits_and_the_reproduction_comes_with_the_last(tmp_path: Path) -> None:
    def fetch(package: str, version: str) -> Path:
        folder = tmp_path / f"{package}-{version}"
        folder.mkdir(exist_ok=True)
        (folder / "pkg.py").write_text(f"version = {version!r}\n")
        (folder / f"only_{version}.txt").write_text("")
        return folder

    case = next(case for case in read_cases() if case.history)
    folder = lay_out(case, "buggy", tmp_path / "repository", fetch)
    log = subprocess.run(["git", "log", "--format=%s"], cwd=folder, capture_output=True, text=True, check=True)
    assert log.stdout.split("\n")[0] == f"release {case.buggy}"
    assert len(log.stdout.split()) == 2 * (1 + len(case.history))
    assert not (folder / f"only_{case.history[0]}.txt").exists()
    assert all((folder / path.name).exists() for path in case.files.iterdir())


SOURCE = """
x = 1
class A:
    def f(self):
        return 1  # one
def g():
    def f():
        return 2
    return f
"""


def test_a_function_is_found_by_its_qualified_name(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(SOURCE)
    assert source_of(tmp_path, Spot(file="a.py", function="A.f")).endswith("return 1")
    assert source_of(tmp_path, Spot(file="a.py", function="g.f")).endswith("return 2")
    assert "x = 1" in source_of(tmp_path, Spot(file="a.py", function="<module>"))
    assert source_of(tmp_path, Spot(file="a.py", function="f")) == ""
    assert source_of(tmp_path, Spot(file="b.py", function="f")) == ""
