"""`debugbox review`: findings in the browser."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from debugbox.commands.common import archive_of, complete_id, repository_option, settings_of

if TYPE_CHECKING:
    from debugbox.settings import Settings


@click.command()
@click.argument("id", required=False, shell_complete=complete_id)
@repository_option
@click.option("--no-open", is_flag=True, help="Only print where it is.")
@click.option("--live", is_flag=True, help="Watch the run that is going on, on 127.0.0.1, until Ctrl-C.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Write the pages here.")
def review(id: str | None, repository: Path, no_open: bool, live: bool, output: Path | None) -> None:
    """Findings as pages with all their plots, opened in the browser; with ID, that one first.

    The pages work offline, hold no script and load nothing. Access keys: i index, p previous, n next.
    """
    settings = settings_of(repository, {})
    if live:
        _serve(settings, no_open)
    else:
        _show(_write(settings, id, output).absolute().as_uri(), no_open)


def _write(settings: "Settings", id: str | None, output: Path | None) -> Path:
    from debugbox.review import page_name, write_review

    archive = archive_of(settings)
    first = archive.load(id) if id else None
    findings = [entry.finding for entry in archive.list_findings().entries]
    folder = output or settings.cache_dir / "review" / archive.folder.name
    index = write_review(folder, settings.repository.name, findings)
    return index.with_name(page_name(first)) if first else index


def _serve(settings: "Settings", no_open: bool) -> None:
    from debugbox.liveview import LiveRun, LiveServer

    run = LiveRun(settings.state_dir, settings.repository, archive_of(settings))
    with LiveServer(run.page) as server:
        _show(server.address, no_open)
        server.serve_forever()


def _show(address: str, no_open: bool) -> None:
    import webbrowser

    click.echo(address)
    if not no_open and not webbrowser.open(address):
        click.echo("No browser could be opened; the address above is for one.", err=True)
