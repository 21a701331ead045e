"""`debugbox recipes`: what is known, a new one, and a recipe on its own subject."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from debugbox.commands.common import engine_option, repository_option, settings_of

if TYPE_CHECKING:
    from debugbox.recipes import Card


class CardFirst(click.Group):
    """A group whose default command shows a card: `debugbox recipes drift`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=CardFirst)
def recipes() -> None:
    """List the recipes, show the card of one, make or try one.

    \b
        debugbox recipes              all that are known here
        debugbox recipes drift        one card
        debugbox recipes new NAME     a skeleton that works
        debugbox recipes try NAME     on its own subject

    A repository brings its own in .debugbox/recipes/, you bring yours in recipes/ beside your config.toml. They run
    in the box like everything else. docs/recipes.md tells how to write one.
    """


@recipes.command()
@click.argument("name", required=False)
@repository_option
def show(name: str | None, repository: Path) -> None:
    """List the recipes, or show the card of one."""
    from debugbox.foreign import clean_text
    from debugbox.recipes import choose_recipe

    cards = _cards(repository)
    if name:
        click.echo(clean_text(choose_recipe("", name, cards)[0].body.strip()))
        return
    for card in cards:
        whose = f" ({card.origin})" if card.origin else ""
        click.echo(clean_text(f"{card.name}{whose}: {card.description}"))


@recipes.command()
@click.argument("name")
@repository_option
@click.option("--user", is_flag=True, help="For all your repositories, beside your config.toml.")
def new(name: str, repository: Path, user: bool) -> None:
    """Make a recipe NAME that works, to be changed into what you have in mind.

    It goes into .debugbox/recipes/ of the repository.
    """
    from debugbox.newrecipe import new_recipe
    from debugbox.recipefolders import IN_REPOSITORY

    folder = settings_of(repository, {}).recipes_dir if user else repository / IN_REPOSITORY
    made = new_recipe(folder, name)
    click.echo(f"{made}: SKILL.md (when to use it), scripts/ (what it does), subject/ and expected.toml (its test).")
    click.echo(f"`debugbox recipes try {name}` runs it on its subject.")


@recipes.command(name="try")
@click.argument("name")
@repository_option
@engine_option
def try_command(name: str, repository: Path, engine: str | None) -> None:
    """Run recipe NAME on its own subject: the suspect, the verdict and the picture must be there."""
    from debugbox.choose import choose_engine
    from debugbox.recipes import choose_recipe
    from debugbox.recipetrial import try_recipe
    from debugbox.render.live import View

    card = choose_recipe("", name, _cards(repository))[0]
    view = View(sys.stderr)
    settings = settings_of(repository, {"engine": engine})
    folder = _folder(card, repository)
    finding, problems = try_recipe(folder, choose_engine(settings, view.note), view, brought=bool(card.origin))
    click.echo(finding.answer)
    for problem in problems:
        click.echo(f"not as expected: {problem}")
    click.echo(f"{name}: {'not as expected' if problems else f'{finding.verdict}, as expected'}")
    sys.exit(1 if problems else 0)


def _cards(repository: Path) -> tuple["Card", ...]:
    from debugbox.recipefolders import cards_on_disk

    return cards_on_disk(repository, settings_of(repository, {}).recipes_dir)


def _folder(card: "Card", repository: Path) -> Path:
    from debugbox.boxfiles import RECIPES
    from debugbox.recipefolders import IN_REPOSITORY, YOURS

    if not card.origin:
        return RECIPES / card.name
    yours = settings_of(repository, {}).recipes_dir
    return (yours if card.origin == YOURS else repository / IN_REPOSITORY) / card.name
