"""What all tests share: nothing of ours may be left behind, and what ran is told per tier and engine.

With DEBUGBOX_REQUIRE_ALL=1 (CI) every tier must run: an engine that is absent is a failure there.
"""

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from debugbox.engines import Engine, Environment, EnvironmentPlan, cgroups
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.docker import DockerEngine
from debugbox.settings import Settings

ROOT = Path(__file__).parent.parent
REQUIRE_ALL = bool(os.environ.get("DEBUGBOX_REQUIRE_ALL"))
ENGINES = ("bubblewrap", "docker")
OLD_S = 3600  # another run of the tests may stand on a younger one


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # In the background of a shell tests of Ctrl-C would wait in vain.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def not_available(engine: str) -> str | None:
    """Why this engine cannot run here, or None when it can."""
    if engine == "docker":
        return DockerEngine.answers()
    return BubblewrapEngine(Settings(repository=ROOT).cache_dir).answers()


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn: a test that takes it runs once in every engine of this machine."""
    name: str = request.param
    if why := not_available(name):
        (pytest.fail if REQUIRE_ALL else pytest.skip)(f"engine {name}: {why}")
    return DockerEngine.connect() if name == "docker" else BubblewrapEngine(Settings(repository=ROOT).cache_dir)


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings, journals and settings of a test never meet the user's. Environments are kept: they are by content."""
    home = tmp_path_factory.mktemp("home")
    for name in ("DATA_DIR", "STATE_DIR"):
        monkeypatch.setenv(f"DEBUGBOX_{name}", str(home / name.lower()))
    monkeypatch.setenv("DEBUGBOX_CONFIG", str(home / "none.toml"))
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "GIT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", str(home / "anthropic"))


@pytest.fixture(autouse=True, scope="session")
def no_old_environments() -> Iterator[None]:
    """Environments that earlier tests built for other box files go: nobody will ask for them again."""
    yield
    from debugbox.boxfiles import box_files_hash

    current = box_files_hash()[:6]
    engines = [BubblewrapEngine(Settings(repository=ROOT).cache_dir)]
    for engine in [*engines, *([DockerEngine.connect()] if DockerEngine.answers() is None else [])]:
        for each in engine.environments():
            name = re.split("[:/]", each.name)[-1]
            if name.startswith("test") and not name.startswith(f"test{current}") and each.age_s > OLD_S:
                each.remove()


@pytest.fixture(autouse=True, scope="session")
def nothing_left() -> Iterator[None]:
    """No container with our label, no cgroup of ours, and the checkout as it was.

    Only where nobody else works on the machine: beside a person's own runs these are no leftovers.
    """
    folder = Path.cwd()
    yield
    assert Path.cwd() == folder
    if os.environ.get("CI"):
        assert not [*cgroups.leftovers()], "cgroups were left"
        assert not containers(), "containers were left"
        status = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True)
        assert not status.stdout, "the checkout changed"


def containers() -> str:
    if DockerEngine.answers() is not None:
        return ""
    listed = ["docker", "ps", "-aq", "--filter", "label=io.debugbox.session"]
    return subprocess.run(listed, capture_output=True, text=True).stdout.strip()


def git(repository: Path, *arguments: str) -> str:
    """Run git for a test's own repository."""
    identity = {
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@t",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@t",
    }
    variables = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", *arguments], cwd=repository, env=variables, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A real, small git repository with one commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "app.py").write_text(
        "def double(x):\n    return 2 * x\n\n\nif __name__ == '__main__':\n    print(double(21))\n"
    )
    (folder / "README.md").write_text("a small program\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def plain_environment(engine: Engine) -> Environment:
    """An environment with nothing but the kernel stack; built once per machine and box files."""
    from packaging.specifiers import SpecifierSet

    from debugbox.boxfiles import box_files_hash

    python = engine.interpreter(SpecifierSet(), None)
    plan = EnvironmentPlan(key=f"test{box_files_hash()[:16]}{python.replace('.', '')}", python=python)
    return engine.find(plan) or engine.build(plan, lambda line: None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What ran per tier and engine; a tier that did not run is named, so that it cannot pass for success."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if getattr(report, "when", "") == "call" or outcome in ("skipped", "error"):
                counts[_tier(report.nodeid), outcome] += 1
    terminalreporter.section("tiers")
    for tier in sorted({tier for tier, _ in counts}):
        numbers = [
            f"{counts[tier, outcome]} {outcome}" for outcome in ("passed", "failed", "error") if counts[tier, outcome]
        ]
        not_run = counts[tier, "skipped"]
        words = [*numbers, *([f"{not_run} not run"] if not_run else [])]
        terminalreporter.write_line(f"{tier:24} {', '.join(words)}")
    for name in ENGINES:
        if why := not_available(name):
            terminalreporter.write_line(f"engine {name}: NOT RUN on this machine: {why}")


def _tier(nodeid: str) -> str:
    folder = nodeid.split("/")[1] if nodeid.count("/") > 1 else "other"
    named = [name for name in ENGINES if f"[{name}" in nodeid or f"-{name}" in nodeid]
    return f"{folder}, {named[0]}" if named else folder
