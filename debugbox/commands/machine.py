"""Commands about this machine: base images, leftovers."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from debugbox.doctor import Line
    from debugbox.engines import Leftover

DAY_S = 86_400


@click.command()
@click.option(
    "--python", default="3.11", show_default=True, type=click.Choice(["3.11", "3.13"]), help="Its interpreter."
)
def base(python: str) -> None:
    """Build a Docker base image from Debian's packages, for machines without a registry (as root)."""
    import subprocess

    from debugbox.boxfiles import SANDBOX

    sys.exit(subprocess.run(["bash", str(SANDBOX / "base.sh"), python]).returncode)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only print what would go.")
@click.option("--older-than", default=30.0, show_default=True, metavar="DAYS", help="Environments of this age go too.")
@click.option("--larger-than", default="0", metavar="SIZE", help="Of those only the ones above it, for example 1g.")
def clean(dry_run: bool, older_than: float, larger_than: str) -> None:
    """Remove what killed runs left behind and environments that are old, and print it.

    The age of a Docker image is that of its build, the age of an embedded environment that of its last use.
    """
    from debugbox.settings import parse_size

    freed = 0
    kept = 0
    for left in _leftovers():
        if left.what == "environment" and left.age_s < older_than * DAY_S:
            kept += 1
            continue
        size = left.size()
        if left.what == "environment" and size < parse_size(larger_than):
            kept += 1
        elif dry_run or left.remove():
            freed += size
            words = "would remove" if dry_run else "removed"
            click.echo(f"{words} {left.what} {left.name} ({size / (1 << 20):.0f} MiB, {left.age_s / DAY_S:.1f} days)")
    click.echo(f"{freed / (1 << 20):.0f} MiB {'could be freed' if dry_run else 'freed'}; {kept} environments are kept")


def _leftovers() -> Iterator["Leftover"]:
    """Of both engines, whichever are here; those of killed runs first."""
    from debugbox.engines import cgroups
    from debugbox.engines.bubblewrap import BubblewrapEngine
    from debugbox.engines.docker import DockerEngine
    from debugbox.settings import Settings

    embedded = BubblewrapEngine(Settings(repository=Path()).cache_dir)
    yield from cgroups.abandoned()
    yield from embedded.abandoned_builds()
    if DockerEngine.answers() is None:
        docker = DockerEngine.connect()
        yield from docker.abandoned()
        yield from docker.environments()
    yield from embedded.environments()


@click.command()
@click.option("--engine", type=click.Choice(["auto", "docker", "bubblewrap"]), help="Where boxes shall come from.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, a line each.")
def doctor(engine: str | None, as_json: bool) -> None:
    """Tell what of this machine debugbox can use, and what to do about the rest.

    \b
    Exit codes: 0 an investigation can run, 1 it cannot.
    """
    from dataclasses import asdict

    from debugbox.commands.common import settings_of
    from debugbox.doctor import can_run, examine

    lines = []
    for line in examine(settings_of(Path(), {"engine": engine})):
        lines.append(line)
        click.echo(json.dumps(asdict(line)) if as_json else _told(line))
    sys.exit(0 if can_run(lines) else 1)


def _told(line: "Line") -> str:
    from debugbox.foreign import clean_text

    mark = click.style({"green": "ok", "yellow": "warn", "red": "FAIL"}[line.level].ljust(5), fg=line.level)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    words = clean_text(f"{line.what}{f'. To do: {line.remedy}' if line.remedy else ''}")
    return f"{mark if colour else click.unstyle(mark)} {words}"
