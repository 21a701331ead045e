"""The record of a cell: what was sent, when, and what it took; programs that it ran included."""

import pytest

from debugbox.box import Box, Boxes
from tests.contract.cells import error, run, text


def test_memory_and_cpu_are_the_cells_own(shared_box: Box) -> None:
    big = run(shared_box, "x = bytearray(200 << 20); del x; sum(range(10**7))")
    small = run(shared_box, "1")
    assert big.memory_bytes > small.memory_bytes + (150 << 20)
    assert big.cpu_s > 0.1 > small.cpu_s


@pytest.mark.parametrize("how", ["box.run(command)", "subprocess.run(command, shell=True)"], ids=["box", "subprocess"])
def test_programs_that_a_cell_runs_count_for_it(boxes: Boxes, how: str) -> None:
    command = "python -c 'x = bytearray(300 << 20); sum(range(10**7))'"
    with boxes.open() as box:
        big = run(box, f"import subprocess, debugbox_kernel as box\ncommand = {command!r}\n{how};")
        small = run(box, "1")
    assert big.memory_bytes > 300 << 20 > small.memory_bytes
    assert big.cpu_s > 0.1 > small.cpu_s


def test_a_command_says_what_it_took(shared_box: Box) -> None:
    code = (
        "import debugbox_kernel as box\ndone = box.run(\"python -c 'x = bytearray(200 << 20); sum(range(10**7))'\")\n"
        "print(done.exit_code, done.memory_bytes > 200 << 20, 0.1 < done.cpu_s < 10, done.timed_out)"
    )
    assert text(run(shared_box, code)) == "0 True True False\n"


def test_a_command_ends_at_its_time_with_what_it_had_said(shared_box: Box) -> None:
    code = (
        "import debugbox_kernel as box\n"
        "done = box.run('echo early; echo wrong >&2; sleep 60; echo late', timeout_s=1)\n"
        "print(done.timed_out, done.exit_code, done.stdout, done.stderr, done.duration_s < 3)\n"
        "done = box.run('echo said; exec >&- 2>&-; sleep 0.5; exit 4')\n"
        "print(done.exit_code, done.stdout, done.duration_s > 0.4)"
    )
    assert text(run(shared_box, code)) == "True -9 early\n wrong\n True\n4 said\n True\n"


def test_the_record_says_what_was_sent_and_when(shared_box: Box) -> None:
    cell = run(shared_box, "# one\n1\n")
    assert cell.code_lines == 2 and len(cell.code_sha256) == 64 and cell.started.startswith("20")
    assert 0 < cell.duration_s < 5 and cell.purpose == "test"


def test_a_record_that_is_too_large_is_an_error_in_the_cell(shared_box: Box) -> None:
    cell = run(shared_box, "import debugbox_kernel as box\nbox.report('measurement', {'value': 'x' * 900_000})")
    assert error(cell).text.endswith("ValueError: a record has at most 800000 characters as JSON, this one 900013")
    assert not cell.records("measurement")
