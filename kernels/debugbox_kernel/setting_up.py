"""Runs in the box, in the kernel: the repository's own set-up command, and what it made, laid out for the host.

`/srv/out/setup-index` has a line of JSON for each file that is new or other than before: [path, size, executable,
link target]. `/srv/out/setup-0`, `setup-1`, ... are their contents one after another, in pieces of `PIECE_BYTES`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator

from debugbox_kernel import out_folder, repo, run

PIECE_BYTES = 8 << 20
WORDS_CHARS = 4000
_LEFT_OUT = {".git", "__pycache__"}

State = tuple[int, int, int]  # a replaced file has another inode, whatever its time says


def set_up(command: str, timeout_s: float) -> None:
    """Run the command and lay out what it made. The last line printed tells how it went."""
    before = states()
    done = run(command, timeout_s=timeout_s)
    made = [path for path, state in sorted(states().items()) if before.get(path) != state]
    pieces = lay_out(made) if done.exit_code == 0 and not done.timed_out else 0
    words = (done.stdout + done.stderr)[-WORDS_CHARS:]
    told = {"exit_code": done.exit_code, "timed_out": done.timed_out, "words": words, "pieces": pieces}
    print("\n" + json.dumps(told), flush=True)


def states() -> dict[str, State]:
    """Every file and link of the repository's copy, by its path, with what changes when it is written."""
    found = {}
    for path in _files(str(repo)):
        details = os.lstat(path)
        found[os.path.relpath(path, repo)] = (details.st_mtime_ns, details.st_size, details.st_ino)
    return found


def lay_out(paths: list[str]) -> int:
    """Write index and contents; gives how many pieces there are."""
    everything = out_folder / "setup-all"
    with (out_folder / "setup-index").open("w") as index, everything.open("wb") as all_of_it:
        for path in paths:
            source = repo / path
            target = os.readlink(source) if source.is_symlink() else ""
            size = 0 if target else source.stat().st_size
            index.write(json.dumps([path, size, os.access(source, os.X_OK), target]) + "\n")
            if not target:
                with source.open("rb") as file:
                    shutil.copyfileobj(file, all_of_it)
    return _in_pieces(str(everything))


def _in_pieces(path: str) -> int:
    count = 0
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            (out_folder / f"setup-{count}").write_bytes(piece)
            count += 1
    os.remove(path)
    return count


def _files(folder: str) -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.name in _LEFT_OUT:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        elif entry.is_symlink() or entry.is_file():
            yield entry.path
