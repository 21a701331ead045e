"""`debugbox completion`: commands, options and ids of findings at the Tab key."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and ids.

    \b
    bash: eval "$(debugbox completion bash)" in ~/.bashrc; zsh the same in ~/.zshrc
    fish: debugbox completion fish > ~/.config/fish/completions/debugbox.fish
    """
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None, "click knows the shells that are offered"
    click.echo(script(context.find_root().command, {}, "debugbox", "_DEBUGBOX_COMPLETE").source())
