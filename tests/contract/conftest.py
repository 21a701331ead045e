"""Boxes for the contract: a small repository, in each engine and each pair of interpreter and ipykernel."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from debugbox.box import Box, BoxContext, Boxes
from debugbox.engines import Engine
from debugbox.settings import Limits
from debugbox.snapshot import take_snapshot
from tests.conftest import git
from tests.contract.pairs import DEFAULT, PAIRS, Pair, environment_of

# Names of the standard library: a repository may have them, and the kernel must live with it.
SHADOWING = ("random", "types", "json", "traceback", "base64", "subprocess", "io", "linecache", "calendar", "token")


@pytest.fixture(scope="session", params=PAIRS, ids=str)
def pair(request: pytest.FixtureRequest) -> Pair:
    chosen: Pair = request.param
    return chosen


@pytest.fixture(scope="module")
def boxes(engine: Engine, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Boxes:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "app.py").write_text("import sys\nprint('app runs', *sys.argv[1:])\n")
    (folder / "package").mkdir()
    (folder / "package" / "deep.py").write_text("def fail():\n    raise ValueError('deep down')\n")
    (folder / "link.py").symlink_to("app.py")
    return boxes_of(folder, engine, pair)


@pytest.fixture(scope="module")
def shared_box(boxes: Boxes) -> Iterator[Box]:
    """One box for the cells that leave no trace: a box a test would only be slower."""
    with boxes.open() as box:
        yield box


@pytest.fixture(scope="module")
def library_box(engine: Engine, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box with pandas, polars and plotly, in the default pair only: what is tested is theirs, not the kernel's."""
    if pair is not DEFAULT:
        pytest.skip("once is enough")
    folder = tmp_path_factory.mktemp("tables")
    (folder / "app.py").write_text("")
    with boxes_of(folder, engine, Pair(requirements=("pandas", "polars", "plotly"))).open() as box:
        yield box


def boxes_of(folder: Path, engine: Engine, pair: Pair, memory_bytes: int = 512 << 20) -> Boxes:
    """Boxes of the repository in `folder`, made one by git."""
    git(folder, "init", "-q")
    limits = Limits(memory_bytes=memory_bytes)
    return Boxes(
        engine=engine,
        environment=environment_of(engine, pair),
        snapshot=take_snapshot(folder, limits),
        limits=limits,
        context=BoxContext(run="python app.py", question="why"),
    )
