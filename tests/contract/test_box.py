"""The contract of a box: one list of behaviours, run in every engine. Nothing that comes back is lost."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from debugbox.box import Box, BoxContext, Boxes
from debugbox.engines import Engine
from debugbox.errors import BoxGone, KernelDied
from debugbox.finding import Cell, Output
from debugbox.settings import Limits
from debugbox.snapshot import take_snapshot
from tests.conftest import git, plain_environment


@pytest.fixture(scope="module")
def boxes(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Boxes:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "app.py").write_text("import sys\nprint('app runs', *sys.argv[1:])\n")
    (folder / "package").mkdir()
    (folder / "package" / "deep.py").write_text("def fail():\n    raise ValueError('deep down')\n")
    (folder / "link.py").symlink_to("app.py")
    git(folder, "init", "-q")
    limits = Limits(memory_bytes=512 << 20)
    return Boxes(
        engine=engine,
        environment=plain_environment(engine),
        snapshot=take_snapshot(folder, limits),
        limits=limits,
        context=BoxContext(run="python app.py", question="why"),
    )


@pytest.fixture(scope="module")
def shared_box(boxes: Boxes) -> Iterator[Box]:
    """One box for the cells that leave no trace: a box a test would only be slower."""
    with boxes.open() as box:
        yield box


def run(box: Box, code: str, timeout_s: float = 20) -> Cell:
    run.count += 1  # type: ignore[attr-defined]  # ids never repeat within a box
    return box.run_cell(code, id=run.count, purpose="test", timeout_s=timeout_s)  # type: ignore[attr-defined]


run.count = 0  # type: ignore[attr-defined]


def text(cell: Cell, name: str = "stdout") -> str:
    return "".join(output.text for output in cell.outputs if output.kind == "text" and output.name == name)


def error(cell: Cell) -> Output:
    return next(output for output in cell.outputs if output.kind == "error")


def test_result_and_print_come_back(shared_box: Box) -> None:
    cell = run(shared_box, "print('hello')\n6 * 7")
    assert cell.status == "ok"
    assert text(cell) == "hello\n"
    assert text(cell, "result") == "42"


def test_two_hundred_prints_in_a_row_lose_nothing(shared_box: Box) -> None:
    cell = run(shared_box, "for i in range(200): print(i, flush=True)")
    assert text(cell).split() == [str(i) for i in range(200)]


def test_prints_and_a_plot_before_an_exception_are_kept(shared_box: Box) -> None:
    code = "import matplotlib.pyplot as plt\nprint('before')\nplt.plot([1, 2, 3])\nraise KeyError('gone')"
    cell = run(shared_box, code)
    assert cell.status == "error"
    assert text(cell) == "before\n"
    assert error(cell).text.splitlines()[-1] == "KeyError: 'gone'"
    images = [output for output in cell.outputs if output.kind == "image"]
    assert len(images) == 1 and images[0].png.startswith(b"\x89PNG")
    assert images[0].data["axes"][0]["artists"][0]["y"] == [1.0, 2.0, 3.0]


def test_a_figure_comes_back_once_and_is_closed(shared_box: Box) -> None:
    run(shared_box, "import matplotlib.pyplot as plt; plt.figure(); plt.bar([1], [2])")
    cell = run(shared_box, "len(plt.get_fignums())")
    assert text(cell, "result") == "0"
    assert not [output for output in cell.outputs if output.kind == "image"]


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


def test_input_is_refused_at_once(shared_box: Box) -> None:
    cell = run(shared_box, "input('name? ')", timeout_s=5)
    assert cell.status == "error" and error(cell).name == "StdinNotImplementedError"


def test_writes_of_c_code_and_of_subprocesses_come_back(shared_box: Box) -> None:
    cell = run(shared_box, "import os\nos.write(1, b'from fd 1\\n')\nos.system('echo from a child');")
    assert "from fd 1" in text(cell) and "from a child" in text(cell)


def test_top_level_await_works(shared_box: Box) -> None:
    assert text(run(shared_box, "import asyncio\nawait asyncio.sleep(0, 'awaited')"), "result") == "'awaited'"


def test_sys_exit_is_a_result_not_a_death(shared_box: Box) -> None:
    assert run(shared_box, "import sys; sys.exit(3)").status == "error"
    assert run(shared_box, "1").status == "ok"


def test_unicode_and_control_characters_are_cleaned_at_the_door(shared_box: Box) -> None:
    cell = run(
        shared_box,
        r"print('ä 漢 \x1b]52;c;aGk=\x07 \u202e \ud800'.encode('utf-8', 'surrogatepass').decode('utf-8', 'replace'))",
    )
    said = text(cell)
    assert "ä 漢" in said and "\x1b" not in said and "\u202e" not in said


def test_table_comes_back_as_typed_rows(shared_box: Box) -> None:
    cell = run(shared_box, "import numpy as np\nnp.arange(6).reshape(2, 3)")
    table = next(output for output in cell.outputs if output.kind == "table")
    assert table.data["shape"] == [2, 3] and table.data["rows"] == [[0, 1, 2], [3, 4, 5]]


def test_no_html_is_made(shared_box: Box) -> None:
    cell = run(
        shared_box,
        "class Page:\n    def _repr_html_(self): return '<script>'\n    def __repr__(self): return 'page'\nPage()",
    )
    assert text(cell, "result") == "page" and "<script>" not in json.dumps([output.data for output in cell.outputs])


def test_much_text_keeps_head_and_tail(shared_box: Box) -> None:
    cell = run(shared_box, "print('first')\nfor _ in range(4000): print('x' * 1000)\nprint('last')")
    said = text(cell)
    assert said.startswith("first\n") and said.endswith("last\n")
    assert len(said) <= (1 << 20) + 200
    assert sum(output.dropped for output in cell.outputs) > 2_000_000


def test_ten_thousand_displays_are_counted_not_kept(shared_box: Box) -> None:
    cell = run(shared_box, "from IPython.display import display\nfor i in range(10_000): display(i)", timeout_s=60)
    assert len(cell.outputs) <= 200 and cell.dropped_outputs >= 9_000


def test_timeout_keeps_partial_output_and_the_kernel(shared_box: Box) -> None:
    run(shared_box, "kept = 'state'")
    cell = run(shared_box, "import time\nprint('partial', flush=True)\ntime.sleep(60)", timeout_s=1)
    assert cell.status == "timeout" and text(cell) == "partial\n"
    assert text(run(shared_box, "kept"), "result") == "'state'"


def test_the_snapshot_is_the_working_folder_and_importable(shared_box: Box) -> None:
    cell = run(shared_box, "import os, package.deep\nprint(os.getcwd(), sorted(os.listdir()), os.readlink('link.py'))")
    assert text(cell) == "/srv/repo ['app.py', 'link.py', 'package'] app.py\n"


def test_box_run_runs_the_questions_command(shared_box: Box) -> None:
    cell = run(shared_box, "import debugbox_kernel as box\ndone = box.run()\nprint(done.exit_code, done.stdout)")
    assert text(cell) == "0 app runs\n\n"


def test_records_come_back_as_data(shared_box: Box) -> None:
    cell = run(
        shared_box, "import debugbox_kernel as box\nbox.symptom(measured=1.5, expected=1, unit='m', present=True)"
    )
    assert cell.records("symptom") == [{"state": "present", "measured": 1.5, "expected": 1, "unit": "m", "note": ""}]


def test_there_is_no_network(shared_box: Box) -> None:
    code = "import socket\nprint(sorted(name for _, name in socket.if_nameindex()))\nsocket.create_connection(('198.51.100.1', 80), 2)"
    cell = run(shared_box, code)
    assert text(cell) == "['lo']\n" and error(cell).name == "OSError"


def test_nothing_of_the_host_is_visible(shared_box: Box) -> None:
    code = "import os\nprint(sorted(os.environ)); print(os.path.exists('/root/.ssh'), os.path.exists('/etc/shadow'), os.getuid())"
    said = text(run(shared_box, code))
    assert "ANTHROPIC" not in said and said.endswith("False False 10001\n") or "False True 10001" in said
    assert not [name for name in ("SSH_AUTH_SOCK", "SSL_CERT_FILE", "PIP_", "http_proxy") if name in said]


def test_the_root_is_read_only_and_privileges_are_gone(shared_box: Box) -> None:
    code = "status = open('/proc/self/status').read().split('\\n')\nprint([l for l in status if l.startswith(('CapEff', 'NoNewPrivs', 'Seccomp:'))])\nopen('/usr/x', 'w')"
    cell = run(shared_box, code)
    assert "0000000000000000" in text(cell) and "NoNewPrivs:\\t1" in text(cell) and "Seccomp:\\t2" in text(cell)
    assert error(cell).name in ("OSError", "PermissionError")


@pytest.mark.parametrize(
    "call", ["os.unshare(0x10000000)", "ctypes.CDLL(None).ptrace(16, 1, 0, 0)", "userfaultfd"], ids=str
)
def test_the_second_filter_denies(shared_box: Box, call: str) -> None:
    if call == "userfaultfd":
        code = (
            "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.syscall(323, 0), ctypes.get_errno())"
        )
        assert text(run(shared_box, code)) == "-1 1\n"
    elif call.startswith("os."):
        code = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.unshare(0x10000000), ctypes.get_errno())"
        assert text(run(shared_box, code)) == "-1 1\n"
    else:
        code = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.ptrace(16, 1, 0, 0), ctypes.get_errno())"
        assert text(run(shared_box, code)) == "-1 1\n"


def test_threads_processes_and_pools_work_under_the_filter(shared_box: Box) -> None:
    code = (
        "import concurrent.futures as f, multiprocessing, subprocess, threading\n"
        "t = threading.Thread(target=lambda: print('thread')); t.start(); t.join()\n"
        "with f.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('fork')) as pool: print(list(pool.map(abs, [-1, -2])))\n"
        "print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout)"
    )
    assert text(run(shared_box, code)) == "thread\n[1, 2]\nchild\n\n"


def test_the_supervisor_cannot_be_touched(shared_box: Box) -> None:
    code = (
        "import os, signal\n"
        "for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM): os.kill(1, number)\n"
        "for name in ('fd/0', 'fd/1', 'mem', 'environ'):\n"
        "    try: print(name, open(f'/proc/1/{name}', 'rb', buffering=0).read(1))\n"
        "    except OSError as e: print(name, type(e).__name__)"
    )
    assert text(run(shared_box, code)) == "".join(
        f"{name} PermissionError\n" for name in ("fd/0", "fd/1", "mem", "environ")
    )


# Each of these costs its box.


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import os; print('last words', flush=True); os._exit(3)", "exited with code 3"),
        ("import os; print('last words', flush=True); import ctypes; ctypes.string_at(0)", "segmentation fault"),
        (
            "print('last words', flush=True); x = []\nwhile True: x.append(bytearray(1 << 24))",
            "memory limit of 0.5 GiB",
        ),
    ],
    ids=["exit", "segfault", "memory"],
)
def test_a_dead_kernel_is_told_with_its_cause_and_last_output(boxes: Boxes, code: str, cause: str) -> None:
    with boxes.open() as box:
        with pytest.raises((KernelDied, BoxGone)) as caught:
            run(box, code)
        assert cause in caught.value.cause
        cell = caught.value.cell
        assert cell is not None and cell.status == "died" and text(cell) == "last words\n"


def test_a_cell_that_ignores_the_interrupt_costs_the_kernel_and_says_so(boxes: Boxes) -> None:
    code = "import time\nprint('deaf', flush=True)\nwhile True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass"
    with boxes.open() as box:
        cell = box.run_cell(code, id=1, purpose="deaf", timeout_s=1)
        assert cell.status == "timeout" and text(cell) == "deaf\n"
        with pytest.raises((KernelDied, BoxGone), match="ignored the interrupt"):
            box.run_cell("1", id=2, purpose="next", timeout_s=5)


def test_a_fork_bomb_stays_inside(boxes: Boxes) -> None:
    with boxes.open() as box:
        code = "import os\ntry:\n    while True:\n        if os.fork() == 0:\n            import time; time.sleep(60); os._exit(0)\nexcept OSError as e: print(type(e).__name__)"
        cell = box.run_cell(code, id=1, purpose="bomb", timeout_s=30)
        assert "BlockingIOError" in text(cell)


def test_a_filled_disk_is_the_boxs_own(boxes: Boxes) -> None:
    with boxes.open() as box:
        code = "with open('/home/box/big', 'wb') as f:\n    while True: f.write(bytes(1 << 20))"
        assert "No space left" in error(box.run_cell(code, id=1, purpose="fill", timeout_s=60)).text


def test_a_gigabyte_of_output_ends_cut(boxes: Boxes) -> None:
    with boxes.open() as box:
        cell = box.run_cell("print('x' * (1 << 27))\nprint('end')", id=1, purpose="big print", timeout_s=60)
        assert cell.status == "ok" and text(cell).endswith("end\n") and len(text(cell)) < 2 << 20


def test_files_are_read_from_out_only(boxes: Boxes) -> None:
    with boxes.open() as box:
        box.run_cell(
            "open('/srv/out/a.txt', 'w').write('hi'); import os; os.symlink('/etc/passwd', '/srv/out/link')",
            id=1,
            purpose="write",
            timeout_s=5,
        )
        assert box.read_file("a.txt", 100) == b"hi"
        assert box.read_file("link", 100) is None
        assert box.read_file("../../etc/passwd", 10_000) is None
        assert box.read_file("a.txt", 1) is None


def test_two_boxes_do_not_meet(boxes: Boxes) -> None:
    with boxes.open() as one, boxes.open() as other:
        run(one, "open('/tmp/mark', 'w').write('x'); value = 1")
        cell = run(other, "import os\nprint(os.path.exists('/tmp/mark'), 'value' in globals())")
        assert text(cell) == "False False\n"


def test_a_box_is_gone_after_close(boxes: Boxes) -> None:
    with boxes.open() as box:
        pass
    with pytest.raises(BoxGone):
        box.run_cell("1", id=1, purpose="late", timeout_s=5)


def test_the_kernel_answers_with_its_limits_read_back(boxes: Boxes) -> None:
    with boxes.open() as box:
        assert box.ready["enforced"] == {"seccomp filter": True}
        assert box.applied


def test_paths_with_odd_names_survive_the_way_into_the_box(engine: Engine, tmp_path: Path) -> None:
    names = ["ünï côde.py", "sp ace.txt", "x" * 150 + ".txt", "dash-\\back.txt"]
    for name in names:
        (tmp_path / name).write_text(name)
    limits = Limits()
    snapshot = take_snapshot(tmp_path, limits)
    boxes = Boxes(
        engine=engine, environment=plain_environment(engine), snapshot=snapshot, limits=limits, context=BoxContext()
    )
    with boxes.open() as box:
        cell = run(box, "import os, json\nprint(json.dumps(sorted(os.listdir())))")
    assert json.loads(text(cell)) == sorted(names)
