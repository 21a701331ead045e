"""Requirement: an interrupted run hands on what it found and what it cost; costs add up by day, repository, model."""

from dataclasses import replace
from pathlib import Path

import pytest

from debugbox.commands.agent import cost_rows
from debugbox.finding import Cell, Conclusion, Cost, Output
from debugbox.journal import Journal, interrupted
from debugbox.resume import digest_of, together
from tests.unit.records import finding_of

CELL = Cell(
    id=1,
    purpose="add up",
    code_sha256="a",
    code_lines=1,
    started="",
    duration_s=0.1,
    status="ok",
    outputs=(Output(kind="text", name="stdout", text="50 0"),),
)
OPUS = Cost(
    model="claude-opus-5-5", turns=3, cost_usd=0.25, tokens={"input": 100, "output": 20, "thinking": 15}, cells=1
)


def test_the_digest_has_notes_cells_and_what_was_concluded(tmp_path: Path) -> None:
    with Journal.open(tmp_path, question="why", run=None, repository=tmp_path, provenance={}) as journal:
        journal.cell(CELL)
        journal.note("hypothesis (open): the slice")
        journal.conclusion(Conclusion(answer="It skips.", by="agent"))
    digest = digest_of(interrupted(tmp_path)[0])
    assert "- hypothesis (open): the slice" in digest and "50 0" in digest and "add up" in digest
    assert "It had concluded, unchecked: It skips." in digest


def test_costs_of_both_runs_are_added() -> None:
    both = together(OPUS, replace(OPUS, turns=2, tokens={"input": 1, "cache_read": 7}))
    assert (both.turns, both.cost_usd, both.cells) == (5, 0.5, 2)
    assert both.tokens == {"input": 101, "output": 20, "thinking": 15, "cache_read": 7}
    assert together(OPUS, replace(OPUS, cost_usd=None)).cost_usd is None
    assert together(Cost(), OPUS) == OPUS


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("day", [["2026-01-02", 2, 6, 240, 0.5], ["2026-01-03", 1, 3, 120, 0.0], ["all", 3, 9, 360, 0.5]]),
        (
            "model",
            [
                ["claude-opus-5-5", 2, 6, 240, 0.5],
                ["claude-opus-5-5 at a proxy", 1, 3, 120, 0.0],
                ["all", 3, 9, 360, 0.5],
            ],
        ),
        ("repository", [["shop", 3, 9, 360, 0.5], ["all", 3, 9, 360, 0.5]]),
    ],
)
def test_costs_add_up_by_day_repository_and_model(by: str, rows: list[list[object]]) -> None:
    one = replace(finding_of("a", [CELL]), cost=OPUS, provenance={"repository": "shop"})
    proxy = replace(one, cost=replace(OPUS, endpoint="a proxy", cost_usd=None), created="2026-01-03T00:00:00+00:00")
    without = replace(one, cost=Cost())
    assert cost_rows([one, one, proxy, without], by) == rows
    assert cost_rows([without], by) == []
