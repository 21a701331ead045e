"""Requirement: a cell that runs again gives the same, numbers within the noise, everything else to the letter."""

from typing import Any

import pytest

from debugbox.finding import Cell, Output
from debugbox.replay import differences


def cell(*outputs: Output, status: Any = "ok") -> Cell:
    return Cell(
        id=3,
        purpose="look",
        code_sha256="a",
        code_lines=1,
        started="",
        duration_s=0.1,
        status=status,
        outputs=outputs,
    )


def out(text: str, name: str = "stdout") -> Output:
    return Output(kind="text", name=name, text=text)


def record(**data: Any) -> Output:
    return Output(kind="record", name="measurement", data=data)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (out("mean 1.5 at step 10"), out("mean 1.5 at step 10")),
        (out("error 1.0000000000001"), out("error 1.0000000000002")),
        (out("<Window at 0x7f3a00c0ffee>"), out("<Window at 0x7f3a00decade>")),
        (out("took 0.31 s"), out("took 0.52 s")),
        (record(value=1.0, name="a"), record(value=1.0 + 1e-12, name="a")),
        (record(rows=[[1, "x"], [2.5, "y"]]), record(rows=[[1, "x"], [2.5, "y"]])),
    ],
)
def test_the_same_within_the_noise_is_no_difference(before: Output, after: Output) -> None:
    assert differences(cell(before), cell(after)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (out("mean 1.5"), out("mean 1.6")),
        (out("mean 1.5"), out("sum 1.5")),
        (out("1 2"), out("1 2 3")),
        (record(value=1.0), record(value=1.1)),
        (record(value=1.0), record(valve=1.0)),
        (record(present=True), record(present=1)),
        (record(rows=[1, 2]), record(rows=[1])),
        (out("1", "stdout"), out("1", "result")),
    ],
)
def test_another_output_is_named(before: Output, after: Output) -> None:
    assert differences(cell(before), cell(after)) == [f"its {before.kind} output differs"]


def test_status_and_number_of_outputs_are_compared() -> None:
    assert differences(cell(), cell(status="error")) == ["it ended with error instead of ok"]
    assert differences(cell(out("1")), cell()) == ["it gave 0 outputs instead of 1"]


def test_warnings_are_not_part_of_what_a_cell_says() -> None:
    assert differences(cell(out("1"), out("slow", "stderr")), cell(out("1"))) == []
