"""A cell that fails: the traceback cut to the user's frames, whole on demand, its last line always there."""

import pytest

from debugbox.box import Box
from tests.contract.cells import error, run, text


def test_traceback_is_cut_to_the_users_frames_with_places(shared_box: Box) -> None:
    cell = run(
        shared_box,
        "import json\nfrom package import deep\ntry:\n    deep.fail()\nexcept ValueError:\n    json.loads('{')",
    )
    words = error(cell).text
    assert f"cell {cell.id}, line 4" in words
    assert "package/deep.py, line 2, in fail" in words
    assert "which led to:" in words
    assert words.splitlines()[-1].startswith("JSONDecodeError: ")
    assert "left out; box.traceback()" in words


def test_the_whole_traceback_is_there_on_demand(shared_box: Box) -> None:
    run(
        shared_box, "import json\ntry:\n    {}['first']\nexcept KeyError as e:\n    raise RuntimeError('second') from e"
    )
    said = text(run(shared_box, "import debugbox_kernel as box\nbox.traceback()"))
    assert "KeyError: 'first'" in said and "direct cause" in said and said.endswith("RuntimeError: second\n")
    assert "run_code" in said  # frames that the cut traceback leaves out


def test_a_group_of_exceptions_shows_its_parts(shared_box: Box) -> None:
    code = (
        "import sys\nif sys.version_info < (3, 11): raise ValueError('one')\n"
        "raise ExceptionGroup('both', [ValueError('one'), KeyError('two')])"
    )
    assert "ValueError: one" in error(run(shared_box, code)).text


def test_a_runaway_recursion_is_an_error_with_few_frames(shared_box: Box) -> None:
    cell = run(shared_box, "def f(n): return f(n + 1)\nf(0)")
    assert error(cell).name == "RecursionError" and len(error(cell).text) < 10_000
    assert error(cell).text.splitlines()[-1].startswith("RecursionError: maximum recursion depth")
    assert text(run(shared_box, "1 + 1"), "result") == "2"


def test_a_long_message_keeps_its_last_line(shared_box: Box) -> None:
    shown = error(run(shared_box, "raise ValueError('x' * 1_000_000 + ' the end')"))
    assert shown.text.endswith("x the end") and shown.dropped > 900_000 and len(shown.text) < 70_000


def test_an_exception_of_any_length_is_told(shared_box: Box) -> None:
    shown = error(run(shared_box, "raise ValueError('x' * 100_000_000 + ' the end')"))
    assert shown.text.endswith("x the end") and shown.dropped > 99_900_000


def test_a_failure_after_too_many_or_too_long_displays_is_told(shared_box: Box) -> None:
    for code in ("for i in range(300): display(i)", "for _ in range(50): display('x' * 60_000)"):
        cell = run(shared_box, f"{code}\nprint('still')\n1 / 0")
        assert error(cell).text.endswith("ZeroDivisionError: division by zero") and text(cell) == "still\n"


def test_a_record_after_too_many_displays_is_kept(shared_box: Box) -> None:
    code = "import debugbox_kernel as box\nfor i in range(300): display(i)\nbox.symptom(present=True)"
    assert run(shared_box, code).records("symptom")


def test_input_is_refused_at_once(shared_box: Box) -> None:
    cell = run(shared_box, "input('name? ')", timeout_s=5)
    assert cell.status == "error" and error(cell).name == "StdinNotImplementedError" and cell.duration_s < 2


def test_sys_exit_is_a_result_not_a_death(shared_box: Box) -> None:
    assert run(shared_box, "import sys; sys.exit(3)").status == "error"
    assert run(shared_box, "1").status == "ok"


@pytest.mark.parametrize("code", ["quit()", "exit()", "exit(3)"])
def test_quit_ends_the_cell_and_not_the_kernel(shared_box: Box, code: str) -> None:
    run(shared_box, "kept = 'state'")
    cell = run(shared_box, f"print('before')\n{code}\nprint('never')")
    assert cell.status == "error" and error(cell).name == "SystemExit" and text(cell) == "before\n"
    assert text(run(shared_box, "import time; time.sleep(0.3); print(kept)")) == "state\n"


def test_a_surrogate_in_an_exception_loses_nothing(shared_box: Box) -> None:
    cell = run(shared_box, r"print('\ud800'); raise ValueError('\ud800')")
    assert cell.status == "error" and error(cell).text.endswith(r"ValueError: \ud800") and cell.duration_s < 1
