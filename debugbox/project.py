"""What a package says of itself, read statically: pyproject.toml, setup.cfg, setup.py. Nothing of it is run.

Read by `manifests`, which adds lock files and requirement files. What can only be computed is named in `notes`.
"""

import ast
import configparser
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from debugbox.errors import BadSettings

Read = Callable[[str], bytes | None]
TEST_GROUPS = ("test", "tests", "testing", "dev")
_VERSION = re.compile(r"""^\s*(?:__version__|version)\s*(?::\s*[\w.]+\s*)?=\s*["']([^"']+)["']""", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Project:
    """Requirements are as written (PEP 508); `tests` are those of the first extra or group that is for testing."""

    name: str = ""
    version: str = ""
    requires_python: str = ""
    classifiers: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_project(read: Read) -> Project:
    """The first of pyproject.toml, setup.cfg and setup.py that says a thing is believed.

    Raises:
        BadSettings: a file that cannot be understood at all.
    """
    sources = [_pyproject(read), _setup_cfg(read), _setup_py(read)]
    project = Project()
    for name in ("name", "version", "requires_python", "classifiers", "dependencies", "tests", "entry_points"):
        said = next((getattr(source, name) for source in sources if getattr(source, name)), None)
        project = replace(project, **{name: said}) if said else project
    notes = () if project.dependencies else sources[-1].notes
    return replace(project, version=project.version or _version_in_code(read, project.name), notes=notes)


def metadata_files(project: Project, version: str) -> dict[str, bytes]:
    """What `importlib.metadata` needs to know the package, as files of a `dist-info` folder; it is never built."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", project.name) or not re.fullmatch(r"[\w.!+-]+", version):
        return {}
    lines = ["Metadata-Version: 2.1", f"Name: {project.name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in project.dependencies if "\n" not in each]
    points = [
        line
        for group, entries in project.entry_points.items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in entries.items()))
    ]
    folder = f"{re.sub(r'[-.]+', '_', project.name)}-{version}.dist-info"
    texts_of = {"METADATA": lines, "entry_points.txt": points}
    return {f"{folder}/{name}": "".join(f"{line}\n" for line in each).encode() for name, each in texts_of.items()}


def read_toml(read: Read, name: str) -> dict[str, Any]:
    """A TOML file of the repository, or nothing where there is none. Raises BadSettings."""
    try:
        return tomllib.loads((read(name) or b"").decode("utf-8-sig"))
    except ValueError as error:
        raise BadSettings(name, str(error)) from error


def table(value: Any, *names: str) -> dict[str, Any]:
    """The table at this path, or an empty one: whatever else stands there is not for us."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> tuple[str, ...]:
    return tuple(each.strip() for each in value if isinstance(each, str)) if isinstance(value, (list, tuple)) else ()


def _pyproject(read: Read) -> Project:
    content = read_toml(read, "pyproject.toml")
    project = table(content, "project")
    groups = {**table(project, "optional-dependencies"), **table(content, "dependency-groups")}
    dynamic = table(content, "tool", "setuptools", "dynamic", "version").get("attr")
    version_file = table(content, "tool", "hatch", "version").get("path")
    return Project(
        name=str(project.get("name", "")),
        version=str(project.get("version", "")) or _version_at(read, str(dynamic or ""), str(version_file or "")),
        requires_python=str(project.get("requires-python", "")),
        classifiers=texts(project.get("classifiers")),
        dependencies=texts(project.get("dependencies")),
        tests=_first_group(groups),
        entry_points=_entry_points(project),
    )


def _first_group(groups: Mapping[str, Any]) -> tuple[str, ...]:
    return next((texts(groups[name]) for name in TEST_GROUPS if texts(groups.get(name))), ())


def _entry_points(project: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    groups = {"console_scripts": table(project, "scripts"), **table(project, "entry-points")}
    return {
        group: {name: str(target) for name, target in entries.items()}
        for group, entries in groups.items()
        if isinstance(entries, dict) and entries
    }


def _setup_cfg(read: Read) -> Project:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string((read("setup.cfg") or b"").decode("utf-8", "replace"))
    except configparser.Error as error:
        raise BadSettings("setup.cfg", str(error)) from error

    def lines(section: str, key: str) -> tuple[str, ...]:
        text = parser.get(section, key, fallback="")
        return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))

    def word(section: str, key: str) -> str:
        return "".join(lines(section, key)[:1])

    version = word("metadata", "version")
    if version.startswith(("attr:", "file:")):
        version = _version_at(read, version.partition(":")[2].strip(), version.partition(":")[2].strip())
    groups = {name: list(lines("options.extras_require", name)) for name in TEST_GROUPS}
    wanted = lines("options", "install_requires")
    return Project(
        name=word("metadata", "name"),
        version=version,
        requires_python=word("options", "python_requires"),
        classifiers=lines("metadata", "classifiers"),
        dependencies=() if wanted[:1] and wanted[0].startswith("file:") else wanted,  # read as requirement files
        tests=_first_group(groups),
    )


def _setup_py(read: Read) -> Project:
    """The arguments of `setup(…)` that are literals, or names of literals at the top of the file."""
    try:
        tree = ast.parse(read("setup.py") or b"")
    except (SyntaxError, ValueError):
        return Project(notes=("setup.py is not Python 3: its requirements are not installed (--with adds some)",))
    arguments, computed = _setup_arguments(tree)
    lost = sorted({"install_requires", "python_requires"} & computed)
    note = f"setup.py computes {' and '.join(lost)}, which is not run: --with adds what is missing, --python chooses"
    return Project(
        name=_text(arguments.get("name")),
        version=_text(arguments.get("version")),
        requires_python=_text(arguments.get("python_requires")),
        classifiers=texts(arguments.get("classifiers")),
        dependencies=_requirement_list(arguments.get("install_requires")),
        tests=_first_group(table(arguments, "extras_require")) or _requirement_list(arguments.get("tests_require")),
        notes=(note,) if lost else (),
    )


def _setup_arguments(tree: ast.Module) -> tuple[dict[str, Any], set[str]]:
    """(what is literal, names of what is not) of the first call of something called `setup`."""
    known = {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "setup":
            return _literals(call.keywords, known)
    return {}, set()


def _literals(keywords: Iterable[ast.keyword], known: Mapping[str, ast.expr]) -> tuple[dict[str, Any], set[str]]:
    found: dict[str, Any] = {}
    computed = set()
    for keyword in keywords:
        node = known.get(keyword.value.id, keyword.value) if isinstance(keyword.value, ast.Name) else keyword.value
        try:
            found[keyword.arg or ""] = ast.literal_eval(node)
        except ValueError:
            computed.add(keyword.arg or "")
    return found, computed


def _requirement_list(value: Any) -> tuple[str, ...]:
    """setuptools takes a list, or lines."""
    return texts(value.splitlines() if isinstance(value, str) else value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _version_at(read: Read, attribute: str, path: str) -> str:
    """`package.__version__` or `package/about.py`: what is assigned there."""
    module = attribute.rpartition(".")[0].replace(".", "/")
    places = [f"{folder}{module}{end}" for folder in ("", "src/") for end in ("/__init__.py", ".py")] if module else []
    return next((found for place in [path, *places] if place and (found := _assigned_version(read, place))), "")


def _version_in_code(read: Read, name: str) -> str:
    """Where flit and many others keep it."""
    module = re.sub(r"[-.]+", "_", name)
    places = [f"{folder}{module}/{file}" for folder in ("", "src/") for file in ("__init__.py", "_version.py")]
    return next((found for place in places if module and (found := _assigned_version(read, place))), "")


def _assigned_version(read: Read, path: str) -> str:
    match = _VERSION.search((read(path) or b"").decode("utf-8", "replace"))
    return match[1] if match else ""
