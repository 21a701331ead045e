"""Requirement: each way in which a request can end is handled: the agent over the real SDK and a scripted server."""

import re
from typing import Any

import pytest

from debugbox.agent import Agent
from debugbox.errors import CredentialsRefused
from debugbox.finding import Conclusion
from debugbox.model import AnthropicModel
from tests.messages_server import Answer, Block, MessagesServer, Refused, call, text, thinking
from tests.unit.test_agent import CAUSE, FakeBench, FakeClock, FakeLaboratory


def cell(number: int = 1) -> Block:
    return call("run_code", number, code=f"measure({number})", purpose="measure it")


CELL = Answer(blocks=(thinking("I measure."), cell()))
END = Answer(blocks=(call("conclude", 9, answer="It is cut.", causes=[CAUSE]),))
TOO_LONG = Refused(status=400, kind="invalid_request_error", message="prompt is too long: 9 > 8 maximum")
LIMITED = Refused(status=429, kind="rate_limit_error", headers={"retry-after": "7"})
SPENT = Refused(status=429, kind="rate_limit_error", code="enforced_spend_limit_reached")
REFUSED = Answer(stop="refusal", details={"type": "refusal", "category": "cyber", "explanation": "no"})
CUT = Answer(blocks=(cell(),), stop="max_tokens", partial_json='{"code": "measu')


class Told:
    """One run, and all that could be seen of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *turns: Answer | Refused) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "test")
        self.clock, self.events = FakeClock(), list[str]()
        self.bench = FakeBench(clock=self.clock)
        with MessagesServer(turns) as server:
            model = AnthropicModel(base_url=server.url, clock=self.clock)
            agent = Agent(model, self.bench, FakeLaboratory(), clock=self.clock, on_event=self._hear)
            self.conclusion: Conclusion = agent.run("why?", review=lambda conclusion: [])
        self.requests = server.requests
        self.bill = "\n".join(agent.budget.whole_bill().lines())

    def _hear(self, name: str, /, **data: Any) -> None:
        self.events.append(name)

    def said(self, request: int) -> str:
        return str(self.requests[request]["messages"][-1]["content"])


# What comes; how many requests that makes; cells run; why the run stopped; what the last request says.
ROWS: dict[str, tuple[list[Answer | Refused], int, int, str, str]] = {
    "tool_use": ([CELL, END], 2, 1, "", "Cell 1: ok"),
    "several calls": ([Answer(blocks=(cell(1), cell(2))), END], 2, 2, "", "Cell 2: ok"),
    "end_turn with text": (
        [CELL, *[Answer(blocks=(text("Line 3."),))] * 3],
        4,
        1,
        "never called conclude",
        "only `conc",
    ),
    "end_turn, empty": ([CELL, Answer(), END], 3, 1, "", "Please continue."),
    "end_turn, empty twice": ([CELL, Answer(), Answer(), END], 4, 1, "", "answered with nothing, twice"),
    "max_tokens once": ([CUT, CELL, END], 3, 1, "", "Cell 1: ok"),
    "max_tokens twice": ([CUT, CUT, END], 3, 0, "", "a reply was cut at its longest"),
    "pause_turn": ([Answer(blocks=(text("hm"),), stop="pause_turn"), END], 2, 0, "", "hm"),
    "refusal": ([CELL, REFUSED], 2, 1, "the model refused (cyber: no)", "Cell 1: ok"),
    "window exceeded": ([CELL, Answer(stop="model_context_window_exceeded"), END], 3, 1, "", "So far:"),
    "prompt too long": ([CELL, TOO_LONG, END], 3, 1, "", "So far:"),
    "first prompt too long": ([TOO_LONG], 1, 0, "the first message is too long", "Question: why?"),
    "no end": ([Answer(blocks=(cell(),), breaks="eof", after=4), CELL, END], 3, 1, "", "Cell 1: ok"),
    "reset": ([Answer(blocks=(cell(),), breaks="reset", after=4), CELL, END], 3, 1, "", "Cell 1: ok"),
    "overloaded in the stream": ([Answer(blocks=(cell(),), error="overloaded_error", after=4), END], 2, 0, "", "Quest"),
    "retry-after": ([LIMITED, END], 2, 0, "", "Question: why?"),
    "spending limit": ([CELL, SPENT], 2, 1, "rate_limit_error: said the test (request req_test)", "Cell 1: ok"),
    "402": ([CELL, Refused(status=402, kind="billing_error")], 2, 1, "billing_error", "Cell 1: ok"),
    "401 later": ([CELL, Refused(status=401, kind="authentication_error")], 2, 1, "authentication_error", "Cell 1: ok"),
    "529": ([Refused(status=529, kind="overloaded_error"), END], 2, 0, "", "Question: why?"),
    "529 for good": ([CELL, *[Refused(status=529, kind="overloaded_error")] * 6], 7, 1, "(5 retries)", "Cell 1: ok"),
    "400": ([CELL, Refused(status=400, kind="invalid_request_error")], 2, 1, "(request req_test)", "Cell 1: ok"),
    "a reason of tomorrow": ([Answer(blocks=(cell(),), stop="tomorrow"), END], 2, 0, "", "not known here: tomorrow"),
}


@pytest.mark.parametrize("row", ROWS)
def test_every_ending_of_a_request_is_handled(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    turns, requests, cells, stopped, said = ROWS[row]
    told = Told(monkeypatch, *turns)
    assert (len(told.requests), len([each for each in told.bench.cells if "variables" not in each.purpose])) == (
        requests,
        cells,
    )
    assert stopped in told.conclusion.stopped and bool(stopped) is bool(told.conclusion.stopped)
    assert said in told.said(-1)
    assert told.conclusion.answer and told.events[-1] == "concluded"


def test_credentials_refused_at_once_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CredentialsRefused):
        Told(monkeypatch, Refused(status=403, kind="permission_error"))


def test_what_was_asked_again_and_thrown_away_is_on_the_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch, LIMITED, Answer(blocks=(cell(),), breaks="eof", after=4), CELL, END)
    assert re.search(r"retries: 2 requests were repeated, after 1[12] s of waiting", told.bill)
    assert "dropped: 1 reply was paid for and not used, 1" in told.bill


def test_the_reason_of_a_cache_miss_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch, CELL, END)
    asked = [request["diagnostics"]["previous_message_id"] for request in told.requests]
    assert asked == [None, "msg_1"]
