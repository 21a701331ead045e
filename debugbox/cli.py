"""The command line: arguments to settings to one call. The only module that knows everybody.

Results go to stdout, progress to stderr. Every import that costs something is inside the command that
needs it, so that `--help` is quick.
"""

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from debugbox import __version__
from debugbox.errors import DebugboxError

if TYPE_CHECKING:
    from debugbox.archive import Archive
    from debugbox.engines import Engine
    from debugbox.finding import Finding
    from debugbox.model import AnthropicModel
    from debugbox.settings import Settings

EXIT_CODES = {"confirmed": 0, "supported": 0, "suspected": 10, "refuted": 11, "inconclusive": 12}
BUG, STOPPED = 70, 130


class QuestionFirst(click.Group):
    """A group whose default command is the question: `debugbox "why does X drift"` needs no other word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "--version"):
            args = ["ask", *args]
        return super().parse_args(ctx, args)


@click.group(cls=QuestionFirst, context_settings={"help_option_names": ["--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="debugbox")
def main() -> None:
    """Ask why; get a checked finding.

    \b
        debugbox "why does the mean pressure drift" --run "python run.py"

    An agent (or, without a model, a recipe) writes throwaway diagnostic code, runs it in a closed box
    against a copy of the repository you are in, and leaves one finding notebook. `debugbox ask --help`
    lists the options of a question.

    Exit codes: 0 confirmed or supported, 10 suspected, 11 refuted, 12 inconclusive; errors have their
    own, listed in docs/errors.md.
    """


def _repository(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--repo",
        "repository",
        type=click.Path(path_type=Path),
        default=".",
        help="The repository; default: this folder.",
    )(function)


@main.command("ask")
@click.argument("words", nargs=-1, metavar="QUESTION")
@_repository
@click.option("--run", help="A command that shows the symptom, as you would type it in the repository.")
@click.option("--engine", type=click.Choice(["auto", "docker", "bubblewrap"]), help="Where boxes come from.")
@click.option("--no-model", is_flag=True, help="Use no model: the recipe that fits runs by itself.")
@click.option("--model", help="opus, sonnet, haiku, fable, or any model's id.  [default: opus]")
@click.option("--recipe", help="Without a model: this recipe.")
@click.option("--python", help="Interpreter of the box, 3.9 to 3.13.")
@click.option("--with", "extra_packages", multiple=True, metavar="PKG", help="One more package in the box; repeatable.")
@click.option("--no-dependencies", is_flag=True, help="Do not install the repository's requirements.")
@click.option("--exclude", multiple=True, metavar="PATH", help="Leave this out of the snapshot; repeatable.")
@click.option("--max-time", help="All in all, the checks included.  [default: 30m]")
@click.option("--max-cost", type=float, help="In dollars.  [default: 2]")
@click.option("--max-turns", type=int, help="Requests to the model.  [default: 40]")
@click.option("--cell-timeout", help="One cell.  [default: 60s]")
@click.option("--memory", help="Of a box; the snapshot's size comes on top.  [default: 2g]")
@click.option("--cpus", type=float, help="Of a box.  [default: 2]")
@click.option("--pids", type=int, help="Processes and threads of a box.  [default: 256]")
@click.option("--snapshot-files", type=int, help="How many files at most.  [default: 50000]")
@click.option("--snapshot-size", "snapshot_bytes", help="How large at most.  [default: 500m]")
@click.option("--no-checks", is_flag=True, help="Believe it unchecked: the verdict is `suspected` at most.")
@click.option("--discard-all", is_flag=True, help="Do not keep the symptom's code either.")
@click.option("--dry-run", is_flag=True, help="Print what would go into the box, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the finding as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def ask(words: tuple[str, ...], repository: Path, as_json: bool, quiet: bool, dry_run: bool, **options: Any) -> None:
    """Investigate QUESTION in the repository you are in."""
    question = " ".join(words)
    settings = _settings(repository, options)
    if dry_run:
        return _print_dry_run(settings)
    from debugbox.investigation import investigate
    from debugbox.render.live import View

    view = View(sys.stderr, quiet=quiet)
    model = _choose_model(settings, view.note)
    engine = _choose_engine(settings, view.note)
    kept = investigate(question, settings, engine=engine, model=model, view=view)
    _print_finding(kept.finding, kept.path, kept.note, as_json)
    sys.exit(EXIT_CODES[kept.finding.verdict])


def _print_finding(finding: "Finding", path: Path | None, note: str, as_json: bool) -> None:
    from debugbox.render import terminal

    if as_json:
        click.echo(terminal.as_json(finding))
        return
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns
    click.echo(terminal.report(finding, path=path, note=note, colour=colour, width=width), nl=False)


def _settings(repository: Path, options: dict[str, Any]) -> "Settings":
    from debugbox.settings import resolve_settings

    given = {name: value for name, value in options.items() if value not in (None, (), False)}
    if given.pop("no_model", False):
        given["use_model"] = False
    elif "model" in given:
        given["use_model"] = True
    for flag, name in (("no_dependencies", "dependencies"), ("no_checks", "checks")):
        if given.pop(flag, False):
            given[name] = False
    return resolve_settings(given, repository.resolve())


def _choose_model(settings: "Settings", note: Callable[[str], None]) -> "AnthropicModel | None":
    """The agent's model where there are credentials (or one was asked for), else None."""
    from debugbox.endpoint import credentials_present
    from debugbox.model import AnthropicModel

    if settings.use_model is False:
        return None
    if settings.use_model is None and not credentials_present():
        note("no credentials for a model: a recipe investigates by itself (--model NAME asks for one)")
        return None
    AnthropicModel.start_import()  # it takes longer than the box's start, so it begins now
    model = AnthropicModel(settings.model, effort=settings.effort, base_url=settings.base_url)
    _say_what_leaves(settings, model, note)
    return model


def _say_what_leaves(settings: "Settings", model: "AnthropicModel", note: Callable[[str], None]) -> None:
    """Once per user: where the question and the cells' output go."""
    told = settings.state_dir / "told-what-leaves"
    if told.exists():
        return
    endpoint = model.describe().endpoint
    note(f"What leaves this machine: your question, file names, what the cells print and plot; it goes to {endpoint}.")
    note("Nothing else does: the box has no network. `debugbox ask --dry-run` lists what goes into the box.")
    told.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    told.touch()


def _choose_engine(settings: "Settings", note: Callable[[str], None]) -> "Engine":
    """Docker where it answers; else, in words, the embedded engine; a named one or none.

    Raises:
        EngineUnavailable: the one that was asked for does not answer.
        NoEngine: none does.
    """
    from debugbox.engines.bubblewrap import BubblewrapEngine
    from debugbox.engines.docker import DockerEngine
    from debugbox.errors import EngineUnavailable, NoEngine

    no_docker = DockerEngine.answers() if settings.engine != "bubblewrap" else "not asked for"
    if no_docker is None:
        return DockerEngine.connect()
    if settings.engine == "docker":
        raise EngineUnavailable("docker", no_docker)
    embedded = BubblewrapEngine(settings.cache_dir)
    no_bubblewrap = embedded.answers()
    if no_bubblewrap is None:
        if settings.engine == "auto":
            note("no Docker engine answers: the embedded engine protects against accidents, not against hostile code")
        return embedded
    if settings.engine == "bubblewrap":
        raise EngineUnavailable("bubblewrap", no_bubblewrap)
    raise NoEngine(f"docker: {no_docker}; bubblewrap: {no_bubblewrap}")


def _print_dry_run(settings: "Settings") -> None:
    from debugbox.snapshot import take_snapshot

    snapshot = take_snapshot(settings.repository, settings.limits, settings.exclude)
    masked = set(snapshot.masked)
    for path in snapshot.files:
        click.echo(f"{path}  (known secrets masked)" if path in masked else path)
    for each in snapshot.skipped:
        click.echo(f"left out: {each.path}: {each.reason}")
    click.echo(f"{len(snapshot.files)} files, {snapshot.size_bytes} bytes, sha256 {snapshot.sha256}")
    click.echo("They go into a box without network. With a model, what cells print goes to the model's provider.")


@main.command("list")
@_repository
@click.option("--verdict", type=click.Choice(list(EXIT_CODES)), help="Only these.")
@click.option("--text", default="", help="Only those with these words in question or answer.")
@click.option("--file", default="", help="Only those that suspect this file.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_command(repository: Path, verdict: Any, text: str, file: str, as_json: bool) -> None:
    """Findings of this repository, and runs that were interrupted."""
    from debugbox.journal import interrupted
    from debugbox.render import terminal

    settings = _settings(repository, {})
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


@main.command()
@click.argument("id")
@_repository
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page with all plots.")
def show(id: str, repository: Path, as_json: bool, html: Path | None) -> None:
    """Show a finding (ID may be shortened), or what is left of an interrupted run."""
    settings = _settings(repository, {})
    finding, path = _load(settings, id)
    if html is not None:
        from debugbox.render.page import to_page

        html.write_text(to_page(finding))
        click.echo(f"wrote {html}")
    else:
        _print_finding(finding, path, "", as_json)


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


@main.command()
@click.argument("name", required=False)
def recipes(name: str | None) -> None:
    """List the recipes, or show the card of one."""
    from debugbox.recipes import choose_recipe, read_cards

    if name:
        click.echo(choose_recipe("", name)[0].body.strip())
        return
    for card in read_cards():
        click.echo(f"{card.name}: {card.description}")


@main.command()
@click.option(
    "--python", default="3.11", show_default=True, type=click.Choice(["3.11", "3.13"]), help="Its interpreter."
)
def base(python: str) -> None:
    """Build a Docker base image from Debian's packages, for machines without a registry (as root)."""
    import subprocess

    from debugbox.boxfiles import SANDBOX

    sys.exit(subprocess.run(["bash", str(SANDBOX / "base.sh"), python]).returncode)


@main.command()
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


def run() -> NoReturn:
    """The one error boundary: known error, Ctrl-C, anything else."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except DebugboxError as error:
        click.echo(f"debugbox: {_clean(str(error))}\n({error.slug}: see docs/errors.md)", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("debugbox: stopped.", err=True)
        sys.exit(STOPPED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader of our output has gone: nothing more to say
        sys.exit(0)
    except Exception:  # noqa: BLE001 (the boundary: a bug of ours, kept for a report)
        click.echo(f"debugbox: this is a bug. A report was saved: {_save_report()}", err=True)
        sys.exit(BUG)
    sys.exit(0)


def _stop(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _clean(text: str) -> str:
    from debugbox.foreign import clean_text

    return clean_text(text)


def _save_report() -> str:
    """The traceback in a file, or in words where no file can be written."""
    from debugbox.settings import Settings

    words = traceback.format_exc()
    folder = Settings(repository=Path()).state_dir / "reports"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.txt"
        path.write_text(f"debugbox {__version__}, Python {sys.version}\n{words}")
    except OSError:
        return words
    return str(path)
