"""A recipe on its own subject: it must name the planted fault, reach the verdict that it promises, and draw a picture.

`expected.toml` beside the card says what is promised: `question`, `run`, `file`, `function`, `verdict`, `packages`,
`options`. Where the subject needs a past, its folder `commits` holds it.
"""

import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from debugbox.engines import Engine
from debugbox.errors import RecipeIncomplete
from debugbox.finding import Finding
from debugbox.git import clean_variables
from debugbox.investigation import View, investigate
from debugbox.recipefolders import IN_REPOSITORY
from debugbox.settings import Settings, resolve_settings


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a recipe must say of its subject; one of several verdicts, where its checks may not all be able to run."""

    question: str
    file: str
    function: str
    verdict: str | tuple[str, ...]
    run: str | None = None
    packages: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def read_expected(recipe: Path) -> Expected:
    """Raises RecipeIncomplete."""
    for part in ("SKILL.md", "subject", "expected.toml"):
        if not (recipe / part).exists():
            raise RecipeIncomplete(recipe.name, f"it has no {part}")
    try:
        said: dict[str, Any] = tomllib.loads((recipe / "expected.toml").read_text("utf-8"))
        lists = {key: tuple(value) for key, value in said.items() if isinstance(value, list)}
        return Expected(**{**said, **lists})
    except (ValueError, TypeError, OSError) as error:
        raise RecipeIncomplete(recipe.name, f"its expected.toml cannot be used: {error}") from error


def try_recipe(recipe: Path, engine: Engine, view: View, *, brought: bool) -> tuple[Finding, list[str]]:
    """The finding of a run on the subject, and what is wrong with it, in words. `brought`: it is not one of ours.

    Raises:
        RecipeIncomplete: there is nothing to run it on.
        DebugboxError: it could not be run at all.
    """
    expected = read_expected(recipe)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "subject"
        shutil.copytree(recipe / "subject", folder, ignore=shutil.ignore_patterns("__pycache__"))
        make_history(folder)
        if brought:
            ignored = shutil.ignore_patterns("__pycache__", "subject", "expected.toml")
            shutil.copytree(recipe, folder / IN_REPOSITORY / recipe.name, ignore=ignored)
        settings = _settings(expected, recipe.name, folder)
        finding = investigate(expected.question, settings, engine=engine, model=None, view=view).finding
    return finding, problems_of(finding, expected)


def make_history(folder: Path) -> None:
    """A subject with a folder `commits` becomes a repository: each folder in it is a commit, laid over those before."""
    commits = folder / "commits"
    if not commits.is_dir():
        return
    _git(folder, "init", "--quiet", "--template=")
    for one in sorted(commits.iterdir()):
        shutil.copytree(one, folder, dirs_exist_ok=True)
        _git(folder, "add", "--all", ":!commits")
        _git(folder, "commit", "--quiet", "--no-gpg-sign", "-m", one.name)
    shutil.rmtree(commits)


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=subject", "-c", "user.email=subject@localhost", "-c", "core.hooksPath=/dev/null")
    variables = clean_variables() | {"GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *who, *arguments], cwd=folder, env=variables, check=True, capture_output=True)


def _settings(expected: Expected, name: str, folder: Path) -> Settings:
    flags = {"recipe": name, "use_model": False, "extra_packages": expected.packages, "archive": folder / "findings"}
    return resolve_settings({**flags, **({"run": expected.run} if expected.run else {}), **expected.options}, folder)


def problems_of(finding: Finding, expected: Expected) -> list[str]:
    """What the finding does not do; nothing where it does all that was promised."""
    problems = []
    first = finding.suspects[0] if finding.suspects else None
    if first is None or first.file != expected.file or not _same_function(first.function, expected.function):
        named = f"{first.function} in {first} is" if first else "nobody is"
        problems.append(f"{named} named, not {expected.function} in {expected.file}")
    allowed = (expected.verdict,) if isinstance(expected.verdict, str) else expected.verdict
    if finding.verdict not in allowed:
        problems.append(f"the verdict is {finding.verdict}, not {' or '.join(allowed)}")
    if not any(output.kind == "image" for each in finding.evidence for output in each.outputs):
        problems.append("there is no picture")
    if not finding.symptom.code:
        problems.append("there is no code of a symptom, so that nothing can be checked or verified again")
    return problems


def _same_function(named: str, expected: str) -> bool:
    """Whether one is the other, or the end of it: some recipes know a method by its own name only."""
    mine, other = named.split("."), expected.split(".")
    shorter = min(len(mine), len(other))
    return bool(named) and mine[-shorter:] == other[-shorter:]
