"""Commands about findings that are kept: list, search, show, export, rm."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from debugbox.commands.common import (
    EXIT_CODES,
    archive_of,
    complete_any_id,
    id_argument,
    print_finding,
    repository_option,
    settings_of,
)

if TYPE_CHECKING:
    from debugbox.archive import Listing
    from debugbox.finding import Finding
    from debugbox.journal import Interrupted
    from debugbox.settings import Settings


@click.command("list")
@repository_option
@click.option("--verdict", type=click.Choice(list(EXIT_CODES)), help="Only these.")
@click.option("--text", default="", help="Only those with all these words in one passage.")
@click.option("--file", default="", help="Only those that suspect this file.")
@click.option("--newer", metavar="AGE", help="Only those not older than this: 90m, 12h, 7d.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_command(repository: Path, verdict: Any, text: str, file: str, newer: str | None, as_json: bool) -> None:
    """Findings of this repository, and runs that were interrupted (they are kept for 30 days)."""
    from debugbox.journal import drop_old

    settings = settings_of(repository, {})
    drop_old(settings.state_dir)
    since = datetime.now(UTC) - _age(newer) if newer else None
    found = archive_of(settings).list_findings(verdict=verdict, text=text, file=file, newer_than=since)
    broken = _interrupted(settings)
    if as_json:
        entries = [json.loads(entry.finding.to_json()) for entry in found.entries]
        click.echo(json.dumps({"findings": entries, "interrupted": [each.id for each in broken]}, indent=2))
    else:
        _print_list(found, broken)


def _age(text: str) -> timedelta:
    from debugbox.settings import parse_duration

    try:
        return timedelta(days=float(text[:-1])) if text.endswith("d") else timedelta(seconds=parse_duration(text))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not an age; say 90m, 12h or 7d", param_hint="--newer") from error


def _print_list(found: "Listing", broken: list["Interrupted"]) -> None:
    from debugbox.foreign import clean_text
    from debugbox.render import terminal

    if found.entries or not broken:
        click.echo(terminal.findings_table([entry.finding for entry in found.entries], width=_columns()))
    if broken:
        runs = [
            terminal.InterruptedRun(id=each.id, age_s=each.age_s, cells=each.cells, question=each.question)
            for each in broken
        ]
        click.echo(f"\n{terminal.interrupted_table(runs, width=_columns())}")
    for unreadable in found.unreadable:
        click.echo(f"not readable: {clean_text(str(unreadable.path))}: {unreadable.why}", err=True)


def _columns() -> int:
    """Of this terminal; 80 where there is none."""
    return shutil.get_terminal_size().columns


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="TEXT")
@repository_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def search(words: tuple[str, ...], repository: Path, as_json: bool) -> None:
    """Findings with all these words in one passage: question, answer, places, hypotheses, captions, outputs."""
    from debugbox.passages import hits
    from debugbox.render.terminal import findings_table

    text = " ".join(words)
    entries = archive_of(settings_of(repository, {})).list_findings(text=text).entries
    found = [(entry.finding, hits(entry.finding, text)) for entry in entries]
    if as_json:
        plain = [{"id": each.id, "hits": [{"where": where, "text": line} for where, line in at]} for each, at in found]
        click.echo(json.dumps(plain, indent=2))
        return
    for each, at in found:
        click.echo(findings_table([each], width=_columns()).splitlines()[-1])
        for where, line in at[:5]:
            click.echo(f"    {where}: {line}")
    if not found:
        click.echo("Nothing holds all these words.", err=True)


@click.command()
@click.argument("id", shell_complete=complete_any_id)
@repository_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page with all plots.")
def show(id: str, repository: Path, as_json: bool, html: Path | None) -> None:
    """Show a finding (ID may be shortened), or what is left of an interrupted run."""
    finding, path = load(settings_of(repository, {}), id)
    if html is None:
        print_finding(finding, path, "", as_json)
        return
    from debugbox.render.page import to_page

    html.write_text(to_page(finding))
    click.echo(f"wrote {html}")


@click.command()
@id_argument
@repository_option
@click.option("--to", "form", required=True, type=click.Choice(["html", "md", "ipynb", "json"]), help="As what.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Into this file.  [default: stdout]"
)
def export(id: str, repository: Path, form: str, output: Path | None) -> None:
    """Write a finding as a page, Markdown, notebook or JSON. Markdown in a file has its pictures beside it."""
    finding, _ = load(settings_of(repository, {}), id)
    data = _exported(finding, form, output)
    if output is None:
        click.echo(data, nl=False)
    else:
        output.write_bytes(data)
        click.echo(f"wrote {output}", err=True)


def _exported(finding: "Finding", form: str, output: Path | None) -> bytes:
    if form == "html":
        from debugbox.render.page import to_page

        return to_page(finding).encode()
    if form == "ipynb":
        from debugbox.render.notebook import to_notebook

        return to_notebook(finding)
    if form == "json":
        from debugbox.render.terminal import as_json

        return as_json(finding).encode() + b"\n"
    return _markdown(finding, output)


def _markdown(finding: "Finding", output: Path | None) -> bytes:
    from debugbox.render.markdown import to_markdown

    names: list[str] = []

    def save(png: bytes) -> str:
        assert output is not None
        names.append(f"{output.stem}-{len(names) + 1}.png")
        output.with_name(names[-1]).write_bytes(png)
        return names[-1]

    return to_markdown(finding, save if output else None).encode()


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=complete_any_id)
@repository_option
def rm(ids: tuple[str, ...], repository: Path) -> None:
    """Delete findings, or what is left of interrupted runs, for good."""
    from debugbox.errors import NoSuchFinding

    settings = settings_of(repository, {})
    for id in ids:
        try:
            click.echo(f"deleted {archive_of(settings).remove(id).name}")
        except NoSuchFinding:
            run = _one_interrupted(settings, id)
            if run is None:
                raise
            run.discard()
            click.echo(f"deleted what was left of {run.id}")


def load(settings: "Settings", id: str) -> tuple["Finding", Path | None]:
    """A finding by the beginning of its id, with its notebook; an interrupted run has none. Raises NoSuchFinding."""
    from debugbox.errors import NoSuchFinding

    archive = archive_of(settings)
    try:
        return archive.load(id), archive.path_of(id)
    except NoSuchFinding:
        run = _one_interrupted(settings, id)
        if run is None:
            raise
        return run.finding(), None


def _one_interrupted(settings: "Settings", id: str) -> "Interrupted | None":
    runs = _interrupted(settings)
    left = [each for each in runs if id and (each.id.startswith(id) or each.id.partition("-")[2].startswith(id))]
    return left[0] if len(left) == 1 else None


def _interrupted(settings: "Settings") -> list["Interrupted"]:
    from debugbox.journal import interrupted

    return [each for each in interrupted(settings.state_dir) if each.repository == str(settings.repository)]
