"""Engine `docker`, the product's: environments are images, boxes are containers with the walls of docker_settings.

Reads: docker_bases (interpreters), docker_build (images), docker_settings (walls), docker_transport (streams),
docker_owner (leftovers). The SDK is imported late: it takes a third of a second.
"""

import contextlib
import json
import os
import uuid
import weakref
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet

from debugbox.engines import (
    BoxSize,
    Environment,
    EnvironmentPlan,
    Leftover,
    OwnImage,
    Progress,
    docker_build,
    docker_images,
    docker_leftovers,
    docker_owner,
)
from debugbox.engines import docker_settings as walls
from debugbox.engines.docker_bases import REGISTRY_PATIENCE_S, SERIES, Bases
from debugbox.engines.docker_owner import OWNER_LABEL
from debugbox.engines.docker_transport import DockerTransport
from debugbox.errors import BoxGone, EngineUnavailable, EnvironmentFailed, SettingsNotApplied

if TYPE_CHECKING:
    from docker import APIClient

SESSION_LABEL = "io.debugbox.session"
ANSWER_S = 5
REQUEST_S = 60
_RECORD_BYTES = 1 << 20
_RECORD_SIZE = BoxSize(cpus=1, memory_bytes=64 << 20, pids=16, snapshot_bytes=0, snapshot_files=0)
# The second cat waits for the end of stdin: the container is still there to be inspected.
_READ_RECORD = ("/bin/sh", "-c", "cat /opt/box/packages.json /opt/box/notes.txt; echo; cat")


class DockerEngine:
    """An engine that answered. `command` is what runs as PID 1, `runtime` an OCI runtime such as "runsc"."""

    name = "docker"
    installs_debian = True

    def __init__(self, api: "APIClient", *, command: Sequence[str] = walls.COMMAND, runtime: str | None = None) -> None:
        self._api, self._command, self._runtime = api, tuple(command), runtime
        self._own_images: dict[str, OwnImage] = {}
        self._bases = Bases(api, lambda: _client(REGISTRY_PATIENCE_S))

    @classmethod
    def connect(cls, *, command: Sequence[str] = walls.COMMAND, runtime: str | None = None) -> "DockerEngine":
        """The engine that DOCKER_HOST or the current docker context names, else the default socket.

        Raises:
            EngineUnavailable: it does not answer, the way to it is open to others, or it has no seccomp.
        """
        reached = _reach()
        if isinstance(reached, str):
            raise EngineUnavailable(cls.name, reached)
        engine = cls(reached, command=command, runtime=runtime)
        if why := engine._unfit():
            raise EngineUnavailable(cls.name, why)
        weakref.finalize(engine, reached.close)
        return engine

    @classmethod
    def answers(cls) -> str | None:
        """Why no box can be started here, or None when one can. Takes at most a few times `ANSWER_S`."""
        reached = _reach()
        if isinstance(reached, str):
            return reached
        with contextlib.closing(reached):
            return cls(reached)._unfit()

    def describe(self) -> str:
        runtime = f", runtime {self._runtime}" if self._runtime else ""
        return f"docker {self._info.get('ServerVersion')} at {_endpoint()['base_url'] or 'the default socket'}{runtime}"

    def facts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the engine says of itself: `docker info` and `docker version`."""
        return self._info, dict(self._api.version())

    def bases(self) -> list[str]:
        """The interpreters whose base image is here already."""
        return [series for series in SERIES if self._bases.local(series)]

    # Environments

    def interpreter(self, wanted: SpecifierSet, preferred: str | None) -> str:
        return self._bases.interpreter(wanted, preferred)

    def own_image(self, name: str) -> OwnImage:
        if name not in self._own_images:
            image = docker_images.obtain(self._api, name)
            self._own_images[name] = docker_images.with_python(name, image, self._first_line)
        return self._own_images[name]

    def find(self, plan: EnvironmentPlan) -> Environment | None:
        found = self._api.images(filters={"label": f"{docker_build.KEY_LABEL}={plan.key}"})
        if not found:
            return None
        image = max(found, key=lambda each: each["Created"])
        record = json.loads(image["Labels"][docker_build.RECORD_LABEL])
        return Environment(
            key=plan.key,
            engine=self.name,
            reference=image["Id"],
            python=record["python"],
            packages=record["packages"],
            notes=tuple(record["notes"]),
            variables=docker_images.variables_of(self._api, image["Id"]) if plan.image else {},
        )

    def build(self, plan: EnvironmentPlan, progress: Progress) -> Environment:
        from docker.errors import APIError
        from requests.exceptions import RequestException

        base, notes = (plan.image, ()) if plan.image else self._bases.obtain(plan.python, progress)
        try:
            image = docker_build.build_image(self._api, plan, base, progress)
            record = self._read_record(image, notes)
            docker_build.label_image(self._api, image, plan, record)
        except BaseException as error:
            docker_build.remove_result(self._api, plan)
            if isinstance(error, (RequestException, APIError)):
                raise EnvironmentFailed("asking the Docker engine", str(error)) from error
            raise
        finally:
            docker_build.remove_stages(self._api, plan)
        environment = self.find(plan)
        if environment is None:
            raise EnvironmentFailed("keeping the image", f"no image has the label of {plan.key}")
        return environment

    def _first_line(self, image: str, command: Sequence[str]) -> str:
        """What a command prints first in a box. Raises BoxGone."""
        transport = self._start_container(image, _RECORD_SIZE, command)
        try:
            return transport.stdout.readline(_RECORD_BYTES).decode("utf-8", "replace")
        finally:
            transport.kill()

    def _read_record(self, image: str, notes: Sequence[str]) -> str:
        """What build_environment.py wrote, read in a box: packages that were built ran their own code beside it."""
        transport = self._start_container(image, _RECORD_SIZE, _READ_RECORD)
        try:
            lines: list[str] = []
            while (line := transport.stdout.readline(_RECORD_BYTES)) != b"\n" and line and len(lines) < 10_000:
                lines.append(line.decode("utf-8", "replace"))
        finally:
            transport.kill()
        return json.dumps(_checked_record("".join(lines), notes), sort_keys=True)

    # Boxes

    def start(self, environment: Environment, size: BoxSize) -> DockerTransport:
        return self._start_container(environment.reference, size, self._command)

    def sweep(self) -> list[str]:
        """Remove the containers and half-built images whose debugbox on this host is gone; returns their ids."""
        return [each.name for each in self.abandoned() if each.remove()]

    def abandoned(self) -> list[Leftover]:
        return list(docker_leftovers.abandoned(self._api))

    def environments(self) -> list[Leftover]:
        return list(docker_leftovers.environments(self._api))

    def _start_container(self, image: str, size: BoxSize, command: Sequence[str]) -> DockerTransport:
        labels = {SESSION_LABEL: uuid.uuid4().hex, OWNER_LABEL: docker_owner.owner_of_this_process()}
        settings = walls.wanted(image, size, labels, command, self._runtime)
        host = settings["HostConfig"]
        host["NanoCpus"] = min(host["NanoCpus"], int(self._info.get("NCPU", size.cpus) * 1e9))
        settings, unenforced = walls.without_unenforceable(settings, self._info)
        with self._container(settings) as container:
            transport = DockerTransport(self._api, container, size.memory_bytes + size.snapshot_bytes)
            try:
                self._api.start(container)
                transport.applied, transport.unenforced = self._read_back(settings, transport), unenforced
            except BaseException:
                transport.kill()
                raise
        return transport

    @contextlib.contextmanager
    def _container(self, settings: dict[str, Any]) -> Iterator[str]:
        """A created container; removed when anything fails before it is handed out.

        Raises:
            BoxGone: in the engine's words.
        """
        from docker.errors import APIError
        from requests.exceptions import RequestException

        container = ""
        try:
            created = self._api.create_container_from_config(settings)  # type: ignore[no-untyped-call]  # the stubs lack it
            container = str(created["Id"])
            yield container
        except BaseException as error:
            if container:
                with contextlib.suppress(APIError, RequestException):  # it ended, and was removed with it
                    self._api.remove_container(container, force=True)
            if isinstance(error, APIError):
                raise BoxGone(f"the engine did not start it: {error.explanation}") from error
            if isinstance(error, RequestException):
                raise BoxGone("the Docker engine does not answer any more") from error
            raise

    def _read_back(self, settings: dict[str, Any], transport: DockerTransport) -> dict[str, Any]:
        """What the engine says it applied. Raises SettingsNotApplied."""
        from docker.errors import NotFound

        try:
            reported = self._api.inspect_container(transport.container)
        except NotFound:
            raise BoxGone(transport.cause_of_early_end()) from None
        image = self._api.inspect_image(settings["Image"])  # type: ignore[no-untyped-call]  # the stubs lack it
        if found := list(walls.differences(settings, reported, image["Config"].get("Env") or [])):
            raise SettingsNotApplied("; ".join(found))
        return walls.applied(settings, reported, self._info)

    # The engine itself

    @cached_property
    def _info(self) -> dict[str, Any]:
        return dict(self._api.info())

    def _unfit(self) -> str | None:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            options = self._info.get("SecurityOptions") or []
        except (DockerException, RequestException) as error:
            return str(error)
        seccomp = [option for option in options if option.startswith("name=seccomp")]
        if not seccomp or "unconfined" in seccomp[0]:
            return "it runs containers without a seccomp filter, which no box may do without"
        if self._runtime and self._runtime not in (self._info.get("Runtimes") or {}):
            return f"it has no runtime {self._runtime}"
        return None


def _reach() -> "APIClient | str":
    """A client of the engine that the docker command would use, or why there is none."""
    from docker.errors import DockerException

    try:
        if why := _refused(_endpoint()):
            return why
        api = _client(ANSWER_S)
    except (DockerException, OSError, ValueError) as error:
        return str(error)
    api.timeout = REQUEST_S
    return api


def _client(timeout_s: int) -> "APIClient":
    from docker import APIClient

    return APIClient(**_endpoint(), timeout=timeout_s, version="auto")


def _endpoint() -> dict[str, Any]:
    """Address and TLS as the docker command would take them. Raises ValueError or DockerException."""
    from docker.context import ContextAPI
    from docker.utils import kwargs_from_env

    found = kwargs_from_env() if os.environ.get("DOCKER_HOST") else ContextAPI.kwargs_from_context()
    if not found:  # the SDK would go on with the default socket
        raise ValueError("the docker context that is in use does not exist")
    return {"base_url": None, **found}


def _refused(endpoint: dict[str, Any]) -> str:
    address = str(endpoint["base_url"] or "")
    if address.startswith(("tcp://", "http://")) and not endpoint.get("tls"):
        return f"{address} is not encrypted: whoever is on the way controls the engine"
    if address.startswith("ssh://"):
        return f"{address}: a box needs a socket; forward the engine's with ssh -L"
    path = Path("/" + address.removeprefix("unix://").lstrip("/"))
    if address.startswith("unix://") and not path.is_socket():  # said plainer than by the SDK, and it leaks a socket
        return f"there is no socket {path}"
    return ""


def _checked_record(text: str, notes: Sequence[str]) -> dict[str, Any]:
    """The record of an environment. Raises EnvironmentFailed when it is not one."""
    try:
        record, end = json.JSONDecoder().raw_decode(text)
        packages = {str(name): str(version) for name, version in record["packages"].items()}
        python = str(record["python"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EnvironmentFailed("reading its record", text[:2000]) from error
    own = [line for line in text[end:].splitlines() if line.strip()]
    return {"python": python, "packages": packages, "notes": [*notes, *own]}
