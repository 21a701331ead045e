"""The bench on real boxes: a lost kernel costs one cell, set-up cells are replayed, Ctrl-C keeps what came back."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from debugbox.bench import Bench
from debugbox.box import Boxes
from debugbox.errors import CellInterrupted
from debugbox.finding import Cell
from debugbox.journal import Journal
from debugbox.recipes import Card, RecipeInvestigator
from tests.contract.cells import text


@dataclass
class Notes:
    """A watcher that keeps what it is told."""

    notes: list[str] = field(default_factory=list)

    def activity(self, text: str) -> None: ...
    def cell(self, cell: Cell) -> None: ...
    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def watcher() -> Notes:
    return Notes()


@pytest.fixture
def bench(boxes: Boxes, tmp_path: Path, watcher: Notes) -> Iterator[Bench]:
    with (
        Journal.open(tmp_path, question="why", run=None, repository=tmp_path, provenance={}) as journal,
        Bench(boxes, journal, watcher) as opened,
    ):
        yield opened


_DEAF = "import time\nwhile True:\n    try: time.sleep(60)\n    except KeyboardInterrupt: pass"


@pytest.mark.parametrize(
    ("killer", "status"),
    [("import os; os._exit(3)", "died"), (_DEAF, "timeout")],
    ids=["a dead kernel", "a deaf cell"],
)
def test_the_next_cell_runs_in_a_new_box_where_set_up_was_replayed(
    bench: Bench, watcher: Notes, killer: str, status: str
) -> None:
    bench.run_cell("ready = open('/srv/repo/app.py').read()[:6]", purpose="set up", setup=True)
    bench.run_cell("lost = 1\nopen('/srv/repo/app.py', 'w').write('changed')", purpose="work")
    assert bench.run_cell(killer, purpose="kill", timeout_s=1).status == status
    cell = bench.run_cell("print(ready, 'lost' in globals(), open('app.py').read()[:6])", purpose="after")
    assert cell.id == 4 and text(cell) == "import False import\n"
    assert watcher.notes == ["new box: set-up cell 1 again (set up)"]
    assert [each.id for each in bench.cells] == [1, 2, 3, 4]


def test_background_output_is_in_the_record_of_the_next_cell(bench: Bench, watcher: Notes) -> None:
    bench.run_cell("import threading\nt = threading.Timer(1, print, ('late',)); t.start()", purpose="start")
    bench.run_cell("t.join()\nprint('mine')", purpose="wait")
    assert [text(cell, "background") for cell in bench.cells] == ["", "late\n"]
    assert text(bench.cells[1]) == "mine\n"


def test_background_output_after_the_last_cell_is_told(bench: Bench, watcher: Notes) -> None:
    bench.run_cell("import threading\nthreading.Timer(1, print, ('very late',)).start()", purpose="start")
    time.sleep(2.5)
    bench.close()
    assert watcher.notes == ["after the last cell there was still output: very late"]


def test_a_kernel_that_dies_between_cells_costs_no_cell(bench: Bench, watcher: Notes) -> None:
    bench.run_cell("import os, threading\nthreading.Timer(0.1, os._exit, (5,)).start()", purpose="later")
    time.sleep(0.6)
    assert text(bench.run_cell("print('runs')", purpose="after")) == "runs\n"
    assert "died between two cells: it exited with code 5" in watcher.notes[0]


def test_ctrl_c_keeps_partial_output_and_the_kernel(bench: Bench) -> None:
    bench.run_cell("kept = 'state'", purpose="before")
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(CellInterrupted) as caught:
        bench.run_cell("import time\nprint('partial')\ntime.sleep(60)", purpose="long")
    assert caught.value.cell is not None and text(caught.value.cell) == "partial\n"
    assert bench.cells[-1].cause == "interrupted by Ctrl-C"
    assert text(bench.run_cell("print(kept)", purpose="after")) == "state\n"


def test_ctrl_c_on_a_deaf_cell_costs_the_kernel(bench: Bench) -> None:
    bench.warm_up()
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(CellInterrupted) as caught:
        bench.run_cell("print('partial')\n" + _DEAF, purpose="deaf")
    assert time.monotonic() - began < 8
    assert caught.value.cell is not None and caught.value.cell.status == "died"
    assert text(caught.value.cell) == "partial\n"
    assert text(bench.run_cell("print('a new box')", purpose="after")) == "a new box\n"


def test_ctrl_c_in_a_recipe_leaves_what_it_had_said_in_the_conclusion(bench: Bench) -> None:
    bench.run_cell(
        "import sys, time, types\ndef drift(**_): print('partial'); time.sleep(60)\n"
        "sys.modules['debugbox_recipes'] = types.SimpleNamespace(drift=drift)",
        purpose="a recipe that takes long",
    )
    recipe = RecipeInvestigator(
        Card(name="drift", description="", body=""), "asked for", bench, timeout_s=120, note=print
    )
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    conclusion = recipe.run("why", None)
    assert "Ctrl-C" in conclusion.answer and list(conclusion.captions) == [2]
    assert text(bench.cells[1]) == "partial\n"
