"""Commands about this machine: base images, leftovers."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
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
        size = left.size()
        if left.what == "environment" and (left.age_s < older_than * DAY_S or size < parse_size(larger_than)):
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
