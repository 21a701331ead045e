"""Boxes: create to first cell, eight at once, gone after `kill -9`; the host's memory; the command's own start."""

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from debugbox.box import BoxContext, Boxes
from debugbox.engines import Engine
from debugbox.settings import Limits
from debugbox.snapshot import take_snapshot
from tests.bench.measuring import RUNS, Figure, interleaved, median, seconds
from tests.conftest import ROOT, plain_environment
from tests.wall.test_hostile_streams import PRINTS_A_GIGABYTE
from tests.wall.test_lifetime import boxes_of, held, still_there

MANY = 8
# A kernel as jupyter_client starts it, in the same image: its start to the answer of its first cell.
BARE_KERNEL = """
import time
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
began = time.perf_counter()
manager = KernelManager(transport="ipc", ip="/tmp/kernel")
command = ["/opt/box/kernel/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
manager._kernel_spec = KernelSpec(argv=command)
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
client.execute("1", reply=True, timeout=60)  # its output may be lost: iopub is subscribed late
print(time.perf_counter() - began, flush=True)
manager.shutdown_kernel(now=True)
"""


def small_repository(folder: Path) -> Path:
    (folder / "app.py").write_text("print('app')\n")
    return folder


def boxes_in(engine: Engine, folder: Path) -> Boxes:
    limits = Limits()
    snapshot = take_snapshot(folder, limits)
    environment = plain_environment(engine)
    return Boxes(engine=engine, environment=environment, snapshot=snapshot, limits=limits, context=BoxContext())


def first_answer(boxes: Boxes) -> float:
    """Create to first cell answered."""
    began = time.perf_counter()
    with boxes.open() as box:
        box.run_cell("1", id=1, purpose="first", timeout_s=60)
        return time.perf_counter() - began


def figures(engine: Engine, image: str) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        boxes = boxes_in(engine, small_repository(Path(scratch)))
        yield _ready(engine, boxes, image)
        yield _eight(engine, boxes)
        yield _gone(engine, boxes, Path(scratch))
        yield _gigabyte(engine, boxes, Path(scratch))


def _ready(engine: Engine, boxes: Boxes, image: str) -> Figure:
    run = ["docker", "run", "--rm", "-i", "--network", "none", "--entrypoint", "", image]
    ours, empty, kernels = [], [], []
    for _ in range(RUNS + 1):
        ours.append(first_answer(boxes))
        empty.append(seconds(lambda: subprocess.run([*run, "true"], check=True, stdin=subprocess.DEVNULL)))
        kernels.append(_bare_kernel(run))
    box, bare = median(ours[1:]), median(empty[1:]) + median(kernels[1:])
    detail = f"{box:.2f} s against {median(empty[1:]):.2f} s + {median(kernels[1:]):.2f} s"
    return Figure(name=f"box ready to first answer ({engine.name})", value=box / bare, unit="x", bar=1.2, detail=detail)


def _bare_kernel(run: list[str]) -> float:
    inside = [
        *run[:-3],
        "--tmpfs",
        "/tmp:rw,exec,mode=1777",
        "-e",
        "HOME=/tmp",
        "-e",
        "IPYTHONDIR=/tmp/ipython",
        *run[-3:],
    ]
    done = subprocess.run(
        [*inside, "/opt/box/supervisor/bin/python", "-c", BARE_KERNEL], check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[-1])


def _eight(engine: Engine, boxes: Boxes) -> Figure:
    def all_at_once() -> None:
        threads = [threading.Thread(target=first_answer, args=(boxes,)) for _ in range(MANY)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    alone, together = interleaved(lambda: first_answer(boxes), all_at_once)
    detail = f"{together:.2f} s for all of them, {alone:.2f} s for one"
    return Figure(name=f"{MANY} boxes at once ({engine.name})", value=together, unit="s", detail=detail)


def _gone(engine: Engine, boxes: Boxes, folder: Path) -> Figure:
    took = []
    for _ in range(RUNS):
        with held(engine, boxes.environment.reference, "running", folder) as process:
            left = boxes_of(engine, process.pid)
            began = time.perf_counter()
            process.send_signal(signal.SIGKILL)
            process.wait()
            while left := still_there(engine, left, process.pid):
                time.sleep(0.005)
            took.append(time.perf_counter() - began)
    return Figure(name=f"box gone after kill -9 ({engine.name})", value=max(took), unit="s, the longest", bar=1.0)


def _gigabyte(engine: Engine, boxes: Boxes, folder: Path) -> Figure:
    command = [sys.executable, "-c", PRINTS_A_GIGABYTE, engine.name, boxes.environment.reference, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    name = f"host memory while the box prints 1 GiB ({engine.name})"
    return Figure(name=name, value=json.loads(done.stdout)["grown"], unit="MiB above idle", bar=50)


def help_figure() -> Figure:
    ours, python = interleaved(
        lambda: subprocess.run([sys.executable, "-P", "-m", "debugbox", "--help"], capture_output=True, check=True),
        lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
    )
    return Figure(
        name="debugbox --help", value=ours / python, unit="x python -c pass", bar=4, detail=f"{ours * 1000:.0f} ms"
    )
