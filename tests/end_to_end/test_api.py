"""The Python interface as documented; what is kept of the code is the caller's choice."""

import json
from pathlib import Path

import pytest

import debugbox
from debugbox.engines import Engine
from tests.end_to_end import test_agent
from tests.end_to_end.test_again import LOUD, QUESTION

embedded = test_agent.embedded


def test_a_finding_is_made_followed_kept_and_verified(embedded: Engine, tmp_path: Path) -> None:
    (tmp_path / "ledger.py").write_text(LOUD)
    told: list[str] = []
    common = {"engine": "bubblewrap", "use_model": False, "checks": False}
    first = debugbox.investigate(
        QUESTION, repository=tmp_path, run="python ledger.py", on_progress=told.append, keep_code=True, **common
    )
    assert (first.verdict, first.suspects[0].file) == ("suspected", "ledger.py")
    assert any(line.startswith("snapshot: 1 files") for line in told) and any("recipe drift" in line for line in told)
    assert "drift(question=" in first.evidence[0].code, "kept, as it was asked for"

    second = debugbox.investigate("and after it", repository=tmp_path, follows=first, discard_all=True, **common)
    assert second.run == "python ledger.py" and second.provenance["follows"]["id"] == first.id
    assert second.symptom.code == second.evidence[0].code == ""

    entries = debugbox.findings(tmp_path).list_findings().entries
    assert {entry.finding.id for entry in entries} == {first.id, second.id}
    sources = {entry.finding.id: sources_of(entry.path) for entry in entries}
    assert "drift(question=" in sources[first.id] and "debugbox_recipes" not in sources[second.id]
    assert debugbox.verify(first, repository=tmp_path, engine="bubblewrap").outcome == "present"
    gone = debugbox.verify(second, repository=tmp_path, engine="bubblewrap")
    assert (gone.outcome, gone.why) == ("cannot run", "the finding keeps no executable symptom")


def sources_of(notebook: Path) -> str:
    """What stands in the notebook's code cells."""
    cells = json.loads(notebook.read_text())["cells"]
    return "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")


def test_what_cannot_be_investigated_is_an_exception_with_words(tmp_path: Path) -> None:
    with pytest.raises(debugbox.DebugboxError, match="Python"):
        debugbox.investigate("why", repository=tmp_path, use_model=False)
    with pytest.raises(debugbox.DebugboxError, match="no_such_option"):
        debugbox.investigate("why", repository=tmp_path, no_such_option=1)


def test_no_public_name_is_hidden_by_a_module() -> None:
    names = {path.stem for path in Path(debugbox.__file__).parent.glob("*.py")}
    assert not names & set(debugbox.__all__) and all(getattr(debugbox, name) for name in debugbox.__all__)
