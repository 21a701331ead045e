"""`debugbox --help` is quick, so it is a file; the file is what the command line itself would print."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

import debugbox
from debugbox.cli import main

HELP = Path(debugbox.__file__).parent / "help.txt"


def test_the_help_that_is_kept_is_the_command_lines_own() -> None:
    printed = CliRunner().invoke(main, ["--help"], prog_name="debugbox", terminal_width=80).output
    if os.environ.get("DEBUGBOX_ACCEPT"):
        HELP.write_text(printed)
    assert HELP.read_text() == printed, "`make accept` takes the new one"


def test_help_imports_next_to_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); sys.argv = ['debugbox', '--help'];"
        "import debugbox.__main__ as m; m.main();"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(HELP.read_text())
    assert done.stdout.endswith("['debugbox', 'debugbox.__main__']\n"), done.stdout


def test_help_runs_nothing_of_the_folder_it_is_asked_in(tmp_path: Path) -> None:
    for name in ("os", "sys", "typing", "click", "enum"):
        (tmp_path / f"{name}.py").write_text("import pathlib; pathlib.Path('evil').touch()\n")
    variables = {**os.environ, "PYTHONPATH": str(HELP.parent.parent)}
    command = [sys.executable, "-P", "-m", "debugbox", "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == HELP.read_text() and not (tmp_path / "evil").exists()
