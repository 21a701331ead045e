"""Which test files are about the code that a failing test ran: they give contrast long before the whole suite does.

Runs in the box, in the kernel.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Collection, Dict, FrozenSet, Iterator, List

from .running import is_test_file

_TESTS = re.compile(r"(test_.*|.*_tests?)\.py$")
_WORD = re.compile(r"\w+")
_MOST_FILES, _MOST_BYTES = 3000, 1 << 20
_CHOSEN = 5


def related_tests(repo: Path, folder: str, ran: Collection[str]) -> List[str]:
    """Test files, relative to `folder`, that name the modules of these files; the most telling names first.

    A name that many test files have tells little: each counts by how few have it.
    """
    modules = {_module(file) for file in ran if not is_test_file(file)}
    named = {path: words & modules for path, words in _words(repo).items()}
    spread = Counter(module for words in named.values() for module in words)
    telling = {path: sum(1.0 / spread[module] for module in words) for path, words in named.items() if words}
    best = sorted(telling, key=lambda path: (-telling[path], str(path)))[:_CHOSEN]
    below = repo / folder
    return [str(path.relative_to(below)) for path in best if below == path or below in path.parents]


def _module(file: str) -> str:
    path = Path(file)
    return path.parent.name if path.stem == "__init__" else path.stem


def _words(repo: Path) -> Dict[Path, FrozenSet[str]]:
    return {path: frozenset(_WORD.findall(path.read_text("utf-8", "replace"))) for path in _test_files(repo)}


def _test_files(repo: Path) -> Iterator[Path]:
    for number, path in enumerate(sorted(repo.rglob("*.py"))):
        if number == _MOST_FILES:
            return
        hidden = any(part.startswith(".") for part in path.relative_to(repo).parts)
        if not hidden and _TESTS.match(path.name) and path.is_file() and path.stat().st_size <= _MOST_BYTES:
            yield path
