"""The kernel as attacker: whatever it does with its channels, the next cell works or the death is told."""

import pytest

from debugbox.box import Boxes
from debugbox.errors import BoxGone, KernelDied
from tests.contract.cells import error, run, text

# The socket that ipykernel publishes on; it lives in a thread of its own.
_IOPUB = "k = get_ipython().kernel.iopub_thread\ndef on_iopub(f): k.schedule(f)\n"
ATTACKS = {
    "oversize message": _IOPUB + "on_iopub(lambda: k.socket.send(bytes(70 << 20)))",
    "wrong signatures": _IOPUB
    + "on_iopub(lambda: [k.socket.send_multipart([b'<IDS|MSG>', b'x' * 64] + [b'{}'] * 4) for _ in range(50)])",
    "no delimiter": _IOPUB + "on_iopub(lambda: [k.socket.send_multipart([b'x'] * 7) for _ in range(50)])",
    "not a dictionary": _IOPUB
    + "s = get_ipython().kernel.session\n"
    + "parts = [b'[]', b'[[[', b'{}', b'{\"a\": NaN}']\n"
    + "on_iopub(lambda: k.socket.send_multipart([b'<IDS|MSG>', s.sign(parts), *parts]))",
    "deep nesting": _IOPUB
    + "s = get_ipython().kernel.session\nparts = [b'{}', b'{}', b'{}', b'[' * 100000]\n"
    + "on_iopub(lambda: k.socket.send_multipart([b'<IDS|MSG>', s.sign(parts), *parts]))",
    "malformed contents": "k = get_ipython().kernel\n"
    "for c in ({}, {'name': 1}, {'data': 2}, {'name': 'stdout', 'text': []}):\n"
    "    for t in ('stream', 'display_data', 'error', 'execute_result', 'update_display_data', 'status'):\n"
    "        k.session.send(k.iopub_socket, t, c, parent=k.get_parent())",
    "foreign parents": "k = get_ipython().kernel\nfor p in ({}, {'msg_id': 'x' * 1000}, {'msg_id': None}):\n"
    "    k.session.send(k.iopub_socket, 'status', {'execution_state': 'idle'}, parent={'header': p})",
    "many parts": _IOPUB + "on_iopub(lambda: k.socket.send_multipart([b'x' * 1000] * 100_000))",
}


@pytest.mark.parametrize("code", ATTACKS.values(), ids=ATTACKS)
def test_the_next_cell_works_after(boxes: Boxes, code: str) -> None:
    with boxes.open() as box:
        assert run(box, code).status == "ok"
        run(box, "import time; time.sleep(0.2)")
        cell = run(box, "print('next'); 1 / 0")
        assert text(cell) == "next\n" and error(cell).name == "ZeroDivisionError"
        assert box.bad_messages == 0


@pytest.mark.parametrize(
    "code",
    [
        _IOPUB + "import zmq\non_iopub(lambda: [k.socket.send(b'x' * 1000000, zmq.SNDMORE) for _ in iter(int, 1)])",
        _IOPUB + "on_iopub(lambda: [k.socket.send_multipart([b'x'] * 7) for _ in range(5000)])",
        "get_ipython().kernel.shell_stream.close() if hasattr(get_ipython().kernel, 'shell_stream') else 0",
        "import os\nfor fd in range(3, 60):\n    try: os.close(fd)\n    except OSError: pass",
        "import os\nos.truncate('/run/box/last-words', 0); os.unlink('/run/box/last-words')",
        "import os, shutil\nshutil.rmtree('/run/box', ignore_errors=True)",
    ],
    ids=["endless parts", "flood of bad messages", "closed shell", "closed descriptors", "last words", "no sockets"],
)
def test_the_next_cell_works_or_the_death_is_told(boxes: Boxes, code: str) -> None:
    with boxes.open() as box:
        try:
            run(box, code, timeout_s=3)
            run(box, "import time; time.sleep(0.5)", timeout_s=3)
            assert text(run(box, "print('next')", timeout_s=3)) == "next\n" or box.lost
        except (KernelDied, BoxGone) as gone:
            assert gone.cause and gone.cell is not None


def test_a_cell_that_claims_to_be_idle_is_still_waited_for(boxes: Boxes) -> None:
    code = (
        "import time\nk = get_ipython().kernel\n"
        "k.session.send(k.iopub_socket, 'status', {'execution_state': 'idle'}, parent=k.get_parent())\n"
        "time.sleep(1)\nprint('the end')"
    )
    with boxes.open() as box:
        assert text(run(box, code)) == "the end\n"


def test_a_forged_record_is_data_like_any_other(boxes: Boxes) -> None:
    code = (
        "import base64\n"
        "for name in ('symptom', 'recipe', 'evil'):\n"
        "    display({f'application/vnd.debugbox.{name}+json': {'x': '\\x1b[2J'}, 'text/plain': 't'}, raw=True)"
    )
    with boxes.open() as box:
        cell = run(box, code)
    assert [output.name for output in cell.outputs] == ["symptom", "recipe", "display"]
    assert "\x1b" not in str([output.data for output in cell.outputs])


def test_output_keeps_host_memory_bounded(boxes: Boxes) -> None:
    code = "import sys\nfor i in range(200_000): print(i, file=(sys.stdout, sys.stderr)[i % 2])"
    with boxes.open() as box:
        cell = run(box, code, timeout_s=60)
    assert cell.status == "ok" and len(cell.outputs) <= 1100
    assert "199999" in text(cell, "stderr") and text(cell).startswith("0\n2\n4\n")
