"""Records for tests that need one and do not care which."""

from collections.abc import Sequence

from debugbox.finding import Cell, Cost, Finding, Symptom
from debugbox.kept import discarded_code, evidence_of


def finding_of(id: str, cells: Sequence[Cell]) -> Finding:
    """A finding with every cell as evidence."""
    return Finding(
        id=id,
        created="2026-01-02T03:04:05+00:00",
        question="why",
        run=None,
        verdict="inconclusive",
        answer="nothing",
        suspects=(),
        symptom=Symptom(),
        checks=(),
        evidence=tuple(evidence_of(cell, "what it shows") for cell in cells),
        hypotheses=(),
        intervention=None,
        limits=(),
        by="test",
        provenance={},
        cost=Cost(),
        discarded=discarded_code(tuple(cells)),
    )
