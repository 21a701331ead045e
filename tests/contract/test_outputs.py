"""No output is lost: text, results, errors and displays of a cell come back whole, or cut with the count of it."""

import json

import pytest

from debugbox.box import Box, Boxes
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


def test_output_after_the_reply_is_background_and_of_no_cell(boxes: Boxes) -> None:
    code = (
        "import threading, time\n"
        "def late():\n    for i in range(5): time.sleep(0.2); print('late', i)\n"
        "threading.Thread(target=late).start()\nprint('mine')"
    )
    with boxes.open() as box:
        assert text(run(box, code)) == "mine\n"
        other = run(box, "import time\nfor i in range(6): print('other'); time.sleep(0.2)")
        assert text(other) == "other\n" * 6
        assert "".join(each.text for each in box.background) == "".join(f"late {i}\n" for i in range(5))


def test_a_task_that_prints_after_its_cell_is_background(boxes: Boxes) -> None:
    code = (
        "import asyncio\n"
        "async def late():\n    for i in range(3): await asyncio.sleep(0.1); print('late', i); display('shown')\n"
        "task = asyncio.ensure_future(late())"
    )
    with boxes.open() as box:
        assert not text(run(box, code))
        other = run(box, "import asyncio\nawait asyncio.sleep(0.6)\nprint('other')")
        assert text(other) == "other\n" and len(other.outputs) == 1
        assert [each.name for each in box.background].count("display") == 3


def test_output_of_a_forked_child_comes_back(shared_box: Box) -> None:
    code = (
        "import multiprocessing\ndef work(i): print('child', i)\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: pool.map(work, range(3))"
    )
    assert sorted(text(run(shared_box, code)).split("\n")) == ["", "child 0", "child 1", "child 2"]


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


def test_input_is_refused_at_once(shared_box: Box) -> None:
    cell = run(shared_box, "input('name? ')", timeout_s=5)
    assert cell.status == "error" and error(cell).name == "StdinNotImplementedError" and cell.duration_s < 2


def test_top_level_await_works(shared_box: Box) -> None:
    assert text(run(shared_box, "import asyncio\nawait asyncio.sleep(0, 'awaited')"), "result") == "'awaited'"


def test_sys_exit_is_a_result_not_a_death(shared_box: Box) -> None:
    assert run(shared_box, "import sys; sys.exit(3)").status == "error"
    assert run(shared_box, "1").status == "ok"


def test_unicode_and_control_characters_are_cleaned_at_the_door(shared_box: Box) -> None:
    cell = run(shared_box, r"print('ä 漢 \x1b]52;c;aGk=\x07 \u202e'); '\ud800'")
    said = text(cell)
    assert "ä 漢" in said and "\x1b" not in said and "\u202e" not in said
    assert text(cell, "result") == r"'\ud800'"


def test_a_surrogate_in_an_exception_loses_nothing(shared_box: Box) -> None:
    cell = run(shared_box, r"print('\ud800'); raise ValueError('\ud800')")
    assert cell.status == "error" and error(cell).text.endswith(r"ValueError: \ud800") and cell.duration_s < 1


def test_binary_garbage_is_no_end_of_anything(shared_box: Box) -> None:
    cell = run(shared_box, "import os\nos.write(1, bytes(range(256)) * 40); print('after')")
    assert text(cell).endswith("after\n") and "\ufffd" in text(cell) and r"\x00\x01" in text(cell)


def test_a_repr_of_10_mb_is_cut_in_the_middle(shared_box: Box) -> None:
    cell = run(shared_box, "'<' + 'x' * 10_000_000 + '>'")
    result = next(output for output in cell.outputs if output.name == "result")
    assert result.text.startswith("'<xx") and result.text.endswith("xx>'") and len(result.text) < 70_000
    assert f"box.out({cell.id}).text" in result.text and result.dropped > 9_900_000


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


@pytest.mark.parametrize("magic", ["%timeit -n1 -r1 pass", "!ls -d /srv/repo", "%%bash\nls -d /srv/repo", "len?"])
def test_magics_work(shared_box: Box, magic: str) -> None:
    cell = run(shared_box, magic)
    assert cell.status == "ok"
    assert any(word in text(cell) for word in ("per loop", "/srv/repo", "Return the number of items"))


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


def test_memory_and_cpu_are_the_cells_own(shared_box: Box) -> None:
    big = run(shared_box, "x = bytearray(200 << 20); del x; sum(range(10**7))")
    small = run(shared_box, "1")
    assert big.memory_bytes > small.memory_bytes + (150 << 20)
    assert big.cpu_s > 0.1 > small.cpu_s


def test_the_record_says_what_was_sent_and_when(shared_box: Box) -> None:
    cell = run(shared_box, "# one\n1\n")
    assert cell.code_lines == 2 and len(cell.code_sha256) == 64 and cell.started.startswith("20")
    assert 0 < cell.duration_s < 5 and cell.purpose == "test"
