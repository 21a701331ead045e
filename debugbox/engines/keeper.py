"""Starts one embedded box and removes its cgroups when it has ended, even after `kill -9` of the CLI.

A program of its own: `python -I -S keeper.py FOLDER… -- COMMAND…`. The box itself ends by its lease
(standard input); this only outlives it by the moment the removal takes. SIGTERM ends the box at once.
"""

import os
import signal
import sys
import time

_REMOVE_WITHIN_S = 20.0  # a loaded machine takes seconds to free a large box's memory


def main(arguments: list[str]) -> int:
    end = arguments.index("--")
    folders, command = arguments[:end], arguments[end + 1 :]
    pid = os.fork()
    if pid == 0:
        for folder in folders:
            with open(f"{folder}/cgroup.procs", "w") as file:  # noqa: PTH123 (no imports that this does not need)
                file.write("0")
        os.execv(command[0], command)
    for fd in (0, 1):
        os.close(fd)  # or the box would not see the CLI go, nor the CLI the box
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGKILL))
    _, status = os.waitpid(pid, 0)
    remove(folders)
    return os.waitstatus_to_exitcode(status) & 0xFF


def remove(folders: list[str]) -> None:
    """A cgroup can be removed once its last process is reaped, which may take a moment."""
    deadline = time.monotonic() + _REMOVE_WITHIN_S
    while folders and time.monotonic() < deadline:
        folders = [folder for folder in folders if not _removed(folder)]
        if folders:
            time.sleep(0.01)


def _removed(folder: str) -> bool:
    try:
        os.rmdir(folder)  # noqa: PTH106 (no imports that this does not need)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
