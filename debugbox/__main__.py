"""`python -m debugbox` and the console script: the guard that keeps the user's files out of our imports."""

import os
import sys


def main() -> None:
    """Start the command line, with the safe path in force.

    In a repository that has its own `dataclasses.py`, an unguarded start would run that file
    on the host. So the interpreter is re-executed with `-P -E` unless both are in force.
    """
    if sys.argv[1:] == ["--help"]:
        _print_help()
        return
    if not (sys.flags.safe_path and sys.flags.ignore_environment):
        os.execv(sys.executable, [sys.executable, "-P", "-E", "-m", "debugbox", *sys.argv[1:]])
    from debugbox.cli import run

    run()


def _print_help() -> None:
    """As the command line would print it (a test compares): importing that takes four times as long as Python does."""
    text = os.open(f"{os.path.dirname(__file__)}/help.txt", os.O_RDONLY)  # noqa: PTH120 (pathlib is slow)
    try:  # noqa: SIM105 (so is contextlib)
        os.write(1, os.read(text, 1 << 16))
    except BrokenPipeError:
        pass  # the reader has gone: nothing more to say


if __name__ == "__main__":
    main()
