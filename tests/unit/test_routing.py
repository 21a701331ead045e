"""Without a model: words choose weakly, a run of the command strongly, and nothing fits where nothing speaks for it."""

from typing import Any

import pytest

from debugbox.errors import NoSuchRecipe
from debugbox.finding import Conclusion
from debugbox.recipes import Card
from debugbox.routing import has_tests, route

CARDS = (
    Card(name="drift", description="a computed number is slowly or permanently wrong, totals drift", body=""),
    Card(name="suspects", description="a test fails, the program raises an exception or crashes", body=""),
    Card(name="nan", description="a program prints nan, inf or numbers that are not finite", body=""),
    Card(name="crash", description="the bad value of an exception came from somewhere else", body=""),
    Card(name="hang", description="a program does not end, stands still, hangs", body=""),
    Card(name="slow", description="it takes too long, it is slow for large input", body=""),
    Card(name="datadrift", description="data is not as it was, a column is distributed otherwise than before", body=""),
    Card(name="changepoint", description="a series of numbers changes its level at some time", body=""),
)
TWICE = (
    *CARDS,
    Card(name="nondet", description="two runs of the same program differ, another output each time", body=""),
    Card(name="flaky", description="a test sometimes fails", body=""),
)
TRACEBACK = 'Traceback (most recent call last):\n  File "run.py", line 3\nKeyError: 7\n'


def ran(exit_code: int = 0, stdout: str = "", stderr: str = "", timed_out: bool = False) -> dict[str, Any]:
    return {"exit_code": exit_code, "stdout": stdout, "stderr": stderr, "timed_out": timed_out, "duration_s": 0.5}


FAILING = ran(1, "E  assert 1 == 2\n1 failed, 7 passed in 0.12s\n")
PASSING = ran(0, "8 passed in 0.12s\n")
NUMBERS = ran(0, "mean 12.75\n")
JUMP = ran(0, "".join(f"level {1.0 + n * 7 % 3 / 10 + 5 * (n > 20)}\n" for n in range(40)))
TABLE = ran(0, "".join(f"{n},W{n % 3},{10 + n * 7 % 5}.5\n" for n in range(60)))
SPIKE = ran(0, "".join(f"level {1.0 + n * 7 % 3 / 10 + 5 * (n == 20)}\n" for n in range(40)))
SERIES = ran(0, "".join(f"step {n} energy {1 + n * 0.1:.3f}\n" for n in range(8)))


@pytest.mark.parametrize(
    ("question", "probe", "chosen"),
    [
        ("why does test_total fail", FAILING, "suspects"),
        ("why does the total drift", FAILING, "suspects"),
        ("what is going on", FAILING, "suspects"),
        ("what is going on", ran(1, "\x1b[31m\x1b[1m2 failed\x1b[0m, \x1b[32m416 passed\x1b[0m in 1.2s\n"), "suspects"),
        ("what is going on", ran(1, "", TRACEBACK), "crash"),
        ("why does the mean drift", ran(1, "", TRACEBACK), "crash"),
        ("what is going on", ran(1, "", TRACEBACK.replace("KeyError: 7", "ValueError: no")), "suspects"),
        ("why does the mean drift", NUMBERS, "drift"),
        ("what is going on", NUMBERS, "drift"),
        ("what is going on", SERIES, "drift"),
        ("what is going on", JUMP, "changepoint"),
        ("why is the data of this column distributed otherwise", TABLE, "datadrift"),
        ("why is the data of this column distributed otherwise", ran(0, "done\n"), "datadrift"),
        ("why does the total drift", TABLE, "drift"),
        ("what is going on", SPIKE, "drift"),
        ("since what time is the level of the series another", NUMBERS, "changepoint"),
        ("what is going on", ran(0, "mean 12.75\nspread nan\n"), "nan"),
        ("why does the mean drift", ran(0, "mean -inf\n"), "nan"),
        ("what is going on", ran(1, "", "ValueError: cannot convert float NaN to integer\n"), "nan"),
        ("what is going on", ran(0, "information in the naan bread\n"), None),
        ("why is it slow for large input", NUMBERS, "slow"),
        ("why does it fail", PASSING, None),
        ("what is going on", ran(0, "done\n"), None),
        ("what is going on", ran(137, timed_out=True), "hang"),
        ("why is it slow for large input, it takes so long", ran(137, "10 rows done\n", timed_out=True), "slow"),
        ("why does it stand still", ran(137, "10 rows done\n", timed_out=True), "hang"),
        ("what is going on", ran(1, "", "python: No module named pytest"), None),
    ],
)
def test_choice(question: str, probe: dict[str, Any], chosen: str | None) -> None:
    card = route(question, None, [probe], CARDS).card
    assert (card.name if card else None) == chosen


@pytest.mark.parametrize(
    ("question", "first", "again", "chosen"),
    [
        ("what is going on", ran(0, "tags: a, b\n"), ran(0, "tags: b, a\n"), "nondet"),
        ("what is going on", ran(0, "done\n"), ran(0, "done\n"), None),
        ("why is another output printed", ran(0, "took 0.31 s\n"), ran(0, "took 0.29 s\n"), "drift"),
        ("what is going on", ran(0, "<Thing at 0x7f0011223344>\n"), ran(0, "<Thing at 0x7f00aabbccdd>\n"), None),
        ("why does the mean drift", ran(0, "mean 1.25\n"), ran(0, "mean 1.26\n"), "drift"),
        ("what is going on", ran(0, "1 of 1\n"), ran(1, "", TRACEBACK), "nondet"),
        ("what is going on", FAILING, PASSING, "flaky"),
        ("why does test_total fail", FAILING, FAILING, "suspects"),
    ],
)
def test_two_runs_that_differ(question: str, first: dict[str, Any], again: dict[str, Any], chosen: str | None) -> None:
    card = route(question, None, [{**first, "again": again}], TWICE).card
    assert (card.name if card else None) == chosen


MEMORY = (
    *CARDS,
    Card(name="leak", description="memory grows for as long as a program runs, objects are never freed", body=""),
    Card(name="peak", description="a program needs too much memory for large input, out of memory", body=""),
)


@pytest.mark.parametrize(
    ("question", "probe", "curve", "chosen"),
    [
        ("what is going on", ran(0, "done\n"), [20, 300, 310, 310, 40, 30], "peak"),
        ("what is going on", ran(0, "done\n"), [20, 300, 310, 311, 311, 311], "peak"),
        ("what is going on", ran(0, "done\n"), [20, 80, 140, 200, 260, 320], "leak"),
        ("what is going on", ran(0, "done\n"), [20, 70, 120, 170, 220, 270, 300, 300], "peak"),
        ("why does large input need so much memory", ran(0, "done\n"), [20, 80, 140, 200, 260, 320], "peak"),
        ("what is going on", ran(0, "done\n"), [20, 80, 90, 95, 96, 99], None),
        ("what is going on", ran(0, "done\n"), [], None),
        ("why does the mean drift", NUMBERS, [20, 300, 310, 310, 40, 30], "drift"),
        ("why does it fail", ran(1, "", TRACEBACK.replace("KeyError: 7", "MemoryError")), [], "peak"),
        ("why does it fail", ran(137, ""), [20, 500, 1000, 1900], "peak"),
        ("why does it fail", ran(137, ""), [20, 21, 20, 21], "suspects"),
        ("what is going on", ran(137, timed_out=True), [20, 500, 1000, 1000], "peak"),
    ],
)
def test_the_way_that_memory_went(question: str, probe: dict[str, Any], curve: list[int], chosen: str | None) -> None:
    card = route(question, None, [{**probe, "memory_mib": curve}], MEMORY).card
    assert (card.name if card else None) == chosen


def test_a_thread_that_dies_in_one_of_two_runs_speaks_for_a_race() -> None:
    cards = (*TWICE, Card(name="race", description="threads get in each other's way", body=""))
    died = "Exception in thread Thread-1 (work):\nTraceback (most recent call last):\nKeyError: 7\n"
    dead, well = ran(1, "", f"{died}SystemExit\n"), ran(0, "done\n")
    for first, again, chosen in ((dead, well, "race"), (well, dead, "race"), (dead, dead, "suspects")):
        card = route("what is going on", None, [{**first, "again": again}], cards).card
        assert card is not None and card.name == chosen
    card = route("is there a race between the threads", None, [{**well, "again": well}], cards).card
    assert card is not None and card.name == "race"


def test_a_good_revision_that_was_named_is_to_be_used() -> None:
    cards = (*TWICE, Card(name="bisect", description="it worked before, a regression", body=""))
    for history, chosen in (("good", "bisect"), ("some", "suspects")):
        card = route("why does it fail", None, [{**FAILING, "again": FAILING, "history": history}], cards).card
        assert card is not None and card.name == chosen
    card = route("since when, it worked before", None, [{**NUMBERS, "history": "some"}], cards).card
    assert card is not None and card.name == "bisect"


@pytest.mark.parametrize(
    ("question", "run", "chosen"),
    [
        ("why is may.txt lower than april.txt", "python quote.py may.txt", "diverge"),
        ("why not as `python quote.py april.txt` does", "python quote.py may.txt", "diverge"),
        ("why does test_a.py::test_b fail, test_a.py::test_c not", "pytest test_a.py::test_b", "diverge"),
        ("why is may.txt so low", "python quote.py may.txt", "suspects"),
        ("why is may.txt not in april.csv", "python quote.py may.txt", "suspects"),
        ("why does quote.py call rates.py", "python quote.py may.txt", "suspects"),
        ("why does `total` fail", "python quote.py may.txt", "suspects"),
        ("why is may.txt lower than april.txt", None, "suspects"),
    ],
)
def test_a_question_that_names_a_second_run(question: str, run: str | None, chosen: str) -> None:
    cards = (*TWICE, Card(name="diverge", description="two like runs part", body=""))
    card = route(question, None, [ran(1, "", "OSError: no\n")], cards, run).card
    assert card is not None and card.name == chosen


def test_a_failing_test_that_passes_alone_is_flaky() -> None:
    for alone, chosen in ((PASSING, "flaky"), (FAILING, "suspects")):
        card = route("why does it fail", None, [{**FAILING, "again": FAILING, "alone": alone}], TWICE).card
        assert card is not None and card.name == chosen


@pytest.mark.parametrize(
    ("question", "first", "again", "chosen"),
    [
        ("why does a test sometimes go wrong", PASSING, PASSING, ("flaky", None)),
        ("why does the test fail now and then", FAILING, FAILING, ("suspects", "flaky")),
        ("why does the test fail", FAILING, FAILING, ("suspects", None)),
        ("what goes wrong in one of ten runs", ran(0, "done\n"), ran(0, "done\n"), ("nondet", None)),
    ],
)
def test_a_question_that_says_that_it_happens_in_some_runs(
    question: str, first: dict[str, Any], again: dict[str, Any], chosen: tuple[str | None, ...]
) -> None:
    choice = route(question, None, [{**first, "again": again}], TWICE)
    assert tuple(card.name if card else None for card in (choice.card, choice.next)) == chosen


def test_a_single_word_is_not_worth_a_second_recipe() -> None:
    crash = route("why does it crash", None, [ran(1, "", TRACEBACK)], CARDS)
    assert [card.name for card in (crash.card, crash.next) if card] == ["crash", "suspects"]
    numbers = route("why is the number wrong", None, [NUMBERS], CARDS)
    assert [card.name for card in (numbers.card, numbers.next) if card] == ["drift"]
    assert route("why", "drift", [FAILING], CARDS).next is None


def test_a_recipe_asked_for_by_name_is_taken_whatever_speaks_against_it() -> None:
    choice = route("why", "drift", [FAILING], CARDS)
    assert choice.card is not None and choice.card.name == "drift"
    assert choice.reason == "asked for by name"
    with pytest.raises(NoSuchRecipe):
        route("why", "astrology", [], CARDS)


def test_the_reasons_stand_in_the_finding() -> None:
    choice = route("why does the mean drift", None, [FAILING], CARDS)
    told = choice.told_in(Conclusion(answer="it is so", by="recipe suspects"), CARDS[1]).hypotheses
    assert ("the recipe suspects fits", "supported") in [(each.text, each.status) for each in told]
    assert "pytest reports 1 failing" in told[0].evidence
    assert ("the recipe drift fits", "refuted") in [(each.text, each.status) for each in told]


def test_no_recipe_fits_is_a_conclusion_without_suspects() -> None:
    said = route("why does it fail", None, [PASSING], CARDS).nothing_run()
    assert said.answer.startswith("No recipe fits: ")
    assert "all tests pass" in said.answer
    assert "--run" in said.answer
    assert not said.suspects


def test_tests_are_found_by_name() -> None:
    assert has_tests(["pkg/a.py", "tests/test_a.py"])
    assert not has_tests(["pkg/testing.py", "latest.py"])
