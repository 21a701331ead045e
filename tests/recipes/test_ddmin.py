"""ddmin keeps what is enough and of that only what is needed; the statistics are those of the books."""

from collections.abc import Sequence

import pytest
from debugbox_recipes.ddmin import ddmin, split
from debugbox_recipes.stats import fisher, holm, rate_below, wilson
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), max_size=5))))
def test_what_is_needed_is_found_and_nothing_else(case: tuple[int, set[int]]) -> None:
    count, wanted = case
    found = ddmin(range(count), lambda some: wanted <= set(some))
    assert found is not None
    assert (set(found.kept), all(found.needed), found.complete) == (wanted, True, True)


def test_not_enough_together_is_none() -> None:
    assert ddmin([1, 2, 3], lambda some: False) is None
    assert ddmin([1, 2, 3], lambda some: None) is None


def test_one_of_two_that_will_do_is_kept() -> None:
    found = ddmin("abcdef", lambda some: "b" in some or "e" in some)
    assert found is not None and len(found.kept) == 1


def test_no_question_is_asked_twice() -> None:
    asked: list[tuple[int, ...]] = []

    def enough(some: Sequence[int]) -> bool:
        asked.append(tuple(some))
        return {3, 17} <= set(some)

    ddmin(range(30), enough)
    assert len(asked) == len(set(asked))


def test_when_the_time_is_up_what_is_known_to_be_enough_remains() -> None:
    left = iter([True] * 3)
    found = ddmin(range(16), lambda some: 5 in some, go_on=lambda: next(left, False))
    assert found is not None
    assert 5 in found.kept and not found.complete and len(found.kept) > 1


def test_pieces_are_whole() -> None:
    assert split(range(7), 3) == [[0, 1], [2, 3], [4, 5, 6]]
    assert split("ab", 5) == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("hits", "runs", "low", "high"), [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634)]
)
def test_wilson(hits: int, runs: int, low: float, high: float) -> None:
    assert wilson(hits, runs) == pytest.approx((low, high), abs=1e-4)


def test_fisher_and_holm() -> None:
    assert fisher(3, 4, 1, 4) == pytest.approx(0.4857, abs=1e-4)  # the lady and the tea, two-sided
    assert fisher(10, 10, 0, 10) == pytest.approx(1.0825e-05, rel=1e-3)
    assert fisher(0, 5, 0, 5) == 1.0
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert rate_below(300) == 0.01
