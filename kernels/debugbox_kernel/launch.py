"""Runs in the box: starts the kernel, set up for the supervisor. `python -s -B launch.py CONNECTION_FILE`.

This process is the user's from the first cell on: take what is needed now, patch nothing of theirs.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]
sys.path += [os.path.dirname(_HERE), "/opt/box/lib/recipes", "/opt/box/tools"]


def main(connection_file):
    copy_font_cache()
    from debugbox_kernel.shell import BoxKernelApp

    BoxKernelApp.launch_instance(argv=["-f", connection_file])


def copy_font_cache():
    """matplotlib refuses a read-only folder, and building its font cache costs a second."""
    import shutil

    try:
        shutil.copytree("/opt/box/mplcache", os.environ["MPLCONFIGDIR"], dirs_exist_ok=True)
    except OSError as error:
        print("no font cache:", error, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
