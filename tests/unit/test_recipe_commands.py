"""`debugbox recipes` lists, shows, makes; what a repository brings is printed as text, never as control codes."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from debugbox.cli import main
from debugbox.errors import NoSuchRecipe
from debugbox.recipefolders import IN_REPOSITORY


def said(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["recipes", *arguments], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.output


def test_the_list_names_ours_and_whose_the_others_are(repository: Path) -> None:
    said("new", "rain-gauge", "--repo", str(repository))
    lines = said("--repo", str(repository)).splitlines()
    assert any(line.startswith("drift: Use when") for line in lines)
    assert any(line.startswith("rain-gauge (the repository's): Use when") for line in lines)


def test_a_card_is_shown_by_name(repository: Path) -> None:
    assert said("drift").startswith("# Drift")
    with pytest.raises(NoSuchRecipe, match="rain"):
        said("rain", "--repo", str(repository))
    said("new", "rain", "--repo", str(repository))
    assert said("rain", "--repo", str(repository)).startswith("# rain")


def test_a_recipe_for_all_repositories_lies_beside_the_configuration(repository: Path) -> None:
    made = Path(said("new", "rain", "--user", "--repo", str(repository)).split(":")[0])
    assert made.parent.name == "recipes"
    assert not (repository / ".debugbox").exists()
    assert "rain (yours): Use when" in said("--repo", str(repository))


def test_a_card_from_a_repository_cannot_speak_to_the_terminal(repository: Path) -> None:
    folder = repository / IN_REPOSITORY / "rain"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\ndescription: a\x1b[2Jb\n---\nc\x1b]0;title\x07d\n")
    shown = said("--repo", str(repository)) + said("rain", "--repo", str(repository))
    assert "\x1b" not in shown and "\x07" not in shown


def test_help_tells_what_there_is_to_do() -> None:
    text = said("--help")
    assert "recipes new NAME" in text and "recipes try NAME" in text
