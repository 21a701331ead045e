"""One step of a build in a container of our own, kept as an image. Read by `docker_build.py`.

The classic builder has no secrets: what a step is given as an argument stands in the image's history. Here variables
and certificates come on the container's input, so neither the image nor `docker inspect` has them. The container ends
with that input, as a box does. docs/decisions/docker-build.md
"""

import base64
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from debugbox.boxfiles import SANDBOX
from debugbox.engines.docker_owner import OWNER_LABEL, owner_of_this_process
from debugbox.engines.docker_transport import DockerTransport
from debugbox.engines.network import ca_bundle, network_variables

if TYPE_CHECKING:
    from docker import APIClient

_CERTIFICATES = "/tmp/debugbox-ca.pem"
_LINE_BYTES = 1 << 20
_PIDS = 4096
# What dpkg and the set-up code of packages may need of root, and no more.
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETGID", "SETUID")


class StepFailed(Exception):
    """The command ended with `code` (None: its container was gone first), and `words` were its last on stderr."""

    def __init__(self, code: int | None, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


@dataclass(frozen=True, kw_only=True)
class Step:
    """`interpreter` is the image's Python 3. `variables` are added to those of the host's network."""

    image: str
    command: Sequence[str]
    interpreter: str = "python3"
    variables: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def run_step(api: "APIClient", step: Step, line: Callable[[str], None], tag: str = "") -> str:
    """The id of the image that the step leaves; each line that the command prints goes to `line`.

    Raises StepFailed. Nothing of the container is left, however this ends.
    """
    created = api.create_container_from_config(_settings(step))  # type: ignore[no-untyped-call]  # the stubs lack it
    transport = DockerTransport(api, str(created["Id"]), 0)
    try:
        api.start(transport.container)
        try:
            _run(transport, step, line)
        except OSError as error:  # the engine went away in the middle
            raise StepFailed(None, str(error)) from error
        repository, _, name = tag.partition(":")
        kept: dict[str, Any] = api.commit(transport.container, repository=repository or None, tag=name or None)
    finally:
        transport.kill()
    return str(kept["Id"])


def _run(transport: DockerTransport, step: Step, line: Callable[[str], None]) -> None:
    """Hand the command what it needs, and read until it has ended."""
    mark = secrets.token_hex(16)  # the command does not know it, so it cannot end its own step
    transport.stdin.write(json.dumps({"mark": mark, **_confidential(step)}).encode() + b"\n")
    while said := transport.stdout.readline(_LINE_BYTES):
        words = said.decode("utf-8", "replace").rstrip("\n")
        if words.startswith(mark):
            ended = json.loads(words[len(mark) :])
            if ended["code"]:
                raise StepFailed(ended["code"], ended["stderr"].strip())
            return
        line(words)
    raise StepFailed(None, transport.cause())


def _confidential(step: Step) -> dict[str, Any]:
    variables, files = {**network_variables(), **step.variables}, {}
    if bundle := ca_bundle():
        files[_CERTIFICATES] = base64.b64encode(bundle.read_bytes()).decode()
        variables |= {"SSL_CERT_FILE": _CERTIFICATES, "PIP_CERT": _CERTIFICATES}
    return {"variables": variables, "files": files}


def _settings(step: Step) -> dict[str, Any]:
    """Root of a container with a network and nothing of the host."""
    return {
        "Image": step.image,
        "Cmd": [step.interpreter, "-c", (SANDBOX / "build_step.py").read_text(), *step.command],
        "Entrypoint": [],
        "User": "0:0",
        "WorkingDir": "/",
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {OWNER_LABEL: owner_of_this_process(), **step.labels},
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "OpenStdin": True,
        "StdinOnce": True,
        "HostConfig": {
            "CapDrop": ["ALL"],
            "CapAdd": list(_CAPABILITIES),
            "SecurityOpt": ["no-new-privileges:true"],
            "PidsLimit": _PIDS,
            "LogConfig": {"Type": "none", "Config": {}},
            "AutoRemove": True,
        },
    }
