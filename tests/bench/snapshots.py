"""The snapshot's way into a box against `tar c | docker run -i tar x`, and its cost as the repository grows."""

import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from debugbox.box import BoxContext
from debugbox.early import EarlyBox
from debugbox.engines import BoxSize, Engine, Environment
from debugbox.environment import import_roots, prepare_environment
from debugbox.settings import Settings
from debugbox.snapshot import take_snapshot
from tests.bench.measuring import RUNS, Figure, interleaved, make_tree, median

SIZES = ((1_000, 14 << 20), (5_000, 70 << 20), (25_000, 350 << 20))
BAR = 1.5


def figures(engine: Engine, image: str) -> Iterator[Figure]:
    """`image` is what the reference's containers run in."""
    with tempfile.TemporaryDirectory() as scratch:
        for files, size in SIZES:
            tree = make_tree(Path(scratch, str(files)), files, size)
            yield from _of_tree(engine, image, tree, files)


def _of_tree(engine: Engine, image: str, tree: Path, files: int) -> Iterator[Figure]:
    settings = Settings(repository=tree)
    environment = prepare_environment(take_snapshot(tree, settings.limits), engine, settings, lambda line: None)
    taking = interleaved(lambda: take_snapshot(tree, settings.limits))[0]
    rounds = [(*into_box(engine, environment, settings), *tar_into_container(image, tree)) for _ in range(RUNS + 1)]
    ours, ours_gone, reference, reference_gone = (median(each) for each in zip(*rounds[1:], strict=True))
    largest = files == SIZES[-1][0]
    yield Figure(
        name=f"snapshot of {files} files into the box ({engine.name})",
        value=ours / reference,
        unit="x tar",
        bar=BAR if largest else None,
        detail=f"{ours:.2f} s, the kernel is ready then; taking alone {taking:.2f} s; tar {reference:.2f} s. "
        f"Until the box is gone again {ours_gone:.2f} s, tar {reference_gone:.2f} s: {ours_gone / reference_gone:.2f}",
    )


def into_box(engine: Engine, environment: Environment, settings: Settings) -> tuple[float, float]:
    """As a run does it: a box starts while the snapshot is taken. Seconds until it is filled and its kernel ready, and
    until it is gone again."""
    began = time.perf_counter()
    with EarlyBox(engine, settings, "why") as early:
        snapshot = take_snapshot(settings.repository, settings.limits, when_listed=early.begin)
        size = BoxSize.of(settings.limits, snapshot.size_bytes, len(snapshot.files))
        box = early.take(environment, size, BoxContext(question="why", import_roots=import_roots(snapshot)))
        assert box is not None, "the listing told another box than the snapshot"
        try:
            box.fill(snapshot)
            filled_s = time.perf_counter() - began
        finally:
            box.kill()
    return filled_s, time.perf_counter() - began


def tar_into_container(image: str, tree: Path) -> tuple[float, float]:
    """The reference: the same files, into a tmpfs of the same kind, by everybody's tools. The same two figures."""
    name = f"debugbox-reference-{uuid.uuid4().hex}"
    container = (
        f"docker run -i --name {name} --network none --user 10001:10001 --entrypoint '' "
        f"--tmpfs /srv:rw,size=2g,mode=0700,uid=10001,gid=10001 {image} tar xm --no-same-permissions "
        "--no-overwrite-dir -C /srv"
    )
    command = f"tar c -C {tree} --exclude .git --mode=a+rwX . | {container}"
    began = time.perf_counter()
    try:
        subprocess.run(command, shell=True, check=True, capture_output=True)
        filled_s = time.perf_counter() - began
    finally:
        subprocess.run(["docker", "rm", "-f", name], capture_output=True)
    return filled_s, time.perf_counter() - began
