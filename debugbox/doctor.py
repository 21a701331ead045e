"""What of this machine debugbox can use: engines, limits, interpreters, credentials, space. Read by `debugbox doctor`.

Each check gives lines that say what is so and, where it is not good, what to do. Nothing is changed.
"""

import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from debugbox.endpoint import credentials_present, known_base_url
from debugbox.engines import Leftover, cgroups, interpreters
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.bubblewrap_transport import NEVER_ENFORCED
from debugbox.engines.docker import DockerEngine
from debugbox.settings import Settings

Level = Literal["green", "yellow", "red"]
_CREDENTIALS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
_PROVIDER = "https://api.anthropic.com"
_PATIENCE_S = 5
_LITTLE_SPACE_BYTES = 5 << 30
_CONTROLS = {
    "MemoryLimit": "memory", "SwapLimit": "swap", "PidsLimit": "processes", "CpuCfsQuota": "CPUs",
}  # fmt: skip
# Below this version of what: why it matters here (reference: the advisories named).
_WEAKNESSES = (
    ("Engine", (25, 0), "allows io_uring by default; the box's own filter denies it"),
    ("Engine", (29, 4, 3), "allows AF_ALG (CVE-2026-31431); the box's own filter denies it, a kernel update cures it"),
    (
        "runc",
        (1, 2, 8),
        "CVE-2025-31133, -52565, -52881: need control of a container's configuration, which a box has not",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """`remedy` is what to do, where something can be done."""

    level: Level
    what: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Line]:
    """All checks, each line as soon as it is known."""
    no_docker = DockerEngine.answers()
    embedded = BubblewrapEngine(settings.cache_dir)
    no_embedded = embedded.answers()
    if no_docker is None:
        docker = DockerEngine.connect()
        yield Line(level="green", what=docker.describe())
        yield from docker_lines(*docker.facts())
        yield from _bases(docker.bases())
        yield _docker_cache(docker.environments())
    else:
        yield _no_docker(no_docker, settings)
    if no_embedded is None:
        yield Line(level="green", what="bubblewrap: user namespaces work")
        yield from embedded_lines(cgroups.unenforced_here())
        yield _interpreters(
            [each for each in interpreters.SUPPORTED if each in {found.series for found in interpreters.installed()}]
        )
        kept = len(list(embedded.environments()))  # their size would take seconds: `clean --dry-run` tells it
        yield Line(level="green", what=f"bubblewrap: {kept} environments are kept")
    else:
        yield _no_embedded(no_embedded, needed=no_docker is not None)
    yield from _model(os.environ)
    yield _space(settings)
    yield _git()


def can_run(lines: Iterable[Line]) -> bool:
    """Whether the main job can: nothing is red."""
    return all(line.level != "red" for line in lines)


def docker_lines(info: Mapping[str, Any], version: Mapping[str, Any]) -> Iterator[Line]:
    """An engine's walls, as it tells them."""
    options = " ".join(info.get("SecurityOptions") or [])
    yield Line(level="green", what="docker: the engine's own seccomp filter is on")  # `answers` refuses one without
    if "name=apparmor" not in options and "name=selinux" not in options:
        yield Line(
            level="yellow", what="docker: neither AppArmor nor SELinux", remedy="a second wall: turn one of them on"
        )
    missing = [words for control, words in _CONTROLS.items() if info.get(control) is False]
    if missing:
        words = f"docker: no limit of {', '.join(missing)} can be enforced"
        yield Line(level="yellow", what=words, remedy="enable these cgroup controllers for the engine")
    else:
        yield Line(level="green", what="docker: limits of memory, swap, processes and CPUs hold")
    for name, fixed, why in _WEAKNESSES:
        found = _component(version, name)
        if found and found < fixed:
            words = f"docker: {name} {_dotted(found)} is older than {_dotted(fixed)}: {why}"
            yield Line(level="yellow", what=words, remedy="update it when you can")
    if "runsc" in (info.get("Runtimes") or {}):
        yield Line(level="green", what="docker: gVisor (runsc) is there for hostile code")


def embedded_lines(unenforced: Iterable[str]) -> Iterator[Line]:
    """What holds an embedded box."""
    if missing := list(unenforced):
        words = f"bubblewrap: no limit of {', '.join(missing)} can be enforced; findings will say so"
        yield Line(level="yellow", what=words, remedy="run inside a systemd user session, or use Docker")
    else:
        yield Line(level="green", what="bubblewrap: limits of memory, processes and CPUs hold")
    words = f"bubblewrap: no limit of {', '.join(NEVER_ENFORCED)} anywhere; findings say so"
    yield Line(level="yellow", what=words, remedy="use Docker for code that may make millions of files")


def _no_docker(why: str, settings: Settings) -> Line:
    asked = settings.engine == "docker"
    remedy = "start Docker or set DOCKER_HOST" + (
        "" if asked else "; the embedded engine protects against accidents only"
    )
    return Line(level="red" if asked else "yellow", what=f"docker: {why}", remedy=remedy)


def _no_embedded(why: str, *, needed: bool) -> Line:
    remedy = "start Docker, or allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
    return Line(level="red" if needed else "yellow", what=f"bubblewrap: {why}", remedy=remedy)


def _bases(series: list[str]) -> Iterator[Line]:
    if series:
        yield Line(level="green", what=f"docker: base images are here for Python {', '.join(series)}")
    else:
        words = "docker: no base image is here yet"
        yield Line(level="yellow", what=words, remedy="the first run pulls one; without a registry: debugbox base")


def _interpreters(series: list[str]) -> Line:
    if series:
        return Line(level="green", what=f"bubblewrap: Python {', '.join(series)} can be used")
    return Line(level="red", what="bubblewrap: no Python of 3.9 to 3.13 was found", remedy="install one")


def _docker_cache(environments: list[Leftover]) -> Line:
    size = sum(each.size() for each in environments)
    words = (
        f"docker: {len(environments)} environments are kept, {size / (1 << 30):.1f} GiB (shared layers count each time)"
    )
    return Line(level="green", what=words, remedy="debugbox clean --dry-run" if size > _LITTLE_SPACE_BYTES else "")


def _model(environment: Mapping[str, str]) -> Iterator[Line]:
    """Credentials by name, never by value, and whether their endpoint answers."""
    if not credentials_present(environment):
        words = "model: no credentials; recipes investigate without one"
        yield Line(level="yellow", what=words, remedy="set ANTHROPIC_API_KEY for the agent")
        return
    names = [name for name in _CREDENTIALS if environment.get(name)]
    yield Line(level="green", what=f"model: credentials found ({', '.join(names) or 'a profile of the SDK'})")
    endpoint = known_base_url(None, environment) or _PROVIDER
    if why := unreachable(endpoint):
        yield Line(
            level="yellow", what=f"model: {_host(endpoint)} cannot be reached ({why})", remedy="--no-model works"
        )
    else:
        yield Line(level="green", what=f"model: {_host(endpoint)} answers")


def unreachable(endpoint: str) -> str:
    """Why the endpoint does not answer; empty when it does, with whatever status. No credentials are sent."""
    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=_PATIENCE_S):
            return ""
    except urllib.error.HTTPError:
        return ""
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))[:200]


def _host(endpoint: str) -> str:
    return re.sub(r"^(\w+://)(?:[^/@]*@)?([^/?#]*).*$", r"\1\2", endpoint)


def _space(settings: Settings) -> Line:
    folder = settings.cache_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    words = f"space: {free / (1 << 30):.1f} GiB are free for environments"
    low = free < _LITTLE_SPACE_BYTES
    return Line(level="yellow" if low else "green", what=words, remedy="debugbox clean" if low else "")


def _git() -> Line:
    if shutil.which("git"):
        return Line(level="green", what="git: found")
    return Line(level="yellow", what="git: not found; ignored files would go into the snapshot", remedy="install git")


def _component(version: Mapping[str, Any], name: str) -> tuple[int, ...]:
    found = [str(each.get("Version")) for each in version.get("Components") or [] if each.get("Name") == name]
    match = re.match(r"\d+(\.\d+)*", found[0]) if found else None
    return tuple(map(int, match[0].split("."))) if match else ()


def _dotted(numbers: Iterable[int]) -> str:
    return ".".join(map(str, numbers))
