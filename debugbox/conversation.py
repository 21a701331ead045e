"""What is said between the agent and the model: calls, replies, and the history they add up to."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from debugbox.bill import NO_TOKENS, Usage

Block = dict[str, Any]  # a content block as it travels: {"type": "text", "text": ...}


def text_block(words: str) -> Block:
    return {"type": "text", "text": words}


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    id: str
    name: str
    input: Any  # what the model wrote: not validated, and not even sure to be an object


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One whole reply. `stop` is the provider's stop reason, `detail` its words on a refusal."""

    content: tuple[Block, ...]
    stop: str
    usage: Usage = NO_TOKENS
    detail: str = ""
    id: str = ""
    miss: str = ""  # why nothing was read from the cache, where the endpoint says it

    @property
    def text(self) -> str:
        return "\n".join(block["text"] for block in self.content if block["type"] == "text").strip()

    @property
    def calls(self) -> list[ToolCall]:
        calls = [block for block in self.content if block["type"] == "tool_use"]
        return [ToolCall(id=call["id"], name=call["name"], input=call["input"]) for call in calls]


class Conversation:
    """What was said, append-only: the provider's cache and its signed thinking blocks both break otherwise."""

    def __init__(self, system: str, messages: Sequence[Block] = (), last_id: str = "") -> None:
        self.system = system
        self.last_id = last_id  # of the newest reply: the endpoint can then say why its cache was missed
        self._messages = list(messages)
        self._sent = (0, "")  # how many messages went out last time, and their hash

    def append(self, role: Literal["user", "assistant"], content: Sequence[Block]) -> None:
        self._messages.append({"role": role, "content": list(content)})

    def unanswered(self) -> list[ToolCall]:
        """The calls of the last reply, where nothing was sent after it."""
        if not self._messages or self._messages[-1]["role"] != "assistant":
            return []
        return Reply(content=tuple(self._messages[-1]["content"]), stop="").calls

    def to_send(self, tools: Sequence[Block]) -> list[Block]:
        """The messages of the next request. Raises AssertionError if the part already sent has changed."""
        count, digest = self._sent
        if count and self._digest(tools, count) != digest:
            raise AssertionError("the part of the conversation that was already sent has changed")
        self._sent = (len(self._messages), self._digest(tools, len(self._messages)))
        return self._messages

    def prefix(self, tools: Sequence[Block]) -> str:
        """The hash of what stands before the messages: a conversation goes on only behind the same."""
        return self._digest(tools, 0)

    def _digest(self, tools: Sequence[Block], count: int) -> str:
        prefix = json.dumps([self.system, list(tools), self._messages[:count]])
        return hashlib.sha256(prefix.encode()).hexdigest()
