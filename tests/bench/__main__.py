"""`make bench`: prints the table of docs/benchmarks.md. Names as arguments choose: boxes, snapshots, share, command."""

import os
import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.bench import boxes, share, snapshots
from tests.bench.measuring import Figure, engines
from tests.conftest import plain_environment


def main(chosen: set[str]) -> int:
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.platform()}, {os.cpu_count()} CPUs, load {load}\n")
    print("| what | measured | bar | |\n|---|---|---|---|")
    missed = 0
    for figure in _figures(chosen):
        missed += not figure.holds
        bar = f"{figure.bar:g}" if figure.bar is not None else ""
        mark = "" if figure.holds else " **missed**"
        print(f"| {figure.name} | {figure.value:.2f} {figure.unit}{mark} | {bar} | {figure.detail} |", flush=True)
    return 1 if missed else 0


def _figures(chosen: set[str]) -> Iterator[Figure]:
    if "command" in chosen:
        yield boxes.help_figure()
    here = engines() if chosen - {"command"} else []
    docker = [engine for engine in here if engine.name == "docker"]
    image = plain_environment(docker[0]).reference if docker else ""
    for engine in here if image else ():
        if "boxes" in chosen:
            yield from boxes.figures(engine, image)
        if "snapshots" in chosen:
            yield from snapshots.figures(engine, image)
    for engine in here if "share" in chosen else ():
        yield from share.figures(engine)


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:]) or {"command", "boxes", "snapshots", "share"}))
