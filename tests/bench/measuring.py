"""What the benchmarks share: medians of interleaved runs, the engines of this machine, a test tree.

Ratios are made of runs that alternate, so that another load on the machine falls on both.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from debugbox.engines import Engine
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.docker import DockerEngine
from debugbox.settings import Settings

RUNS = 7
_SETTLES_S = 30  # after 350 MB were written, everything that reads or writes takes up to twice as long here


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row: `bar` is the number to stay below, in the same unit; None where it is only told."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    detail: str = ""

    @property
    def holds(self) -> bool:
        return self.bar is None or self.value <= self.bar


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def interleaved(*actions: Callable[[], object], runs: int = RUNS) -> list[float]:
    """The median duration of each action, all run in turn; one unmeasured round before."""
    for action in actions:
        action()
    rounds = [[seconds(action) for action in actions] for _ in range(runs)]
    return [median(each) for each in zip(*rounds, strict=True)]


def engines() -> list[Engine]:
    """Those that answer here."""
    found: list[Engine] = []
    if DockerEngine.answers() is None:
        found.append(DockerEngine.connect())
    embedded = BubblewrapEngine(Settings(repository=Path()).cache_dir)
    return [*found, embedded] if embedded.answers() is None else found


def make_tree(folder: Path, files: int, total_bytes: int) -> Path:
    """A git repository of so many files of one size, one in five of them text, 100 in a folder."""
    size = total_bytes // files
    text = (b"value = 12345  # a line of source\n" * (size // 34 + 1))[:size]
    for number in range(files):
        path = folder / f"d{number // 100}" / (f"f{number}.dat" if number % 5 else f"f{number}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size) if number % 5 else text)
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", *identity, "commit", "-qm", "tree"], cwd=folder, check=True)
    os.sync()
    time.sleep(_SETTLES_S * total_bytes / (350 << 20))
    return folder
