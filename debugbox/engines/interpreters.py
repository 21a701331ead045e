"""The Python interpreters of this machine that the embedded engine's boxes can use (3.9 to 3.13)."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.specifiers import SpecifierSet

from debugbox.errors import NoInterpreter

SUPPORTED = tuple(f"3.{minor}" for minor in range(9, 14))
_ASK = (
    "import json, os, sys, sysconfig; version = '.'.join(map(str, sys.version_info[:3])); "
    "print(json.dumps([sys.implementation.name, version, sys.base_prefix, os.path.realpath(sys.executable), "
    "sysconfig.get_config_var('Py_GIL_DISABLED') or 0]))"
)


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """`executable` with links resolved; `prefix` is the folder a box must see for it to run."""

    executable: Path
    version: str
    prefix: Path

    @property
    def series(self) -> str:
        return self.version.rpartition(".")[0]


def choose(wanted: SpecifierSet, preferred: str | None) -> Interpreter:
    """The interpreter for a repository: `preferred` ("3.11") if given, else our own series, else the newest that fits.

    Raises:
        NoInterpreter: none of those installed fits.
    """
    fitting = [each for each in installed() if preferred in (None, each.series) and wanted.contains(each.version)]
    if not fitting:
        found = ", ".join(sorted({each.version for each in installed()}))
        raise NoInterpreter(preferred or str(wanted), found)
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    return max(fitting, key=lambda each: (each.series == ours, _numbers(each.version), str(each.prefix) == "/usr"))


@cache
def installed() -> tuple[Interpreter, ...]:
    """Every CPython found on PATH, in pyenv's and uv's folders, and the one we run on."""
    found = {path.resolve() for path in _candidates() if _is_file(path)}
    asked = [each for each in map(_ask, sorted(found)) if each is not None]
    return tuple({each.executable: each for each in asked}.values())


def _candidates() -> Iterator[Path]:
    yield Path(getattr(sys, "_base_executable", sys.executable))
    for series in SUPPORTED:
        for folder in ("/usr/bin", "/usr/local/bin"):
            yield Path(folder, f"python{series}")
        if on_path := shutil.which(f"python{series}"):
            yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    managed = Path.home() / ".local/share/uv/python"
    for home in (pyenv, managed):
        with contextlib.suppress(OSError):  # a home that is not ours to read
            yield from sorted(home.glob("*/bin/python3"))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # below a folder that is not ours to read


def _ask(executable: Path) -> Interpreter | None:
    try:
        done = subprocess.run([executable, "-I", "-c", _ASK], capture_output=True, timeout=10, check=True)
        implementation, version, prefix, real, free_threaded = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None  # a shim, or an interpreter that does not start: not one for a box
    if implementation != "cpython" or free_threaded or version.rpartition(".")[0] not in SUPPORTED:
        return None
    # A shim (pyenv's) answers for another program: what counts is the one that really ran.
    return Interpreter(executable=Path(real), version=version, prefix=Path(prefix))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
