"""The command line: arguments to settings to one call. The only module that knows everybody.

Results go to stdout, progress to stderr. Every import that costs something is inside the command that
needs it, so that `--help` is quick.
"""

import importlib
import os
import signal
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

from debugbox import __version__
from debugbox.errors import DebugboxError

BUG, STOPPED = 70, 130
COMMANDS = {  # name: where it is; loaded when it is used
    "ask": "ask:ask",
    "resume": "agent:resume",
    "list": "findings:list_command",
    "search": "findings:search",
    "show": "findings:show",
    "export": "findings:export",
    "rm": "findings:rm",
    "review": "review:review",
    "verify": "verify:verify_command",
    "bisect": "history:bisect_command",
    "since": "history:since",
    "costs": "agent:costs",
    "mcp": "mcp:mcp",
    "recipes": "recipes:recipes",
    "base": "machine:base",
    "clean": "machine:clean",
    "doctor": "machine:doctor",
    "completion": "completion:completion",
}


class QuestionFirst(click.Group):
    """A group whose default command is the question: `debugbox "why does X drift"` needs no other word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in COMMANDS and args[0] not in ("--help", "--version"):
            args = ["ask", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module, _, name = COMMANDS.get(cmd_name, "").partition(":")
        if not module:
            return None
        command: click.Command = getattr(importlib.import_module(f"debugbox.commands.{module}"), name)
        return command


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


def run() -> NoReturn:
    """The one error boundary: known error, Ctrl-C, anything else."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        main(standalone_mode=False, prog_name="debugbox")  # whatever program started it: completion goes by this name
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
