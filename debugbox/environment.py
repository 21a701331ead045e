"""Manifests to an environment: which interpreter, which requirements, one build at a time per content.

The repository's package itself is never installed: it is read from the snapshot. What is built is kept
under a key over the manifests, the interpreter, the engine and the box files.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from debugbox.boxfiles import box_files_hash
from debugbox.engines import Engine, Environment, EnvironmentPlan, Progress
from debugbox.errors import BadSettings, DebianPackagesFailed, NoInterpreter, RequirementsUnresolvable
from debugbox.manifests import Source, Wanted, pinned_python, wanted_of
from debugbox.project import read_toml, table, texts
from debugbox.settings import Settings
from debugbox.snapshot import METADATA, Snapshot

_NOT_TO_PASS = {"PATH", "HOME", "USER", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR", "MPLBACKEND", "XDG_CACHE_HOME"}
_GIT = ("git",)
_COMPILER = ("gcc", "g++", "make", "libc6-dev", "python3-dev")
_DEBIAN_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]*(=[A-Za-z0-9.:~+-]+)?")
# What a kernel has imported before the first cell: a repository that is one of them is not what a cell imports.
_KERNEL_STACK = {
    "asttokens", "comm", "debugpy", "decorator", "executing", "ipykernel", "ipython", "jedi", "jupyter-client",
    "jupyter-core", "matplotlib-inline", "nest-asyncio", "packaging", "parso", "pexpect", "platformdirs",
    "prompt-toolkit", "psutil", "ptyprocess", "pure-eval", "pygments", "python-dateutil", "pyzmq", "six",
    "stack-data", "tornado", "traitlets", "typing-extensions", "wcwidth",
}  # fmt: skip


def prepare_environment(snapshot: Snapshot, engine: Engine, settings: Settings, progress: Progress) -> Environment:
    """The environment of this repository, built now if it was not built before, or if it shall be built anew.

    Two runs that want the same one build it once: the second waits.

    Raises:
        RequirementsUnresolvable, EnvironmentFailed, NoInterpreter, NoBaseImage: see `Engine.build`.
        BadSettings, CondaOnly: see `wanted_of`.
        ImageUnfit: see `Engine.own_image`.
    """
    wanted, passed = _wanted(snapshot, settings), passed_variables(settings)
    plan = plan_environment(snapshot, engine, settings, wanted)
    notes = (
        *([f"passed into the box, as you asked: {', '.join(passed)}"] if passed else []),
        *_notes_on_packages(engine, settings, plan),
        *wanted.notes,
        *_notes_on_itself(wanted),
        *_notes_on_python(snapshot, settings, wanted, plan.python),
    )
    environment, why = _with_tests(plan, wanted, engine, settings, progress)
    if environment is None:
        plan = plan_environment(snapshot, engine, settings, replace(wanted, tests=()))
        environment = _find_or_build(plan, engine, settings, progress)
        notes += (f"the requirements of the repository's tests cannot be met, so they are not here: {why}",)
    variables = {**environment.variables, **passed}
    return replace(environment, notes=(*environment.notes, *notes), variables=variables)


def known_environment(source: Source, engine: Engine, settings: Settings) -> Environment | None:
    """The one that `prepare_environment` is going to give, as far as that is known without building or fetching.

    Raises as `prepare_environment`.
    """
    if settings.refresh or settings.image:
        return None
    environment = engine.find(plan_environment(source, engine, settings))
    return environment and replace(environment, variables={**environment.variables, **passed_variables(settings)})


def passed_variables(settings: Settings) -> dict[str, str]:
    """The variables that the user named with --env, as they are set here. Raises BadSettings."""
    for name in settings.env:
        if name in _NOT_TO_PASS or name.startswith(("DEBUGBOX_", "ANTHROPIC_")):
            raise BadSettings("--env", f"{name} stays here: the box has its own, or it is a key of debugbox itself")
        if name not in os.environ:
            raise BadSettings("--env", f"{name} is not set here")
    return {name: os.environ[name] for name in settings.env}


def _with_tests(
    plan: EnvironmentPlan, wanted: Wanted, engine: Engine, settings: Settings, progress: Progress
) -> tuple[Environment | None, str]:
    """The environment with what the repository's tests need, or None and why it cannot be had.

    That is remembered, or each run would try again. Raises as `prepare_environment`, where it is not for the tests.
    """
    refusal = settings.cache_dir / "tests-refused" / plan.key
    if refusal.is_file() and not settings.refresh:
        return None, refusal.read_text()
    try:
        return _find_or_build(plan, engine, settings, progress), ""
    except RequirementsUnresolvable as refused:
        if not wanted.tests:
            raise
        why = " ".join(refused.words.split())[-300:]
    refusal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    refusal.write_text(why)
    return None, why


def plan_environment(
    source: Source, engine: Engine, settings: Settings, wanted: Wanted | None = None
) -> EnvironmentPlan:
    """What to build, from the manifests alone; nothing of the repository is run."""
    wanted = wanted or _wanted(source, settings)
    own = engine.own_image(settings.image) if settings.image else None
    python = own.python if own else _choose_python(engine, wanted, settings.python, pinned_python(source))
    plan = EnvironmentPlan(
        key="",
        python=python,
        manifests=wanted.files,
        requirements=(*wanted.requirements, *wanted.tests, *settings.extra_packages, *_to_set_up(source, settings)),
        apt=_debian_packages(engine, settings),
        image=own.id if own else "",
        interpreter=own.interpreter if own else "python3",
    )
    return replace(plan, key=_key(plan, engine))


def _wanted(source: Source, settings: Settings) -> Wanted:
    """What the manifests want; of a user's own image it is taken that it has that already."""
    return wanted_of(source, dependencies=settings.dependencies and not settings.image)


def _key(plan: EnvironmentPlan, engine: Engine) -> str:
    content = [plan.python, engine.name, box_files_hash(), *plan.requirements]
    content += [f"{name}\0{hashlib.sha256(text).hexdigest()}" for name, text in sorted(plan.manifests.items())]
    content += [
        f"{kind}\0{each}" for kind, some in (("apt", plan.apt), ("image", (plan.image,))) for each in some if each
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


def _debian_packages(engine: Engine, settings: Settings) -> tuple[str, ...]:
    """What was asked for; and git, where commits go along. Raises BadSettings: an option or a file is no package."""
    if wrong := [each for each in settings.apt if not _DEBIAN_PACKAGE.fullmatch(each)]:
        raise BadSettings("apt", f"{wrong[0]!r} is not the name of a Debian package")
    if not engine.installs_debian:
        return ()
    git = _GIT if settings.history or settings.good else ()
    compiler = _COMPILER if settings.setup and not settings.image else ()
    return tuple(dict.fromkeys([*settings.apt, *git, *compiler]))


def _to_set_up(source: Source, settings: Settings) -> tuple[str, ...]:
    """What the repository's build asks for, where its set-up runs: there is no network then to fetch it."""
    if not settings.setup:
        return ()
    build = table(read_toml(source.read, "pyproject.toml"), "build-system")
    return texts(build.get("requires")) or ("setuptools", "wheel")


def import_roots(source: Source) -> tuple[str, ...]:
    """Folders of the box that come first on the path: `src` where it holds packages, the repository, its metadata."""
    has_src = any(path.startswith("src/") and path.endswith(".py") for path in source.files)
    roots = ("/srv/repo/src", "/srv/repo") if has_src else ("/srv/repo",)
    return (*roots, f"/srv/repo/{METADATA}") if source.has_metadata else roots


def _find_or_build(plan: EnvironmentPlan, engine: Engine, settings: Settings, progress: Progress) -> Environment:
    environment = None if settings.refresh else engine.find(plan)
    if environment is None:
        with _locked(settings.cache_dir / "locks" / f"{plan.key}.lock", progress) as waited:
            found = engine.find(plan) if waited or not settings.refresh else None
            environment = found or _build(plan, engine, settings, progress)
    return environment


def _build(plan: EnvironmentPlan, engine: Engine, settings: Settings, progress: Progress) -> Environment:
    """Build it; without git where that cannot be had and nobody asked for it by name."""
    try:
        return engine.build(plan, progress)
    except DebianPackagesFailed:
        if plan.apt != _GIT or settings.apt:
            raise
        without = replace(plan, apt=())
        environment = _find_or_build(replace(without, key=_key(without, engine)), engine, settings, progress)
        return replace(
            environment, notes=(*environment.notes, "the box has the commits but no git: apt had none to install")
        )


def _choose_python(engine: Engine, wanted: Wanted, asked: str | None, pinned: str | None) -> str:
    """What was asked for, or nothing; what is pinned, or the nearest that the manifest allows."""
    if asked is not None:
        return engine.interpreter(_series(asked), asked)
    tries: list[tuple[SpecifierSet, str | None]] = [(_series(pinned), pinned)] if pinned else []
    if not wanted.python and wanted.likely:
        tries.append((wanted.likely, None))
    for specifiers, preferred in tries:
        with contextlib.suppress(NoInterpreter):
            return engine.interpreter(specifiers, preferred)
    return engine.interpreter(wanted.python, None)


def _notes_on_packages(engine: Engine, settings: Settings, plan: EnvironmentPlan) -> list[str]:
    notes = []
    if settings.apt and not engine.installs_debian:
        notes.append(
            f"Debian packages need the docker engine; this box has what this machine has: {' '.join(settings.apt)}"
        )
    if settings.image:
        notes.append(
            f"on your image {settings.image} ({plan.image[:19]}): its packages are taken as they are, the repository's "
            "manifests are not installed (--with adds packages)"
        )
    return notes


def _notes_on_itself(wanted: Wanted) -> list[str]:
    name = wanted.name
    if name not in _KERNEL_STACK:
        return []
    return [
        f"this repository is {name}, which the kernel itself runs on: a cell that imports it gets the kernel's own; "
        "commands (box.run) and what they import are the repository's"
    ]


def _notes_on_python(snapshot: Snapshot, settings: Settings, wanted: Wanted, taken: str) -> list[str]:
    pinned = pinned_python(snapshot)
    if settings.python is not None:
        return []
    if pinned not in (None, taken):
        return [f"the repository pins Python {pinned}, which cannot be had here: its box has {taken}"]
    if pinned is None and not wanted.python and not _allows(wanted.likely, taken):
        return [
            f"the repository's classifiers say Python {wanted.likely}, which cannot be had here: its box has {taken}"
        ]
    return []


def _allows(specifiers: SpecifierSet, series: str) -> bool:
    return specifiers.contains(f"{series}.0") or specifiers.contains(f"{series}.99")


def _series(python: str) -> SpecifierSet:
    try:
        return SpecifierSet(f"=={python}.*")
    except InvalidSpecifier as error:
        raise BadSettings("--python", f"{python!r} is not a version such as 3.11") from error


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(text)


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[bool]:
    """An exclusive lock by file; it goes with the process, however that ends. Gives whether another had it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = False
        except BlockingIOError:
            progress("another debugbox builds the same environment; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
            waited = True
        yield waited
