"""What the recipes' tests share: no box is needed, programs run as plain children of the test."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from debugbox_recipes import drift
from debugbox_recipes.harness import Program

ROOT = Path(__file__).parent.parent.parent
RECIPES = ROOT / "recipes"
PYENV = Path.home() / ".pyenv" / "versions"


def interpreters() -> list[str]:
    """This interpreter, and the oldest and newest one the box supports, where they are installed."""
    others = [PYENV / version / "bin" / "python" for version in ("3.9.18", "3.13.0")]
    return [sys.executable, *(str(path) for path in others if path.exists())]


def mpmath_folder() -> str:
    """The folder of mpmath: the box's, or where this interpreter has it; empty where there is none."""
    if Path("/opt/box/tools/mpmath").is_dir():
        return "/opt/box/tools"
    found = importlib.util.find_spec("mpmath")
    return str(Path(found.origin).parent.parent) if found and found.origin else ""


needs_mpmath = pytest.mark.skipif(not mpmath_folder(), reason="mpmath is not installed here (it is in the box)")


@pytest.fixture(params=interpreters(), ids=lambda path: Path(path).parent.parent.name)
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Program]:
    """Writes files into a folder of its own and gives the program that runs there."""

    def write(files: dict[str, str], command: str = "python run.py", python: str = sys.executable) -> Program:
        folder = tmp_path / "project"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return program(folder, command, python)

    return write


def program(folder: Path, command: str = "python run.py", python: str = sys.executable) -> Program:
    return Program(command, folder, python, (str(folder),), mpmath_folder())


@pytest.fixture(scope="session")
def recipe() -> object:
    """The recipe's script as a module, with its neighbours as attributes."""
    return drift._module()
