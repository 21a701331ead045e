"""What tools and picture terminals get: JSON lines, and plots only where the terminal says that it can show them."""

import fcntl
import io
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from dataclasses import replace
from pathlib import Path

import pytest

from debugbox.finding import Finding
from debugbox.render.events import EventLines
from tests.unit.test_terminal import CELL, CONTROL, HOSTILE, Clock

GOLD = Path(__file__).parents[1] / "gold"
FINDING = Finding.from_json((GOLD / "finding.json").read_bytes())


def test_each_event_is_one_json_line_and_the_finding_is_the_last() -> None:
    stream, clock = io.StringIO(), Clock()
    view = EventLines(stream, clock=clock)
    with pytest.raises(KeyboardInterrupt), view.step("box", "docker") as step:
        clock.sleep(1.5)
        step.update(HOSTILE)
        view.cell(replace(CELL, purpose=HOSTILE))
        view.on_event("usage", line="turn 1", turn=1)
        view.on_event("thinking", text="long")
        raise KeyboardInterrupt
    view.finding(FINDING, "/x.ipynb")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    names = ["step_started", "step_updated", "cell", "usage", "step_ended", "finding"]
    assert [line["event"] for line in lines] == names
    assert lines[1]["at_s"] == 1.5 and "outputs" not in lines[2]
    assert Finding.from_json(json.dumps(lines[-1]["finding"])) == FINDING
    assert not CONTROL.search("".join(str(value) for line in lines for value in line.values()))


# In a terminal of its own: it asks the terminal what it can, and this test is the terminal.
SHOW = """
import sys; from pathlib import Path; from rich.console import Console
from debugbox.finding import Finding; from debugbox.render.plots import show_plots
shown = show_plots(Finding.from_json(Path(sys.argv[1]).read_bytes()), Console())
print("shown", shown)
"""
SIXEL, NOTHING = b"\x1b[?62;4c", b"\x1b[?62c"


def seen_by(
    terminal_says: bytes, *, size: tuple[int, int, int, int] = (40, 100, 1000, 800), program: str = "xterm"
) -> bytes:
    """What the program writes to a terminal that answers its questions so."""
    pytest.importorskip("textual_image")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size))  # rows, columns, pixels
    variables = {**os.environ, "TERM": "xterm-256color", "TERM_PROGRAM": program}
    command = [sys.executable, "-c", SHOW, str(GOLD / "finding.json")]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables)
    answers = {b"\x1b[c": terminal_says, b"\x1b[16t": b"\x1b[6;20;10t"}
    written, unread, until = b"", b"", time.monotonic() + 60
    while not re.search(rb"shown \d", written) and time.monotonic() < until:
        if select.select([ours], [], [], 0.2)[0]:
            part = os.read(ours, 65536)  # a question may come in two parts
            written, unread = written + part, unread + part
            for question in [each for each in answers if each in unread]:
                unread = unread.replace(question, b"")
                os.write(ours, answers[question])
    process.kill()
    process.wait()
    os.close(ours)
    os.close(theirs)
    return written


def test_a_terminal_with_sixel_shows_the_plot() -> None:
    # The library waits 0.1 s for the terminal's answer, and this terminal may be late on a busy machine.
    written = next((each for each in (seen_by(SIXEL) for _ in range(5)) if b"shown 1" in each), b"")
    assert b"\x1bP" in written and b"shown 1" in written, written[-300:]


def test_another_terminal_gets_no_half_blocks() -> None:
    written = seen_by(NOTHING)
    assert b"shown 0" in written and b"\x1bP" not in written and "▀".encode() not in written


def test_a_terminal_without_a_size_is_left_alone() -> None:
    assert b"shown 0" in seen_by(SIXEL, size=(0, 0, 0, 0))


def test_a_terminal_that_would_print_the_question_is_not_asked() -> None:
    assert seen_by(SIXEL, program="Apple_Terminal").strip() == b"shown 0"
