"""A finding of the real program, asked for again as its user does: verified, bisected, followed, and told of."""

import json
from pathlib import Path
from typing import Any

import pytest

from debugbox.engines import Engine
from tests.conftest import git
from tests.end_to_end.test_path import debugbox

QUIET = """\
def mean_of(readings):
    total = 0.0
    for reading in readings:
        total += reading
    return total / len(readings)


def report(readings):
    print(f"mean {mean_of(readings):.3f}")


if __name__ == "__main__":
    report([1.2, 3.4, 5.6] * 50)
"""
LOUD = QUIET.replace("report([1.2, 3.4, 5.6] * 50)", "report([1e16, 1.2, 3.4, -1e16, 5.6] * 50)")
QUESTION = "why is the mean wrong"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """The fault comes in with the second of three commits."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for text, subject in ((QUIET, "first"), (LOUD, "larger readings"), (f"{LOUD}\n# the end\n", "the end")):
        (folder / "ledger.py").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", subject)
    return folder


def asked(folder: Path, engine: Engine, *words: str) -> dict[str, Any]:
    done = debugbox("--engine", engine.name, "--no-model", "--json", "--quiet", *words, cwd=folder)
    assert done.stdout, done.stderr
    finding: dict[str, Any] = json.loads(done.stdout)
    return finding


def verified(folder: Path, engine: Engine, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = debugbox("verify", "--engine", engine.name, "--quiet", "--json", *arguments, cwd=folder)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["verifications"]


def test_a_finding_is_verified_where_its_lines_have_moved_and_its_commit_is_found(engine: Engine, ledger: Path) -> None:
    finding = asked(ledger, engine, "--run", "python ledger.py", QUESTION)
    assert finding["verdict"] in ("confirmed", "supported"), finding["checks"]
    (ledger / "ledger.py").write_text(LOUD.replace("def mean_of", "# a line\n# more\n\n\ndef mean_of"))
    code, (done,) = verified(ledger, engine, finding["id"])
    assert (code, done["outcome"]) == (10, "present"), done["why"]
    assert [check["name"] for check in done["checks"]] == ["symptom", "but-for"]
    assert done["checks"][1]["result"] == "passed", "the intervention has moved with its lines"
    moved = debugbox("since", finding["id"], cwd=ledger).stdout
    assert "moved, now ledger.py:8" in moved, moved

    (ledger / "ledger.py").write_text(LOUD.replace("total / len(readings)", "total / float(len(readings))"))
    code, (done,) = verified(ledger, engine, "--all")
    assert (code, done["outcome"]) == (14, "cannot run")
    assert "the watched line, ledger.py:5 in mean_of, is not there any more" in done["why"]

    git(ledger, "checkout", "-q", "ledger.py")
    code, (done,) = verified(ledger, engine, "--rev", "HEAD~2", finding["id"])
    assert (code, done["outcome"]) == (0, "gone"), done["why"]
    found = debugbox("bisect", "--engine", engine.name, "--json", finding["id"], cwd=ledger)
    first = json.loads(found.stdout)["first"]
    assert first == git(ledger, "rev-parse", "HEAD~1").strip(), found.stderr
