"""A killed run loses nothing that had been measured, and the journal keeps no throwaway code."""

import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from debugbox import journal as journal_module
from debugbox.finding import Cell, Check, Conclusion, Cost, Finding, Output, Suspect, Symptom
from debugbox.journal import Journal, interrupted, new_id, read
from debugbox.kept import discarded_code

REPOSITORY = Path(__file__).parents[2]
MARKER = "only_in_throwaway_code"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FRAMES = [
    {"file": "cell 2", "line": 3, "function": MARKER, "source": f"{MARKER}()"},
    {"file": "stats/mean.py", "line": 7, "function": "mean", "source": "return total / count"},
]
CELLS = (
    Cell(
        id=1,
        purpose="plots the mean",
        code_sha256="ab" * 32,
        code_lines=30,
        started=NOW.isoformat(),
        duration_s=0.5,
        status="ok",
        outputs=(
            Output(kind="text", name="stdout", text="mean 0.5\x1b]52;c;x\x07\ud800\n"),
            Output(kind="image", name="display", text="a line", png=b"\x89PNG" + bytes(range(256))),
        ),
    ),
    Cell(
        id=2,
        purpose="divides",
        code_sha256="cd" * 32,
        code_lines=8,
        started=NOW.isoformat(),
        duration_s=0.1,
        status="error",
        outputs=(
            Output(
                kind="error",
                name="ZeroDivisionError",
                text=f"Traceback:\n  cell 2, line 3, in {MARKER}\n    {MARKER}()\nZeroDivisionError",
                data={"ename": "ZeroDivisionError", "evalue": "", "frames": FRAMES},
            ),
        ),
    ),
)
CONCLUSION = Conclusion(
    answer="The count is zero.",
    by="agent",
    suspects=(Suspect(file="stats/mean.py", line=7, score=0.9),),
    symptom=Symptom(code=f"{MARKER} = 1", metric="mean"),
    captions={1: "The mean falls to zero."},
)


def open_journal(state_dir: Path):  # type: ignore[no-untyped-def]  # a context manager of Journal
    return Journal.open(
        state_dir,
        question="why is the mean wrong",
        run="python run.py",
        repository=Path("/home/u/stats"),
        provenance={"commit": "abc"},
        now=NOW,
    )


def write_all(journal: Journal) -> None:
    for cell in CELLS:
        journal.cell(cell)
    journal.note("the count may be zero")
    journal.usage(Cost(turns=3, tokens={"input": 100}))
    journal.provenance({"engine": "docker"})
    journal.conclusion(CONCLUSION)
    journal.check(Check(name="symptom", result="passed", why="3 of 3"))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        write_all(journal)
        records = read(journal.path)
    assert [cell.id for cell in records.cells] == [1, 2]
    assert records.cells == journal.cells
    assert records.cells[0].outputs[1] == CELLS[0].outputs[1]
    assert records.notes == ("the count may be zero",)
    assert records.cost.turns == 3
    assert records.header["provenance"] == {"commit": "abc", "engine": "docker"}
    assert records.conclusion == replace(CONCLUSION, symptom=Symptom(metric="mean"))
    assert records.checks[0].why == "3 of 3"
    assert records.damaged == 0


def test_no_line_of_throwaway_code_is_ever_written(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        write_all(journal)
        assert MARKER not in journal.path.read_text()
        assert "stats/mean.py" in journal.path.read_text()
    assert MARKER not in interrupted(tmp_path)[0].finding().to_json()


def test_each_step_is_on_disk_before_the_next_one(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        for number, cell in enumerate(CELLS, start=1):
            journal.cell(cell)
            assert len(read(journal.path).cells) == number


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with open_journal(tmp_path / "state") as journal:
            assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
            assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(old)


def test_a_finished_journal_is_gone(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        journal.finished()
        assert not journal.path.exists()
    assert interrupted(tmp_path) == []


def test_a_running_journal_is_not_interrupted_and_an_abandoned_one_is(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        write_all(journal)
        assert interrupted(tmp_path) == []
    (found,) = interrupted(tmp_path, now=NOW + timedelta(hours=2))
    assert (found.id, found.question, found.repository) == (journal.id, "why is the mean wrong", "/home/u/stats")
    assert (found.cells, found.age_s) == (2, 7200)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_journal import CELLS, open_journal
with open_journal(Path({state!r})) as journal:
    journal.cell(CELLS[0])
    print(flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_leaves_a_finding(tmp_path: Path) -> None:
    program = KILLED.format(tests=str(Path(__file__).parent), state=str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, stdout=subprocess.DEVNULL)
    assert run.returncode == -signal.SIGKILL
    finding = interrupted(tmp_path)[0].finding()
    assert finding.verdict == "inconclusive"
    assert "interrupted" in finding.answer
    assert finding.evidence[0].caption == "plots the mean"
    assert finding.evidence[0].outputs[1].png == CELLS[0].outputs[1].png
    assert finding.discarded == discarded_code((CELLS[0],))
    assert Finding.from_json(finding.to_json()) == finding


def test_what_was_concluded_is_in_the_finding_of_an_interrupted_run(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        write_all(journal)
    finding = interrupted(tmp_path)[0].finding()
    assert "The count is zero." in finding.answer
    assert finding.suspects[0].file == "stats/mean.py"
    assert [each.caption for each in finding.evidence] == ["The mean falls to zero.", "divides"]
    assert finding.run == "python run.py"


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_half_written_last_line_costs_that_line_only(tmp_path: Path, cut: int) -> None:
    with open_journal(tmp_path) as journal:
        write_all(journal)
    data = journal.path.read_bytes()
    journal.path.write_bytes(data[:-cut])
    records = read(journal.path)
    assert len(records.cells) == 2
    assert records.damaged == (0 if cut == 1 else 1)


@pytest.mark.parametrize("line", [b"", b"\xff\xfe", b"[]", b'{"kind":"cell","value":{"id":"x"}}', b"[" * 100_000])
def test_a_file_that_is_no_journal_is_passed_over(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "journals").mkdir()
    (tmp_path / "journals" / "20261121-aaaaaa.jsonl").write_bytes(line + b"\n")
    assert interrupted(tmp_path) == []


def test_a_full_journal_drops_pictures_keeps_text_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MAX_BYTES", 1024**2)
    picture = Output(kind="image", text="a line", png=bytes(700_000))
    with open_journal(tmp_path) as journal:
        journal.cell(replace(CELLS[0], outputs=(picture,)))
        journal.cell(replace(CELLS[0], id=2, outputs=(picture, Output(kind="text", text="kept"))))
        first, second = read(journal.path).cells
        assert journal.path.stat().st_size < 1024**2
    assert first.outputs[0].png
    assert second.outputs[0].png == b"" and "picture left out" in second.outputs[0].text
    assert second.outputs[1].text == "kept"


def test_a_journal_that_cannot_be_written_says_so_and_does_not_stop_the_run(tmp_path: Path) -> None:
    (tmp_path / "journals").write_text("in the way")
    with open_journal(tmp_path) as journal:
        write_all(journal)
        journal.finished()
    assert "no journal is kept" in journal.trouble
    assert len(journal.cells) == 2


def test_a_disk_that_fills_up_is_told_and_survived(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        assert journal._file is not None
        os.dup2(os.open("/dev/full", os.O_WRONLY), journal._file)
        journal.cell(CELLS[0])
    assert "No space left" in journal.trouble


def test_ids_sort_by_day_and_do_not_repeat() -> None:
    ids = {new_id(NOW) for _ in range(50)}
    assert len(ids) == 50
    assert all(id.startswith("20261121-") and len(id) == 15 for id in ids)
