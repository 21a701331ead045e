"""Commands about runs with a model: go on with an interrupted one, and what they have cost."""

import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from debugbox.commands.common import (
    EXIT_CODES,
    archive_of,
    engine_option,
    print_finding,
    repository_option,
    settings_of,
)

if TYPE_CHECKING:
    from debugbox.finding import Finding
    from debugbox.journal import Interrupted
    from debugbox.settings import Settings


@click.command()
@click.argument("id", default="")
@repository_option
@engine_option
@click.option("--model", help="opus, sonnet, haiku, fable, or any model's id.  [default: opus]")
@click.option("--parallel", type=click.IntRange(1, 8), metavar="N", help="Up to N agents.  [default: 1]")
@click.option("--json", "as_json", is_flag=True, help="Print the finding as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def resume(repository: Path, id: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Go on with an interrupted run (the newest of this repository, or the one whose ID begins so).

    Question, command, conversation, ledger and what its cells gave are taken over; in the new kernel the set-up cells
    run again. What that takes lies beside the run's journal until its finding is kept (never with --discard-all).
    """
    from debugbox.choose import choose_engine, choose_model
    from debugbox.following import followed_again
    from debugbox.investigation import investigate
    from debugbox.render.live import View

    settings = settings_of(repository, options)
    past = _interrupted(settings, id)
    settings = settings_of(repository, options | {"run": past.records.header.get("run")})
    view = View(sys.stderr, quiet=quiet)
    chosen = choose_model(settings, view.note)
    engine = choose_engine(settings, view.note)
    with followed_again(past, archive_of(settings), settings) as follows:
        kept = investigate(past.question, settings, engine=engine, model=chosen, view=view, past=past, follows=follows)
    print_finding(kept.finding, kept.path, kept.note, as_json)
    sys.exit(EXIT_CODES[kept.finding.verdict])


def _interrupted(settings: "Settings", id: str) -> "Interrupted":
    """Raises NoSuchFinding where there is none, or more than one with that beginning."""
    from debugbox.errors import NoSuchFinding
    from debugbox.journal import interrupted

    mine = [each for each in interrupted(settings.state_dir) if each.repository == str(settings.repository)]
    found = [each for each in mine if each.id.startswith(id)]
    if not found or (id and len(found) > 1):
        why = f"{len(found)} interrupted runs begin so" if found else "no interrupted run of this repository begins so"
        raise NoSuchFinding(id or "to go on with", why)
    return found[0]


@click.command()
@click.option("--by", type=click.Choice(["day", "repository", "model"]), default="day", show_default=True)
def costs(by: str) -> None:
    """What runs with a model have cost, of all findings in your data directory; tokens where no price is known."""
    from debugbox.render.words import table
    from debugbox.settings import Settings

    rows = cost_rows(_findings(Settings(repository=Path.cwd())), by)
    click.echo(table([by, "runs", "turns", "tokens", "USD"], rows) if rows else "No run with a model is kept.")


def cost_rows(findings: "list[Finding]", by: str) -> list[list[object]]:
    """One row for each key, and their sum: runs, turns, tokens, dollars (only of runs with a known price)."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0, 0.0])
    for finding in findings:
        cost = finding.cost
        if not cost.model:
            continue
        endpoint = f" at {cost.endpoint}" if cost.endpoint else ""
        keys = {"day": finding.created[:10], "model": cost.model + endpoint}
        key = keys.get(by) or str(finding.provenance.get("repository", "?"))
        entry = (1, cost.turns, sum(cost.tokens.get(kind, 0) for kind in _COUNTED), cost.cost_usd or 0.0)
        for name in (key, "all"):
            sums[name] = [have + more for have, more in zip(sums[name], entry, strict=True)]
    named = sorted(name for name in sums if name != "all")
    return [
        [name, *map(int, sums[name][:3]), round(sums[name][3], 2)] for name in [*named, *(["all"] if named else [])]
    ]


_COUNTED = ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output")  # thinking is part of output


def _findings(settings: "Settings") -> "list[Finding]":
    from debugbox.archive import Archive

    folders = sorted((settings.data_dir / "findings").glob("*")) if settings.data_dir.is_dir() else []
    archives = [Archive(root=settings.data_dir, inside=("findings", folder.name)) for folder in folders]
    return [entry.finding for archive in archives for entry in archive.list_findings().entries]
