"""`bisect` names the commit and the hunks that matter, and nobody where good and bad cannot be told apart.

A commit that cannot be run is passed over; one that only moved the measure is not accused.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import bisect
from debugbox_recipes.gitobjects import GitFolder
from debugbox_recipes.harness import Program

from debugbox.finding import Conclusion, Measurement, parse
from debugbox.patch import apply_diff
from debugbox.recipetrial import make_history

from .boxes import FakeBox
from .conftest import RECIPES, program

Repository = Callable[..., Path]
Version = tuple[str, dict[str, str | None]]


@pytest.fixture(scope="module")
def script() -> Any:
    return bisect._module()


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]
    clean = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *who, *arguments], cwd=folder, env=clean, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, subject: str, files: dict[str, str | None]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", subject)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    def make(versions: Sequence[Version]) -> Path:
        folder = tmp_path / "project"
        folder.mkdir()
        git(folder, "init", "--quiet")
        for subject, files in versions:
            commit(folder, subject, files)
        return folder

    return make


def investigate(script: Any, folder: Path, command: str = "python run.py", good: str = "", question: str = "") -> Any:
    return script.carry_out(program(folder, command), question or "since when", good, 200.0)


def conclusion(script: Any, study: Any) -> Any:
    return parse(Conclusion, json.loads(json.dumps(script.record(study), allow_nan=False))["conclusion"])


@pytest.fixture(scope="module")
def durations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import shutil

    folder = tmp_path_factory.mktemp("subject") / "durations"
    shutil.copytree(RECIPES / "bisect" / "subject", folder)
    make_history(folder)
    return folder


@pytest.fixture(scope="module")
def subject(script: Any, durations: Path) -> Any:
    return investigate(script, durations, "python show.py")


def test_the_subject_broke_when_it_was_tidied(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert subject.culprit.subject == "4-tidy"
    assert [(str(place), place.function) for place in said.suspects] == [("durations.py:9", "parts_of")]
    assert (len(subject.hunks), len(subject.minimal), subject.gone) == (3, 1, (3, 3))
    assert said.exact


def test_the_intervention_is_a_diff_that_fits_and_cures(script: Any, subject: Any, durations: Path) -> None:
    said = conclusion(script, subject)
    patch = apply_diff(said.intervention.describe, lambda path: (durations / path).read_bytes())
    before = parse(Measurement, script.measure_symptom(subject.program, subject.judge))
    assert (before.state, before.measured) == ("present", 1.0)
    original = (durations / "durations.py").read_bytes()
    try:
        (durations / "durations.py").write_bytes(patch.contents["durations.py"])
        after = parse(Measurement, script.measure_symptom(subject.program, subject.judge))
    finally:
        (durations / "durations.py").write_bytes(original)
    assert (after.state, after.measured) == ("absent", 0.0)


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any, durations: Path) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites):
        assert (durations / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    again = investigate(script, subject.program.repo, "python show.py")
    assert script.record(again) == script.record(subject)


RUN = "import lib\nprint(lib.value())\n"
GOOD, BAD, BROKEN = "def value():\n    return 7\n", "def value():\n    return 8\n", "def value(:\n"


def versions(*texts: str) -> list[Version]:
    return [(f"v{number}", {"run.py": RUN, "lib.py": text}) for number, text in enumerate(texts)]


def test_other_output_is_a_symptom_too(script: Any, repository: Repository) -> None:
    study = investigate(script, repository(versions(GOOD, GOOD + "\n", BAD, BAD + "\n", BAD + "#\n")))
    said = conclusion(script, study)
    assert (study.kind, study.culprit.subject) == ("what it prints", "v2")
    assert str(said.suspects[0]) == "lib.py:2"
    assert parse(Measurement, script.measure_symptom(study.program, study.judge)).state == "present"


def test_commits_that_cannot_run_are_passed_over_and_named_when_they_hide_it(
    script: Any, repository: Repository
) -> None:
    fails = BAD.replace("return 8", "raise KeyError(8)")
    folder = repository(versions(GOOD, BROKEN, GOOD + "\n", BROKEN, BROKEN + "#", fails, fails + "\n"))
    study = investigate(script, folder)
    assert (study.culprit.subject, study.parent.subject) == ("v5", "v2")
    assert [each.subject for each in study.between] == ["v3", "v4"]
    said = conclusion(script, study)
    assert not said.exact and said.intervention is None
    assert "could not be judged" in said.answer


def test_a_merge_is_opened(script: Any, repository: Repository) -> None:
    folder = repository(versions(GOOD, GOOD))
    git(folder, "checkout", "--quiet", "-b", "side")
    commit(folder, "s1", {"other.txt": "1"})
    commit(folder, "s2", {"lib.py": BAD})
    commit(folder, "s3", {"other.txt": "2"})
    git(folder, "checkout", "--quiet", "-")
    commit(folder, "m1", {"main.txt": "1"})
    git(folder, "merge", "--quiet", "--no-ff", "-m", "merge", "side")
    commit(folder, "m2", {"main.txt": "2"})
    study = investigate(script, folder)
    assert (study.culprit.subject, study.merged.subject) == ("s2", "merge")
    assert study.proof


def test_uncommitted_work_is_the_culprit(script: Any, repository: Repository) -> None:
    folder = repository(versions(GOOD, GOOD + "\n"))
    (folder / "lib.py").write_text(BAD)
    study = investigate(script, folder)
    said = conclusion(script, study)
    assert study.uncommitted and study.proof
    assert str(said.suspects[0]) == "lib.py:2"
    assert "not committed" in said.answer


def test_a_new_script_and_a_new_test_are_laid_over_older_versions(script: Any, repository: Repository) -> None:
    folder = repository([("a", {"lib.py": GOOD}), ("b", {"lib.py": BAD}), ("c", {"readme": "x"})])
    (folder / "check.py").write_text("import lib\nassert lib.value() == 7\n")
    study = investigate(script, folder, "python check.py")
    assert (study.kind, study.culprit.subject) == ("how it ends", "b")
    test = "import sys\nsys.path.insert(0, '.')\nimport lib\ndef test_value():\n    assert lib.value() == 7\n"
    commit(folder, "d", {"tests/test_lib.py": test, "check.py": None})
    study = investigate(script, folder, "python -m pytest -q -p no:cacheprovider tests/test_lib.py")
    assert study.culprit.subject == "b"
    assert study.judge.bad.failing == ("tests/test_lib.py::test_value",)


def test_only_the_hunks_that_matter_are_named_where_two_are_needed_together(
    script: Any, repository: Repository
) -> None:
    old = "A = 1\n\n\nB = 1\n\n\nC = 1\n\n\ndef value():\n    return 7 if 2 not in (A, B) else 8\n"
    new = old.replace("A = 1", "A = 2").replace("B = 1", "B = 2").replace("C = 1", "C = 2")
    study = investigate(script, repository(versions(old, new)))
    assert sorted(hunk.place for hunk in study.minimal) == ["lib.py:1", "lib.py:4"]
    assert len(study.hunks) == 3 and all(study.needed)


def test_a_change_that_was_changed_again_is_taken_back_from_the_commit_only(
    script: Any, repository: Repository
) -> None:
    later = BAD.replace("    return 8\n", "    return 8 + 0\n")
    study = investigate(script, repository(versions(GOOD, BAD, later)))
    said = conclusion(script, study)
    assert study.culprit.subject == "v1" and not study.at_tip
    assert said.intervention is None
    assert any("only" in limit for limit in said.limits)


COIN = """import fcntl
def value():
    with open({path!r}, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        number = len(file.read())
        file.write(".")
    assert {falls!r}[number % 13 if number > 5 else 0] == "-"
    return 7
"""


@pytest.mark.parametrize("falls", ["x-x-xx-x--x-x", "-xx-x-x-x-xx-"], ids=["at first every time", "at first never"])
def test_a_symptom_that_comes_now_and_then(script: Any, repository: Repository, tmp_path: Path, falls: str) -> None:
    coin = COIN.format(path=str(tmp_path / "coin"), falls=falls)
    folder = repository(versions(GOOD, GOOD + "\n", coin, coin + "\n", coin + "#\n"))
    study = investigate(script, folder, good=git(folder, "rev-parse", "HEAD~4"))
    assert study.culprit.subject == "v2" and study.repeats > 1 and study.sure


def test_where_no_part_could_be_singled_out_the_error_tells(script: Any, repository: Repository) -> None:
    """The commit renames a module and says so in a text: of its changes the function that raises comes first."""
    body = "def first():\n    return {'a': 7}\ndef value(name):\n    return first()"
    old = {"run.py": "import inner\nprint(inner.value('b'))\n", "inner.py": f"{body}.get(name)\n", "A.txt": "one\n"}
    new = {"run.py": "import outer\nprint(outer.value('b'))\n", "inner.py": None, "outer.py": f"{body}[name]\n"}
    study = investigate(script, repository([("one", old), ("two", {**new, "A.txt": "two\n"})]))
    assert study.culprit.subject == "two" and any(hunk.whole_file for hunk in study.minimal)
    places = [(place.file, place.function) for place in conclusion(script, study).suspects]
    assert places == [("run.py", ""), ("outer.py", "value")]  # inner.py is needed, and is not there any more
    study.minimal = []
    places = [(place.file, place.function) for place in conclusion(script, study).suspects]
    assert places == [("outer.py", "value"), ("run.py", ""), ("A.txt", "")]


def test_the_script_may_have_come_with_the_commit(script: Any, repository: Repository) -> None:
    """It is in every version that runs: to take it back would end nothing but the command itself."""
    failing = "def value():\n    return [7][1]\n"
    folder = repository([("one", {"lib.py": GOOD}), ("two", {"lib.py": failing, "run.py": RUN})])
    study = investigate(script, folder)
    assert [hunk.file for hunk in study.minimal] == ["lib.py"] and study.proof


def test_a_good_commit_that_does_not_run_here_says_nothing(script: Any, repository: Repository) -> None:
    older = {"run.py": "import lib\nfrom collections import Iterable\nprint(lib.value())\n", "lib.py": GOOD}
    folder = repository([("old", older), ("new", {"run.py": RUN, "lib.py": "def value():\n    return [][1]\n"})])
    study = investigate(script, folder, good=git(folder, "rev-parse", "HEAD~1"))
    assert "fails with ImportError" in study.stopped and "--python" in study.stopped


def test_a_revision_that_is_not_in_the_box(script: Any, repository: Repository) -> None:
    study = investigate(script, repository(versions(GOOD, BAD)), good="HEAD~4")
    assert study.stopped == "HEAD~4 names no commit of the history in the box"


@pytest.mark.parametrize(
    ("texts", "words"),
    [((GOOD, GOOD + "\n", GOOD + "#\n"), "end alike"), ((BROKEN, BROKEN + "#\n"), "in all older commits")],
    ids=["nothing is wrong", "it never worked"],
)
def test_nobody_is_accused(script: Any, repository: Repository, texts: tuple[str, ...], words: str) -> None:
    study = investigate(script, repository(versions(*texts)))
    said = conclusion(script, study)
    assert (said.suspects, said.intervention, said.exact, said.symptom.code) == ((), None, False, "")
    assert words in said.answer


def test_a_change_of_the_count_alone_is_no_change_of_the_cost(script: Any, repository: Repository) -> None:
    """Delegating to a generator counts fewer lines; the clock does not agree that the other way is slower."""
    fewer = "def each(n):\n    yield from range(n)\ndef value():\n    return sum(each(40_000))\n"
    more = "def each(n):\n    for x in range(n):\n        yield x\ndef value():\n    return sum(each(40_000))\n"
    study = investigate(script, repository(versions(fewer, more)), question="why is it slower since the update")
    assert conclusion(script, study).suspects == ()


def test_more_work_with_the_same_output(script: Any, repository: Repository) -> None:
    quick = "def value():\n    return sum(x for x in range(9_000))\n"
    slow = "def value():\n    for _ in range(120):\n        total = sum(x for x in range(9_000))\n    return total\n"
    folder = repository(versions(quick, quick + "\n", slow, slow + "\n"))
    study = investigate(script, folder, question="why is it slower since the update")
    said = conclusion(script, study)
    assert (study.kind, study.culprit.subject) == ("how much it works", "v2")
    assert said.suspects[0].function == "value"


def test_without_history_it_is_said(script: Any, tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text("1 / 0\n")
    study = investigate(script, tmp_path)
    assert conclusion(script, study).suspects == ()
    assert "--good" in study.stopped


def test_git_objects_are_read_as_git_reads_them(repository: Repository, script: Any) -> None:
    text = "".join(f"line {n}\n" for n in range(400))
    changes = [text.replace(f"line {n}\n", f"LINE {n}\n") for n in range(0, 400, 40)]
    folder = repository([(f"c{n}", {"a/b.txt": each, f"d{n}.bin": "x" * n}) for n, each in enumerate(changes)])
    git(folder, "tag", "-m", "words", "v1", "HEAD~3")
    for packed in (False, True):
        if packed:
            git(folder, "gc", "--quiet", "--aggressive")
        reader = GitFolder(folder / ".git")
        assert reader.head() == git(folder, "rev-parse", "HEAD")
        assert reader.find("v1") == git(folder, "rev-parse", "HEAD~3")
        ids = git(folder, "rev-list", "HEAD").split()
        assert [each.id for each in reader.ancestors(ids[0])] == ids
        for name in ids:
            listed = git(folder, "ls-tree", "-r", name).splitlines()
            assert {p: v[1] for p, v in reader.files(name).items()} == {
                line.split("\t")[1]: line.split()[2] for line in listed
            }
            shown = git(folder, "show", f"{name}:a/b.txt")
            assert reader.read(reader.files(name)["a/b.txt"][1])[1].decode().strip() == shown


def test_the_outermost_functions_report_to_the_box(monkeypatch: pytest.MonkeyPatch, subject: Any) -> None:
    pytest.importorskip("matplotlib")
    which = subject.program
    box = FakeBox(Program(which.command, which.repo, which.python, which.import_roots))
    monkeypatch.setitem(sys.modules, "debugbox_kernel", box)
    bisect(question="since when")
    (record,) = box.records["recipe"]
    assert len(box.figures) == 1
    assert "durations.py:9 taken back ends it" in box.figures[0]._suptitle.get_text()
    code = record["conclusion"]["symptom"]["code"]
    for interventions in ([], [{"kind": "keep_exact", "sites": []}]):
        box.context["interventions"] = interventions
        exec(code, {})  # as the checks run it, in a cell
    assert [said["state"] for said in box.records["symptom"]] == ["present", "cannot measure"]
