"""Commands about findings that are kept: list, show."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from debugbox.commands.common import EXIT_CODES, print_finding, repository_option, settings_of

if TYPE_CHECKING:
    from debugbox.archive import Archive
    from debugbox.settings import Settings


@click.command("list")
@repository_option
@click.option("--verdict", type=click.Choice(list(EXIT_CODES)), help="Only these.")
@click.option("--text", default="", help="Only those with these words in question or answer.")
@click.option("--file", default="", help="Only those that suspect this file.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_command(repository: Path, verdict: Any, text: str, file: str, as_json: bool) -> None:
    """Findings of this repository, and runs that were interrupted."""
    from debugbox.journal import interrupted
    from debugbox.render import terminal

    settings = settings_of(repository, {})
    found = _archive(settings).list_findings(verdict=verdict, text=text, file=file)
    broken = [each for each in interrupted(settings.state_dir) if each.repository == str(settings.repository)]
    if as_json:
        entries = [json.loads(entry.finding.to_json()) for entry in found.entries]
        click.echo(json.dumps({"findings": entries, "interrupted": [each.id for each in broken]}, indent=2))
    else:
        runs = [
            terminal.InterruptedRun(id=each.id, age_s=each.age_s, cells=each.cells, question=each.question)
            for each in broken
        ]
        click.echo(terminal.findings_table([entry.finding for entry in found.entries]))
        if runs:
            click.echo(terminal.interrupted_table(runs))
        for unreadable in found.unreadable:
            click.echo(f"not readable: {unreadable.path}: {unreadable.why}", err=True)


@click.command()
@click.argument("id")
@repository_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page with all plots.")
def show(id: str, repository: Path, as_json: bool, html: Path | None) -> None:
    """Show a finding (ID may be shortened), or what is left of an interrupted run."""
    settings = settings_of(repository, {})
    finding, path = _load(settings, id)
    if html is not None:
        from debugbox.render.page import to_page

        html.write_text(to_page(finding))
        click.echo(f"wrote {html}")
    else:
        print_finding(finding, path, "", as_json)


def _load(settings: "Settings", id: str) -> tuple[Any, Path | None]:
    from debugbox.errors import NoSuchFinding
    from debugbox.journal import interrupted

    archive = _archive(settings)
    try:
        return archive.load(id), archive.path_of(id)
    except NoSuchFinding:
        left = [each for each in interrupted(settings.state_dir) if each.id.startswith(id)]
        if len(left) != 1:
            raise
        return left[0].finding(), None


def _archive(settings: "Settings") -> "Archive":
    from debugbox.investigation import archive_of

    return archive_of(settings)
