"""A kept finding is verified without a model: present, gone, or cannot run with the reason; exit codes for scripts."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from debugbox.archive import Archive
from debugbox.cli import main
from debugbox.engines import Engine
from debugbox.finding import Finding, Symptom
from debugbox.settings import Settings
from tests.conftest import git

GOLD = Path(__file__).parents[1] / "gold"
CODE = """\
import app
import debugbox_kernel as box
value = app.double(21)
box.symptom(present=value != 42, measured=value, expected=42.0)
"""


@pytest.fixture
def finding(repository: Path) -> Finding:
    """The program is broken in its second commit, and the finding was made there."""
    source = (repository / "app.py").read_text()
    (repository / "app.py").write_text(source.replace("2 * x", "3 * x"))
    git(repository, "commit", "-q", "-am", "broken")
    gold = Finding.from_json((GOLD / "finding.json").read_bytes())
    return replace(gold, run=None, symptom=Symptom(code=CODE), intervention=None)


def run(repository: Path, engine: Engine, finding: Finding, command: str, arguments: Sequence[str] = ()) -> Result:
    Archive.of_user(Settings(repository=repository).data_dir, repository).keep(finding)
    given = [command, "--repo", str(repository), "--engine", engine.name, "--quiet", *arguments]
    return CliRunner().invoke(main, given)


def test_what_is_still_there_is_present_and_its_code_is_10(repository: Path, engine: Engine, finding: Finding) -> None:
    result = run(repository, engine, finding, "verify", [finding.id])
    assert result.exit_code == 10, result.output
    assert "PRESENT on the working tree" in result.output
    assert "present in 3 of 3 fresh boxes; A/A noise 0; measured 63 where 42 is expected" in result.output


def test_on_the_revision_before_it_is_gone(repository: Path, engine: Engine, finding: Finding) -> None:
    result = run(repository, engine, finding, "verify", ["--rev", "HEAD~1", "--json", finding.id[:12]])
    (done,) = json.loads(result.output)["verifications"]
    assert (result.exit_code, done["outcome"]) == (0, "gone"), result.output
    assert done["why"] == "absent in 3 of 3 fresh boxes; measured 42 where 42 is expected"
    assert [each["state"] for each in done["checks"][0]["runs"]] == ["absent"] * 3


def test_a_crash_is_not_gone(repository: Path, engine: Engine, finding: Finding) -> None:
    (repository / "app.py").write_text("raise RuntimeError('half a merge')\n")
    result = run(repository, engine, finding, "verify", ["--all"])
    assert result.exit_code == 14, result.output
    assert "CANNOT RUN" in result.output and "half a merge" in result.output


def test_the_commit_that_broke_it_is_named(repository: Path, engine: Engine, finding: Finding) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "later")
    result = run(repository, engine, finding, "bisect", [finding.id])
    assert result.exit_code == 0, result.output
    assert "Introduced by" in result.output and result.output.count("broken") == 1


def test_a_finding_without_code_cannot_run_and_says_why(repository: Path, engine: Engine, finding: Finding) -> None:
    result = run(repository, engine, replace(finding, symptom=Symptom()), "verify", [finding.id])
    assert result.exit_code == 14
    assert "keeps no executable symptom" in result.output
