"""What a cell costs in a box, as ratios to a bare kernel in the same environment, measured in one run.

    python -m tests.bench.cells [bubblewrap|docker]

Prints: the round trip of a trivial cell (bar: 1.3), 20,000 printed lines, and the share of a core that an idle box
and an idle host take (bar: 1 %). Both kinds take turns, so a busy machine slows both.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from debugbox.box import Box, BoxContext, Boxes
from debugbox.engines import Engine
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.docker import DockerEngine
from debugbox.settings import Limits, Settings
from debugbox.snapshot import take_snapshot
from tests.contract.cells import run, text
from tests.contract.pairs import DEFAULT, environment_of

ROUNDS = 11  # so often each, in turn
CELLS = 20  # trivial cells in a round
IDLE_S = 10.0
ROOT = Path(__file__).parent.parent.parent


def main(name: str) -> None:
    engine: Engine = (
        DockerEngine.connect() if name == "docker" else BubblewrapEngine(Settings(repository=ROOT).cache_dir)
    )
    with tempfile.TemporaryDirectory() as folder, box_of(engine, Path(folder)) as box, bare_kernel() as bare:
        print(f"engine {name}, {box.ready['kernel']}, Python {box.ready['python']}")
        compare("trivial cell", lambda: run_in_box(box, "1"), lambda: bare("1"), CELLS, bar=1.3)
        lines = "for i in range(20_000): print(i)"
        compare("20,000 printed lines", lambda: run_in_box(box, lines), lambda: bare(lines), 1, bar=None)
        print_idle(box)


def run_in_box(box: Box, code: str) -> None:
    assert run(box, code, timeout_s=60).status == "ok"


def compare(what: str, ours: Callable[[], None], theirs: Callable[[], None], times: int, bar: float | None) -> None:
    """Both in turn, `ROUNDS` times; the first round of each is not counted.

    Beside the medians the quickest tenth: on a machine with other work it is the cells that nobody disturbed. In
    Docker it matters most, for there all boxes together weigh as much as one process outside.
    """
    pairs = [(seconds(ours, times), seconds(theirs, times)) for _ in range(ROUNDS + 1)][1:]
    box_s, bare_s = ([each for some in column for each in some] for column in zip(*pairs, strict=True))
    wanted = f" (bar {bar})" if bar else ""
    for name, pick in (("median", statistics.median), ("quickest tenth", quickest_tenth)):
        box, bare = pick(box_s), pick(bare_s)
        print(
            f"{what}, {name}: box {box * 1000:.2f} ms, bare kernel {bare * 1000:.2f} ms, ratio {box / bare:.2f}{wanted}"
        )


def seconds(action: Callable[[], None], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return taken


def quickest_tenth(taken: Sequence[float]) -> float:
    return statistics.mean(sorted(taken)[: max(1, len(taken) // 10)])


@contextmanager
def box_of(engine: Engine, folder: Path) -> Iterator[Box]:
    (folder / "app.py").write_text("")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    limits = Limits()
    boxes = Boxes(
        engine=engine,
        environment=environment_of(engine, DEFAULT),
        snapshot=take_snapshot(folder, limits),
        limits=limits,
        context=BoxContext(),
    )
    with boxes.open() as box:
        yield box


@contextmanager
def bare_kernel() -> Iterator[Callable[[str], None]]:
    """ipykernel on ZeroMQ without anything of ours: send, wait for the reply and for idle, as nbclient does."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client: Any = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    try:
        yield lambda code: client.execute_interactive(code, store_history=False, output_hook=lambda message: None)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def print_idle(box: Box) -> None:
    """CPU time of everything in the box, and of this process, while nobody does anything."""
    before, host_before = box_cpu_s(box), time.process_time()
    time.sleep(IDLE_S)
    host = (time.process_time() - host_before) / IDLE_S
    print(f"idle: box {(box_cpu_s(box) - before) / IDLE_S:.2%} of a core, host {host:.2%} (bar 1 %)")


_CPU_S = """\
import os
ticks = 0
for number in filter(str.isdigit, os.listdir("/proc")):
    try:
        ticks += sum(map(int, open(f"/proc/{number}/stat").read().rpartition(")")[2].split()[11:13]))
    except OSError:
        pass
print(ticks / os.sysconf("SC_CLK_TCK"))
"""


def box_cpu_s(box: Box) -> float:
    """Of all processes in the box, the supervisor included; as seen from inside, so other boxes do not count."""
    return float(text(run(box, _CPU_S)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "bubblewrap")
