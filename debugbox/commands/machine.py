"""Commands about this machine: base images, leftovers."""

import sys

import click


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
def clean() -> None:
    """Remove what killed runs left behind, and print it."""
    from debugbox.engines import cgroups
    from debugbox.engines.docker import DockerEngine

    removed = cgroups.sweep()
    if DockerEngine.answers() is None:
        removed += DockerEngine.connect().sweep()
    for each in removed:
        click.echo(f"removed {each}")
    click.echo(f"{len(removed)} leftovers")
