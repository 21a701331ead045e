"""Requirement: what runs here runs on a real Docker engine; in CI its absence is a failure, not a skip."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from debugbox.engines import BoxSize, Environment, EnvironmentPlan
from debugbox.engines.docker import DockerEngine
from debugbox.engines.docker_settings import COMMAND
from debugbox.engines.docker_transport import DockerTransport
from tests.conftest import REQUIRE_ALL, plain_environment

SIZE = BoxSize(cpus=1, memory_bytes=256 << 20, pids=64, snapshot_bytes=0, snapshot_files=0)


@dataclass
class Boxes:
    """Starts containers with a stand-in for the supervisor; what is left at the test's end is killed."""

    engine: DockerEngine
    environment: Environment
    started: list[DockerTransport] = field(default_factory=list)

    def start(self, command: Sequence[str] = COMMAND, size: BoxSize = SIZE) -> DockerTransport:
        transport = DockerEngine(self.engine._api, command=command).start(self.environment, size)
        self.started.append(transport)
        return transport

    def shell(self, script: str) -> str:
        """What the script prints. The cat keeps the container until it can be inspected."""
        transport = self.start(["/bin/sh", "-c", f"{script}; cat"])
        transport.stdin.close()
        return transport.stdout.read().decode().strip()


@pytest.fixture(scope="session")
def docker() -> DockerEngine:
    if why := DockerEngine.answers():
        (pytest.fail if REQUIRE_ALL else pytest.skip)(f"engine docker: {why}")
    return DockerEngine.connect()


@pytest.fixture(scope="session")
def environment(docker: DockerEngine) -> Environment:
    return plain_environment(docker)


@pytest.fixture
def boxes(docker: DockerEngine, environment: Environment) -> Iterator[Boxes]:
    made = Boxes(docker, environment)
    yield made
    for transport in made.started:
        transport.kill()


Build = Callable[..., Environment]


@pytest.fixture
def build(docker: DockerEngine) -> Iterator[Build]:
    """Builds an environment of its own for the test, and removes it again."""
    from packaging.specifiers import SpecifierSet

    built: list[Environment] = []

    def build_one(name: str, *requirements: str) -> Environment:
        python = docker.interpreter(SpecifierSet(), None)
        plan = EnvironmentPlan(key=f"{name}-{python}", python=python, requirements=requirements)
        assert docker.find(plan) is None
        built.append(docker.build(plan, lambda line: None))
        return built[-1]

    yield build_one
    for each in built:
        docker._api.remove_image(each.reference, force=True)
