"""A place is found again by its function and its text, wherever its line has moved to."""

from pathlib import Path

import pytest

from debugbox.finding import Place
from debugbox.places import site_now
from debugbox.settings import Limits
from debugbox.snapshot import take_snapshot

SOURCE = """\
class Mean:
    def push(self, x):
        self.total += x

    def pop(self, x):
        # one more
        self.total  +=  x
"""


@pytest.mark.parametrize(
    ("function", "line", "now"),
    [
        ("Mean.push", 3, 3),
        ("Mean.push", 9, 3),
        ("Mean.pop", 3, 7),
        ("", 6, 7),
        ("", 4, 3),
        ("Mean.gone", 2, 3),
    ],
)
def test_its_function_comes_before_the_distance(repository: Path, function: str, line: int, now: int) -> None:
    (repository / "mean.py").write_text(SOURCE)
    place = Place(file="mean.py", line=line, function=function, quote="self.total += x")
    found = site_now(place, take_snapshot(repository, Limits()))
    assert found is not None and found.line == now


def test_a_file_that_cannot_be_parsed_is_searched_by_text(repository: Path) -> None:
    (repository / "mean.py").write_text(f"{SOURCE}\ndef broken(:\n")
    place = Place(file="mean.py", line=1, function="Mean.pop", quote="self.total += x")
    found = site_now(place, take_snapshot(repository, Limits()))
    assert found is not None and found.line == 3


def test_text_that_is_gone_is_nowhere(repository: Path) -> None:
    snapshot = take_snapshot(repository, Limits())
    assert site_now(Place(file="app.py", line=2, quote="return 7 * x"), snapshot) is None
    assert site_now(Place(file="none.py", line=2, quote="return 2 * x"), snapshot) is None
