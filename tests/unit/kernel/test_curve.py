"""The memory curve of a command: all that it has started, in a few points that keep the highest."""

import subprocess
import sys

import pytest
from debugbox_kernel.curve import MemoryCurve, highest_of_parts

HIGH_THEN_LOW = """
import time
block = bytearray(120 << 20)
time.sleep(0.5)
del block
time.sleep(0.5)
"""


def test_the_memory_of_a_command_and_its_children_is_seen() -> None:
    with MemoryCurve() as curve:
        command = [sys.executable, "-c", HIGH_THEN_LOW]
        subprocess.run(["/bin/sh", "-c", '"$@" & wait', "sh", *command], start_new_session=True, check=True)
    assert max(curve.mebibytes) >= 120
    assert curve.mebibytes[-1] < max(curve.mebibytes) - 100


def test_other_processes_of_this_session_are_not_counted() -> None:
    with MemoryCurve() as curve:
        subprocess.run([sys.executable, "-c", HIGH_THEN_LOW], check=True)
    assert curve.mebibytes == []


def test_what_ran_before_is_not_counted() -> None:
    command = [sys.executable, "-c", HIGH_THEN_LOW]
    with subprocess.Popen(command, start_new_session=True) as before, MemoryCurve() as curve:
        before.wait()
    assert curve.mebibytes == []


@pytest.mark.parametrize(
    ("values", "points"),
    [([], []), ([3, 1], [3, 1]), ([1, 9, 2, 3, 4, 4], [9, 3, 4]), ([1, 2, 3, 4, 5, 6, 7], [2, 4, 7])],
    ids=["nothing", "few", "equal parts", "parts that differ by one"],
)
def test_each_part_keeps_its_highest(values: list[int], points: list[int]) -> None:
    assert highest_of_parts(values, 3) == points
