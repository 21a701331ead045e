"""Where the files that go into the box lie, in a checkout and in a wheel. Nobody else knows."""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE / "_box" if (_PACKAGE / "_box").is_dir() else _PACKAGE.parent

SANDBOX = _ROOT / "sandbox"
KERNELS = _ROOT / "kernels"
RECIPES = _ROOT / "recipes"


def box_files() -> Iterator[tuple[str, Path]]:
    """Every file that goes into a box, as (name relative to the three folders' parent, path)."""
    for folder in (SANDBOX, KERNELS, RECIPES):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and ".mypy_cache" not in path.parts:
                yield f"{folder.name}/{path.relative_to(folder).as_posix()}", path


@cache
def box_files_hash() -> str:
    """Hash over names and contents: part of every environment's key."""
    digest = hashlib.sha256()
    for name, path in box_files():
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
