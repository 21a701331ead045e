"""Manifests to an environment: which interpreter, which requirements, one build at a time per content.

The repository's package itself is never installed: it is read from the snapshot. What is built is kept
under a key over the manifests, the interpreter, the engine and the box files.
"""

import fcntl
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from debugbox.boxfiles import box_files_hash
from debugbox.engines import Engine, Environment, EnvironmentPlan, Progress
from debugbox.errors import BadSettings, NoInterpreter
from debugbox.settings import Settings
from debugbox.snapshot import Snapshot

# `.`, `-e .`, `-e ./sub`, `file:.`: the repository itself, which the box reads from the snapshot.
_SELF = re.compile(r"^\s*(?:-e\s+|--editable[ =])?(?:file:)?\.{1,2}(?:/[^#\s]*)?(?:\[[^\]]*\])?\s*(?:#.*)?$")
_REQUIREMENT_FILES = re.compile(
    r"^(requirements[\w.-]*|[\w.-]*requirements|requirements/[\w.-]+|constraints[\w.-]*)\.txt$"
)
_MAX_MANIFEST_BYTES = 1 << 20


def prepare_environment(snapshot: Snapshot, engine: Engine, settings: Settings, progress: Progress) -> Environment:
    """The environment of this repository, built now if it was not built before.

    Two runs that want the same one build it once: the second waits.

    Raises:
        RequirementsUnresolvable, EnvironmentFailed, NoInterpreter, NoBaseImage: see `Engine.build`.
    """
    plan = plan_environment(snapshot, engine, settings)
    environment = engine.find(plan)
    if environment is None:
        with _locked(settings.cache_dir / "locks" / f"{plan.key}.lock", progress):
            environment = engine.find(plan) or engine.build(plan, progress)
    pinned = _pinned_python(snapshot)
    if settings.python is None and pinned not in (None, plan.python):
        note = f"the repository pins Python {pinned}, which cannot be had here: its box has {plan.python}"
        return replace(environment, notes=(*environment.notes, note))
    return environment


def plan_environment(snapshot: Snapshot, engine: Engine, settings: Settings) -> EnvironmentPlan:
    """What to build, from the snapshot's manifests alone; nothing of the repository is run."""
    project = _project_table(snapshot)
    python = _choose_python(engine, _wanted_python(project), settings.python, _pinned_python(snapshot))
    manifests = _manifests(snapshot) if settings.dependencies else {}
    requirements = (*_requirements(manifests, project if settings.dependencies else {}), *settings.extra_packages)
    content = [python, engine.name, box_files_hash(), *requirements]
    content += [f"{name}\0{hashlib.sha256(text).hexdigest()}" for name, text in sorted(manifests.items())]
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]
    return EnvironmentPlan(key=key, python=python, manifests=manifests, requirements=requirements)


def import_roots(snapshot: Snapshot) -> tuple[str, ...]:
    """Folders of the box that come first on the path: `src` where it holds packages, and the repository itself."""
    has_src = any(path.startswith("src/") and path.endswith(".py") for path in snapshot.files)
    return ("/srv/repo/src", "/srv/repo") if has_src else ("/srv/repo",)


def _choose_python(engine: Engine, wanted: SpecifierSet, asked: str | None, pinned: str | None) -> str:
    """What was asked for, or nothing; what is pinned, or the nearest that the manifest allows."""
    if asked is not None:
        return engine.interpreter(_series(asked), asked)
    try:
        return engine.interpreter(_series(pinned) if pinned else wanted, pinned)
    except NoInterpreter:
        return engine.interpreter(wanted, None)


def _series(python: str) -> SpecifierSet:
    try:
        return SpecifierSet(f"=={python}.*")
    except InvalidSpecifier as error:
        raise BadSettings("--python", f"{python!r} is not a version such as 3.11") from error


def _project_table(snapshot: Snapshot) -> dict[str, Any]:
    content = snapshot.read("pyproject.toml")
    if content is None:
        return {}
    try:
        table = tomllib.loads(content.decode("utf-8")).get("project", {})
    except ValueError as error:
        raise BadSettings("pyproject.toml", str(error)) from error
    return table if isinstance(table, dict) else {}


def _wanted_python(project: Mapping[str, Any]) -> SpecifierSet:
    try:
        return SpecifierSet(str(project.get("requires-python", "")))
    except InvalidSpecifier as error:
        raise BadSettings("pyproject.toml", f"requires-python: {error}") from error


def _pinned_python(snapshot: Snapshot) -> str | None:
    """`.python-version` as a series ("3.12"), when it names one that boxes know."""
    text = (snapshot.read(".python-version") or b"").decode("utf-8", "replace")
    match = re.match(r"\s*(?:cpython[-@])?(3\.\d+)", text)
    return match[1] if match else None


def _manifests(snapshot: Snapshot) -> dict[str, bytes]:
    """The requirement files, each without the lines that mean the repository itself."""
    names = [path for path in snapshot.files if _REQUIREMENT_FILES.match(path)]
    contents = {name: snapshot.read(name) or b"" for name in names}
    return {name: _without_self(text) for name, text in contents.items() if len(text) <= _MAX_MANIFEST_BYTES}


def _without_self(content: bytes) -> bytes:
    lines = content.decode("utf-8-sig", "replace").splitlines()
    return "".join(f"{line}\n" for line in lines if not _SELF.match(line)).encode()


def _requirements(manifests: Mapping[str, bytes], project: Mapping[str, Any]) -> tuple[str, ...]:
    """`-r` for each requirement file of the top folder, then the dependencies of `[project]` that can be parsed."""
    files = [name for name in sorted(manifests) if "constraint" not in name and len(PurePosixPath(name).parts) == 1]
    declared = project.get("dependencies", [])
    own = _normal(str(project.get("name", "")))
    wanted = (
        [str(each) for each in declared if _normal(_name_of(str(each))) != own] if isinstance(declared, list) else []
    )
    return (*[f"-r {name}" for name in files], *wanted)


def _name_of(requirement: str) -> str:
    try:
        return Requirement(requirement).name
    except InvalidRequirement as error:
        raise BadSettings("pyproject.toml", f"dependencies: {requirement!r} is not a requirement") from error


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """An exclusive lock by file; it goes with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another debugbox builds the same environment; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
