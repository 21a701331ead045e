"""The snapshot's way into a box against `tar c | docker run -i tar x`, and its cost as the repository grows."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from debugbox.box import BoxContext, Boxes
from debugbox.engines import BoxSize, Engine, Environment
from debugbox.messages import MessageReader
from debugbox.settings import Limits
from debugbox.snapshot import Snapshot, take_snapshot
from tests.bench.measuring import Figure, interleaved, make_tree
from tests.conftest import plain_environment

SIZES = ((1_000, 14 << 20), (5_000, 70 << 20), (25_000, 350 << 20))
BAR = 1.5


def figures(engine: Engine, image: str) -> Iterator[Figure]:
    """`image` is what the reference's containers run in."""
    environment = plain_environment(engine)
    with tempfile.TemporaryDirectory() as scratch:
        for files, size in SIZES:
            tree = make_tree(Path(scratch, str(files)), files, size)
            yield from _of_tree(engine, environment, image, tree, files)


def _of_tree(engine: Engine, environment: Environment, image: str, tree: Path, files: int) -> Iterator[Figure]:
    taking = interleaved(lambda: take_snapshot(tree, Limits()))[0]
    ours, reference, ready = interleaved(
        lambda: into_box(engine, environment, take_snapshot(tree, Limits())),
        lambda: tar_into_container(image, tree),
        lambda: until_ready(engine, environment, tree),
    )
    largest = files == SIZES[-1][0]
    detail = (
        f"{ours:.2f} s, of it taking {taking:.2f} s; tar {reference:.2f} s; until the kernel is ready {ready:.2f} s"
    )
    yield Figure(
        name=f"snapshot of {files} files into the box ({engine.name})",
        value=ours / reference,
        unit="x tar",
        bar=BAR if largest else None,
        detail=detail,
    )


def into_box(engine: Engine, environment: Environment, snapshot: Snapshot) -> None:
    """Start a box and send the snapshot; ends when the box says that it is unpacked. The kernel starts meanwhile."""
    size = BoxSize(
        cpus=2, memory_bytes=2 << 30, pids=256, snapshot_bytes=snapshot.size_bytes, snapshot_files=len(snapshot.files)
    )
    transport = engine.start(environment, size)
    try:
        limits = {"text_chars": 1, "outputs": 1, "images": 1, "image_bytes": 1, "memory_bytes": 1, "cpus": 2}
        hello = {"type": "hello", "protocol": 1, "limits": limits, "context": {}}
        transport.stdin.write(json.dumps(hello).encode() + b"\n")
        for part in snapshot.parts():
            transport.stdin.write(b'{"type": "unpack", "size": %d}\n' % len(part))
            transport.stdin.write(part)
        transport.stdin.write(b'{"type": "unpack", "size": 0}\n')
        transport.stdin.flush()
        reader = MessageReader(transport.stdout)
        while (message := reader.next()) is not None and message["type"] != "unpacked":
            pass
        assert message is not None and message["files"] >= len(snapshot.files)
    finally:
        transport.kill()


def until_ready(engine: Engine, environment: Environment, tree: Path) -> None:
    limits = Limits()
    snapshot = take_snapshot(tree, limits)
    boxes = Boxes(engine=engine, environment=environment, snapshot=snapshot, limits=limits, context=BoxContext())
    with boxes.open():
        pass


def tar_into_container(image: str, tree: Path) -> None:
    """The reference: the same files, into a tmpfs of the same kind, by the tools everybody has."""
    container = (
        "docker run -i --rm --network none --user 10001:10001 --entrypoint '' "
        f"--tmpfs /srv:rw,size=2g,mode=0700,uid=10001,gid=10001 {image} tar xm --no-same-permissions "
        "--no-overwrite-dir -C /srv"
    )
    command = f"tar c -C {tree} --exclude .git --mode=a+rwX . | {container}"
    subprocess.run(command, shell=True, check=True, capture_output=True)
