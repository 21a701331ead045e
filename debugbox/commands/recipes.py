"""`debugbox recipes`: what is known."""

import click


@click.command()
@click.argument("name", required=False)
def recipes(name: str | None) -> None:
    """List the recipes, or show the card of one."""
    from debugbox.recipes import choose_recipe, read_cards

    if name:
        click.echo(choose_recipe("", name)[0].body.strip())
        return
    for card in read_cards():
        click.echo(f"{card.name}: {card.description}")
