"""The wheel, installed into an empty environment from nothing but the package index, works from another folder."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from debugbox.archive import Archive
from debugbox.engines import Engine
from debugbox.finding import Finding
from debugbox.settings import Settings
from tests.end_to_end.test_again import LOUD, QUESTION

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
FINDING = Finding.from_json((ROOT / "tests" / "gold" / "finding.json").read_bytes())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, which is built from a copy: a build may not leave anything in the checkout."""
    assert UV is not None, "uv is one of our own dependencies"
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / "source" / name)
    command = [UV, "build", "-q", "--python", sys.executable, "-o", str(folder)]
    subprocess.run(command, cwd=folder / "source", check=True, timeout=240)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """Its folder of programs."""
    assert UV is not None
    environment = wheel.parent / "environment"
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, str(environment)], check=True, timeout=60)
    command = [UV, "pip", "install", "-q", "--python", str(environment / "bin" / "python"), str(wheel)]
    subprocess.run(command, check=True, timeout=300)
    return environment / "bin"


def run(installed: Path, folder: Path, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    command = [str(installed / "debugbox"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_s)


def test_what_runs_in_the_box_and_what_is_shown_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = ("_box/kernels/debugbox_kernel/supervisor.py", "_box/recipes/drift/SKILL.md", "_box/sandbox/Dockerfile")
    shown = ("render/page.css", "render/finding.html.jinja", "render/gallery.html.jinja", "prices.json", "prompt.md")
    assert {f"debugbox/{name}" for name in (*wanted, *shown)} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests/", "kernels/"))]


def test_the_sdist_has_what_its_readers_need_and_nothing_else(wheel: Path) -> None:
    (sdist,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "CHANGELOG.md", "debugbox/cli.py", "sandbox/Dockerfile", "recipes/drift/SKILL.md"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".venv", ".git/"))]


def test_it_is_used_from_another_folder(installed: Path, repository: Path, tmp_path: Path) -> None:
    Archive.of_user(Settings(repository=repository).data_dir, repository).keep(replace(FINDING))
    assert "drift" in run(installed, tmp_path, "recipes").stdout
    assert "app.py" in run(installed, repository, "ask", "--dry-run").stdout
    assert "CONFIRMED" in run(installed, repository, "show", "7f3").stdout
    pages = run(installed, repository, "review", "--no-open", "-o", str(tmp_path / "review"))
    assert pages.stdout.startswith("file://") and (tmp_path / "review" / "index.html").is_file(), pages.stderr
    python = [str(installed / "python"), "-m", "debugbox", "list", "--json"]
    listed = subprocess.run(python, cwd=repository, capture_output=True, text=True, timeout=60)
    assert [each["id"] for each in json.loads(listed.stdout)["findings"]] == [FINDING.id]


def test_what_is_installed_investigates(installed: Path, engine: Engine, tmp_path: Path) -> None:
    """The boxes are made of what the wheel brought: nothing of the checkout is near."""
    (tmp_path / "ledger.py").write_text(LOUD)
    asked = ("--engine", engine.name, "--no-model", "--no-checks", "--json", "--run", "python ledger.py", QUESTION)
    done = run(installed, tmp_path, *asked, timeout_s=300)
    finding = json.loads(done.stdout)
    assert finding["suspects"][0]["file"] == "ledger.py" and finding["evidence"], done.stderr


def test_without_the_extra_the_command_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "mcp")
    assert done.returncode == 2 and 'pip install "debugbox[mcp]"' in done.stderr


def test_its_requirements_are_names_on_the_index(wheel: Path) -> None:
    """Every requirement is a name on the index: no address, no path."""
    metadata = next(name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".dist-info/METADATA"))
    lines = zipfile.ZipFile(wheel).read(metadata).decode().splitlines()
    required = [Requirement(line.partition(": ")[2]) for line in lines if line.startswith("Requires-Dist: ")]
    assert len(required) > 10 and not [each for each in required if each.url]
