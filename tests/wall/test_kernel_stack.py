"""A repository that is, or pins, a part of the kernel's own stack: cells work, and box.run reaches the repository's."""

from pathlib import Path

from debugbox.box import BoxContext, Boxes
from debugbox.engines import Engine
from debugbox.environment import import_roots, prepare_environment
from debugbox.settings import Limits, Settings
from debugbox.snapshot import take_snapshot
from tests.contract.cells import run, text


def boxes_of(engine: Engine, folder: Path) -> Boxes:
    settings = Settings(repository=folder)
    snapshot = take_snapshot(folder, settings.limits)
    environment = prepare_environment(snapshot, engine, settings, lambda line: None)
    context = BoxContext(import_roots=import_roots(snapshot))
    return Boxes(engine=engine, environment=environment, snapshot=snapshot, limits=Limits(), context=context)


def command(code: str) -> str:
    """A cell that runs this code with the repository's interpreter."""
    return f"import debugbox_kernel as box, shlex\nprint(box.run('python -c ' + shlex.quote({code!r})).stdout)"


def test_a_repository_that_is_traitlets(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "Traitlets"\nversion = "99.0"\n')
    (tmp_path / "traitlets").mkdir()
    (tmp_path / "traitlets" / "__init__.py").write_text("mine = 'of the repository'\n")
    boxes = boxes_of(engine, tmp_path)
    assert "the kernel's own" in boxes.environment.notes[-1] and "box.run" in boxes.environment.notes[-1]
    with boxes.open() as box:
        assert text(run(box, "import traitlets\nprint(hasattr(traitlets, 'HasTraits'))")) == "True\n"
        assert text(run(box, command("import traitlets as t; print(t.mine)"))).strip() == "of the repository"
        version = "import importlib.metadata as m; print(m.version('traitlets'))"
        assert text(run(box, command(version))).strip() == "99.0"


def test_a_repository_that_pins_tornado_away(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("tornado<6\n")
    (tmp_path / "app.py").write_text("import tornado\nprint(tornado.version)\n")
    boxes = boxes_of(engine, tmp_path)
    assert any("conflict" in note and "box.run" in note for note in boxes.environment.notes)
    with boxes.open() as box:
        assert text(run(box, "import tornado\nprint(tornado.version_info >= (6,))")) == "True\n"
        assert text(run(box, command("import app"))).startswith("5.")


def test_a_repository_whose_pins_let_in_a_kernel_that_does_not_start(engine: Engine, tmp_path: Path) -> None:
    """As tornado 6.4 pins: it resolves with IPython 8.23, which then cannot import TypeAliasType."""
    (tmp_path / "requirements.txt").write_text("typing-extensions==4.4.0\n")
    (tmp_path / "app.py").write_text("import typing_extensions\n")
    boxes = boxes_of(engine, tmp_path)
    assert any("conflict" in note and "TypeAliasType" in note for note in boxes.environment.notes)
    assert boxes.environment.packages["typing-extensions"] == "4.4.0"
    with boxes.open() as box:
        assert text(run(box, "print(1)")) == "1\n"
