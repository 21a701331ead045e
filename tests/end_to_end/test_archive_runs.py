"""No finding is lost: two programs at once keep both, and a full disk sends it elsewhere, which is said."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from debugbox.engines import Engine
from debugbox.render.notebook import from_notebook
from tests.end_to_end import test_agent
from tests.end_to_end.test_again import LOUD
from tests.end_to_end.test_path import debugbox

embedded = test_agent.embedded
ASKED = ("--engine", "bubblewrap", "--no-model", "--no-checks", "--run", "python ledger.py")


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    folder = tmp_path / "ledger"
    folder.mkdir()
    (folder / "ledger.py").write_text(LOUD)
    return folder


def test_two_programs_at_once_keep_both_findings(embedded: Engine, ledger: Path) -> None:
    command = [sys.executable, "-P", "-m", "debugbox", *ASKED, "--json", "--quiet"]
    started = [
        subprocess.Popen([*command, question], cwd=ledger, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for question in ("why is the mean wrong", "what rounds in the mean")
    ]
    told = [json.loads(process.communicate(timeout=300)[0]) for process in started]
    listed = json.loads(debugbox("list", "--json", cwd=ledger).stdout)
    assert {each["id"] for each in listed["findings"]} == {each["id"] for each in told} and len(told) == 2
    assert listed["interrupted"] == []
    kept = sorted(path.name for path in Path(os.environ["DEBUGBOX_DATA_DIR"]).rglob("*") if path.is_file())
    assert kept == sorted(f"{each['id']}.ipynb" for each in told), "nothing else is left beside them"


@contextmanager
def tiny_disk(folder: Path) -> Iterator[None]:
    """A disk that holds half a finding, if this user may mount one."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tiny tmpfs")
def test_on_a_full_disk_the_finding_is_reported_and_kept_elsewhere(
    embedded: Engine, ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    for name in ("DATA_DIR", "STATE_DIR"):  # the journal has no room either
        monkeypatch.setenv(f"DEBUGBOX_{name}", str(tmp_path / "disk" / name.lower()))
    with tiny_disk(tmp_path / "disk"):
        done = debugbox(*ASKED, "why is the mean wrong", cwd=ledger)
        left = [path.name for path in (tmp_path / "disk").rglob("*.ipynb")]
    assert done.returncode == 10 and "SUSPECTED" in done.stdout, done.stderr
    said = " ".join(done.stdout.split())
    assert "(No space left on device); the finding is in a temporary folder: move it" in said
    path = Path(re.search(r"^Notebook\s+(\S+)$", done.stdout, re.MULTILINE)[1])  # type: ignore[index]
    assert path.is_relative_to(tmp_path / "tmp") and left == []
    assert from_notebook(path.read_bytes()).suspects[0].file == "ledger.py"
