"""The model behind a two-method protocol: the real one over the Anthropic SDK, a scripted one beside it.

`agent` drives it, `endpoint` judges what goes wrong. One wire format for all servers: another endpoint is a `base_url`.
The SDK takes more than a CPU second to import, so it is imported inside functions only.
"""

import importlib
import random
import re
import threading
import time
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

from debugbox.bill import NO_TOKENS, Usage
from debugbox.conversation import Block, Conversation, Reply, ToolCall, text_block
from debugbox.endpoint import Heard, Trouble, judge, known_base_url, means_too_long, name_endpoint, open_client
from debugbox.endpoint import credentials_present as credentials_present
from debugbox.errors import BadSettings, CredentialsRefused, ModelUnavailable
from debugbox.events import OnEvent as OnEvent
from debugbox.foreign import clean_line

ALIASES = {
    "opus": "claude-opus-5-5",
    "sonnet": "claude-sonnet-5-5",
    "haiku": "claude-haiku-5-5",
    "fable": "claude-fable-5-1",
}
MAX_TOKENS, LOCAL_MAX_TOKENS = 64_000, 8_000  # thinking counts towards it; a lower cap saves nothing
MOST_TOKENS, LOCAL_MOST_TOKENS = 128_000, 32_000  # for the one repetition of a reply that was cut
RETRIES = 5  # after 2, 4, 8, 16, 32 s, each up to a quarter longer

# These take neither adaptive thinking nor an effort.
_OLDER_CLAUDE = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(-[0125])?(-\d{8})?$)")


class Clock(Protocol):
    """Seconds that only go forward. The module `time` is one."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What the record says of a model. `endpoint` is empty for the provider's own."""

    model: str
    endpoint: str = ""


class Model(Protocol):
    """What the agent asks. Called from one thread, one request at a time."""

    def turn(
        self,
        conversation: Conversation,
        tools: Sequence[Block],
        on_event: OnEvent,
        *,
        max_tokens: int | None = None,
    ) -> Reply:
        """One reply to the conversation as it stands, which is not changed.

        `max_tokens` caps this reply further, where money is short. An exception of `on_event` ends the turn.

        Raises:
            CredentialsRefused: there are none, or the endpoint does not take them.
            ModelUnavailable: no reply, after all retries that make sense.
        """

    def describe(self) -> ModelFacts:
        """For the bill and the record. May wait for the SDK where only a profile knows the endpoint."""


class ScriptedModel:
    """A model whose replies are a list: for tests, demonstrations and replays.

    An exception in the list is raised in its turn, and so is ModelUnavailable when the list has ended.
    `requests` holds the messages of each request as they were.
    """

    def __init__(
        self, replies: Iterable[Reply | BaseException], name: str = "scripted", endpoint: str = "a script"
    ) -> None:
        self.requests: list[list[Block]] = []
        self.caps: list[int | None] = []
        self._replies = iter(replies)
        self._facts = ModelFacts(model=name, endpoint=endpoint)

    def turn(
        self,
        conversation: Conversation,
        tools: Sequence[Block],
        on_event: OnEvent,
        *,
        max_tokens: int | None = None,
    ) -> Reply:
        self.requests.append(deepcopy(conversation.to_send(tools)))
        self.caps.append(max_tokens)
        reply = next(self._replies, ModelUnavailable("the script has no more replies"))
        if isinstance(reply, BaseException):
            raise reply
        if reply.text:
            on_event("text", text=reply.text)
        return reply

    def describe(self) -> ModelFacts:
        return self._facts


def scripted(*blocks: str | ToolCall, stop: str = "", usage: Usage = NO_TOKENS, detail: str = "") -> Reply:
    """A reply for `ScriptedModel`: text and tool calls, `stop` as a server would set it."""
    content = tuple(_scripted_block(block) for block in blocks)
    called = any(isinstance(block, ToolCall) for block in blocks)
    return Reply(content=content, stop=stop or ("tool_use" if called else "end_turn"), usage=usage, detail=detail)


def _scripted_block(block: str | ToolCall) -> Block:
    if isinstance(block, str):
        return text_block(block)
    return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}


class AnthropicModel:
    """The Messages API over the real SDK, streamed.

    `model` is an id or one of `ALIASES`. Credentials are found by the SDK's own chain. For ids that are not
    Claude's everything is left out that other servers do not know: thinking, effort, caching, strict tools.
    `cache_ttl` "1h" is for runs whose cells may take longer than the 5 minutes a cached prefix lives.
    """

    def __init__(
        self,
        model: str = "opus",
        *,
        effort: str = "medium",
        base_url: str | None = None,
        max_tokens: int | None = None,
        cache_ttl: Literal["5m", "1h"] = "5m",
        clock: Clock = time,
    ) -> None:
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            raise BadSettings("the model's base URL", f"{base_url} does not start with http:// or https://")
        self.model = ALIASES.get(model, model)
        self._claude = self.model.startswith("claude-")
        self._effort = effort
        self._base_url = base_url
        self._max_tokens = max_tokens or (MAX_TOKENS if self._claude else LOCAL_MAX_TOKENS)
        self._cache_ttl = cache_ttl
        self._clock = clock

    @staticmethod
    def start_import() -> None:
        """Begin to import the SDK in a thread, so that it overlaps with the box's start."""
        threading.Thread(target=importlib.import_module, args=("anthropic",), daemon=True).start()

    def describe(self) -> ModelFacts:
        base_url = known_base_url(self._base_url) or str(self._client.base_url)
        return ModelFacts(model=self.model, endpoint=name_endpoint(base_url))

    def turn(
        self,
        conversation: Conversation,
        tools: Sequence[Block],
        on_event: OnEvent,
        *,
        max_tokens: int | None = None,
    ) -> Reply:
        cap = max_tokens or MOST_TOKENS
        request = self._request(conversation, tools, min(cap, self._max_tokens))
        reply = self._persist(request, on_event)
        most = min(cap, MOST_TOKENS if self._claude else LOCAL_MOST_TOKENS)
        if reply.stop != "max_tokens" or most <= request["max_tokens"]:
            return reply
        # The same cap would cut it again, so it stays raised for the rest of the run.
        on_event("dropped", why=f"cut at {request['max_tokens']} tokens", usage=reply.usage)
        self._max_tokens = most
        return self._persist(request | {"max_tokens": most}, on_event)

    def _request(self, conversation: Conversation, tools: Sequence[Block], max_tokens: int) -> dict[str, Any]:
        messages = conversation.to_send(tools)
        request = {"model": self.model, "max_tokens": max_tokens, "messages": messages}
        if not self._claude:
            return request | {"system": conversation.system, "tools": list(tools)}
        prompt = {"type": "text", "text": conversation.system, "cache_control": _ephemeral("1h")}
        strict = [{**tool, "strict": True} for tool in tools]
        request |= {"system": [prompt], "tools": strict, "cache_control": _ephemeral(self._cache_ttl)}
        request["diagnostics"] = {"previous_message_id": conversation.last_id or None}  # why a cache was missed
        if _OLDER_CLAUDE.match(self.model):
            return request
        # Notes between tool calls are thinking blocks, and empty unless they are asked for.
        thinking = {"type": "adaptive", "display": "summarized"}
        return request | {"thinking": thinking, "output_config": {"effort": self._effort}}

    def _persist(self, request: dict[str, Any], on_event: OnEvent) -> Reply:
        """The reply, after as many repetitions as make sense, each one visible."""
        retry = 0
        while isinstance(outcome := self._attempt(request, on_event), Trouble):
            retry += 1
            if retry > RETRIES:
                raise ModelUnavailable(f"{outcome.why} ({RETRIES} retries)")
            self._wait(outcome, retry, on_event)
        return outcome

    def _wait(self, trouble: Trouble, retry: int, on_event: OnEvent) -> None:
        left_s = trouble.wait_s if trouble.wait_s is not None else 2**retry * random.uniform(1, 1.25)
        while left_s > 0:
            on_event("retry", why=trouble.why, left_s=left_s, retry=retry, of=RETRIES)
            step_s = min(1.0, left_s)
            self._clock.sleep(step_s)
            left_s -= step_s

    def _attempt(self, request: dict[str, Any], on_event: OnEvent) -> Reply | Trouble:
        """One request. A reply that broke off is dropped, and told of because it is paid for."""
        heard = Heard()
        outcome: Reply | Trouble | None = None
        try:
            outcome = self._converse(request, heard, on_event)
            return outcome
        finally:
            if not isinstance(outcome, Reply) and heard.started:
                on_event("dropped", why=outcome.why if outcome else "interrupted", usage=heard.usage())

    def _converse(self, request: dict[str, Any], heard: Heard, on_event: OnEvent) -> Reply | Trouble:
        import anthropic
        import httpx2  # comes with the SDK, which lets its errors through once a stream has begun

        client = self._client  # outside the try: a TypeError there is ours
        try:
            with client.messages.stream(**request) as stream:
                for event in heard.listen(stream):
                    _tell(event, heard, on_event)
                return _as_reply(heard)
        except (anthropic.AnthropicError, httpx2.HTTPError) as err:
            too_long = Reply(content=(), stop="model_context_window_exceeded")
            return too_long if means_too_long(err) else judge(err)
        except TypeError as err:
            if "authentication" not in str(err):
                raise
            raise CredentialsRefused("there are no credentials.") from err  # the SDK notices only here

    @cached_property
    def _client(self) -> Any:
        return open_client(self._base_url)


def _ephemeral(ttl: str) -> dict[str, str]:
    return {"type": "ephemeral", "ttl": ttl}


def _tell(event: Any, heard: Heard, on_event: OnEvent) -> None:
    if event.type == "text":
        on_event("text", text=event.text)
    elif event.type == "thinking":
        on_event("thinking", text=event.thinking)
    elif event.type == "input_json":
        on_event("writing", characters=heard.characters)


def _as_reply(heard: Heard) -> Reply | Trouble:
    message = heard.message()
    if isinstance(message, Trouble):
        return message
    details = message.stop_details
    detail = f"{details.category}: {details.explanation or 'no explanation'}" if details else ""
    content = tuple(block.to_dict(mode="json") for block in message.content)
    return Reply(
        content=content,
        stop=message.stop_reason,
        usage=heard.usage(),
        detail=detail,
        id=str(message.id or ""),
        miss=_why_missed(message),
    )


def _why_missed(message: Any) -> str:
    """In words what the endpoint says of a cache that was not read; empty where it says nothing."""
    reason = getattr(getattr(message, "diagnostics", None), "cache_miss_reason", None)
    kind = clean_line(str(getattr(reason, "type", "")))[:100]
    return "" if kind in ("", "unavailable", "previous_message_not_found") else f"because {kind.replace('_', ' ')}"
