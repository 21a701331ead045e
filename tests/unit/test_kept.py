"""A cell as it is kept: frozen, with a hash for each output, also of what is left out later."""

from dataclasses import replace

from debugbox.finding import Cell, Output
from debugbox.kept import evidence_of, kept_cell, without_picture

CELL = Cell(
    id=3,
    purpose="look",
    code_sha256="0" * 64,
    code_lines=2,
    started="2026-01-02T03:04:05.000+00:00",
    duration_s=1.5,
    status="ok",
    outputs=(Output(kind="text", name="stdout", text="said"), Output(kind="image", png=b"\x89PNG", data={"axes": []})),
    dropped_outputs=1,
    cpu_s=0.5,
    memory_bytes=7 << 20,
)


def test_each_output_has_its_hash_and_the_same_says_the_same() -> None:
    hashes = kept_cell(CELL).outputs_sha256
    assert len(set(hashes)) == 2 and all(len(each) == 64 for each in hashes)
    assert kept_cell(replace(CELL, id=9)).outputs_sha256 == hashes


def test_another_picture_or_word_has_another_hash() -> None:
    said, drawn = CELL.outputs
    for other in (replace(drawn, png=b"\x89PNG2"), replace(drawn, text="x"), replace(drawn, data={"axes": [1]})):
        hashes = kept_cell(replace(CELL, outputs=(said, other))).outputs_sha256
        assert hashes[0] == kept_cell(CELL).outputs_sha256[0] and hashes[1] != kept_cell(CELL).outputs_sha256[1]


def test_a_picture_that_was_left_out_is_still_told_by_its_hash() -> None:
    kept = kept_cell(CELL)
    later = replace(kept, outputs=tuple(without_picture(each, "full") for each in kept.outputs))
    assert kept_cell(later).outputs_sha256 == kept.outputs_sha256


def test_the_evidence_has_the_cells_record() -> None:
    evidence = evidence_of(CELL, "what it shows")
    names = ("started", "duration_s", "cpu_s", "memory_bytes", "dropped_outputs")
    assert [getattr(evidence, name) for name in names] == [getattr(CELL, name) for name in names]
    assert evidence.outputs_sha256 == kept_cell(CELL).outputs_sha256
