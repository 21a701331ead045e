"""Each guard can still be taken out: its text stands where the table says. Whether that is noticed: `make guards`."""

from pathlib import Path

import pytest

from tests.guards.table import GUARDS, Guard

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_a_guard_stands_once_and_its_tests_are_there(guard: Guard) -> None:
    assert (ROOT / guard.file).read_text("utf-8").count(guard.text) == 1
    places = [each.partition("::") for each in guard.tests if each.startswith("tests/")]
    assert places
    for file, _, test in places:
        path = ROOT / file
        assert path.exists() and (not test or f"def {test.partition('[')[0]}(" in path.read_text("utf-8"))
