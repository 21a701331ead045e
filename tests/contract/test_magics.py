"""IPython's magics in a cell: those that print, run programs, capture, or would wait for a person."""

import pytest

from debugbox.box import Box
from tests.contract.cells import run, text

MAGICS = {
    "%timeit -n1 -r1 pass": "per loop",
    "%%time\n6 * 7": "Wall time",
    "%prun -l 1 sum(range(9))": "function calls",
    "!ls -d /srv/repo": "/srv/repo",
    "names = !ls app.py\nprint(names)": "['app.py']",
    "%%bash\nls -d /srv/repo": "/srv/repo",
    "%%script python3\nprint(6 * 7)": "42",
    "%%writefile /tmp/written.py\nx = 1": "Writing",
    "%run app.py": "app runs",
    "%cd /srv/repo": "/srv/repo",
    "%who_ls": "",
    "len?": "Return the number of items",
    "%load_ext autoreload\n%autoreload 2": "",
}


@pytest.mark.parametrize(("magic", "said"), MAGICS.items(), ids=MAGICS)
def test_magics_work(shared_box: Box, magic: str, said: str) -> None:
    cell = run(shared_box, magic)
    assert cell.status == "ok" and said in text(cell)


def test_a_magic_that_does_not_exist_is_a_failure_of_the_cell(shared_box: Box) -> None:
    cell = run(shared_box, "%nosuchmagic")
    assert cell.status == "error" and "not found" in text(cell, "stderr")


def test_what_a_cell_captures_is_its_own(shared_box: Box) -> None:
    assert not run(shared_box, "%%capture kept\nprint('inside')").outputs
    assert text(run(shared_box, "kept.stdout"), "result") == "'inside\\n'"


@pytest.mark.parametrize("code", ["breakpoint()", "import pdb; pdb.set_trace()", "%debug"])
def test_a_debugger_holds_nothing_up(shared_box: Box, code: str) -> None:
    run(shared_box, "1 / 0")
    assert run(shared_box, code, timeout_s=10).duration_s < 3
    assert text(run(shared_box, "1 + 1"), "result") == "2"
