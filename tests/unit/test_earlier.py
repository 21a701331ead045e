"""Earlier findings are offered with their commit, and what is about a line that has changed is marked stale."""

from dataclasses import replace
from pathlib import Path

import pytest

from debugbox.earlier import MAX_CHARS, MAX_FINDINGS, earlier_findings
from debugbox.finding import Finding, Hypothesis, Suspect
from debugbox.settings import Limits
from debugbox.snapshot import take_snapshot
from tests.unit.test_terminal import CONTROL, HOSTILE

FINDING = Finding.from_json((Path(__file__).parents[1] / "gold" / "finding.json").read_bytes())


@pytest.mark.parametrize(
    ("line", "quote", "state"),
    [
        (2, "return 2 * x", "unchanged since"),
        (9, "return 2 * x", "unchanged since, now at line 2"),
        (2, "return 3 * x", "stale: the line has changed since"),
        (2, "", "whether it has changed is not known"),
    ],
)
def test_a_place_is_told_with_what_became_of_it(repository: Path, line: int, quote: str, state: str) -> None:
    suspect = Suspect(file="app.py", line=line, quote=quote)
    finding = replace(FINDING, suspects=(suspect,), hypotheses=(Hypothesis(text="the disk", status="refuted"),))
    text = earlier_findings([finding], take_snapshot(repository, Limits()))
    assert f"place: app.py:{line} ({state})" in text
    assert "refuted then: the disk" in text and FINDING.provenance["commit"][:10] in text


def test_what_is_of_no_use_is_not_offered(repository: Path) -> None:
    snapshot = take_snapshot(repository, Limits())
    elsewhere = replace(FINDING, hypotheses=())
    inconclusive = replace(FINDING, verdict="inconclusive", suspects=(Suspect(file="app.py", line=1),), hypotheses=())
    assert earlier_findings([elsewhere, inconclusive], snapshot) == ""
    refuted = replace(inconclusive, hypotheses=(Hypothesis(text="the disk", status="refuted"),))
    assert "the disk" in earlier_findings([refuted], snapshot)


def test_it_is_short_and_clean_whatever_they_hold(repository: Path) -> None:
    snapshot = take_snapshot(repository, Limits())
    hostile = replace(FINDING, question=HOSTILE, answer=HOSTILE * 99, suspects=(Suspect(file="app.py", line=1),))
    text = earlier_findings([hostile] * 50, snapshot)
    assert len(text) <= MAX_CHARS and not CONTROL.search(text)
    assert text.count("Finding ") <= MAX_FINDINGS
