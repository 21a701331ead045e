"""Run as a program by test_lifetime: brings a run into one PHASE and stays there until it is killed.

python holder.py ENGINE REFERENCE PHASE     prints a line when it is there
"""

import sys
import time
from pathlib import Path

from debugbox.box import BoxContext, Boxes
from debugbox.early import EarlyBox
from debugbox.engines import Engine, Environment, EnvironmentPlan
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.docker import DockerEngine
from debugbox.environment import prepare_environment
from debugbox.settings import Limits, Settings
from debugbox.snapshot import Snapshot, take_snapshot


class SlowSnapshot:
    """The parts of a snapshot, and no end of them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __getattr__(self, name: str) -> object:
        return getattr(self._snapshot, name)

    def parts(self) -> object:
        yield next(self._snapshot.parts())[:512]
        say("unpacking")
        time.sleep(600)


def say(phase: str) -> None:
    print(phase, flush=True)


def hold(engine: Engine, environment: Environment, phase: str) -> None:
    if phase == "early":
        settings = Settings(repository=Path.cwd())
        prepare_environment(take_snapshot(Path.cwd(), settings.limits), engine, settings, lambda line: None)
        with EarlyBox(engine, settings, "why") as early:
            take_snapshot(Path.cwd(), settings.limits, when_listed=early.begin)
            assert early._spare._coming and early._spare._coming.result().is_alive
            say("early")
            time.sleep(600)
    limits = Limits(memory_bytes=512 << 20)
    snapshot = take_snapshot(Path.cwd(), limits)
    sent = SlowSnapshot(snapshot) if phase == "unpacking" else snapshot
    boxes = Boxes(engine=engine, environment=environment, snapshot=sent, limits=limits, context=BoxContext())  # type: ignore[arg-type]
    if phase == "ahead":
        with boxes.ahead() as ready, ready.open() as box:
            box.run_cell("import time; time.sleep(3)", id=1, purpose="sleep", timeout_s=20)  # the next one is up by now
            say("ahead")
            time.sleep(600)
    with boxes.open() as box:
        if phase == "running":
            box.run_cell("print(1)", id=1, purpose="first", timeout_s=20)
            say("running")
            box.run_cell("import time; time.sleep(600)", id=2, purpose="sleep", timeout_s=600)
        say("closing")


def main(engine_name: str, reference: str, phase: str) -> None:
    settings = Settings(repository=Path.cwd())
    engine = DockerEngine.connect() if engine_name == "docker" else BubblewrapEngine(settings.cache_dir)
    if phase == "building":
        plan = EnvironmentPlan(key="test-killed-build", python=reference, requirements=("six", "attrs"))
        engine.build(plan, lambda line: say("building") if line.startswith("kernel:") else None)
    hold(engine, Environment(key="k", engine=engine_name, reference=reference, python="3"), phase)


if __name__ == "__main__":
    main(*sys.argv[1:])
