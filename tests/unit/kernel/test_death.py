"""The end of a kernel in words that name the usual cause. Reports are copied from CPython's faulthandler."""

import pytest
from debugbox_kernel.death import cause_of_death

_CRASH = """Fatal Python error: Segmentation fault

Current thread 0x00007f8a (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "cell 3", line 2 in crash
"""
_OVERFLOW = "Fatal Python error: Segmentation fault\n\nStack (most recent call first):\n" + (
    '  File "cell 4", line 1 in f\n' * 99
)
_ABORT = 'Fatal Python error: Aborted\n\nStack (most recent call first):\n  File "a.py", line 7 in g\n'


@pytest.mark.parametrize(
    ("status", "kills", "crash", "stderr", "words"),
    [
        (3 << 8, 0, "", "", "it exited with code 3"),
        (0, 0, "", "noise", "it exited with code 0"),
        (1 << 8, 0, "", "a\nImportError: no ipykernel\n", "it exited with code 1: ImportError: no ipykernel"),
        (9, 1, "", "", "killed by the memory limit of 2 GiB (--memory)"),
        (9, 0, "", "", "killed by signal 9 (if its memory was near 2 GiB, by the memory limit: --memory)"),
        (11, 0, _CRASH, "", "segmentation fault in string_at (/usr/lib/python3.11/ctypes/__init__.py, line 519)"),
        (11, 0, "", "", "segmentation fault"),
        (11, 0, _OVERFLOW, "", "segmentation fault: the stack overflowed, f (cell 4) calls itself without end"),
        (6, 0, _ABORT, "", "aborted (Aborted) in g (a.py, line 7)"),
        (7, 0, "", "", "signal 7 (SIGBUS)"),
        (99, 0, "", "", "signal 99 (no name)"),
    ],
    ids=["exit", "exit 0", "exit with words", "memory", "kill", "fault", "bare fault", "stack", "abort", "bus", "odd"],
)
def test_the_cause_is_told(status: int, kills: int, crash: str, stderr: str, words: str) -> None:
    assert cause_of_death(status, 2 << 30, kills, crash, stderr) == words
