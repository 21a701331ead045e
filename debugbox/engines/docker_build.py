"""An environment as an image: the build context in memory, the stages, the log. Read by `docker.py`.

Only sandbox/Dockerfile is ever built, never a Dockerfile of the repository. The classic builder is used, over the
engine's API: it needs no plug-in. It only copies files; what needs the network is a step in a container of our own
(docker_steps.py).
"""

import contextlib
import hashlib
import io
import re
import tarfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from debugbox.boxfiles import SANDBOX, box_files
from debugbox.engines import EnvironmentPlan, Progress
from debugbox.engines.docker_owner import OWNER_LABEL, is_gone, owner_of_this_process
from debugbox.engines.docker_steps import Step, StepFailed, run_step
from debugbox.engines.network import debian_mirrors
from debugbox.errors import DebianPackagesFailed, EnvironmentFailed, RequirementsUnresolvable

if TYPE_CHECKING:
    from docker import APIClient

KEY_LABEL, RECORD_LABEL, BUILD_LABEL = "io.debugbox.key", "io.debugbox.record", "io.debugbox.build"
STAGE_LABEL, PARTS_LABEL = "io.debugbox.stage", "io.debugbox.parts"
SHARED_STAGE_S = 3600
UNRESOLVABLE = 10  # the exit code of sandbox/build_environment.py
SILENCE_S = 1800
LOG_LINES = 40
_STEPS_GONE_S = 10.0

_ENGINE_LINES = re.compile(
    r"^(Step \d+/| ---> |---> |\[Warning\] One or more build-args|Removing intermediate|Successfully (built|tagged)|$)"
)
_QUIET_LINES = re.compile(r"^( [+-] \S+==|Using (CPython|Python)|hint:)")


_UV = {"UV": "/build/uv/bin/uv", "UV_CACHE_DIR": "/tmp/uv"}
_NONE: Mapping[str, str] = {}
_OF_PARTS = (
    "kernels/requirements.txt", "kernels/requirements-kernel.txt", "sandbox/requirements-tools.txt",
    "sandbox/build_environment.py", "sandbox/make_parts.sh",
)  # fmt: skip


class BuildLog:
    """What a build says: human lines go to `progress`, the end is kept for errors."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.step = "starting"
        self.lines: deque[str] = deque(maxlen=LOG_LINES)

    def take(self, text: str) -> None:
        for line in text.splitlines():
            if line.startswith("Step "):
                self.step = line[:200]
            elif line.strip() and not _ENGINE_LINES.match(line):
                self.lines.append(line)
                if not _QUIET_LINES.match(line):
                    self._progress(line)


def build_image(api: "APIClient", plan: EnvironmentPlan, base: str, progress: Progress) -> str:
    """Build the plan's image without its record, and return its id. Whatever happens, stages stay: see `remove_stages`.

    Raises:
        RequirementsUnresolvable: with the resolver's own words.
        EnvironmentFailed: with the step and the end of the log.
    """
    context, log = build_context(plan), BuildLog(progress)
    arguments = {"BASE": base, "PYTHON": plan.interpreter, "KEY": plan.key, "OWNER": owner_of_this_process()}
    _build(api, context, log, tag=_shared_tag("bare", plan), target="bare", buildargs=arguments)
    arguments["PARTS"] = _parts(api, plan, base, context, log)
    arguments["ENVIRONMENT"] = _environment(api, plan, context, arguments, log)
    image = _build(api, context, log, tag=environment_tag(plan), target=None, buildargs=arguments)
    return _with_packages(api, plan, image, log) if plan.apt else image


def _parts(api: "APIClient", plan: EnvironmentPlan, base: str, context: bytes, log: BuildLog) -> str:
    """uv, the supervisor's venv and the tools: made once for a base, and kept."""
    inspected = api.inspect_image(base)  # type: ignore[no-untyped-call]  # the stubs lack it
    digest = hashlib.sha256(inspected["Id"].encode())
    for name, path in box_files():
        if name in _OF_PARTS:
            digest.update(path.read_bytes())
    # By its tag, not by its label alone: what is built on it inherits that.
    for found in api.images(name=_shared_tag("parts", plan)):
        if (found["Labels"] or {}).get(PARTS_LABEL) == digest.hexdigest():
            return str(found["Id"])
    files = _build(api, context, log, target="tools", buildargs={"BASE": base})
    step = _step(plan, files, "make_parts.sh", labels={PARTS_LABEL: digest.hexdigest()})
    return _run(api, step, log, "the supervisor and the tools", tag=_shared_tag("parts", plan))


def _environment(
    api: "APIClient", plan: EnvironmentPlan, context: bytes, arguments: Mapping[str, str], log: BuildLog
) -> str:
    """The repository's dependencies. Runs what its packages' set-up runs, as root of a container without our files."""
    files = _build(api, context, log, target="manifests", buildargs=arguments)
    options = ("--on-image",) if plan.image else ()
    return _run(api, _step(plan, files, "make_environment.sh", *options), log, "installing packages")


def _with_packages(api: "APIClient", plan: EnvironmentPlan, image: str, log: BuildLog) -> str:
    """Debian packages on top of a finished environment."""
    labels = {BUILD_LABEL: plan.key}
    command = ("sh", "-c", _script("apt_packages.sh"), "sh", *plan.apt)
    step = Step(image=image, command=command, interpreter=plan.interpreter, variables=debian_mirrors(), labels=labels)
    try:
        return _run(api, step, log, "installing Debian packages")
    except EnvironmentFailed as error:
        raise DebianPackagesFailed(" ".join(plan.apt), "\n".join(list(log.lines)[-15:])) from error


def _step(plan: EnvironmentPlan, image: str, script: str, *options: str, labels: Mapping[str, str] = _NONE) -> Step:
    command = ("sh", "-c", _script(script), "sh", plan.interpreter, *options)
    return Step(image=image, command=command, interpreter=plan.interpreter, variables=_UV, labels=labels)


def _script(name: str) -> str:
    return (SANDBOX / name).read_text()


def _run(api: "APIClient", step: Step, log: BuildLog, name: str, tag: str = "") -> str:
    log.step = name
    try:
        return run_step(api, step, log.take, tag)
    except StepFailed as failure:
        if failure.code == UNRESOLVABLE:
            raise RequirementsUnresolvable(failure.words) from failure
        ended = f"it ended with {failure.code}" if failure.code else failure.words
        raise EnvironmentFailed(log.step, "\n".join([*log.lines, ended])) from failure


def _shared_tag(stage: str, plan: EnvironmentPlan) -> str:
    """Of a stage that environments share: a base's by its interpreter, a user's own image's by its id."""
    own = plan.image.partition(":")[2][:12]
    return f"debugbox/{stage}:{f'on-{own}' if own else plan.python}"


def environment_tag(plan: EnvironmentPlan) -> str:
    return f"debugbox/env:{plan.key[:12]}"


def remove_result(api: "APIClient", plan: EnvironmentPlan) -> None:
    """The image of a build that failed after it was made."""
    from docker.errors import APIError
    from requests.exceptions import RequestException

    with contextlib.suppress(APIError, RequestException):  # it had not come so far, or the engine has gone
        api.remove_image(environment_tag(plan), force=True)


def label_image(api: "APIClient", image: str, plan: EnvironmentPlan, record: str) -> str:
    """The image with its key and record as labels, tagged: from here on `find` knows it."""
    files = {"Dockerfile": f"FROM {image}\nUSER 10001:10001\nENTRYPOINT []\nCMD []\n".encode()}
    labels = {KEY_LABEL: plan.key, RECORD_LABEL: record}
    log = BuildLog(lambda _: None)
    return _build(api, tar(files), log, tag=environment_tag(plan), dockerfile="Dockerfile", labels=labels)


def remove_stages(api: "APIClient", plan: EnvironmentPlan) -> None:
    """Remove the stages of this plan that no image needs: after a failure, all that it made.

    A cancelled step's container is removed by the builder, a moment later.
    """
    from requests.exceptions import RequestException

    with contextlib.suppress(RequestException):  # the engine has gone: the next start sweeps
        _remove_stages(api, plan)


def _remove_stages(api: "APIClient", plan: EnvironmentPlan) -> None:
    from docker.errors import APIError

    deadline = time.monotonic() + _STEPS_GONE_S
    while left := api.images(filters={"dangling": True, "label": f"{BUILD_LABEL}={plan.key}"}, quiet=True):
        for image in left:
            with contextlib.suppress(APIError):  # 409: its container is about to be removed
                api.remove_image(image)
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)


def abandoned_stages(api: "APIClient") -> list[dict[str, Any]]:
    """The stages of builds whose debugbox was killed.

    What all environments share has no owner: it goes when nothing has needed it for `SHARED_STAGE_S`.
    """
    owned = api.images(filters={"dangling": True, "label": BUILD_LABEL})
    shared = api.images(filters={"dangling": True, "label": STAGE_LABEL})
    left = [image for image in owned if is_gone(image["Labels"].get(OWNER_LABEL, ""))]
    return left + [image for image in shared if image not in owned and time.time() - image["Created"] > SHARED_STAGE_S]


def build_context(plan: EnvironmentPlan) -> bytes:
    """The tar that the Dockerfile expects: box files, manifests, the requirement list."""
    files = {name: path.read_bytes() for name, path in box_files()}
    files |= {f"manifests/{name}": content for name, content in plan.manifests.items()}
    files["requirements.list"] = "".join(f"{line}\n" for line in plan.requirements).encode()
    return tar(files, folders=("manifests",))


def tar(files: Mapping[str, bytes], folders: tuple[str, ...] = ()) -> bytes:
    """Root's, readable by all, without times: equal content gives equal bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in folders:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _build(api: "APIClient", context: bytes, log: BuildLog, **options: Any) -> str:
    """Build one target and return its image's id. Ends with the connection closed, so with the step ended."""
    options.setdefault("dockerfile", "sandbox/Dockerfile")
    messages: Iterator[dict[str, Any]] = api.build(
        fileobj=io.BytesIO(context),
        custom_context=True,
        decode=True,
        rm=True,
        forcerm=True,
        timeout=SILENCE_S,
        **options,
    )
    image = ""
    with contextlib.closing(messages):  # type: ignore[type-var]  # a generator, which the stubs do not say
        for message in messages:
            _raise_failure(message, log)
            log.take(str(message.get("stream", "")))
            image = (message.get("aux") or {}).get("ID", image)
    if not image:
        raise EnvironmentFailed(log.step, "the builder ended without an image\n" + "\n".join(log.lines))
    return image


def _raise_failure(message: Mapping[str, Any], log: BuildLog) -> None:
    if "error" not in message:
        return
    raise EnvironmentFailed(log.step, "\n".join([*log.lines, str(message["error"])]))
