"""Every recipe on its own subject, in a box: the suspect, the verdict and the picture that it promises.

The skeleton of a new recipe is one of them, brought as a repository brings its own.
"""

from pathlib import Path

import pytest

from debugbox.api import Told
from debugbox.boxfiles import RECIPES
from debugbox.engines import Engine
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.docker import DockerEngine
from debugbox.errors import RecipeIncomplete
from debugbox.newrecipe import new_recipe
from debugbox.recipes import read_cards
from debugbox.recipetrial import Expected, problems_of, read_expected, try_recipe
from debugbox.settings import Settings
from tests.conftest import ENGINES, not_available
from tests.unit.records import finding_of

NAMES = [card.name for card in read_cards()]


def quiet() -> Told:
    return Told(lambda line: None)


@pytest.fixture(scope="module")
def any_engine() -> Engine:
    """One is enough: what differs between engines is no recipe's affair."""
    here = [name for name in ENGINES if not_available(name) is None]
    if not here:
        pytest.skip("no engine answers")
    return DockerEngine.connect() if here[0] == "docker" else BubblewrapEngine(Settings(repository=Path()).cache_dir)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_does_on_its_subject_what_it_promises(name: str, any_engine: Engine) -> None:
    said, problems = try_recipe(RECIPES / name, any_engine, quiet(), brought=False)
    assert not problems, [*problems, *(f"{check.name} {check.result}: {check.why}" for check in said.checks)]


def test_a_new_recipe_works_as_it_is_made(any_engine: Engine, tmp_path: Path) -> None:
    said, problems = try_recipe(new_recipe(tmp_path, "rain-gauge"), any_engine, quiet(), brought=True)
    assert not problems
    assert said.by == "recipe rain-gauge (the repository's)"


def test_what_is_not_as_promised_is_told(tmp_path: Path) -> None:
    expected = Expected(question="why", file="a.py", function="Meter.read", verdict="supported")
    problems = problems_of(finding_of("1", ()), expected)
    assert len(problems) == 4
    assert any("not Meter.read in a.py" in each for each in problems)


def test_a_recipe_without_a_promise_is_incomplete(tmp_path: Path) -> None:
    made = new_recipe(tmp_path, "rain")
    (made / "expected.toml").write_text("question = 'why'\nfiles = 'a.py'\n")
    with pytest.raises(RecipeIncomplete, match="cannot be used"):
        read_expected(made)
    (made / "expected.toml").unlink()
    with pytest.raises(RecipeIncomplete, match="it has no expected"):
        read_expected(made)
