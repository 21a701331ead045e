"""Runs in the box: starts the kernel, set up for the supervisor. `python -s -B -u launch.py CONNECTION_FILE`.

This process is the user's from the first cell on: take what is needed now, patch nothing of theirs.
"""

from __future__ import annotations

import faulthandler
import os
import sys

CRASH_FD = 12  # the supervisor reads there what a crash says of itself

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]
sys.path += [os.path.dirname(_HERE), "/opt/box/lib/recipes", "/opt/box/tools"]


def main(connection_file: str) -> None:
    # Not on descriptor 2: it is the user's, and read with a delay that a crash does not grant.
    faulthandler.enable(CRASH_FD, all_threads=False)
    copy_font_cache()
    from debugbox_kernel.shell import BoxKernelApp

    BoxKernelApp.launch_instance(argv=["-f", connection_file])


def copy_font_cache() -> None:
    """matplotlib refuses a read-only folder, and building its font cache costs a second."""
    import shutil

    try:
        shutil.copytree("/opt/box/mplcache", os.environ["MPLCONFIGDIR"], dirs_exist_ok=True)
    except OSError as error:
        print("no font cache:", error, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
