"""Lock files as pins: uv.lock, poetry.lock, Pipfile.lock. Read by `manifests`.

A lock restrains, it does not ask: what is wanted stands in the project's own list, and each package that is
needed for it gets the version that was locked.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from debugbox.errors import BadSettings
from debugbox.project import Read, read_toml, table, texts


def pins(read: Read, roots: Iterable[str]) -> list[str]:
    """Constraint lines (`name==1.2 ; marker`) for everything that `roots` need, of uv.lock or else poetry.lock.

    Only for those: the pins of a linter's dependencies must not push the kernel's packages away.
    """
    packages = _uv_packages(read) or _poetry_packages(read)
    needed = _reachable(packages, roots)
    return sorted({line for name in needed for line in packages[name].lines})


class _Locked:
    """All versions that a lock has of one name, and the names they need."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.needs: set[str] = set()


def _reachable(packages: Mapping[str, _Locked], roots: Iterable[str]) -> set[str]:
    waiting = [root for root in map(str, map(canonicalize_name, roots)) if root in packages]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += packages[name].needs & packages.keys()
    return found


def _uv_packages(read: Read) -> dict[str, _Locked]:
    packages: dict[str, _Locked] = {}
    for entry in _tables(read_toml(read, "uv.lock").get("package")):
        locked = packages.setdefault(canonicalize_name(str(entry.get("name"))), _Locked())
        if "registry" in table(entry, "source"):
            locked.lines.append(
                _line(entry, " or ".join(f"({each})" for each in texts(entry.get("resolution-markers"))))
            )
        groups = [entry.get("dependencies"), *table(entry, "optional-dependencies").values()]
        locked.needs |= {canonicalize_name(str(each.get("name"))) for group in groups for each in _tables(group)}
    return packages


def _poetry_packages(read: Read) -> dict[str, _Locked]:
    packages: dict[str, _Locked] = {}
    for entry in _tables(read_toml(read, "poetry.lock").get("package")):
        locked = packages.setdefault(canonicalize_name(str(entry.get("name"))), _Locked())
        markers = entry.get("markers", "")
        if not table(entry, "source") and isinstance(markers, str):  # a table of them is by group: left unpinned
            locked.lines.append(_line(entry, markers))
        locked.needs |= {canonicalize_name(name) for name in table(entry, "dependencies")}
    return packages


def _line(entry: Mapping[str, Any], marker: str) -> str:
    pin = f"{entry.get('name')}=={entry.get('version')}"
    return f"{pin} ; {marker}" if marker else pin


def _tables(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def pipfile_requirements(read: Read) -> tuple[list[str], str, list[str]]:
    """(requirements, Python series or "", notes) of Pipfile.lock's default packages. Raises BadSettings."""
    text = read("Pipfile.lock")
    if text is None:
        return [], "", []
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadSettings("Pipfile.lock", "it is not JSON") from error
    requirements, notes = [], []
    for name, entry in table(content, "default").items():
        if not isinstance(entry, dict) or not isinstance(entry.get("version"), str):
            notes.append(f"Pipfile.lock: {name} does not come from an index and is not installed")
            continue
        extras = ",".join(texts(entry.get("extras")))
        marker = f" ; {entry['markers']}" if isinstance(entry.get("markers"), str) else ""
        requirements.append(f"{name}{f'[{extras}]' if extras else ''}{entry['version']}{marker}")
    return requirements, str(table(content, "_meta", "requires").get("python_version", "")), notes


def poetry_requirements(read: Read) -> tuple[list[str], list[str], str, list[str]]:
    """(requirements, those of tests, Python's, notes) of `[tool.poetry]`, its own way of versions translated."""
    poetry = table(read_toml(read, "pyproject.toml"), "tool", "poetry")
    declared = dict(table(poetry, "dependencies"))
    python = specifier(str(declared.pop("python", "")))
    groups = table(poetry, "group")
    tests = next((table(groups, name, "dependencies") for name in ("test", "tests", "dev") if name in groups), {})
    notes: list[str] = []
    wanted = [line for name, value in declared.items() if (line := _poetry_line(name, value, notes))]
    return wanted, [line for name, value in tests.items() if (line := _poetry_line(name, value, notes))], python, notes


def _poetry_line(name: str, value: Any, notes: list[str]) -> str:
    if isinstance(value, str):
        return f"{name}{specifier(value)}"
    if isinstance(value, dict) and isinstance(value.get("version"), str) and not value.get("optional"):
        extras = ",".join(texts(value.get("extras")))
        marker = f" ; {value['markers']}" if isinstance(value.get("markers"), str) else ""
        return f"{name}{f'[{extras}]' if extras else ''}{specifier(value['version'])}{marker}"
    if not (isinstance(value, dict) and value.get("optional")):
        notes.append(f"pyproject.toml: {name} does not come from an index and is not installed")
    return ""


def specifier(text: str) -> str:
    """poetry's `^1.2`, `~1.2`, `1.2.*`, `1.2` as PEP 440 has it; "*" is anything."""
    return ",".join(filter(None, (_one_specifier(part.strip()) for part in text.split(","))))


def _one_specifier(text: str) -> str:
    match = re.fullmatch(r"([\^~])\s*(\d+(?:\.\d+)*).*", text)
    if match is None:
        return "" if text in ("", "*") else text if re.match(r"[<>=!~]", text) else f"=={text}"
    numbers = [int(number) for number in match[2].split(".")]
    if match[1] == "~":
        kept = 1 if len(numbers) == 1 else 2
    else:  # ^: up to the first number that is not zero
        kept = next((at + 1 for at, number in enumerate(numbers) if number), len(numbers))
    upper = [*numbers[: kept - 1], numbers[kept - 1] + 1]
    return f">={match[2]},<{'.'.join(map(str, upper))}"
