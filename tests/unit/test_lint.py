"""Requirement: what a conclusion points to exists and says what is quoted; nothing unchecked is believed."""

from dataclasses import replace
from pathlib import Path

import pytest

from debugbox.finding import Cell, Conclusion, Intervention, Output, Place, Quote, Suspect
from debugbox.lint import lint
from debugbox.settings import Limits
from debugbox.snapshot import Snapshot, take_snapshot

SOURCE = "def total(values):\n    return sum(values) + 1\n"
CELL = Cell(
    id=1,
    purpose="add up",
    code_sha256="a",
    code_lines=1,
    started="",
    duration_s=0.1,
    status="ok",
    outputs=(Output(kind="text", name="stdout", text="7"),),
)
SUSPECT = Suspect(file="app.py", line=2, quote="return sum(values) + 1", cells=(1,))
GOOD = Conclusion(answer="It adds one.", by="agent", suspects=(SUSPECT,), captions={1: "seven"})


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    (tmp_path / "app.py").write_text(SOURCE)
    return take_snapshot(tmp_path, Limits())


def suspecting(**fields: object) -> Conclusion:
    return replace(GOOD, suspects=(replace(SUSPECT, **fields),))  # type: ignore[arg-type]  # any field of a Suspect


def test_a_conclusion_that_holds_has_no_problems(snapshot: Snapshot) -> None:
    assert lint(GOOD, snapshot, [CELL]) == []
    assert lint(suspecting(quote="return  sum(values)  + 1"), snapshot, [CELL]) == []


@pytest.mark.parametrize(
    ("conclusion", "problem"),
    [
        (suspecting(file="core.py"), "core.py:2: there is no file core.py in the snapshot"),
        (suspecting(file="../app.py"), "there is no file ../app.py"),
        (suspecting(line=40), "app.py:40: the file has no line 40"),
        (suspecting(line=0), "app.py:0: the file has no line 0"),
        (suspecting(line=1), "the quoted source is not what stands there ('def total(values):')"),
        (suspecting(quote=""), "app.py:2: the source of that line is not quoted"),
        (suspecting(cells=()), "app.py:2: no cell is cited as evidence for it"),
        (suspecting(cells=(7,)), "cell 7 is cited, but there is no such cell"),
        (replace(GOOD, captions={1: "", 9: ""}), "cell 9 is cited, but there is no such cell"),
        (
            replace(GOOD, intervention=Intervention(kind="keep_exact", sites=(Place(file="b.py", line=1),))),
            "b.py:1: there is no file b.py",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_not_there_is_named(snapshot: Snapshot, conclusion: Conclusion, problem: str) -> None:
    assert [each for each in lint(conclusion, snapshot, [CELL]) if problem in each]


def test_a_problem_is_named_once(snapshot: Snapshot) -> None:
    twice = replace(GOOD, suspects=(replace(SUSPECT, file="b.py"), replace(SUSPECT, file="b.py")))
    assert len(lint(twice, snapshot, [CELL])) == 1


@pytest.mark.parametrize("text", ["7", " 7 ", '"state": "present"', "total   7 EUR"])
def test_a_quoted_output_is_looked_up_in_the_cells(snapshot: Snapshot, text: str) -> None:
    outputs = (
        Output(kind="text", name="stdout", text="total 7\n EUR"),
        Output(kind="record", name="symptom", data={"state": "present"}),
    )
    cells = [replace(CELL, outputs=outputs)]
    assert lint(replace(GOOD, quotes=(Quote(text=text, cells=(1,)),)), snapshot, cells) == []


@pytest.mark.parametrize(
    ("quote", "problem"),
    [
        (Quote(text="8 EUR", cells=(1,)), "'8 EUR' is not in the output of cell 1"),
        (Quote(text="7", cells=(2, 3)), "'7' is not in the output of cell 2 or 3"),
        (Quote(text="7", cells=()), "'7' is not in the output of any cell: none is cited"),
    ],
)
def test_an_output_that_was_not_printed_is_named(snapshot: Snapshot, quote: Quote, problem: str) -> None:
    assert lint(replace(GOOD, quotes=(quote,)), snapshot, [CELL]) == [problem]
