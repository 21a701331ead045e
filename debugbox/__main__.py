"""`python -m debugbox` and the console script: the guard that keeps the user's files out of our imports."""

import os
import sys


def main() -> None:
    """Start the command line, with the safe path in force.

    In a repository that has its own `dataclasses.py`, an unguarded start would run that file
    on the host. So the interpreter is re-executed with `-P -E` unless both are in force.
    """
    if not (sys.flags.safe_path and sys.flags.ignore_environment):
        os.execv(sys.executable, [sys.executable, "-P", "-E", "-m", "debugbox", *sys.argv[1:]])
    from debugbox.cli import run

    run()


if __name__ == "__main__":
    main()
