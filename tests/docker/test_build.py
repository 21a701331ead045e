"""Requirement: the repository's requirements win, the resolver's no is in its own words, nothing half-made stays."""

import subprocess
import sys
import time

import pytest

from debugbox.engines import Environment, EnvironmentPlan
from debugbox.engines.docker import DockerEngine
from debugbox.engines.docker_build import environment_tag
from debugbox.errors import EnvironmentFailed, RequirementsUnresolvable
from tests.docker.conftest import Boxes, Build


def tagged(plan: EnvironmentPlan) -> str:
    command = ["docker", "images", "-q", environment_tag(plan)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def stages(plan: EnvironmentPlan) -> str:
    label = f"label=io.debugbox.build={plan.key}"
    command = ["docker", "images", "-q", "--no-trunc", "-f", "dangling=true", "-f", label]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_built_environment_is_found_again_with_its_packages(environment: Environment) -> None:
    assert environment.reference.startswith("sha256:")
    assert environment.python.startswith("3.")
    assert {"ipykernel", "matplotlib", "numpy"} <= set(environment.packages)


def test_the_kernel_the_supervisor_and_the_tools_import_in_the_box(boxes: Boxes) -> None:
    said = boxes.shell(
        "readlink /opt/box/repo; /opt/box/supervisor/bin/python -I -c 'import jupyter_client, sys; print(sys.prefix)';"
        "PYTHONPATH=/opt/box/tools MPLCONFIGDIR=/tmp /opt/box/repo/bin/python -c"
        " 'import ipykernel, matplotlib, mpmath, sys; print(sys.prefix)'; ls /opt/box/mplcache"
    )
    lines = said.splitlines()
    assert lines[:2] == ["kernel", "/opt/box/supervisor"] and "fontlist" in lines[-1]


def test_a_repository_that_pins_the_kernel_stack_away_gets_its_own_venv(build: Build, docker: DockerEngine) -> None:
    environment = build("test-conflict", "traitlets==4.3.3")
    assert environment.packages["traitlets"] == "4.3.3"
    assert "ipykernel" not in environment.packages
    assert any("box.run" in note and "because" in note for note in environment.notes)
    boxes = Boxes(docker, environment)
    said = boxes.shell(
        "/opt/box/kernel/bin/python -c 'import ipykernel, traitlets; print(traitlets.__version__)';"
        "/opt/box/repo/bin/python -c 'import traitlets; print(traitlets.__version__)'"
    )
    boxes.started[0].kill()
    kernel, repository = said.splitlines()
    assert kernel > "5" and repository == "4.3.3"


@pytest.mark.parametrize(
    ("requirements", "words"),
    [
        pytest.param(("six==1.16", "six==1.10"), "six==1.16 and six==1.10", id="contradiction"),
        pytest.param(("six==999",), "no version of six==999", id="no such version"),
        pytest.param(("six ~ 1",), "Couldn't parse requirement", id="not a requirement"),
    ],
)
def test_requirements_that_cannot_be_met_are_told_in_the_resolvers_words(
    docker: DockerEngine, environment: Environment, requirements: tuple[str, ...], words: str
) -> None:
    plan = EnvironmentPlan(key="test-unresolvable", python=environment.python[:4], requirements=requirements)
    with pytest.raises(RequirementsUnresolvable) as refused:
        docker.build(plan, lambda line: None)
    assert words in str(refused.value)
    assert not tagged(plan) and not stages(plan) and docker.find(plan) is None


def test_an_index_that_does_not_answer_is_not_blamed_on_the_repository(
    docker: DockerEngine, environment: Environment
) -> None:
    lines = ("--index-url https://127.0.0.1:1/simple", "six")
    plan = EnvironmentPlan(key="test-no-index", python=environment.python[:4], requirements=lines)
    with pytest.raises(EnvironmentFailed, match=r"127\.0\.0\.1"):
        docker.build(plan, lambda line: None)
    assert not stages(plan)


def test_an_interrupted_build_leaves_nothing(docker: DockerEngine, environment: Environment) -> None:
    plan = EnvironmentPlan(key="test-interrupt", python=environment.python[:4], requirements=("six",))

    def interrupt(line: str) -> None:
        if line.startswith("kernel:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        docker.build(plan, interrupt)
    running = subprocess.run(["docker", "ps", "-q", "-f", "label=io.debugbox.build"], capture_output=True, text=True)
    assert running.stdout == "" and not tagged(plan) and not stages(plan)


BUILDS_FOR_EVER = """
from debugbox.engines import EnvironmentPlan
from debugbox.engines.docker import DockerEngine
import sys
plan = EnvironmentPlan(key="test-killed", python=sys.argv[1], requirements=("six",))
DockerEngine.connect().build(plan, lambda line: print(line, flush=True))
"""


def test_a_killed_build_stops_and_its_stages_are_swept(docker: DockerEngine, environment: Environment) -> None:
    plan = EnvironmentPlan(key="test-killed", python=environment.python[:4])
    command = [sys.executable, "-c", BUILDS_FOR_EVER, plan.python]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout and any(line.startswith("kernel:") for line in builder.stdout)
        builder.kill()
    left: list[str] = []
    deadline = time.monotonic() + 20  # the engine ends the step when it sees the connection closed
    while not left and time.monotonic() < deadline:
        left = docker.sweep()
    assert left and not stages(plan) and docker.find(plan) is None
