"""PID 1 of a build's container: runs one command with variables that no image and no `inspect` ever sees.

    python3 -c "$(cat build_step.py)" COMMAND...

The first line of standard input is JSON: "variables" for the command, "files" ({path: base64}, gone when it has
ended), and "mark". When the command has ended, "MARK {code, stderr}" is printed; the container then waits, so that
its files can be kept. When standard input closes, everything in the container ends. Python 3.9, standard library only.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO

LAST_LINES = 60
LATE_S = 2.0  # for what the command wrote last


def main(command: list[str]) -> None:
    start = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=end_with_the_host, daemon=True).start()
    for path, content in start["files"].items():
        Path(path).write_bytes(base64.b64decode(content))
    code, words = run(command, start["variables"])
    for path in start["files"]:
        Path(path).unlink()
    say(start["mark"] + " " + json.dumps({"code": code, "stderr": words}))
    threading.Event().wait()


def run(command: list[str], variables: dict[str, str]) -> tuple[int, str]:
    """(exit code, the end of its stderr). What it prints is passed on."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **variables},
        text=True, errors="replace",
    )  # fmt: skip
    last: deque[str] = deque(maxlen=LAST_LINES)
    reader = threading.Thread(target=pass_on, args=(process.stderr, last), daemon=True)
    reader.start()
    code = process.wait()
    reader.join(LATE_S)  # no longer: it may have left a process that holds its stderr
    return code, "".join(last)


def pass_on(stream: IO[str], last: deque[str]) -> None:
    for line in stream:
        last.append(line[:2000])
        say(line.rstrip("\n"))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def end_with_the_host() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
