"""`debugbox mcp`: serve coding agents over stdio."""

from pathlib import Path

import click

from debugbox.commands.common import repository_option


@click.command()
@repository_option
def mcp(repository: Path) -> None:
    """Serve the Model Context Protocol on stdin and stdout, for coding agents (needs debugbox[mcp]).

    \b
    Claude Code: claude mcp add debugbox -- debugbox mcp
    """
    try:
        from debugbox.mcp_server import build_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise click.UsageError('The extra is not installed: pip install "debugbox[mcp]"') from error
    build_server(repository.resolve()).run()
