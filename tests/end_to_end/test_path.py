"""The whole path as a user sees it: the real command, real boxes, a real repository, no model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from debugbox.engines import Engine
from tests.conftest import containers

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "weather-station"

DRIFTS = """\
def mean_of(readings):
    total = 0.0
    for reading in readings:
        total += reading
    for reading in readings:
        total -= reading
    return total


def scaled(x):
    return x * 1.1 / 3.7


if __name__ == "__main__":
    readings = [1e16, 1.2, 3.4, 5.6] * 50
    value = mean_of(readings) + scaled(2.0)
    print(f"balance {value:.3f}")
"""


def debugbox(*arguments: str, cwd: Path, timeout_s: float = 300) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "debugbox", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout_s)


@pytest.fixture
def drifting(tmp_path: Path) -> Path:
    folder = tmp_path / "ledger"
    folder.mkdir()
    (folder / "ledger.py").write_text(DRIFTS)
    return folder


def test_the_example_ends_confirmed_at_the_right_place(engine: Engine) -> None:
    options = ["--engine", engine.name, "--no-model", "--json", "--run", "python run.py"]
    done = debugbox(*options, "why does the mean temperature drift", cwd=EXAMPLE)
    finding = json.loads(done.stdout)
    assert finding["verdict"] == "confirmed", done.stderr
    assert {suspect["file"] for suspect in finding["suspects"][:2]} == {"station/window.py"}
    assert finding["provenance"]["tree"]["unchanged"] is True
    assert done.returncode == 0


def test_a_finding_is_a_valid_notebook_without_the_code(engine: Engine, drifting: Path) -> None:
    done = debugbox(
        "--engine", engine.name, "--no-model", "--run", "python ledger.py", "why is the balance wrong", cwd=drifting
    )
    assert done.returncode in (0, 10), done.stderr
    path = next(Path(os.environ["DEBUGBOX_DATA_DIR"]).rglob("*.ipynb"))
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    assert "ledger.py:" in done.stdout and str(path) in done.stdout
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert any(source.startswith("# discarded: ") for source in sources)


def test_throwaway_code_is_found_nowhere_afterwards(engine: Engine, drifting: Path, tmp_path: Path) -> None:
    """The question travels into the recipe's cell: a marker in it, split so that only the cell holds it whole."""
    from debugbox.archive import Archive
    from debugbox.bench import Bench
    from debugbox.box import BoxContext, Boxes
    from debugbox.journal import Journal
    from debugbox.render.live import View
    from debugbox.settings import Limits
    from debugbox.snapshot import take_snapshot
    from tests.conftest import plain_environment
    from tests.unit.records import finding_of

    marker, started = "marker_" + os.urandom(8).hex(), time.time() - 1
    limits = Limits()
    boxes = Boxes(
        engine=engine,
        environment=plain_environment(engine),
        snapshot=take_snapshot(drifting, limits),
        limits=limits,
        context=BoxContext(),
    )
    state, data = tmp_path / "state", tmp_path / "data"
    with (
        Journal.open(state, question="q", run=None, repository=drifting, provenance={}) as journal,
        Bench(boxes, journal, View(sys.stderr, quiet=True)) as bench,
    ):
        for code in (f"{marker} = 1\nprint('kept')", f"def {marker}():\n    raise ValueError('kept')\n{marker}()"):
            bench.run_cell(code, purpose="throwaway")
        assert marker not in journal.path.read_text()
        kept = Archive.of_user(data, drifting).keep(finding_of(journal.id, bench.cells))
        journal.finished()
    assert kept.path is not None and "kept" in kept.path.read_text()
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and marker.encode() in path.read_bytes()]
    places, changed = ["/tmp", str(Path.home() / ".cache" / "debugbox")], ["-type", "f", "-newermt", f"@{started}"]
    command = ["find", *places, *changed, "-exec", "grep", "-l", marker, "{}", "+"]
    found = subprocess.run(command, capture_output=True, text=True)
    assert not holders and not found.stdout


def test_killed_in_the_middle_of_a_cell_nothing_is_left_but_the_journal(
    engine: Engine, drifting: Path, tmp_path: Path
) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    sleep = f"sleep 987.{os.getpid()}"
    command = [
        sys.executable,
        "-P",
        "-m",
        "debugbox",
        "--engine",
        engine.name,
        "--no-model",
        "--run",
        sleep,
        "why does it hang",
    ]
    variables = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        command, cwd=drifting, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not _processes(sleep) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _processes(sleep), "the cell never ran"
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1)
    assert not _processes(sleep)
    assert not [
        cgroup for cgroup in Path("/sys/fs/cgroup").glob("*/debugbox-*") if not (cgroup / "cgroup.procs").read_text()
    ]
    assert engine.name != "docker" or not [name for name in containers().split() if str(process.pid) in name]
    assert not list(temporary.iterdir())
    listed = debugbox("list", cwd=drifting)
    assert "interrupted" in listed.stdout and "why does it hang" in listed.stdout


def _processes(words: str) -> list[str]:
    """Processes of the machine with just these words as their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            continue
        if command == words:
            found.append(command)
    return found


@pytest.mark.parametrize(
    ("arguments", "slug", "code"),
    [
        (["   "], "empty-question", 20),
        (["--repo", "nowhere", "why"], "not-a-repository", 21),
        (["--no-model", "--run", "python nothing.py", "why"], "command-missing", 43),
        (["--no-model", "--run", "no-such-program", "why"], "command-missing", 43),
        (["--no-model", "--recipe", "magic", "why"], "no-such-recipe", 60),
        (["show", "2026"], "no-such-finding", 61),
        (["--memory", "lots", "why"], "bad-settings", 62),
        (["--python", "3.4", "--no-model", "why"], "no-interpreter", 35),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_input_is_a_clear_error(drifting: Path, arguments: list[str], slug: str, code: int) -> None:
    done = debugbox(*arguments, cwd=drifting)
    assert done.returncode == code, done.stderr
    assert f"({slug}: see docs/errors.md)" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_folder_without_python_says_what_can_be_done(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    done = debugbox("--no-model", "why", cwd=folder)
    assert done.returncode == 22 and "With a model" in done.stderr


def test_requirements_that_cannot_be_resolved_come_with_the_resolvers_words(drifting: Path) -> None:
    (drifting / "requirements.txt").write_text("no-such-package-of-this-name-4711==1.0\n")
    done = debugbox("--engine", "bubblewrap", "--no-model", "why", cwd=drifting)
    assert done.returncode == 33
    assert "no-such-package-of-this-name-4711" in done.stderr and "--no-dependencies" in done.stderr


def test_the_repository_may_not_choose_the_engine(drifting: Path) -> None:
    (drifting / "pyproject.toml").write_text("[tool.debugbox]\nengine = 'bubblewrap'\n")
    done = debugbox("why", cwd=drifting)
    assert done.returncode == 62 and "not-for-repository" in done.stderr


def test_a_hostile_file_in_the_folder_does_not_run_on_the_host(drifting: Path) -> None:
    for name in ("dataclasses.py", "sandbox.py", "recipes.py", "docker.py"):
        (drifting / name).write_text(f"open({str(drifting / 'mark')!r}, 'w').write('ran')\n")
    command = [sys.executable, "-m", "debugbox", "list"]
    done = subprocess.run(command, cwd=drifting, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."})
    assert done.returncode == 0 and not (drifting / "mark").exists()


def test_dry_run_lists_what_would_go_in_and_what_not(drifting: Path) -> None:
    (drifting / ".env").write_text("KEY=1")
    done = debugbox("--dry-run", "why", cwd=drifting)
    assert "ledger.py\n" in done.stdout and "left out: .env: a secret by its name" in done.stdout
