"""Requirement: money is shown where its price is known, and never as 0 where it is not."""

import json
from pathlib import Path

import pytest

from debugbox.bill import Bill, Usage, load_prices
from debugbox.choose import choose_model
from debugbox.errors import BadSettings
from debugbox.settings import Settings

REPLY = Usage(input=1_000, cache_write_5m=2_000, cache_write_1h=3_000, cache_read=40_000, output=500, thinking=100)


def test_a_reply_costs_its_tokens_by_kind() -> None:
    bill = Bill("claude-opus-5-5", prices=load_prices())
    bill.add(REPLY)
    by_hand = (1_000 * 4 + 2_000 * 5 + 3_000 * 8 + 40_000 * 0.20 + 500 * 20) / 1e6
    assert bill.cost_usd == pytest.approx(by_hand)
    bill.add(REPLY)
    assert bill.cost_usd == pytest.approx(2 * by_hand)
    assert bill.total.cache_read == 80_000


@pytest.mark.parametrize(("context", "input_price"), [(100_000, 0.1), (100_001, 0.5)])
def test_haiku_has_two_bands(context: int, input_price: float) -> None:
    bill = Bill("claude-haiku-5-5", prices=load_prices())
    bill.add(Usage(input=context))
    assert bill.cost_usd == pytest.approx(context * input_price / 1e6)


@pytest.mark.parametrize(
    ("model", "input_price"),
    [
        ("claude-opus-5-5", 4),
        ("claude-opus-5-5-20260901", 4),
        ("claude-opus-5", 5),
        ("claude-opus-5-20260401", 5),
        ("claude-opus-5-5@20260901", 4),
        ("claude-opus-5-7", None),
        ("claude-opus-55", None),
        ("qwen3:32b", None),
        ("", None),
    ],
)
def test_price_is_that_of_the_longest_id_that_is_this_model(model: str, input_price: float | None) -> None:
    bands = load_prices().bands_of(model)
    assert (bands[0].input if bands else None) == input_price


@pytest.mark.parametrize(
    ("model", "endpoint"), [("qwen3", ""), ("claude-opus-5-5", "http://localhost:4000")], ids=["model", "endpoint"]
)
def test_unknown_price_is_none_and_shown_as_tokens(model: str, endpoint: str) -> None:
    bill = Bill(model, endpoint=endpoint, prices=load_prices())
    bill.add(REPLY)
    assert bill.cost_usd is None
    assert bill.affordable_output(1.0) is None
    assert "$" not in bill.line(turn=1, max_cost_usd=2, elapsed_s=0)
    assert bill.as_cost(duration_s=1, turns=1, cells=0).cost_usd is None


def test_line_reads_as_people_want_it() -> None:
    bill = Bill("claude-opus-5-5", prices=load_prices())
    bill.add(Usage(input=3_000, cache_read=38_000, output=13_000))
    line = bill.line(turn=7, max_cost_usd=2, elapsed_s=130.4)
    assert line == "turn 7 · 41k context (93 % cached) · $0.28 of $2.00 · 2m10s"


def test_affordable_output_pays_for_the_request_first() -> None:
    bill = Bill("claude-opus-5-5", prices=load_prices())
    bill.add(Usage(cache_read=100_000, output=10))
    assert bill.affordable_output(0.12) == pytest.approx(5_000, abs=1)
    assert bill.next_usd(5_000) == pytest.approx(0.12)


def test_dropped_reply_without_usage_does_not_hide_the_context() -> None:
    bill = Bill("claude-opus-5-5", prices=load_prices())
    bill.add(Usage(cache_read=100_000))
    bill.add(Usage())
    assert bill.last.context == 100_000


def test_cost_of_the_record_has_all_kinds_of_tokens() -> None:
    bill = Bill("claude-opus-5-5", prices=load_prices())
    bill.add(REPLY)
    cost = bill.as_cost(duration_s=61.5, turns=3, cells=4)
    assert (cost.model, cost.endpoint, cost.turns, cost.cells) == ("claude-opus-5-5", "", 3, 4)
    assert cost.tokens == {
        "input": 1_000,
        "cache_write_5m": 2_000,
        "cache_write_1h": 3_000,
        "cache_read": 40_000,
        "output": 500,
        "thinking": 100,
    }


def test_own_prices_replace_and_join_the_packages(tmp_path: Path) -> None:
    band = {"input": 1, "cache_write_5m": 1, "cache_write_1h": 1, "cache_read": 1, "output": 1}
    own = tmp_path / "prices.json"
    own.write_text(json.dumps({"checked": "2027-01-01", "models": {"claude-opus-5-5": [band], "mine": [band]}}))
    prices = load_prices(own)
    assert prices.bands_of("claude-opus-5-5")[0].input == 1
    assert prices.bands_of("mine") and prices.bands_of("claude-sonnet-5-5")
    assert prices.checked == "2027-01-01"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"models": {"x": [{"input": 1}]}}', '{"models": {"x": 3}}'])
def test_own_prices_that_cannot_be_read_are_named(text: str, tmp_path: Path) -> None:
    own = tmp_path / "prices.json"
    own.write_text(text)
    with pytest.raises(BadSettings, match="not a price table"):
        load_prices(own)


def test_packaged_prices_carry_the_day_they_were_read() -> None:
    assert load_prices().checked == "2026-11-21"


def test_a_cache_miss_is_named_with_its_cause_and_its_price() -> None:
    bill = Bill("claude-opus-5-5", prices=load_prices())
    bill.add(Usage(cache_write_5m=60_000))
    bill.add(Usage(cache_read=60_000, cache_write_5m=2_000))
    assert not bill.misses
    bill.add(Usage(cache_write_5m=64_000), pause_s=420)
    assert bill.misses == ["62k tokens written to the cache again after a pause of 7 min, about $0.30 more"]
    bill.add(Usage(input=3_000))  # a fresh conversation is no miss
    assert len(bill.misses) == 1


def test_the_bill_shows_what_is_usually_hidden() -> None:
    bill = Bill("claude-opus-5-5", prices=load_prices())
    bill.add_pictures([638, 900])
    bill.add(Usage(cache_write_1h=5_000, cache_read=20_000, output=3_000, thinking=2_000))
    bill.add_pictures([])
    bill.add_dropped(Usage(input=1_000, output=500))
    bill.add_repeated()
    bill.waited_s = 2.4
    assert bill.lines() == [
        "tokens: 1k new, 5k written to the cache, 20k read from it, 4k output (2k of it thinking); $0.12",
        "plots: 2, 2k tokens, on later turns 2k more, about $0.008",
        "retries: 1 request was repeated, after 2 s of waiting",
        "dropped: 1 reply was paid for and not used, 2k tokens",
    ]


def test_a_fresh_conversation_sends_no_old_pictures_and_misses_no_cache() -> None:
    bill = Bill("claude-opus-5-5", prices=load_prices())
    bill.add_pictures([900])
    bill.add(Usage(cache_write_5m=60_000))
    bill.start_anew()
    bill.add_pictures([])
    bill.add(Usage(cache_write_5m=64_000))
    assert bill.pictures_again == 0 and not bill.misses


@pytest.mark.parametrize(
    ("pause_s", "during", "told", "cause"),
    [
        (420, "run_code", "", "after a pause of 7 min (run_code)"),
        (420, "", "because messages changed", "after a pause of 7 min"),
        (20, "run_code", "because messages changed", "because messages changed"),
        (20, "", "", "for a reason not told"),
    ],
)
def test_a_cache_miss_names_its_cause(pause_s: float, during: str, told: str, cause: str) -> None:
    bill = Bill("claude-opus-5-5", prices=load_prices())
    bill.add(Usage(cache_write_5m=60_000))
    bill.add(Usage(cache_write_5m=64_000), pause_s, during=during, told=told)
    assert bill.misses == [f"60k tokens written to the cache again {cause}, about $0.29 more"]


def test_the_users_own_prices_lie_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUGBOX_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test")
    settings = Settings(repository=tmp_path)
    assert settings.prices_file is None
    (tmp_path / "prices.json").write_text("{")
    assert settings.prices_file == tmp_path / "prices.json"
    with pytest.raises(BadSettings, match="not a price table"):
        choose_model(settings, lambda words: None)


def test_one_bill_of_several_agents() -> None:
    one, other = (Bill("claude-opus-5-5", prices=load_prices()) for _ in range(2))
    one.add(Usage(output=1_000))
    other.add(Usage(cache_read=5_000, output=2_000))
    other.add_repeated()
    whole = one.together_with([other])
    assert (whole.total.output, whole.repeated, whole.cost_usd) == (3_000, 1, pytest.approx(0.061))
    assert one.total.output == 1_000 and whole.last == one.last
