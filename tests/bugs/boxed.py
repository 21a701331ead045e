"""A case in a box of its own, in the environment that `debugbox` gives it: for `verify` and for the baselines."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from debugbox.box import Box, BoxContext, Boxes
from debugbox.engines import Engine
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.docker import DockerEngine
from debugbox.environment import import_roots, prepare_environment
from debugbox.listing import choice_of
from debugbox.settings import Settings, resolve_settings
from debugbox.snapshot import take_snapshot
from tests.bugs.cases import Case

IN_BOX = Path(__file__).parent / "in_box.py"


def engine_called(name: str) -> Engine:
    if name == "docker":
        return DockerEngine.connect()
    return BubblewrapEngine(Settings(repository=Path()).cache_dir)


@contextmanager
def box_of(case: Case, repository: Path, engine: Engine) -> Iterator[Box]:
    """The same environment as `command_line` asks for."""
    flags = {"python": case.python, "dependencies": False, "extra_packages": case.packages, "run": case.run or None}
    settings = resolve_settings(flags, repository)
    snapshot = take_snapshot(repository, settings.limits, choice=choice_of(settings))
    environment = prepare_environment(snapshot, engine, settings, lambda line: None)
    context = BoxContext(run=settings.run, question=case.question, import_roots=import_roots(snapshot))
    boxes = Boxes(engine=engine, environment=environment, snapshot=snapshot, limits=settings.limits, context=context)
    with boxes.open() as box:
        yield box


def measured_in(box: Box, call: str, timeout_s: float) -> dict[str, Any]:
    """What a function of in_box.py reports, called in the box; `error` says why there is nothing."""
    code = IN_BOX.read_text("utf-8") + f"\n{call}\n"
    cell = box.run_cell(code, id=1, purpose="bugs", timeout_s=timeout_s)
    records = cell.records("measurement")
    if records:
        return records[-1]
    said = [output.text.strip()[-500:] for output in cell.outputs if output.text.strip()]
    return {"error": f"{cell.status}: {said[-1] if said else cell.cause}"}


def options_of(case: Case) -> list[str]:
    """The case's environment and command, as options of `debugbox`."""
    run = ["--run", case.run] if case.run else []
    packages = [word for package in case.packages for word in ("--with", package)]
    return [*run, "--python", case.python, "--no-dependencies", *packages, *case.options]
