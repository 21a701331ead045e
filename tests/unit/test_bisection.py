"""The commit that introduced a finding is found in few steps, and what cannot be run is never taken for good or bad."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugbox.bisection import Bisected, bisect
from debugbox.verification import Outcome

KEY: dict[str, Outcome] = {"+": "gone", "x": "present", "?": "cannot run"}


def bisected(history: str) -> tuple[str | None, str | None, str, int]:
    """Positions in `history` (oldest first) as letters a, b, c …"""
    names = [chr(ord("a") + index) for index in range(len(history))]
    asked: list[str] = []

    def ask(commit: str) -> Outcome:
        assert commit not in asked, "asked twice"
        asked.append(commit)
        return KEY[history[names.index(commit)]]

    found = bisect(names, ask)
    return found.first, found.last_good, "".join(found.between), found.asked


@pytest.mark.parametrize(
    ("history", "first", "last_good", "between"),
    [
        ("+++xxx", "d", "c", ""),
        ("+x", "b", "a", ""),
        ("x", "a", None, ""),
        ("xxxx", "a", None, ""),
        ("++?x", "d", "b", "c"),
        ("+??xx", "d", "a", "bc"),
        ("??xx", "c", None, "ab"),
        ("+++", None, None, ""),
        ("++?", None, None, ""),
        ("", None, None, ""),
    ],
)
def test_the_first_commit_with_it_is_found(
    history: str, first: str | None, last_good: str | None, between: str
) -> None:
    assert bisected(history)[:3] == (first, last_good, between)


@given(st.integers(1, 25), st.integers(1, 25))
def test_few_commits_are_asked(good: int, bad: int) -> None:
    first, last_good, between, asked = bisected("+" * good + "x" * bad)
    assert (first, last_good, between) == (chr(ord("a") + good), chr(ord("a") + good - 1), "")
    assert asked <= 12


@pytest.mark.parametrize("history", ["".join(each) + "x" for each in product("+x?", repeat=4)])
def test_what_is_named_was_seen(history: str) -> None:
    """Whatever the history: `first` shows it, `last_good` does not, and between them nothing could be told."""
    first, last_good, between, _ = bisected(history)
    assert first is not None and history[ord(first) - ord("a")] == "x"
    assert last_good is None or history[ord(last_good) - ord("a")] == "+"
    assert {history[ord(each) - ord("a")] for each in between} <= {"?"}


def test_nothing_to_search_is_no_answer() -> None:
    assert bisect([], lambda commit: "present") == Bisected(first=None, last_good=None)
