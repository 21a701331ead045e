"""The first box of a run, started while the repository is read, is like every other; in real boxes of each engine."""

import time
from pathlib import Path

from debugbox.box import Box, BoxContext, Boxes, begin
from debugbox.early import EarlyBox
from debugbox.engines import BoxSize, Engine
from debugbox.environment import import_roots, prepare_environment
from debugbox.settings import Settings
from debugbox.snapshot import take_snapshot
from tests.conftest import plain_environment

_ITS_OWN = {"Labels", "Env"}


def test_it_has_the_walls_and_the_files_of_any_other_box(engine: Engine, repository: Path) -> None:
    settings = Settings(repository=repository)
    prepare_environment(take_snapshot(repository, settings.limits), engine, settings, lambda line: None)
    with EarlyBox(engine, settings, "why") as early:
        snapshot = take_snapshot(repository, settings.limits, when_listed=early.begin)
        environment = prepare_environment(snapshot, engine, settings, lambda line: None)
        taken: list[Box | None] = []

        def begun(*asked: object) -> Box | None:
            taken.append(early.take(*asked))  # type: ignore[arg-type]
            return taken[-1]

        boxes = Boxes(
            engine=engine,
            environment=environment,
            snapshot=snapshot,
            limits=settings.limits,
            context=BoxContext(question="why", import_roots=import_roots(snapshot)),
            begun=begun,
        )
        with boxes.open() as first, boxes.open() as second:
            assert taken == [first, None]
            assert _walls(first) == _walls(second)
            read = "print(open('/srv/repo/app.py').read())"
            cells = [box.run_cell(read, id=1, purpose="read", timeout_s=20) for box in (first, second)]
            assert cells[0].outputs == cells[1].outputs
            assert "def double" in str(cells[0].outputs)


def _walls(box: Box) -> dict[str, object]:
    return {name: value for name, value in box.applied.items() if name not in _ITS_OWN}


def test_a_box_may_be_filled_long_after_its_kernel_is_ready(engine: Engine, repository: Path) -> None:
    """It is asked whether it lives meanwhile, and has said by then that its kernel is ready."""
    settings = Settings(repository=repository)
    environment, snapshot = plain_environment(engine), take_snapshot(repository, settings.limits)
    size = BoxSize.of(settings.limits, snapshot.size_bytes, len(snapshot.files))
    box = begin(engine, environment, size, settings.limits, BoxContext())
    try:
        deadline = time.monotonic() + 20
        while box.is_alive and not box.ready and time.monotonic() < deadline:
            time.sleep(0.05)
        assert box.ready
        box.fill(snapshot)
        assert box.run_cell("print(6 * 7)", id=1, purpose="count", timeout_s=20).status == "ok"
    finally:
        box.kill()
