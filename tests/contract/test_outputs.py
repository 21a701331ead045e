"""No output is lost: text, results, errors and displays of a cell come back whole, or cut with the count of it."""

import json
import time

import pytest

from debugbox.box import Box, Boxes
from debugbox.finding import Output
from tests.contract.cells import error, of_kind, run, text


def test_result_and_print_come_back(shared_box: Box) -> None:
    cell = run(shared_box, "print('hello')\n6 * 7")
    assert cell.status == "ok"
    assert text(cell) == "hello\n"
    assert text(cell, "result") == "42"


@pytest.mark.parametrize("flush", ["", ", flush=True"], ids=["buffered", "flushed"])
@pytest.mark.parametrize("count", [200, 20_000])
def test_prints_in_a_row_lose_nothing(shared_box: Box, count: int, flush: str) -> None:
    cell = run(shared_box, f"for i in range({count}): print(i{flush})", timeout_s=60)
    assert text(cell).split() == [str(i) for i in range(count)]


@pytest.mark.parametrize("loop", ["print(i, flush=True)", "display(i)"], ids=["prints", "displays"])
def test_a_host_that_is_slow_to_read_loses_nothing(boxes: Boxes, loop: str) -> None:
    """ZeroMQ throws messages away, without a word, when a thousand wait."""

    def wait_once(output: Output) -> None:
        if len(seen) < 1:
            seen.append(output)
            time.sleep(2)

    seen: list[Output] = []
    fill = "for i in range(180): display('x' * 9000)\n"  # more than what waits on the way from box to host
    with boxes.open() as box:
        cell = box.run_cell(
            f"{fill}for i in range(10_000): {loop}", id=1, purpose="", timeout_s=60, on_output=wait_once
        )
    if "print" in loop:
        assert text(cell).split() == [str(i) for i in range(10_000)]
    assert len(of_kind(cell, "text")) + cell.dropped_outputs == (181 if "print" in loop else 10_180)


def test_the_first_cell_of_a_box_loses_nothing(boxes: Boxes) -> None:
    with boxes.open() as box:
        assert text(run(box, "print('x' * 100_000)")) == "x" * 100_000 + "\n"


def test_a_cell_that_only_defines_gives_nothing(shared_box: Box) -> None:
    cell = run(shared_box, "def helper():\n    return 7\n")
    assert cell.status == "ok" and cell.outputs == ()
    assert text(run(shared_box, "helper()"), "result") == "7"


def test_prints_and_a_plot_before_an_exception_are_kept(shared_box: Box) -> None:
    code = "import matplotlib.pyplot as plt\nprint('before')\nplt.plot([1, 2, 3])\nraise KeyError('gone')"
    cell = run(shared_box, code)
    assert cell.status == "error"
    assert text(cell) == "before\n"
    assert error(cell).text.splitlines()[-1] == "KeyError: 'gone'"
    images = of_kind(cell, "image")
    assert len(images) == 1 and images[0].png.startswith(b"\x89PNG")
    assert images[0].data["axes"][0]["artists"][0]["y"] == [1.0, 2.0, 3.0]


def test_stdout_and_stderr_keep_their_order(shared_box: Box) -> None:
    code = "import sys\nfor i in range(4): print(i, file=(sys.stdout, sys.stderr)[i % 2])"
    cell = run(shared_box, code)
    assert [(output.name, output.text) for output in cell.outputs] == [
        ("stdout", "0\n"),
        ("stderr", "1\n"),
        ("stdout", "2\n"),
        ("stderr", "3\n"),
    ]


def test_writes_of_c_code_and_of_subprocesses_keep_their_order(shared_box: Box) -> None:
    code = (
        "import ctypes, os, subprocess, sys\n"
        "print(1)\nos.write(1, b'2\\n')\nprint(3)\nos.system('echo 4')\n"
        "libc = ctypes.CDLL(None); libc.puts(b'5'); libc.fflush(None)\n"
        "subprocess.run(['echo', '6'])\nsubprocess.run(['echo', '7'], stdout=sys.stdout)\n"
        "sys.stdout.buffer.write(b'8\\n')\nprint(9)"
    )
    cell = run(shared_box, code)
    assert text(cell).split() == list("123456789")


def test_what_a_subprocess_says_comes_back_while_it_runs(shared_box: Box) -> None:
    seen: list[str] = []
    code = "import subprocess\nsubprocess.run('echo early; sleep 1.5; echo late >&2', shell=True);"
    cell = shared_box.run_cell(code, id=9001, purpose="", timeout_s=20, on_output=lambda each: seen.append(each.text))
    assert seen == ["early\n", "late\n"] and text(cell) == "early\n" and text(cell, "stderr") == "late\n"


def test_a_flood_of_a_subprocess_is_taken_at_speed(shared_box: Box) -> None:
    cell = run(shared_box, "import os\nos.system('head -c 20000000 /dev/zero | tr \"\\\\0\" x; echo; echo end');")
    assert text(cell).endswith("x\nend\n") and cell.duration_s < 5


def test_output_of_a_forked_child_comes_back(shared_box: Box) -> None:
    code = (
        "import multiprocessing\ndef work(i): print('child', i)\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: pool.map(work, range(3))"
    )
    assert sorted(text(run(shared_box, code)).split("\n")) == ["", "child 0", "child 1", "child 2"]


def test_top_level_await_works(shared_box: Box) -> None:
    assert text(run(shared_box, "import asyncio\nawait asyncio.sleep(0, 'awaited')"), "result") == "'awaited'"


def test_unicode_and_control_characters_are_cleaned_at_the_door(shared_box: Box) -> None:
    cell = run(shared_box, r"print('ä 漢 \x1b]52;c;aGk=\x07 \u202e'); '\ud800'")
    said = text(cell)
    assert "ä 漢" in said and "\x1b" not in said and "\u202e" not in said
    assert text(cell, "result") == r"'\ud800'"


def test_binary_garbage_is_no_end_of_anything(shared_box: Box) -> None:
    cell = run(shared_box, "import os\nos.write(1, bytes(range(256)) * 40); print('after')")
    assert text(cell).endswith("after\n") and "\ufffd" in text(cell) and r"\x00\x01" in text(cell)


def test_a_repr_of_10_mb_is_cut_in_the_middle(shared_box: Box) -> None:
    cell = run(shared_box, "'<' + 'x' * 10_000_000 + '>'")
    result = next(output for output in cell.outputs if output.name == "result")
    assert result.text.startswith("'<xx") and result.text.endswith("xx>'") and len(result.text) < 70_000
    assert f"box.out({cell.id}).text" in result.text
    assert result.dropped == 10_000_004 - (1 << 16)


def test_what_was_cut_can_be_read_in_the_kernel(shared_box: Box) -> None:
    cell = run(shared_box, "for i in range(300_000): print(i)")
    assert "250000\n" not in text(cell) or "150000\n" not in text(cell)
    again = run(shared_box, f"import debugbox_kernel as box\nlines = box.out({cell.id}).text.split()\nlines[150_000]")
    assert text(again, "result") == "'150000'"


def test_a_cell_of_another_kernel_is_refused_in_words(shared_box: Box) -> None:
    assert "not in this kernel" in error(run(shared_box, "import debugbox_kernel as box\nbox.out(987654)")).text


def test_much_text_keeps_head_and_tail(shared_box: Box) -> None:
    cell = run(shared_box, "print('first')\nfor _ in range(4000): print('x' * 1000)\nprint('last')")
    said = text(cell)
    assert said.startswith("first\n") and said.endswith("last\n")
    assert len(said) <= (1 << 20) + 200
    assert sum(output.dropped for output in cell.outputs) > 2_000_000


def test_a_hundred_megabytes_end_cut_with_the_right_count(boxes: Boxes) -> None:
    with boxes.open() as box:
        cell = box.run_cell("print('x' * (1 << 27))\nprint('end')", id=1, purpose="big print", timeout_s=60)
    assert cell.status == "ok" and text(cell).endswith("x\nend\n") and len(text(cell)) < (1 << 20) + 200
    marker = next(line for line in text(cell).splitlines() if "cut here" in line)
    kept = len(text(cell)) - len(marker) - 2
    assert sum(output.dropped for output in cell.outputs) + kept == (1 << 27) + len("\nend\n")


def test_ten_thousand_displays_are_counted_not_kept(shared_box: Box) -> None:
    cell = run(shared_box, "from IPython.display import display\nfor i in range(10_000): display(i)", timeout_s=60)
    assert len(cell.outputs) == 200 and cell.dropped_outputs == 9_800


def test_an_update_takes_the_place_of_its_display(shared_box: Box) -> None:
    code = "shown = display('first', display_id=True)\nprint('then')\nfor i in range(500): shown.update(i)"
    cell = run(shared_box, code)
    assert [(output.name, output.text) for output in cell.outputs] == [("display", "499"), ("stdout", "then\n")]


def test_clear_output_takes_nothing_away(shared_box: Box) -> None:
    code = "from IPython.display import clear_output\nprint('before')\nclear_output()\nprint('after')"
    assert text(run(shared_box, code)) == "before\nafter\n"


def test_redefined_names_do_not_disturb_the_next_cell(boxes: Boxes) -> None:
    with boxes.open() as box:
        run(box, "print = display = list = str = open = len = None")
        run(box, "import sys\nsys.stdout = sys.stderr = None")
        run(box, "del print; print('works'); import matplotlib.pyplot as plt; plt.plot([1])")
        cell = run(box, "print('still works'); 1 / 0")
        assert text(cell) == "still works\n" and error(cell).name == "ZeroDivisionError"


def test_a_closed_or_replaced_stdout_silences_no_later_cell(boxes: Boxes) -> None:
    with boxes.open() as box:
        run(box, "import sys\nsys.stdout.close()")
        assert text(run(box, "print('open')")) == "open\n"
        run(box, "import sys\nsys.stdout = sys.__stdout__")
        assert text(run(box, "print('the real one')")) == "the real one\n"


def test_no_html_is_made(shared_box: Box) -> None:
    cell = run(
        shared_box,
        "class Page:\n    def _repr_html_(self): return '<script>'\n    def __repr__(self): return 'page'\nPage()",
    )
    assert text(cell, "result") == "page" and "<script>" not in json.dumps([output.data for output in cell.outputs])


def test_what_has_no_place_in_a_finding_gets_words(shared_box: Box) -> None:
    code = (
        "from IPython.display import HTML, SVG\n"
        "display(HTML('<b>bold</b>'), SVG('<svg/>'))\ndisplay({'text/html': '<i>'}, raw=True)"
    )
    cell = run(shared_box, code)
    assert text(cell, "display").count("matplotlib") == 3 and "<b>" not in text(cell, "display")
