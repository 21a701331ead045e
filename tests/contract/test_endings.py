"""Cells that do not end by themselves, and kernels that end: told at once, with the cause, and what had come back."""

import time

import pytest

from debugbox.box import Box, Boxes
from debugbox.errors import BoxGone, KernelDied
from tests.contract.cells import error, run, text


def test_timeout_keeps_partial_output_and_the_kernel(shared_box: Box) -> None:
    run(shared_box, "kept = 'state'")
    cell = run(shared_box, "import time\nprint('partial')\ntime.sleep(60)", timeout_s=1)
    assert cell.status == "timeout" and text(cell) == "partial\n" and "its limit of 1 s" in cell.cause
    assert error(cell).name == "KeyboardInterrupt"
    assert text(run(shared_box, "kept"), "result") == "'state'"


def test_timeout_of_a_subprocess_ends_it(shared_box: Box) -> None:
    cell = run(shared_box, "import debugbox_kernel as box\nbox.run('echo started; sleep 60')", timeout_s=1)
    assert cell.status == "timeout" and cell.duration_s < 3
    assert text(run(shared_box, "import os\nos.system('pgrep sleep || echo none');")) == "none\n"


def test_timeout_ends_a_flood(shared_box: Box) -> None:
    cell = run(shared_box, "while True: print('again', flush=True)", timeout_s=1)
    assert cell.status == "timeout" and cell.duration_s < 4
    assert text(run(shared_box, "'next'"), "result") == "'next'"


def test_timeout_keeps_the_figures(shared_box: Box) -> None:
    run(shared_box, "import matplotlib.pyplot as plt, time")
    cell = run(shared_box, "plt.plot([1, 2])\ntime.sleep(60)", timeout_s=2)
    assert cell.status == "timeout" and [output.kind for output in cell.outputs].count("image") == 1


def test_a_cell_that_ignores_the_interrupt_costs_the_kernel_and_says_so(boxes: Boxes) -> None:
    code = (
        "import time\nprint('deaf')\nwhile True:\n"
        "    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass"
    )
    with boxes.open() as box:
        cell = run(box, code, timeout_s=1)
        assert cell.status == "timeout" and text(cell) == "deaf\n"
        assert "ignored the interrupt" in cell.cause and "ignored the interrupt" in box.lost
        with pytest.raises(BoxGone, match="ignored the interrupt"):
            run(box, "1")


_FAULT = "import ctypes\ndef crash(): ctypes.string_at(0)\n"
# Through C and back at each step, on a stack that is shorter than what Python's own count allows for.
_STACK = (
    "import ctypes, resource, sys\nsys.setrecursionlimit(10**8)\n"
    "resource.setrlimit(resource.RLIMIT_STACK, (1 << 18, resource.getrlimit(resource.RLIMIT_STACK)[1]))\n"
    "def f(): g()\ng = ctypes.CFUNCTYPE(None)(f)\n"
)
DEATHS = {
    "exit": ("import os; print('last words', flush=True); os._exit(3)", "exited with code 3"),
    "exit unflushed": ("import os; print('last words'); os._exit(3)", "exited with code 3"),
    "exit after C write": ("import os; os.write(1, b'last words\\n'); os._exit(3)", "exited with code 3"),
    "segmentation fault": (_FAULT + "print('last words'); crash()", "segmentation fault in string_at"),
    "stack overflow": (_STACK + "print('last words'); f()", "the stack overflowed"),
    "abort": ("import os; print('last words'); os.abort()", "aborted"),
    "killed": ("import os; print('last words'); os.kill(os.getpid(), 9)", "signal 9"),
    "memory": (
        "print('last words'); x = []\nwhile True: x.append(bytearray(1 << 24))",
        "killed by the memory limit of 0.5 GiB (--memory)",
    ),
}


@pytest.mark.parametrize(("code", "cause"), DEATHS.values(), ids=DEATHS)
def test_a_dead_kernel_is_told_with_its_cause_and_last_output(boxes: Boxes, code: str, cause: str) -> None:
    with boxes.open() as box:
        with pytest.raises((KernelDied, BoxGone)) as caught:
            run(box, code)
        assert cause in caught.value.cause
        cell = caught.value.cell
        assert cell is not None and cell.status == "died" and text(cell) == "last words\n"
        assert cause in box.lost


SUDDEN = {
    "exit": "os._exit(1)",
    "segmentation fault": "import ctypes; ctypes.string_at(0)",
    "abort": "os.abort()",
    "killed": "os.kill(os.getpid(), 9)",
    "memory": "x = []\nwhile True: x.append(bytearray(1 << 24)); os.write(1, b'%.3f\\n' % time.time())",
}


@pytest.mark.parametrize("code", SUDDEN.values(), ids=SUDDEN)
def test_a_death_is_noticed_within_a_second(boxes: Boxes, code: str) -> None:
    assert _noticed_after_s(boxes, code) < 1


def _noticed_after_s(boxes: Boxes, code: str) -> float:
    with boxes.open() as box:
        with pytest.raises((KernelDied, BoxGone)) as caught:
            run(box, f"import os, time\nprint(time.time())\n{code}")
        noticed = time.time()
    assert caught.value.cell is not None
    return noticed - float(text(caught.value.cell).split()[-1])


def test_a_kernel_that_dies_between_cells_is_known_before_the_next(boxes: Boxes) -> None:
    with boxes.open() as box:
        run(box, "import os, threading\nthreading.Timer(0.2, os._exit, (4,)).start()")
        deadline = time.monotonic() + 3
        while box.is_alive and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "exited with code 4" in box.lost
        with pytest.raises(BoxGone, match="exited with code 4"):
            run(box, "1")


def test_a_killed_subprocess_is_told_by_a_hint(boxes: Boxes) -> None:
    code = "import debugbox_kernel as box\nbox.run('python -c \"x = bytearray(700 << 20)\"').exit_code"
    with boxes.open() as box:
        try:
            cell = run(box, code)
        except (KernelDied, BoxGone) as gone:  # where the system chose the kernel instead
            assert "memory" in gone.cause
        else:
            assert "memory limit" in text(cell, "hint")
