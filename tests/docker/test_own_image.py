"""Requirement: a box can stand on the user's own image: its packages and programs, our command, user and walls."""

import contextlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.errors import APIError

from debugbox.box import BoxContext, Boxes
from debugbox.engines import Environment, EnvironmentPlan
from debugbox.engines.docker import DockerEngine
from debugbox.environment import prepare_environment
from debugbox.errors import DebianPackagesFailed, ImageUnfit
from debugbox.finding import Cell
from debugbox.settings import Limits, Settings
from debugbox.snapshot import take_snapshot

DOCKERFILE = r"""
FROM {base}
USER root
RUN folder=$(python3 -c 'import site; print(site.getsitepackages()[0])') \
    && mkdir -p "$folder/ofimage-3.2.dist-info" && echo 'answer = 7' > "$folder/ofimage.py" \
    && printf 'Metadata-Version: 2.1\nName: ofimage\nVersion: 3.2\n' > "$folder/ofimage-3.2.dist-info/METADATA" \
    && mkdir /opt/tools && cd /opt/tools && printf '#!/bin/sh\necho tool of the image\n' > mytool && chmod 755 mytool
ENV PATH=/opt/tools:/usr/local/bin:/usr/bin:/bin OF_IMAGE=yes HOME=/nowhere
HEALTHCHECK CMD /bin/false
USER nobody
WORKDIR /tmp
ENTRYPOINT ["/bin/false"]
"""


def image(docker: DockerEngine, dockerfile: str) -> str:
    """Build it with the engine's own builder; gives its id."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(dockerfile)
        tar.addfile(member, io.BytesIO(dockerfile.encode()))
    context.seek(0)
    for message in docker._api.build(fileobj=context, custom_context=True, decode=True, rm=True, forcerm=True):
        if "aux" in message:
            return str(message["aux"]["ID"])
    raise AssertionError("no image was built")


@pytest.fixture(scope="module")
def base(docker: DockerEngine, environment: Environment) -> str:
    here = docker._bases.local(environment.python.rpartition(".")[0])
    assert here
    return here


@pytest.fixture(scope="module")
def own(docker: DockerEngine, base: str) -> Iterator[str]:
    made = image(docker, DOCKERFILE.format(base=base))
    yield made
    stages = [each for each in docker.environments() if each.name.endswith(f":on-{made.partition(':')[2][:12]}")]
    assert {each.name.partition(":")[0] for each in stages} == {"debugbox/bare", "debugbox/parts"}
    assert all(each.remove() for each in stages)
    with contextlib.suppress(APIError):  # a stage in between goes by itself within the hour
        docker._api.remove_image(made, force=True)


def run(boxes: Boxes, code: str) -> Cell:
    with boxes.open() as box:
        assert box.applied["user"] == "10001:10001" and box.applied["ReadonlyRootfs"] is True
        return box.run_cell(code, id=1, purpose="", timeout_s=30)


def test_a_box_stands_on_the_users_own_image(docker: DockerEngine, own: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    settings = Settings(repository=tmp_path, image=own, extra_packages=("six",), apt=("hello",))
    snapshot = take_snapshot(tmp_path, Limits())
    environment = prepare_environment(snapshot, docker, settings, lambda line: None)
    try:
        assert {"ofimage", "six", "ipykernel"} <= set(environment.packages) and "on your image" in environment.notes[0]
        boxes = Boxes(engine=docker, environment=environment, snapshot=snapshot, limits=Limits(), context=BoxContext())
        cell = run(
            boxes,
            "import json, os, ofimage, six, debugbox_kernel as box\n"
            "done = box.run('mytool; hello; id -un; python -c \"import ofimage; print(ofimage.answer)\"')\n"
            "print(json.dumps([ofimage.answer, os.environ['OF_IMAGE'], os.environ['HOME'], done.stdout]))\n",
        )
        said = json.loads(cell.outputs[0].text)
        assert said == [7, "yes", "/home/box", "tool of the image\nHello, world!\nbox\n7\n"]
    finally:
        docker._api.remove_image(environment.reference, force=True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("VOLUME /data", "declares volumes", id="volume"),
        pytest.param("ONBUILD RUN true", "build triggers", id="trigger"),
        pytest.param("RUN rm -f /usr/bin/python3*", "no python3 on its path", id="no python"),
        pytest.param("RUN rm -f /bin/sh /bin/dash", "its shell does not start", id="no shell"),
    ],
)
def test_an_image_that_no_box_can_stand_on_is_refused(docker: DockerEngine, base: str, line: str, words: str) -> None:
    made = image(docker, f"FROM {base}\n{line}\n")
    try:
        with pytest.raises(ImageUnfit, match=words):
            docker.own_image(made)
    finally:
        docker._api.remove_image(made, force=True)


def test_an_image_that_is_nowhere_is_a_clear_error(docker: DockerEngine) -> None:
    with pytest.raises(ImageUnfit, match="cannot be pulled"):
        docker.own_image(f"debugbox-no-such-image-{os.getpid()}")


def test_a_package_that_debian_does_not_have_is_told_in_apts_words(
    docker: DockerEngine, environment: Environment
) -> None:
    plan = EnvironmentPlan(key="test-no-package", python=environment.python[:4], apt=("no-such-package-here",))
    with pytest.raises(DebianPackagesFailed, match="Unable to locate package no-such-package-here"):
        docker.build(plan, lambda line: None)
    assert docker.find(plan) is None
