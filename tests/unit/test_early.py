"""The box that is started while the repository is read: taken only where it is the very one that would be started."""

import io
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from debugbox.box import BoxContext
from debugbox.early import EarlyBox
from debugbox.engines import BoxSize, Environment
from debugbox.environment import import_roots, plan_environment
from debugbox.errors import BoxGone
from debugbox.settings import Limits, Settings
from debugbox.snapshot import Snapshot, take_snapshot
from tests.unit.test_environment import FakeEngine


class Silence(io.RawIOBase):
    """Nothing comes, until the end."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        self.over.wait()
        return 0


class FakeTransport:
    """A box that says nothing until it is killed."""

    def __init__(self) -> None:
        self.stdout, self.stdin = Silence(), io.BytesIO()
        self.applied: dict[str, object] = {}
        self.unenforced = ()

    @property
    def killed(self) -> bool:
        return self.stdout.over.is_set()

    def kill(self) -> None:
        self.stdout.over.set()

    def cause(self) -> str:
        return "killed"


class StartingEngine(FakeEngine):
    def __init__(self) -> None:
        super().__init__()
        self.started: list[tuple[Environment, BoxSize, FakeTransport]] = []
        self.fails = False

    def start(self, environment: Environment, size: BoxSize) -> FakeTransport:  # type: ignore[override]
        if self.fails:
            raise BoxGone("no")
        self.started.append((environment, size, FakeTransport()))
        return self.started[-1][2]


@pytest.fixture
def engine() -> StartingEngine:
    return StartingEngine()


@pytest.fixture
def settings(repository: Path) -> Settings:
    (repository / "requirements.txt").write_text("six\n")
    return Settings(repository=repository)


def known(engine: StartingEngine, settings: Settings) -> Environment:
    """Has the environment of the repository built."""
    plan = plan_environment(take_snapshot(settings.repository, settings.limits), engine, settings)  # type: ignore[arg-type]
    return engine.build(plan, lambda line: None)


def snapshot_with(early: EarlyBox, settings: Settings, meanwhile: Callable[[], object] = lambda: None) -> Snapshot:
    def listed(what: object) -> None:
        early.begin(what)  # type: ignore[arg-type]
        meanwhile()

    return take_snapshot(settings.repository, settings.limits, when_listed=listed)


def wanted(environment: Environment, snapshot: Snapshot, settings: Settings) -> tuple[Environment, BoxSize, BoxContext]:
    context = BoxContext(run=settings.run, question="why", import_roots=import_roots(snapshot))
    return environment, BoxSize.of(settings.limits, snapshot.size_bytes, len(snapshot.files)), context


def test_it_is_started_and_greeted_as_the_snapshot_to_come_wants_it(engine: StartingEngine, settings: Settings) -> None:
    (settings.repository / "src" / "package").mkdir(parents=True)
    (settings.repository / "src" / "package" / "core.py").write_text("")
    (settings.repository / "pyproject.toml").write_text('[project]\nname = "package"\nversion = "1"\n')
    environment = known(engine, settings)
    with EarlyBox(engine, settings, "why") as early:  # type: ignore[arg-type]
        asked = wanted(environment, snapshot_with(early, settings), settings)
        box = early.take(*asked)
    assert box is not None and box.is_alive
    ((started, size, transport),) = engine.started
    assert (started.key, size, transport.killed) == (environment.key, asked[1], False)
    hello = json.loads(transport.stdin.getvalue())
    assert (hello["type"], hello["context"]["question"]) == ("hello", "why")
    assert hello["context"]["import_roots"] == ["/srv/repo/src", "/srv/repo", "/srv/repo/.debugbox-metadata"]
    box.kill()


@pytest.mark.parametrize("other", ["reference", "variables", "size", "context"])
def test_one_that_was_started_with_anything_else_is_ended(
    engine: StartingEngine, settings: Settings, other: str
) -> None:
    built = known(engine, settings)
    with EarlyBox(engine, settings, "why") as early:  # type: ignore[arg-type]
        environment, size, context = asked = wanted(built, snapshot_with(early, settings), settings)
        changed = {
            "reference": (replace(environment, reference="another"), size, context),
            "variables": (replace(environment, variables={"TZ": "UTC"}), size, context),
            "size": (environment, replace(size, memory_bytes=size.memory_bytes - 1), context),
            "context": (environment, size, replace(context, import_roots=())),
        }
        assert early.take(*changed[other]) is None
        assert engine.started[-1][2].killed
        assert early.take(*asked) is None


def test_the_variables_that_were_asked_for_go_in(
    engine: StartingEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAVOUR", "plum")
    settings = replace(settings, env=("FLAVOUR",))
    built = known(engine, settings)
    with EarlyBox(engine, settings, "why") as early:  # type: ignore[arg-type]
        asked = wanted(replace(built, variables={"FLAVOUR": "plum"}), snapshot_with(early, settings), settings)
        box = early.take(*asked)
    assert box is not None
    box.kill()


def test_a_file_that_grows_meanwhile_makes_it_another_size(engine: StartingEngine, settings: Settings) -> None:
    environment = known(engine, settings)
    grow = settings.repository / "README.md"
    with EarlyBox(engine, settings, "why") as early:  # type: ignore[arg-type]
        snapshot = snapshot_with(early, settings, lambda: grow.write_bytes(bytes(20 << 20)))
        assert early.take(*wanted(environment, snapshot, settings)) is None
    assert [transport.killed for _, _, transport in engine.started] == [True]


def test_nothing_is_left_where_nobody_takes_it(engine: StartingEngine, settings: Settings) -> None:
    known(engine, settings)
    with pytest.raises(KeyboardInterrupt), EarlyBox(engine, settings, "why") as early:  # type: ignore[arg-type]
        snapshot_with(early, settings)
        raise KeyboardInterrupt
    assert [transport.killed for _, _, transport in engine.started] == [True]


def test_there_is_none_where_it_could_not_be_the_right_one(engine: StartingEngine, settings: Settings) -> None:
    environment = Environment(key="k", engine="fake", reference="", python="3.13")
    for each in (
        settings,  # whose environment is still to be built
        replace(settings, setup="make"),
        replace(settings, image="theirs"),
        replace(settings, refresh=True),
    ):
        if each is not settings:
            known(engine, each)
        with EarlyBox(engine, each, "why") as early:  # type: ignore[arg-type]
            assert early.take(*wanted(environment, snapshot_with(early, each), each)) is None
    assert engine.started == []


def test_one_that_cannot_be_started_is_not_told(engine: StartingEngine, settings: Settings) -> None:
    environment = known(engine, settings)
    engine.fails = True
    with EarlyBox(engine, settings, "why") as early:  # type: ignore[arg-type]
        assert early.take(*wanted(environment, snapshot_with(early, settings), settings)) is None


def test_manifests_that_cannot_be_read_are_told_by_whoever_needs_them(
    engine: StartingEngine, settings: Settings
) -> None:
    (settings.repository / "pyproject.toml").write_text("[project\n")
    with EarlyBox(engine, settings, "why") as early:  # type: ignore[arg-type]
        snapshot = snapshot_with(early, settings)
    assert snapshot.files and engine.started == []


def test_a_size_is_the_same_for_a_little_more_or_less() -> None:
    limits = Limits()
    assert BoxSize.of(limits, 0, 1) == BoxSize.of(limits, (16 << 20) - 1, 1000)
    assert BoxSize.of(limits, 1, 1).snapshot_bytes == 0
    assert BoxSize.of(limits, 16 << 20, 1).snapshot_bytes == 16 << 20
    assert BoxSize.of(limits, 1, 1001).snapshot_files == 2000
