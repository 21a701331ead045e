"""Imports go one way, box folders are never imported by the host, and heavy imports are late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "debugbox"

# Each module may import those above its own line only (within a line: freely).
LAYERS = [
    {"errors", "boxfiles", "finding", "events"},
    {"settings", "foreign", "secrets", "git", "githistory", "tree", "listing", "tarstream", "taking"}
    | {"project", "lockfiles", "condafile"},
    {"engines", "journalfile", "kept", "talk", "bill", "render", "replay", "passages"},
    {"snapshot", "manifests", "journal", "messages", "mailbox", "network", "endpoint", "revision"},
    {
        "environment",
        "connection",
        "spare",
        "growing",
        "hints",
        "box",
        "archive",
        "lint",
        "patch",
        "hiding",
        "watched",
        "places",
    },
    {
        "bench",
        "collateral",
        "trials",
        "calls",
        "resume",
        "provenance",
        "early",
        "setting_up",
        "conversation",
        "model",
        "shown",
        "budget",
        "tools",
        "overview",
    },
    {
        "agent",
        "doctor",
        "routing",
        "secondrun",
        "recipes",
        "recipefolders",
        "newrecipe",
        "claims",
        "experiments",
        "ledger",
        "dialogue",
        "hands",
        "inquiry",
        "endings",
        "handover",
        "team",
        "checks",
        "choose",
        "byrecipe",
    },
    {"investigation", "following", "verification", "earlier", "bisection", "since", "review", "liveview"}
    | {"recipetrial"},
    {"api", "pytest_plugin"},
    {"mcp_server"},
    {"commands"},
    {"cli", "__main__", "__init__"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    """The first component below debugbox/: a module, or a subpackage as a whole."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("debugbox.")}
    unknown = {name for name in ours if name not in RANK and (PACKAGE / f"{name}.py").exists()}
    assert not unknown, "give the new module its place in LAYERS"
    upward = {name for name in ours if name in RANK and RANK[name] > RANK.get(room(path), -1)}
    assert not upward


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_host_imports_nothing_that_runs_in_the_box(path: Path) -> None:
    first = {name.split(".")[0] for name in imports_of(path)}
    assert not first & {"sandbox", "kernels", "recipes", "debugbox_kernel", "debugbox_recipes"}


def test_the_agent_knows_neither_docker_nor_the_sdk() -> None:
    assert not {name.split(".")[0] for name in imports_of(PACKAGE / "agent.py")} & {"docker", "anthropic"}


def test_help_pays_for_no_heavy_import() -> None:
    heavy = ("anthropic", "docker", "matplotlib", "pydantic", "rich", "nbformat", "PIL")
    code = (
        "import sys; from click.testing import CliRunner; from debugbox.cli import main;"
        f"CliRunner().invoke(main, ['--help']); print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout == "[]\n"


def test_the_page_on_the_architecture_names_every_module() -> None:
    page = (PACKAGE.parent / "ARCHITECTURE.md").read_text()
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert not {name for name in modules if f"`{name}`" not in page}
