"""Findings are listed, searched, exported and deleted by the beginning of their id, in their repository."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from debugbox.archive import Archive
from debugbox.cli import main
from debugbox.finding import Cell, Finding
from debugbox.journal import Journal, drop_old
from debugbox.passages import hits
from debugbox.render.notebook import from_notebook
from debugbox.settings import Settings

GOLD = Path(__file__).parents[1] / "gold"
FINDING = Finding.from_json((GOLD / "finding.json").read_bytes())
CELL = Cell(id=1, purpose="looks", code_sha256="ab", code_lines=2, started="", duration_s=0.1, status="ok")
Run = Callable[..., Result]


@pytest.fixture
def run(repository: Path) -> Run:
    """The repository has two findings: one of now, one of last year."""
    archive = Archive.of_user(Settings(repository=repository).data_dir, repository)
    archive.keep(replace(FINDING, created=datetime.now(UTC).isoformat()))
    old = replace(FINDING, id="20251121-0dd000", created="2025-11-21T12:00:00+00:00", verdict="refuted", suspects=())
    archive.keep(replace(old, question="is it slow?", answer="No."))
    return lambda *arguments: CliRunner().invoke(main, [arguments[0], "--repo", str(repository), *arguments[1:]])


def ids(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [finding["id"] for finding in json.loads(result.stdout)["findings"]]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], ["20261121-7f3a09", "20251121-0dd000"]),
        (["--verdict", "refuted"], ["20251121-0dd000"]),
        (["--newer", "7d"], ["20261121-7f3a09"]),
        (["--file", "welford.py"], ["20261121-7f3a09"]),
        (["--text", "SLOW is"], ["20251121-0dd000"]),
    ],
)
def test_the_list_is_narrowed(run: Run, options: list[str], found: list[str]) -> None:
    assert ids(run("list", "--json", *options)) == found


def test_search_says_where_the_words_stand(run: Run) -> None:
    result = run("search", "shorter", "batch")
    assert "20261121-7f3a09" in result.stdout and "0dd000" not in result.stdout
    assert "place: stats/batches.py:40 in split: (the last batch is shorter)" in " ".join(result.stdout.split())
    assert run("search", "no-such-word").stdout == ""


def test_words_must_stand_together_and_nothing_is_no_question() -> None:
    assert hits(FINDING, "shorter division") == []
    assert hits(FINDING, " ") == []


@pytest.mark.parametrize("form", ["html", "md", "ipynb", "json"])
def test_export_gives_each_form(run: Run, form: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{form}"
    result = run("export", "7f3", "--to", form, "-o", str(path))
    assert result.exit_code == 0, result.output
    data = path.read_bytes()
    assert result.stdout == "" and run("export", "7f3", "--to", form).stdout_bytes[:15] == data[:15]
    if form == "ipynb":
        nbformat.validate(nbformat.reads(data.decode(), 4))  # type: ignore[no-untyped-call]  # nbformat has no types
        assert from_notebook(data).id == FINDING.id
    if form == "json":
        assert Finding.from_json(data).question == FINDING.question
    if form == "md":
        assert b"![plot](out-1.png)" in data
        assert (tmp_path / "out-1.png").read_bytes() == FINDING.evidence[0].outputs[1].png


def test_rm_deletes_a_finding_and_an_interrupted_run_and_nothing_else(run: Run, repository: Path) -> None:
    state = Settings(repository=repository).state_dir
    with Journal.open(state, question="q", run=None, repository=repository, provenance={}) as journal:
        journal.cell(CELL)
    assert journal.id in run("list").stdout
    complete = ShellComplete(main, {}, "debugbox", "_DEBUGBOX_COMPLETE")
    asked = ["rm", "--repo", str(repository)]
    assert journal.id in [each.value for each in complete.get_completions(asked, journal.id[:4])]
    short = journal.id.partition("-")[2][:5]
    assert "1 cell had run; its outputs" in run("show", short).stdout
    assert run("rm", "7f3", short).exit_code == 0
    assert ids(run("list", "--json")) == ["20251121-0dd000"] and not journal.path.exists()
    assert run("rm", "7f3").exit_code != 0


def test_what_is_left_of_a_run_goes_after_thirty_days_and_a_running_one_stays(tmp_path: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=31)
    with Journal.open(tmp_path, question="q", run=None, repository=tmp_path, provenance={}) as first:
        first.cell(CELL)
    with Journal.open(tmp_path, question="q", run=None, repository=tmp_path, provenance={}) as running:
        running.cell(CELL)
        assert drop_old(tmp_path) == []
        assert drop_old(tmp_path, now=later) == [first.id]
        assert running.path.exists() and not first.path.exists()


def test_a_run_in_which_nothing_was_done_leaves_nothing(tmp_path: Path) -> None:
    with Journal.open(tmp_path, question="q", run=None, repository=tmp_path, provenance={}) as journal:
        assert journal.path.exists()
    assert not journal.path.exists()


def test_the_shell_completes_ids(run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = ShellComplete(main, {}, "debugbox", "_DEBUGBOX_COMPLETE")
    monkeypatch.chdir(repository)
    assert [each.value for each in complete.get_completions(["show"], "2026")] == ["20261121-7f3a09"]
    assert "verify" in [each.value for each in complete.get_completions([], "ver")]


def test_bash_completes_through_the_real_program(run: Run, repository: Path) -> None:
    """The console script re-executes itself, so the name by which it completes must be its own."""
    variables = {**os.environ, "COMP_WORDS": "debugbox show 2025", "COMP_CWORD": "2"}
    command = [sys.executable, "-m", "debugbox"]
    done = subprocess.run(
        command,
        cwd=repository,
        env={**variables, "_DEBUGBOX_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "plain,20251121-0dd000\n", done.stderr
    script = subprocess.run([*command, "completion", "bash"], cwd=repository, capture_output=True, text=True).stdout
    assert "_DEBUGBOX_COMPLETE=bash_complete" in script and "complete -o" in script
