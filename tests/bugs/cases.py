"""A case: one real bug of a public project with its known fix, as `cases/NAME/case.toml`.

Nothing of the project is kept here: its releases come from PyPI. `files/` beside the metadata is a reproduction of our
own, laid into the root of the release.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A function of a file, by its qualified name; `<module>` for what stands outside of functions."""

    file: str
    function: str

    def is_at(self, file: str, function: str) -> bool:
        """Whether this is the function meant: one name may be the end of the other, as a method's is."""
        mine, other = self.function.split("."), function.replace(".<locals>", "").split(".")
        shorter = min(len(mine), len(other))
        return self.file == file and bool(function) and mine[-shorter:] == other[-shorter:]

    def __str__(self) -> str:
        return f"{self.function} in {self.file}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """`truth` is what the fix changed; `accepted`: other places where a `confirmed` is not wrong, and why."""

    name: str
    package: str
    buggy: str
    fixed: str
    recipe: str
    question: str
    fix: str  # what the fix changed, in a sentence
    truth: tuple[Spot, ...]
    run: str = ""  # what a user gives as --run; nothing where the tests are to be found
    check: str = ""  # ends with 0 where the symptom is gone; `run` itself where nothing is said
    packages: tuple[str, ...] = ("pytest",)  # what the box needs beside the package
    remove: tuple[str, ...] = ()  # paths of the release that are in the way
    history: tuple[str, ...] = ()  # releases before the buggy one, a commit each
    options: tuple[str, ...] = ()  # more options of the command line
    accepted: tuple[Spot, ...] = ()
    accepted_because: str = ""
    python: str = "3.11"

    @property
    def files(self) -> Path:
        return FOLDER / self.name / "files"

    def version(self, which: str) -> str:
        return self.buggy if which == "buggy" else self.fixed


def read_cases(names: Sequence[str] = (), folder: Path = FOLDER) -> list[Case]:
    """All cases by name, or those named, or those of the recipes named. Raises KeyError for a name that is neither."""
    known = {path.parent.name: read_case(path) for path in sorted(folder.glob("*/case.toml"))}
    if not names:
        return list(known.values())
    chosen = {
        case.name: case
        for name in names
        for case in ([known[name]] if name in known else _of_recipe(known.values(), name))
    }
    return list(chosen.values())


def _of_recipe(cases: Any, recipe: str) -> list[Case]:
    found = [case for case in cases if case.recipe == recipe]
    if not found:
        raise KeyError(f"no case and no recipe of a case is called {recipe}")
    return found


def read_case(path: Path) -> Case:
    """Raises TypeError for a key that is unknown or missing."""
    said: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    lists = {key: tuple(value) for key, value in said.items() if isinstance(value, list)}
    spots = {key: tuple(Spot(**spot) for spot in said.get(key, ())) for key in ("truth", "accepted")}
    return Case(name=path.parent.name, **{**said, **lists, **spots})
