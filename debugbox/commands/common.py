"""What several commands share: the repository's option, settings from flags, the printed finding."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from debugbox.archive import Archive
    from debugbox.finding import Finding
    from debugbox.settings import Settings

EXIT_CODES = {"confirmed": 0, "supported": 0, "suspected": 10, "refuted": 11, "inconclusive": 12}


def repository_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--repo`."""
    return click.option(
        "--repo",
        "repository",
        type=click.Path(path_type=Path),
        default=".",
        help="The repository; default: this folder.",
    )(function)


def engine_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--engine`."""
    engines = click.Choice(["auto", "docker", "bubblewrap"])
    return click.option("--engine", type=engines, help="Where boxes come from.")(function)


def id_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """The argument ID: a finding's, or the beginning of it; the shell can complete it."""
    return click.argument("id", shell_complete=complete_id)(function)


def complete_id(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of kept findings that begin so; nothing where there is no archive to read."""
    from debugbox.errors import DebugboxError

    try:
        entries = archive_of(settings_of(Path(context.params.get("repository") or "."), {})).ids()
    except DebugboxError:
        return []
    return [id for id in entries if id.startswith(incomplete)]


def complete_any_id(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The same, and those of runs that were interrupted."""
    from debugbox.errors import DebugboxError
    from debugbox.journal import interrupted

    try:
        settings = settings_of(Path(context.params.get("repository") or "."), {})
    except DebugboxError:
        return []
    left = [each.id for each in interrupted(settings.state_dir) if each.repository == str(settings.repository)]
    return [*complete_id(context, parameter, incomplete), *(id for id in left if id.startswith(incomplete))]


def settings_of(repository: Path, options: dict[str, Any]) -> "Settings":
    """Settings of this repository, with the flags that were really given."""
    from debugbox.settings import resolve_settings

    given = {name: value for name, value in options.items() if value is not None and value is not False and value != ()}
    if given.pop("no_model", False):
        given["use_model"] = False
    elif "model" in given:
        given["use_model"] = True
    for flag, name in (("no_dependencies", "dependencies"), ("no_checks", "checks")):
        if given.pop(flag, False):
            given[name] = False
    return resolve_settings(given, repository.resolve())


def archive_of(settings: "Settings") -> "Archive":
    """Where findings of this repository are kept."""
    from debugbox.investigation import archive_of

    return archive_of(settings)


def print_finding(finding: "Finding", path: Path | None, note: str, as_json: bool) -> None:
    """The finding on stdout: the report, or JSON."""
    from debugbox.render import terminal

    if as_json:
        click.echo(terminal.as_json(finding))
        return
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns
    told = terminal.report(finding, path=path, home=Path.home(), note=note, colour=colour, width=width)
    click.echo(f"\n{told}" if colour else told, nl=False)  # on a terminal the progress stands above it
    if sys.stdout.isatty():
        from rich.console import Console

        from debugbox.render.plots import show_plots

        show_plots(finding, Console())
