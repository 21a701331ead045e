"""Releases from PyPI, unpacked and laid out as a repository with the case's reproduction in it.

pip fetches the source distribution; its metadata step runs the release's setup.py on this machine, so run this where
you would install the package.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from debugbox.settings import Settings
from tests.bugs.cases import Case

_BUILDERS = ("setuptools<70", "wheel", "flit_core", "poetry-core", "hatchling", "hatch-vcs", "setuptools_scm", "pbr")
_DOWNLOAD = ["download", "--quiet", "--disable-pip-version-check", "--no-deps"]


class NotFetched(Exception):
    """A release could not be had; the message is pip's last line."""


def cache() -> Path:
    return Settings(repository=Path()).cache_dir / "bugs"


def release(package: str, version: str) -> Path:
    """The unpacked release; fetched once. Where there is no source distribution, the wheel. Raises NotFetched."""
    folder = cache() / f"{package}-{version}"
    if not folder.is_dir():
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache()) as scratch:
            unpacked = _unpack(_download(f"{package}=={version}", Path(scratch)), Path(scratch) / "unpacked")
            unpacked.rename(folder)
    return folder


def _download(requirement: str, folder: Path) -> Path:
    """Quick builds first: what most projects build with is at hand; an isolated build where that does not do."""
    source = ["--no-binary", ":all:"]
    tries = ([*source, "--no-build-isolation"], source, ["--only-binary", ":all:"])
    for number, options in enumerate(tries):
        target = folder / str(number)
        command = [_pip(), *_DOWNLOAD, *options, "--dest", str(target), requirement]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return next(target.iterdir())
    raise NotFetched(f"{requirement}: {(done.stderr.strip().splitlines() or ['?'])[-1]}")


def _pip() -> str:
    """A pip beside the usual build back-ends, made once."""
    folder = cache() / "pip"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", *_BUILDERS], check=True)
        (folder / "ready").touch()
    return str(folder / "bin" / "pip")


def _unpack(archive: Path, folder: Path) -> Path:
    if archive.suffix == ".whl":
        shutil.unpack_archive(archive, folder, "zip")
        return folder
    shutil.unpack_archive(archive, folder, filter=None if archive.suffix == ".zip" else "data")
    return next(path for path in folder.iterdir() if path.is_dir())


def lay_out(case: Case, which: str, folder: Path, fetch: Callable[[str, str], Path] = release) -> Path:
    """The repository of a case: the buggy or the fixed release, and our reproduction.

    With `history`, a commit for each release, tagged `v…`; the reproduction came with the last.
    """
    folder.mkdir(parents=True)
    if case.history:
        _git(folder, "init", "-q", "-b", "main")
    for version in (*case.history, case.version(which)):
        _clear(folder)
        shutil.copytree(fetch(case.package, version), folder, dirs_exist_ok=True)
        for path in case.remove:
            _remove(folder / path)
        if version == case.version(which):
            shutil.copytree(case.files, folder, dirs_exist_ok=True)
        if case.history:
            _commit(folder, version)
    return folder


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != ".git":
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _commit(folder: Path, version: str) -> None:
    _git(folder, "add", "--all", "--force")
    _git(folder, "commit", "-q", "--allow-empty", "-m", f"release {version}")
    _git(folder, "tag", f"v{version}")


def _git(folder: Path, *arguments: str) -> None:
    names = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
    variables = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *arguments], cwd=folder, env=variables, check=True, capture_output=True)
