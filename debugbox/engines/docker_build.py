"""An environment as an image: the build context in memory, the stages, the log. Read by `docker.py`.

Only sandbox/Dockerfile is ever built, never a Dockerfile of the repository. The classic builder is used, over the
engine's API: it needs no plug-in, and when our connection closes it ends the running step.
"""

import contextlib
import io
import re
import tarfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from debugbox.boxfiles import box_files
from debugbox.engines import EnvironmentPlan, Progress
from debugbox.engines.docker_owner import OWNER_LABEL, is_gone, owner_of_this_process
from debugbox.engines.network import ca_bundle, network_variables
from debugbox.errors import EnvironmentFailed, RequirementsUnresolvable

if TYPE_CHECKING:
    from docker import APIClient

KEY_LABEL, RECORD_LABEL, BUILD_LABEL = "io.debugbox.key", "io.debugbox.record", "io.debugbox.build"
STAGE_LABEL = "io.debugbox.stage"
SHARED_STAGE_S = 3600
UNRESOLVABLE = 10  # the exit code of sandbox/build_environment.py
SILENCE_S = 1800  # a step may compile for minutes without a line
LOG_LINES = 40
_STEPS_GONE_S = 10.0

_ENGINE_LINES = re.compile(r"^(Step \d+/| ---> |---> |Removing intermediate|Successfully (built|tagged)|$)")
_QUIET_LINES = re.compile(r"^( [+-] \S+==|Using (CPython|Python)|hint:)")
_STDERR = re.compile("\x1b\\[91m(.*?)\x1b\\[0m", re.DOTALL)  # the builder colours what a step writes to stderr


class BuildLog:
    """What the builder says: human lines go to `progress`, the end is kept for errors."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stderr: list[str] = []  # of the step that runs
        self.step = "starting"
        self.lines: deque[str] = deque(maxlen=LOG_LINES)

    @property
    def stderr(self) -> str:
        return "".join(self._stderr).strip()

    def take(self, text: str) -> None:
        self._stderr += _STDERR.findall(text)
        for line in _STDERR.sub(r"\1", text).splitlines():
            if line.startswith("Step "):
                self.step, self._stderr = line[:200], []
            elif line.strip() and not _ENGINE_LINES.match(line):
                self.lines.append(line)
                if not _QUIET_LINES.match(line):
                    self._progress(line)


def build_image(api: "APIClient", plan: EnvironmentPlan, base: str, progress: Progress) -> str:
    """Build the plan's image without its record, and return its id. What a stage left behind is removed.

    Raises:
        RequirementsUnresolvable: with the resolver's own words.
        EnvironmentFailed: with the step and the end of the log.
    """
    context = build_context(plan)
    arguments = {"BASE": base, **network_variables()}
    own = {"KEY": plan.key, "OWNER": owner_of_this_process()}
    log = BuildLog(progress)
    try:
        for target in ("bare", "parts"):
            _build(api, context, log, tag=f"debugbox/{target}:{plan.python}", target=target, buildargs=arguments)
        return _build(api, context, log, tag=environment_tag(plan), target=None, buildargs=arguments | own)
    finally:
        remove_stages(api, plan)


def environment_tag(plan: EnvironmentPlan) -> str:
    return f"debugbox/env:{plan.key[:12]}"


def label_image(api: "APIClient", image: str, plan: EnvironmentPlan, record: str) -> str:
    """The image with its key and record as labels, tagged: from here on `find` knows it."""
    files = {"Dockerfile": f"FROM {image}\n".encode()}
    labels = {KEY_LABEL: plan.key, RECORD_LABEL: record}
    log = BuildLog(lambda _: None)
    return _build(api, tar(files), log, tag=environment_tag(plan), dockerfile="Dockerfile", labels=labels)


def remove_stages(api: "APIClient", plan: EnvironmentPlan) -> None:
    """Remove the stages of this plan that no image needs: after a failure, all that it made.

    A cancelled step's container is removed by the builder, a moment later.
    """
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
    """The tar that the Dockerfile expects: box files, manifests, the requirement list, the host's certificates."""
    bundle = ca_bundle()
    files = {name: path.read_bytes() for name, path in box_files()}
    files |= {f"manifests/{name}": content for name, content in plan.manifests.items()}
    files["requirements.list"] = "".join(f"{line}\n" for line in plan.requirements).encode()
    files["ca.pem"] = bundle.read_bytes() if bundle else b""
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
    if (message.get("errorDetail") or {}).get("code") == UNRESOLVABLE:
        raise RequirementsUnresolvable(log.stderr or "\n".join(log.lines))
    raise EnvironmentFailed(log.step, "\n".join([*log.lines, str(message["error"])]))
