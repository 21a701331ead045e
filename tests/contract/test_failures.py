"""A failure whose reason lies in the box and not in the code says so, and names what to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from debugbox.box import Box
from debugbox.engines import Engine
from tests.contract.cells import error, hints, run, text
from tests.contract.conftest import SHADOWING, boxes_of
from tests.contract.pairs import Pair


@pytest.fixture(scope="module")
def box(engine: Engine, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("failing")
    (folder / "app.py").write_text("open('data/big.csv')")
    (folder / ".gitignore").write_text("data/\n")
    (folder / "data").mkdir()
    (folder / "data" / "big.csv").write_text("1,2\n")
    (folder / ".env").write_text("KEY=1\n")
    with boxes_of(folder, engine, pair).open() as opened:
        yield opened


def test_no_network_is_explained(box: Box) -> None:
    assert "no network in the box" in hints(
        run(box, "import urllib.request\nurllib.request.urlopen('http://example.com')")
    )


def test_no_network_in_a_command_is_explained(box: Box) -> None:
    code = "import socket\nsocket.create_connection(('198.51.100.1', 80), 2)"
    assert "--with PKG" in hints(run(box, code))


def test_an_ignored_file_is_named_with_its_option(box: Box) -> None:
    said = hints(run(box, "open('data/big.csv')"))
    assert "data/big.csv exists in the repository, but git ignores it" in said and "--include data/big.csv" in said


def test_an_ignored_file_is_named_when_the_probe_misses_it(box: Box) -> None:
    assert "--include data/big.csv" in hints(run(box, "import debugbox_kernel as box\nbox.probe()"))


def test_a_secret_is_named_as_left_out(box: Box) -> None:
    assert ".env was left out of the snapshot: a secret" in hints(run(box, "open('/srv/repo/.env')"))


def test_a_file_outside_is_named_as_such(box: Box) -> None:
    assert "/home/me/data.csv is not in the box" in hints(run(box, "open('/home/me/data.csv')"))


def test_a_file_that_never_was_gets_no_hint(box: Box) -> None:
    cell = run(box, "open('nowhere.csv')")
    assert error(cell).name == "FileNotFoundError" and not hints(cell)


def test_a_missing_module_names_its_package(box: Box) -> None:
    assert "--with opencv-python-headless" in hints(run(box, "import cv2"))


def test_an_environment_variable_is_explained(box: Box) -> None:
    assert "API_KEY" in hints(run(box, "import os\nos.environ['API_KEY']"))


def test_a_read_only_place_is_explained(box: Box) -> None:
    assert "can be written in the box" in hints(run(box, "open('/usr/x', 'w')"))


def test_a_cell_that_works_gets_no_hint(box: Box) -> None:
    assert not hints(run(box, "print('Network is unreachable, No module named x')"))


def test_a_repository_with_names_of_the_standard_library_breaks_nothing(
    engine: Engine, pair: Pair, tmp_path: Path
) -> None:
    for name in SHADOWING:
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong one')\n")
    with boxes_of(tmp_path, engine, pair).open() as opened:
        assert text(run(opened, "print('hello'); 6 * 7"), "result") == "42"
        assert error(run(opened, "1 / 0")).name == "ZeroDivisionError"
        assert "per loop" in text(run(opened, "%timeit -n1 -r1 pass"))
        assert (
            text(run(opened, "import debugbox_kernel as box\nbox.run('echo works').stdout"), "result") == "'works\\n'"
        )
        cell = run(opened, "shown = display('first', display_id=True); shown.update('last'); box.measure('m', 1)")
        assert cell.status == "ok" and len(cell.outputs) == 2
