"""`debugbox "why …"`: a question becomes a finding."""

import re
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from debugbox.commands.common import (
    EXIT_CODES,
    archive_of,
    complete_id,
    print_finding,
    repository_option,
    settings_of,
)

if TYPE_CHECKING:
    from debugbox.finding import Finding
    from debugbox.settings import Settings
    from debugbox.snapshot import Snapshot

# An id as `debugbox list` prints it, its beginning, or what follows its dash: with a digit, so that no word is meant.
_LIKE_AN_ID = re.compile(r"(?P<whole>\d{8}(-[0-9a-f]*)?)|(?=[a-f]*\d)[0-9a-f]{4,12}")


@click.command("ask")
@click.argument("words", nargs=-1, metavar="[ID] QUESTION", shell_complete=complete_id)
@repository_option
@click.option("--run", help="A command that shows the symptom, as you would type it in the repository.")
@click.option("--engine", type=click.Choice(["auto", "docker", "bubblewrap"]), help="Where boxes come from.")
@click.option("--no-model", is_flag=True, help="Use no model: the recipe that fits runs by itself.")
@click.option("--model", help="opus, sonnet, haiku, fable, or any model's id.  [default: opus]")
@click.option(
    "--parallel",
    type=click.IntRange(1, 8),
    metavar="N",
    help="Once the symptom stands, up to N agents on different hypotheses; the limits are those of all.  [default: 1]",
)
@click.option("--recipe", help="Without a model: this recipe.")
@click.option("--python", help="Interpreter of the box, 3.9 to 3.13.")
@click.option("--with", "extra_packages", multiple=True, metavar="PKG", help="One more package in the box; repeatable.")
@click.option("--image", metavar="NAME", help="Build on this image of yours instead (docker).")
@click.option("--env", multiple=True, metavar="NAME", help="Let this variable of yours into the box; repeatable.")
@click.option("--refresh", is_flag=True, help="Build the environment anew.")
@click.option("--no-dependencies", is_flag=True, help="Do not install the repository's requirements.")
@click.option("--exclude", multiple=True, metavar="PATH", help="Leave this out of the snapshot; repeatable.")
@click.option("--include", multiple=True, metavar="PATH", help="Add an ignored file or folder to it; repeatable.")
@click.option(
    "--allow-secret",
    "allow_secrets",
    multiple=True,
    metavar="PATH",
    help="Let in what looks like a secret; repeatable.",
)
@click.option("--history", type=int, metavar="N", help="Let the last N commits in, as a .git without anything else.")
@click.option(
    "--good", metavar="REV", help="A commit known not to have it: let it and all later ones in, as --history does."
)
@click.option("--as-found", is_flag=True, help="With ID: look at the files that the finding was made on.")
@click.option("--max-time", help="All in all, the checks included.  [default: 30m]")
@click.option("--max-cost", type=float, help="In dollars.  [default: 2]")
@click.option("--max-turns", type=int, help="Requests to the model.  [default: 40]")
@click.option("--cell-timeout", help="One cell.  [default: 60s]")
@click.option("--setup-timeout", help="The repository's own set-up command.  [default: 10m]")
@click.option("--memory", help="Of a box; the snapshot's size comes on top.  [default: 2g]")
@click.option("--cpus", type=float, help="Of a box.  [default: 2]")
@click.option("--pids", type=int, help="Processes and threads of a box.  [default: 256]")
@click.option("--snapshot-files", type=int, help="How many files at most.  [default: 50000]")
@click.option("--snapshot-size", "snapshot_bytes", help="How large at most.  [default: 500m]")
@click.option("--no-checks", is_flag=True, help="Believe it unchecked: the verdict is `suspected` at most.")
@click.option("--discard-all", is_flag=True, help="Do not keep the symptom's code either.")
@click.option("--keep-code", is_flag=True, help="Keep the code of the cited cells too.")
@click.option("--dry-run", is_flag=True, help="Print what would go into the box, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the finding as JSON.")
@click.option("--json-events", "as_events", is_flag=True, help="JSON lines: each event, the finding last.")
@click.option("--quiet", is_flag=True, help="No progress.")
def ask(
    words: tuple[str, ...],
    repository: Path,
    as_json: bool,
    as_events: bool,
    quiet: bool,
    dry_run: bool,
    as_found: bool,
    **options: Any,
) -> None:
    """Investigate QUESTION in the repository you are in.

    With the ID of a finding it starts from there: command and recipe are taken over where none is named, a model is
    told what was found, and the two are linked.
    """
    _refuse_a_command(words)
    settings = settings_of(repository, options)
    finding, question = _start(words, settings)
    if as_found and finding is None:
        raise click.UsageError("--as-found goes with the ID of a finding.")
    if dry_run:
        return _print_dry_run(settings)
    from debugbox.choose import choose_engine, choose_model
    from debugbox.following import followed
    from debugbox.investigation import investigate
    from debugbox.render.events import EventLines
    from debugbox.render.live import View

    events = EventLines(sys.stdout) if as_events else None
    view = events or View(sys.stderr, quiet=quiet)
    model = choose_model(settings, view.note)
    engine = choose_engine(settings, view.note)
    with followed(finding, settings, as_found=as_found) if finding else nullcontext() as follows:
        kept = investigate(question, settings, engine=engine, model=model, view=view, follows=follows)
    if events:
        events.finding(kept.finding, str(kept.path or ""))
    else:
        print_finding(kept.finding, kept.path, kept.note, as_json)
    sys.exit(EXIT_CODES[kept.finding.verdict])


def _refuse_a_command(words: tuple[str, ...]) -> None:
    """`debugbox --engine docker verify ID` asks nothing: with an option in front, the command was taken for a word."""
    group = click.get_current_context().parent
    if group and isinstance(group.command, click.Group) and words and words[0] in group.command.list_commands(group):
        raise click.UsageError(f"{words[0]} is a command: it comes first, its options after it. A question is quoted.")


def _start(words: tuple[str, ...], settings: "Settings") -> "tuple[Finding | None, str]":
    """The finding that the first word names, if it names one, and the question. Raises NoSuchFinding.

    A word that could be the beginning of an id and of a question ("1000 rows …") is one where that is kept.
    """
    from debugbox.errors import NoSuchFinding

    if not words or not (match := _LIKE_AN_ID.fullmatch(words[0])):
        return None, " ".join(words)
    try:
        return archive_of(settings).load(words[0]), " ".join(words[1:])
    except NoSuchFinding:
        if match["whole"]:
            raise
        return None, " ".join(words)


def _print_dry_run(settings: "Settings") -> None:
    from debugbox.listing import choice_of
    from debugbox.snapshot import take_snapshot

    snapshot = take_snapshot(settings.repository, settings.limits, choice=choice_of(settings))
    for line in _described(snapshot):
        click.echo(line)


def _described(snapshot: "Snapshot") -> Iterator[str]:
    """Exactly what goes into a box, and where it may travel from there."""
    masked = set(snapshot.masked)
    for path in snapshot.files:
        yield f"{path}  (known secrets masked)" if path in masked else path
    yield from (f"left out: {each.path}: {each.reason}" for each in snapshot.skipped)
    yield from snapshot.notes
    yield f"{len(snapshot.files)} files, {snapshot.size_bytes} bytes, sha256 {snapshot.sha256}"
    yield "They go into a box without network, as a copy; nothing is written back."
    yield "With a model, the names above and whatever cells print or plot of the files go to the model's provider."
    yield "The promise about secrets is: known names and shapes, never that there are no others."
