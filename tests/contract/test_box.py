"""The walls of a box, and what it is for: the snapshot, files, records. One list, run in every engine and pair."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from debugbox.box import Box, BoxContext, Boxes
from debugbox.engines import Engine
from debugbox.errors import BoxGone
from debugbox.settings import Limits
from debugbox.snapshot import take_snapshot
from tests.contract.cells import error, run, text
from tests.contract.pairs import Pair, environment_of


def test_the_snapshot_is_the_working_folder_and_importable(shared_box: Box) -> None:
    cell = run(shared_box, "import os, package.deep\nprint(os.getcwd(), sorted(os.listdir()), os.readlink('link.py'))")
    assert text(cell) == "/srv/repo ['app.py', 'link.py', 'package'] app.py\n"


def test_box_run_runs_the_questions_command(shared_box: Box) -> None:
    cell = run(shared_box, "import debugbox_kernel as box\ndone = box.run()\nprint(done.exit_code, done.stdout)")
    assert text(cell) == "0 app runs\n\n"


def test_nobody_asks_programs_for_colours(shared_box: Box) -> None:
    """ipykernel would: then no recipe finds the word FAILED at the begin of a line of pytest's."""
    asked = "import os; print([name for name in ('FORCE_COLOR', 'CLICOLOR_FORCE', 'CLICOLOR') if name in os.environ])"
    cell = run(shared_box, f"import debugbox_kernel as box\nprint(box.run(['python', '-c', {asked!r}]).stdout)")
    assert text(cell) == "[]\n\n"


def test_box_run_takes_a_list_of_arguments_and_box_repo_can_be_read(shared_box: Box) -> None:
    code = "import debugbox_kernel as box\ndone = box.run(['echo', 'a  b;', box.repo / 'app.py'])\n"
    cell = run(shared_box, code + "print(done.stdout, (box.repo / 'app.py').is_file())")
    assert text(cell) == "a  b; /srv/repo/app.py\n True\n"


def test_records_come_back_as_data(shared_box: Box) -> None:
    cell = run(
        shared_box, "import debugbox_kernel as box\nbox.symptom(measured=1.5, expected=1, unit='m', present=True)"
    )
    assert cell.records("symptom") == [{"state": "present", "measured": 1.5, "expected": 1, "unit": "m", "note": ""}]


def test_there_is_no_network(shared_box: Box) -> None:
    code = (
        "import socket\nprint(sorted(name for _, name in socket.if_nameindex()))\n"
        "socket.create_connection(('198.51.100.1', 80), 2)"
    )
    cell = run(shared_box, code)
    assert text(cell) == "['lo']\n" and error(cell).name == "OSError"


def test_nothing_of_the_host_is_visible(shared_box: Box) -> None:
    code = (
        "import os\nprint(sorted(os.environ))\n"
        "print(os.path.exists('/root/.ssh'), os.path.exists('/etc/shadow'), os.getuid())"
    )
    said = text(run(shared_box, code))
    # The docker image has an /etc/shadow of its own.
    assert "ANTHROPIC" not in said and said.endswith(("False False 10001\n", "False True 10001\n"))
    assert not [name for name in ("SSH_AUTH_SOCK", "SSL_CERT_FILE", "PIP_", "http_proxy") if name in said]


def test_the_root_is_read_only_and_privileges_are_gone(shared_box: Box) -> None:
    code = (
        "status = open('/proc/self/status').read().split('\\n')\n"
        "print([l for l in status if l.startswith(('CapEff', 'NoNewPrivs', 'Seccomp:'))])\nopen('/usr/x', 'w')"
    )
    cell = run(shared_box, code)
    assert "0000000000000000" in text(cell) and "NoNewPrivs:\\t1" in text(cell) and "Seccomp:\\t2" in text(cell)
    assert error(cell).name in ("OSError", "PermissionError")


@pytest.mark.parametrize(
    "call",
    ["unshare(0x10000000)", "ptrace(16, 1, 0, 0)", "ptrace(0, 0, 0, 0)", "personality(0xffffffff)", "syscall(323, 0)"],
    ids=["unshare", "ptrace", "trace me", "personality", "userfaultfd"],
)
def test_the_second_filter_denies(shared_box: Box, call: str) -> None:
    code = f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.{call}, ctypes.get_errno())"
    assert text(run(shared_box, code)) == "-1 1\n"


def test_threads_processes_and_pools_work_under_the_filter(shared_box: Box) -> None:
    code = (
        "import concurrent.futures as f, multiprocessing, subprocess, threading\n"
        "t = threading.Thread(target=lambda: print('thread')); t.start(); t.join()\n"
        "with f.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('fork')) as pool:\n"
        "    print(list(pool.map(abs, [-1, -2])))\n"
        "print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout)"
    )
    assert text(run(shared_box, code)) == "thread\n[1, 2]\nchild\n\n"


def test_the_supervisor_cannot_be_touched(shared_box: Box) -> None:
    code = (
        "import os, signal\n"
        "for name in ('KILL', 'STOP', 'TERM', 'INT', 'HUP', 'PIPE'): os.kill(1, signal.Signals['SIG' + name])\n"
        "for name in ('fd/0', 'fd/1', 'mem', 'environ'):\n"
        "    try: print(name, open(f'/proc/1/{name}', 'rb', buffering=0).read(1))\n"
        "    except OSError as e: print(name, type(e).__name__)"
    )
    assert text(run(shared_box, code)) == "".join(
        f"{name} PermissionError\n" for name in ("fd/0", "fd/1", "mem", "environ")
    )


def test_the_kernel_is_what_dies_first_when_memory_runs_out(shared_box: Box) -> None:
    assert text(run(shared_box, "print(open('/proc/self/oom_score_adj').read())")).strip() == "1000"


def test_a_fork_bomb_stays_inside(boxes: Boxes) -> None:
    with boxes.open() as box:
        code = (
            "import os, time\ntry:\n    while True:\n"
            "        if os.fork() == 0: time.sleep(60); os._exit(0)\nexcept OSError as e: print(type(e).__name__)"
        )
        cell = box.run_cell(code, id=1, purpose="bomb", timeout_s=30)
        assert "BlockingIOError" in text(cell)


def test_nothing_but_its_own_folders_can_be_written_to(shared_box: Box) -> None:
    code = (
        "import os\n"
        "for folder in ('/', '/dev', '/etc', '/usr', '/opt', '/opt/box', '/run', '/var', '/proc', '/sys',\n"
        "               '/tmp', '/srv', '/home/box', '/dev/shm'):\n"
        "    try: open(folder + '/mark', 'w').close(); os.unlink(folder + '/mark'); print(folder)\n"
        "    except OSError: pass"
    )
    assert text(run(shared_box, code)).split() == ["/tmp", "/srv", "/home/box", "/dev/shm"]


def test_every_folder_of_its_own_has_a_size(shared_box: Box) -> None:
    code = "import os\nfor folder in ('/tmp', '/srv', '/home/box', '/run/box', '/dev/shm'):\n" + (
        "    found = os.statvfs(folder); print(found.f_blocks * found.f_frsize >> 20)"
    )
    sizes = [int(size) for size in text(run(shared_box, code)).split()]
    assert all(0 < size <= most for size, most in zip(sizes, (512, 300, 64, 4, 64), strict=True)), sizes


def test_a_filled_disk_is_the_boxs_own(boxes: Boxes) -> None:
    with boxes.open() as box:
        code = "with open('/home/box/big', 'wb') as f:\n    while True: f.write(bytes(1 << 20))"
        assert "No space left" in error(box.run_cell(code, id=1, purpose="fill", timeout_s=60)).text


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


def test_a_box_that_was_started_ahead_is_told_what_it_is_for(boxes: Boxes) -> None:
    code = (
        "import app, debugbox_kernel as box, sys\n"
        "print(box.context['run'], box.context['expected'], sys.path[:2], open('app.py').read())"
    )
    with boxes.ahead() as ready:
        with ready.open() as plain:
            before = text(run(plain, code))
        context = replace(boxes.context, run="other", expected={"value": 2.0}, import_roots=("/srv/repo", "/srv/x"))
        with ready.open(context, {"app.py": b"# changed"}) as told:
            assert text(run(told, code)) == "other {'value': 2.0} ['/srv/repo', '/srv/x'] # changed\n"
            assert text(run(told, "print(box.context['run'])")) == "other\n"
        with ready.open() as again:
            assert text(run(again, code)) == before
    assert "other" not in before and "changed" not in before


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


def test_paths_with_odd_names_survive_the_way_into_the_box(engine: Engine, pair: Pair, tmp_path: Path) -> None:
    names = ["ünï côde.py", "sp ace.txt", "x" * 150 + ".txt", "dash-\\back.txt"]
    for name in names:
        (tmp_path / name).write_text(name)
    limits = Limits()
    snapshot = take_snapshot(tmp_path, limits)
    boxes = Boxes(
        engine=engine, environment=environment_of(engine, pair), snapshot=snapshot, limits=limits, context=BoxContext()
    )
    with boxes.open() as box:
        cell = run(box, "import os, json\nprint(json.dumps(sorted(os.listdir())))")
    assert json.loads(text(cell)) == sorted(names)
