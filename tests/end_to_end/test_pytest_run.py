"""`pytest --debugbox=run` investigates a failing test by itself, without a model, and says where the finding is."""

import os
import re
import subprocess
import sys
from pathlib import Path

from debugbox.archive import Archive
from debugbox.engines import Engine
from debugbox.settings import Settings
from tests.end_to_end import test_agent

embedded = test_agent.embedded

DAYS = """\
def is_leap(year):
    return year % 4 == 0 and year % 100 != 0


def days_in_year(year):
    return 366 if is_leap(year) else 365
"""
TESTS = """\
from days import days_in_year, is_leap


def test_common_year():
    assert days_in_year(2023) == 365


def test_century():
    assert not is_leap(1900)


def test_four_centuries():
    assert days_in_year(2000) == 366
"""


def test_a_failing_test_gets_a_finding_and_its_link(embedded: Engine, tmp_path: Path) -> None:
    (tmp_path / "days.py").write_text(DAYS)
    (tmp_path / "test_days.py").write_text(TESTS)
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--debugbox=run"]
    variables = {**os.environ, "DEBUGBOX_ENGINE": "bubblewrap", "ANTHROPIC_API_KEY": "must not be used"}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
    assert "1 failed, 2 passed" in done.stdout and "==== debugbox ====" in done.stdout, done.stderr

    (entry,) = Archive.of_user(Settings(repository=tmp_path).data_dir, tmp_path).list_findings().entries
    finding = entry.finding
    assert re.search(rf"^  Finding +{finding.id}$", done.stdout, re.MULTILINE), done.stdout
    assert str(entry.path) in done.stdout and f"debugbox review {finding.id}" in done.stdout
    assert finding.question == "why does test_days.py::test_four_centuries fail"
    assert (finding.by, finding.cost.turns, finding.provenance["model"]) == ("recipe suspects", 0, None)
    assert finding.suspects[0].file == "days.py" and finding.checks[0].result == "passed", finding.answer
