"""Manifests of a snapshot to what its environment needs: requirements, pins, an interpreter. Read by `environment`.

A lock file wins over requirement files; environment.yml counts where there is nothing else. What is the repository
itself (`.`, `-e .`, its own name) is left out: boxes read it from the snapshot.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from debugbox.condafile import FILES, conda_requirements
from debugbox.errors import BadSettings
from debugbox.lockfiles import pins, pipfile_requirements, poetry_requirements
from debugbox.project import Project, read_project

PINS = "debugbox-pins.txt"
_SELF = re.compile(r"^\s*(?:-e\s+|--editable[ =])?(?:file:)?\.{1,2}(?:/[^#\s]*)?(?:\[[^\]]*\])?\s*(?:#.*)?$")
_REQUIREMENT_FILES = re.compile(
    r"^(requirements[\w.-]*|[\w.-]*requirements|requirements/[\w.-]+|constraints[\w.-]*)\.txt$"
)
_MAX_MANIFEST_BYTES = 1 << 20
_LOCKS = ("uv.lock", "poetry.lock", "Pipfile.lock")
_MINOR = re.compile(r"^Programming Language :: Python :: 3\.(\d+)$")


class Source(Protocol):
    """A snapshot, or what is going to be one."""

    @property
    def files(self) -> tuple[str, ...]: ...
    @property
    def has_metadata(self) -> bool: ...
    def read(self, path: str) -> bytes | None: ...


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """`files` are laid out beside the requirements that name them (`-r`, `-c`).

    `tests` are asked for too, and given up where they cannot be had. `python` is what must hold, `likely` what
    the classifiers say.
    """

    name: str = ""  # the package's own, in its normal form
    requirements: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    python: SpecifierSet = field(default_factory=SpecifierSet)
    likely: SpecifierSet = field(default_factory=SpecifierSet)
    notes: tuple[str, ...] = ()


def wanted_of(source: Source, *, dependencies: bool = True) -> Wanted:
    """What the repository needs, read statically; without its dependencies only the interpreter.

    Raises:
        BadSettings: a manifest that cannot be understood.
        CondaOnly: environment.yml wants what pip cannot install.
    """
    project = read_project(source.read)
    pipfile, pipfile_python, pipfile_notes = pipfile_requirements(source.read)
    poetry, poetry_tests, poetry_python, poetry_notes = poetry_requirements(source.read)
    declared = [*project.dependencies, *([] if project.dependencies else poetry), *pipfile]
    requirements = _not_itself(declared, project)
    tests = _not_itself([*project.tests, *([] if project.tests else poetry_tests)], project)
    files = _requirement_files(source) if not any(source.read(lock) for lock in _LOCKS) else {}
    python = project.requires_python or poetry_python or (f"=={pipfile_python}.*" if pipfile_python else "")
    if not dependencies:
        return Wanted(
            name=canonicalize_name(project.name),
            python=_specifiers(python),
            likely=_of_classifiers(project.classifiers),
        )
    if not requirements and not files:
        requirements, conda_python = _conda(source)
        python = python or (f"=={conda_python}.*" if conda_python else "")
    if locked := pins(source.read, [_name_of(each) for each in (*requirements, *tests)]):
        files[PINS] = "".join(f"{line}\n" for line in locked).encode()
    return Wanted(
        name=canonicalize_name(project.name),
        requirements=(*_file_options(files), *requirements),
        tests=tuple(tests),
        files=files,
        python=_specifiers(python),
        likely=_of_classifiers(project.classifiers),
        notes=(*project.notes, *pipfile_notes, *poetry_notes),
    )


def pinned_python(source: Source) -> str | None:
    """`.python-version` as a series ("3.12"), when it names one that boxes know."""
    text = (source.read(".python-version") or b"").decode("utf-8", "replace")
    match = re.match(r"\s*(?:cpython[-@])?(3\.\d+)", text)
    return match[1] if match else None


def _requirement_files(source: Source) -> dict[str, bytes]:
    """The requirement files, each without the lines that mean the repository itself."""
    names = [path for path in source.files if _REQUIREMENT_FILES.match(path)]
    contents = {name: source.read(name) or b"" for name in names}
    return {name: _without_self(text) for name, text in contents.items() if len(text) <= _MAX_MANIFEST_BYTES}


def _without_self(content: bytes) -> bytes:
    lines = content.decode("utf-8-sig", "replace").splitlines()
    return "".join(f"{line}\n" for line in lines if not _SELF.match(line)).encode()


def _file_options(files: Iterable[str]) -> list[str]:
    """`-r` for each requirement file of the top folder, `-c` for our own pins."""
    tops = [name for name in sorted(files) if len(PurePosixPath(name).parts) == 1]
    asked = [f"-r {name}" for name in tops if "constraint" not in name and name != PINS]
    return [*asked, *([f"-c {PINS}"] if PINS in files else [])]


def _conda(source: Source) -> tuple[list[str], str]:
    for name in FILES:
        if content := source.read(name):
            return conda_requirements(name, content.decode("utf-8-sig", "replace"))
    return [], ""


def _not_itself(requirements: Iterable[str], project: Project) -> list[str]:
    own = canonicalize_name(project.name)
    return [each for each in requirements if canonicalize_name(_name_of(each)) != own]


def _name_of(requirement: str) -> str:
    try:
        return Requirement(requirement).name
    except InvalidRequirement as error:
        raise BadSettings("pyproject.toml", f"dependencies: {requirement!r} is not a requirement") from error


def _specifiers(text: str) -> SpecifierSet:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier as error:
        raise BadSettings("pyproject.toml", f"requires-python: {error}") from error


def _of_classifiers(classifiers: Iterable[str]) -> SpecifierSet:
    """From the oldest to the newest 3.X that is named."""
    minors = sorted(int(match[1]) for each in classifiers if (match := _MINOR.match(each)))
    return SpecifierSet(f">=3.{minors[0]},<3.{minors[-1] + 1}") if minors else SpecifierSet()
