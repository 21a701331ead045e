"""Requirement: every failure of the endpoint ends in a reply, a visible retry, or an error with a remedy.

The real SDK talks to `tests/messages_server.py`; time is a fake clock.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from debugbox.bill import Usage
from debugbox.conversation import Block, Conversation, Reply
from debugbox.errors import BadSettings, CredentialsRefused, ModelUnavailable
from debugbox.model import AnthropicModel, ScriptedModel, credentials_present, scripted
from debugbox.tools import TOOLS
from tests.messages_server import Answer, MessagesServer, Refused, call, garbage, text, thinking

CREDENTIALS = ("CONFIG_DIR", "API_KEY", "AUTH_TOKEN", "PROFILE", "BASE_URL", "FEDERATION_RULE_ID", "ORGANIZATION_ID")


class FakeClock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Events(list[tuple[str, dict[str, Any]]]):
    def __call__(self, name: str, /, **data: Any) -> None:
        self.append((name, data))

    def of(self, name: str) -> list[dict[str, Any]]:
        return [data for event, data in self if event == name]


@pytest.fixture(autouse=True)
def only_a_test_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test")


class Asked:
    """One turn of the real client against scripted answers, and all that could be seen of it."""

    def __init__(self, *turns: Answer | Refused, model: str = "opus", cap: int | None = None) -> None:
        self.clock, self.events = FakeClock(), Events()
        self.reply: Reply | None = None
        self.error: Exception | None = None
        conversation = Conversation("Be brief.")
        conversation.append("user", [text("why?")])
        with MessagesServer(turns) as server:
            client = AnthropicModel(model, base_url=server.url, clock=self.clock)
            try:
                self.reply = client.turn(conversation, TOOLS, self.events, max_tokens=cap)
            except (CredentialsRefused, ModelUnavailable) as err:
                self.error = err
            self.facts = client.describe()
        self.requests, self.headers, self.url = server.requests, server.headers, server.url

    @property
    def waits(self) -> list[dict[str, Any]]:
        """The first second of each countdown."""
        seen: dict[int, dict[str, Any]] = {}
        for data in self.events.of("retry"):
            seen.setdefault(data["retry"], data)
        return list(seen.values())


FINE = Answer(blocks=(text("It drifts."),))


def test_reply_has_calls_thinking_and_usage_as_they_were_sent() -> None:
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "cache_read_input_tokens": 4000,
        "output_tokens": 50,
    }
    blocks = (thinking("I look."), call("run_code", code="1 + 1", purpose="sum"))
    asked = Asked(Answer(blocks=blocks, usage=usage))
    assert asked.reply
    assert asked.reply.stop == "tool_use"
    assert list(asked.reply.content) == list(blocks)
    assert asked.reply.calls[0].input == {"code": "1 + 1", "purpose": "sum"}
    assert asked.reply.usage == Usage(input=10, cache_write_5m=100, cache_write_1h=200, cache_read=4000, output=50)


def test_text_thinking_and_writing_are_told_while_they_stream() -> None:
    asked = Asked(Answer(blocks=(thinking("I look."), text("Look here."), call("run_code", code="1"))))
    assert asked.events.of("thinking") == [{"text": "I look."}]
    assert "".join(data["text"] for data in asked.events.of("text")) == "Look here."
    assert asked.events.of("writing")[-1]["characters"] > 20


def test_claude_gets_caching_thinking_effort_and_strict_tools() -> None:
    body = Asked(FINE).requests[0]
    assert body["model"] == "claude-opus-5-5"
    assert body["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert body["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "medium"}
    assert body["max_tokens"] == 64_000
    assert all(tool["strict"] for tool in body["tools"])


def test_other_models_get_the_plain_request() -> None:
    body = Asked(FINE, model="qwen3:32b").requests[0]
    assert set(body) == {"model", "max_tokens", "messages", "system", "tools", "stream"}
    assert body["max_tokens"] == 8_000
    assert "cache_control" not in json.dumps(body)
    assert "strict" not in json.dumps(body["tools"])


@pytest.mark.parametrize(("model", "thinks"), [("claude-haiku-4-5", False), ("claude-opus-4-6", True)])
def test_older_claude_models_get_no_thinking_but_caching(model: str, thinks: bool) -> None:
    body = Asked(FINE, model=model).requests[0]
    assert ("thinking" in body, "output_config" in body) == (thinks, thinks)
    assert "cache_control" in body


def test_endpoint_that_is_not_the_providers_is_named_without_its_secrets() -> None:
    asked = Asked(FINE)
    assert asked.facts.endpoint == asked.url
    model = AnthropicModel(base_url="https://user:secret@llm.example:8443/v1?key=x")
    assert model.describe().endpoint == "https://llm.example:8443"
    assert AnthropicModel().describe().endpoint == ""


def test_base_url_of_the_environment_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    assert AnthropicModel().describe().endpoint == "http://127.0.0.1:9"


def test_endpoint_of_a_profile_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / ".config/anthropic"
    (folder / "configs").mkdir(parents=True)
    (folder / "credentials").mkdir()
    profile = {"version": "1.0", "base_url": "https://llm.example", "authentication": {"type": "user_oauth"}}
    (folder / "configs/default.json").write_text(json.dumps(profile))
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert AnthropicModel().describe().endpoint == "https://llm.example"


def test_base_url_without_a_scheme_is_refused_at_once() -> None:
    with pytest.raises(BadSettings, match="http://"):
        AnthropicModel(base_url="localhost:11434")


def test_rate_limit_waits_as_long_as_asked_with_a_countdown() -> None:
    asked = Asked(Refused(status=429, kind="rate_limit_error", headers={"retry-after": "3"}), FINE)
    assert asked.reply and asked.clock.now_s == 3
    assert [data["left_s"] for data in asked.events.of("retry")] == [3, 2, 1]
    assert "rate_limit_error: said the test (request req_test)" in asked.waits[0]["why"]


def test_rate_limit_of_hours_stops_at_once() -> None:
    asked = Asked(Refused(status=429, kind="rate_limit_error", headers={"retry-after": "7200"}), FINE)
    assert isinstance(asked.error, ModelUnavailable) and "7200 s" in str(asked.error)
    assert len(asked.requests) == 1 and asked.clock.now_s == 0


def test_spending_limit_is_never_retried() -> None:
    limit = Refused(status=429, kind="rate_limit_error", code="enforced_spend_limit_reached")
    asked = Asked(limit, FINE)
    assert isinstance(asked.error, ModelUnavailable) and len(asked.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Refused(status=529, kind="overloaded_error"), id="overloaded"),
        pytest.param(Refused(status=500), id="server error"),
        pytest.param(Refused(status=502, html="<html>Bad Gateway</html>"), id="bad gateway"),
        pytest.param(Answer(blocks=(text("half"),), breaks="reset"), id="reset in mid-stream"),
        pytest.param(Answer(blocks=(text("half"),), breaks="reset", after=0), id="reset before a word"),
        pytest.param(Answer(blocks=(text("half"),), breaks="eof"), id="end without message_stop"),
        pytest.param(Answer(blocks=(text("half"),), error="overloaded_error"), id="overloaded in the stream"),
        pytest.param(Answer(blocks=(text("half"),), error="api_error"), id="api error in the stream"),
        pytest.param(garbage(), id="a proxy's page"),
    ],
)
def test_passing_trouble_is_repeated_with_the_same_request(trouble: Answer | Refused) -> None:
    asked = Asked(trouble, trouble, FINE)
    assert asked.reply and asked.reply.text == "It drifts."
    assert asked.requests[0] == asked.requests[1] == asked.requests[2]
    first, second = asked.waits
    assert 2 <= first["left_s"] <= 2.5 and 4 <= second["left_s"] <= 5
    assert asked.headers[0]["authorization"] == "Bearer test"


def test_trouble_that_stays_ends_after_five_retries() -> None:
    asked = Asked(*[Refused(status=529, kind="overloaded_error")] * 9)
    assert isinstance(asked.error, ModelUnavailable) and "5 retries" in str(asked.error)
    assert len(asked.requests) == 6
    assert 62 <= asked.clock.now_s <= 78


def test_a_proxys_page_is_named_as_what_it_is() -> None:
    assert "text/html" in str(Asked(*[garbage()] * 6).error)


def test_dead_endpoint_is_unavailable_after_the_retries() -> None:
    clock, events = FakeClock(), Events()
    with pytest.raises(ModelUnavailable, match="connection failed"):
        AnthropicModel(base_url="http://127.0.0.1:9", clock=clock).turn(_why(), TOOLS, events)
    assert len({data["retry"] for data in events.of("retry")}) == 5


def test_broken_stream_is_on_the_bill() -> None:
    asked = Asked(Answer(blocks=(text("half of it"),), breaks="eof", after=4), FINE)
    dropped = asked.events.of("dropped")
    assert [data["usage"] for data in dropped] == [Usage(input=100, output=4)]


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_never_retried(status: int) -> None:
    asked = Asked(Refused(status=status, kind="authentication_error", message="invalid x-api-key"), FINE)
    assert isinstance(asked.error, CredentialsRefused) and len(asked.requests) == 1
    assert "invalid x-api-key (request req_test)" in str(asked.error)


def test_credentials_refused_inside_a_stream_are_refused_credentials() -> None:
    asked = Asked(Answer(blocks=(text("half"),), error="authentication_error"), FINE)
    assert isinstance(asked.error, CredentialsRefused) and len(asked.requests) == 1


def test_no_credentials_are_refused_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    asked = Asked(FINE)
    assert isinstance(asked.error, CredentialsRefused) and not asked.requests


def test_broken_profile_is_refused_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_PROFILE", "nowhere")
    with pytest.raises(CredentialsRefused, match="nowhere"):
        AnthropicModel().turn(_why(), TOOLS, Events())


@pytest.mark.parametrize("status", [400, 402, 404])
def test_request_that_cannot_succeed_is_not_repeated(status: int) -> None:
    asked = Asked(Refused(status=status, message="no such model \x1b[31mred"), FINE)
    assert isinstance(asked.error, ModelUnavailable) and len(asked.requests) == 1
    assert "no such model red (request req_test)" in str(asked.error)


@pytest.mark.parametrize(
    "refused",
    [
        Refused(status=400, kind="invalid_request_error", message="prompt is too long: 1 > 0 maximum"),
        Refused(status=400, kind="invalid_request_error", message="the available context size is exceeded"),
        Refused(status=413, kind="request_too_large"),
    ],
    ids=["provider", "llama.cpp", "413"],
)
def test_prompt_that_is_too_long_is_a_full_context(refused: Refused) -> None:
    asked = Asked(refused, FINE)
    assert asked.reply and asked.reply.stop == "model_context_window_exceeded"


def test_reply_cut_at_max_tokens_is_dropped_and_asked_for_once_more_with_the_most() -> None:
    cut = Answer(blocks=(call("run_code", code="x = 1"),), stop="max_tokens", partial_json='{"code": "x = ')
    asked = Asked(cut, cut)
    assert [body["max_tokens"] for body in asked.requests] == [64_000, 128_000]
    assert asked.reply and asked.reply.stop == "max_tokens"
    assert asked.events.of("dropped")[0]["why"] == "cut at 64000 tokens"


def test_cap_of_the_budget_is_never_exceeded() -> None:
    asked = Asked(Answer(blocks=(text("cut"),), stop="max_tokens"), FINE, cap=5_000)
    assert [body["max_tokens"] for body in asked.requests] == [5_000]


def test_refusal_keeps_its_category_and_words() -> None:
    details = {"type": "refusal", "category": "frontier_llm", "explanation": "trains a model"}
    asked = Asked(Answer(stop="refusal", details=details))
    assert asked.reply and asked.reply.stop == "refusal"
    assert asked.reply.detail == "frontier_llm: trains a model"


def test_interrupt_in_mid_stream_tells_what_was_used_and_goes_on() -> None:
    events = Events()

    def on_event(name: str, /, **data: Any) -> None:
        events(name, **data)
        if name == "text":
            raise KeyboardInterrupt

    with MessagesServer([FINE]) as server, pytest.raises(KeyboardInterrupt):
        AnthropicModel(base_url=server.url).turn(_why(), TOOLS, on_event)
    assert [data["why"] for data in events.of("dropped")] == ["interrupted"]


def test_history_that_was_sent_cannot_be_changed() -> None:
    conversation = _why()
    sent = conversation.to_send(TOOLS)
    conversation.append("assistant", [text("because")])
    assert conversation.to_send(TOOLS) == sent
    sent[0]["content"][0]["text"] = "who?"
    with pytest.raises(AssertionError, match="already sent"):
        conversation.to_send(TOOLS)


def test_tools_cannot_change_in_a_conversation() -> None:
    conversation = _why()
    conversation.to_send(TOOLS)
    with pytest.raises(AssertionError):
        conversation.to_send(TOOLS[:1])


def test_scripted_model_gives_its_replies_then_is_unavailable() -> None:
    model = ScriptedModel([scripted("one"), KeyboardInterrupt()])
    assert model.turn(_why(), TOOLS, Events()).text == "one"
    with pytest.raises(KeyboardInterrupt):
        model.turn(_why(), TOOLS, Events())
    with pytest.raises(ModelUnavailable):
        model.turn(_why(), TOOLS, Events())


@pytest.mark.parametrize(
    ("environment", "present"),
    [
        ({}, False),
        ({"ANTHROPIC_API_KEY": "k"}, True),
        ({"ANTHROPIC_API_KEY": ""}, False),
        ({"ANTHROPIC_AUTH_TOKEN": "t"}, True),
        ({"ANTHROPIC_PROFILE": "work"}, True),
        ({"ANTHROPIC_FEDERATION_RULE_ID": "r", "ANTHROPIC_ORGANIZATION_ID": "o"}, False),
        (
            {
                "ANTHROPIC_FEDERATION_RULE_ID": "r",
                "ANTHROPIC_ORGANIZATION_ID": "o",
                "ANTHROPIC_IDENTITY_TOKEN_FILE": "/f",
            },
            True,
        ),
    ],
    ids=["none", "key", "empty key", "token", "profile", "half a workload", "workload"],
)
def test_credentials_are_found_by_the_environment(environment: dict[str, str], present: bool, tmp_path: Path) -> None:
    assert credentials_present(environment, tmp_path) is present


def test_credentials_are_found_by_a_profile_on_disk(tmp_path: Path) -> None:
    (tmp_path / ".config/anthropic/configs").mkdir(parents=True)
    assert not credentials_present({}, tmp_path)
    (tmp_path / ".config/anthropic/configs/default.json").write_text("{}")
    assert credentials_present({}, tmp_path)


def test_sdk_is_not_imported_before_a_turn() -> None:
    program = (
        "import sys, debugbox.agent, debugbox.model as m\n"
        "m.AnthropicModel('opus').describe(); m.credentials_present({})\n"
        "assert 'anthropic' not in sys.modules and 'docker' not in sys.modules\n"
        "m.AnthropicModel.start_import(); import anthropic\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def _why() -> Conversation:
    conversation = Conversation("Be brief.")
    blocks: list[Block] = [text("why?")]
    conversation.append("user", blocks)
    return conversation
