"""The agent's side of the talk with a model: what the next request adds, one reply at a time, within the budget."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

from debugbox.budget import Budget
from debugbox.conversation import Block, Conversation, Reply, ToolCall, text_block
from debugbox.model import Model, OnEvent
from debugbox.shown import picture_tokens
from debugbox.talk import Talked
from debugbox.tools import TOOLS


class OutOfTime(Exception):
    """Leaves `on_event`, and so ends a reply that takes too long while it streams."""


Log = Callable[..., None]  # `talk.Talk.write`, or of one agent among several


def unlogged(op: str, **data: Any) -> None: ...  # where nothing is to be resumed


class Dialogue:
    """Grows by what is said; `start_anew` begins a fresh conversation with the same system prompt.

    What happens is logged as it happens, so that a killed run can go on with the same conversation.
    """

    def __init__(
        self, model: Model, budget: Budget, system: str, marker: str, on_event: OnEvent, log: Log = unlogged
    ) -> None:
        self._model, self._budget, self._on_event, self._log = model, budget, on_event, log
        self.system, self._marker = system, marker
        self._conversation = Conversation(system)
        self._pending: list[Block] = []  # what the next request adds
        self._price_told = False
        self._retry = 0
        self.context = 0  # tokens of this conversation's last request
        self.last_text = ""
        self.closing = False  # what is kept back for the last request may be used

    def say(self, words: str) -> None:
        """Add our words to the next request."""
        self._add(text_block(words))

    def answer(self, call: ToolCall, content: list[Block], *, is_error: bool = False) -> None:
        """Add a call's result to the next request."""
        self._add({"type": "tool_result", "tool_use_id": call.id, "content": content, "is_error": is_error})

    def _add(self, block: Block) -> None:
        self._pending.append(block)
        self._log("add", block=block)

    def keep(self, reply: Reply) -> None:
        """Make a reply part of the conversation."""
        if reply.content:
            self._conversation.append("assistant", reply.content)
            self._conversation.last_id = reply.id
            self._log("reply", content=list(reply.content), id=reply.id)

    def start(self, opening: str) -> None:
        """Begin, or begin afresh: the request after this one holds these words alone."""
        self._conversation, self.context = Conversation(self.system), 0
        self._budget.bill.start_anew()
        self._log("start", prefix=self._conversation.prefix(TOOLS), marker=self._marker, opening=opening)
        self._pending = []
        self.say(opening)

    def go_on(self, talked: Talked, words: str) -> bool:
        """Go on with a conversation that was cut off, or False where this program would ask in another way."""
        conversation = Conversation(self.system, talked.messages, talked.last_id)
        if not (talked.messages or talked.pending) or talked.prefix != conversation.prefix(TOOLS):
            return False
        self._conversation = conversation
        self._log("start", prefix=talked.prefix, marker=self._marker, opening=talked.opening)
        for message in talked.messages:
            self._log_again(message, talked.last_id)
        answered = {block.get("tool_use_id") for block in talked.pending}
        for block in talked.pending:
            self._add(block)
        for call in conversation.unanswered():
            if call.id not in answered:
                self.answer(call, [text_block("Not finished: the run was interrupted here.")], is_error=True)
        self.say(words)
        return True

    def _log_again(self, message: Block, id: str) -> None:
        if message["role"] == "assistant":
            self._log("reply", content=message["content"], id=id)
            return
        for block in message["content"]:
            self._log("add", block=block)
        self._log("send")

    def ask(self) -> Reply:
        """One reply; cut off by time or by its length rather than let it use what is kept back.

        Raises OutOfTime, CredentialsRefused, ModelUnavailable.
        """
        self._on_event("turn_started", turn=self._budget.turns + 1, of=self._budget.limits.max_turns)
        if self._pending:
            self._send()
        cap = self._budget.tokens_left(closing=self.closing)
        reply = self._model.turn(self._conversation, TOOLS, self._hear, max_tokens=cap)
        self._budget.count(reply.usage, reply.miss)
        self.context = reply.usage.context
        self.last_text = reply.text or self.last_text
        self._show_usage()
        return reply

    def _send(self) -> None:
        self._conversation.append("user", self._pending)
        self._budget.bill.add_pictures(pictures_in(self._pending))
        self._log("send")
        self._pending = []

    def _hear(self, name: str, /, **data: Any) -> None:
        """What the model tells while it answers, passed on."""
        if name == "dropped":
            self._budget.bill.add_dropped(data["usage"])
        elif name == "retry":
            self._count_retry(int(data["retry"]), float(data["left_s"]))
        self._on_event(name, **data)
        # A dropped reply is told of while another exception is on its way: that one must get through.
        if name != "dropped" and self._budget.left_s(closing=self.closing) < data.get("left_s", 0.0):
            raise OutOfTime

    def _count_retry(self, retry: int, left_s: float) -> None:
        """Told every second, each time before it is waited for."""
        if retry != self._retry:
            self._budget.bill.add_repeated()
        self._retry = retry
        self._budget.bill.waited_s += min(1.0, left_s)

    def _show_usage(self) -> None:
        self._retry = 0
        budget, bill = self._budget, self._budget.bill
        if bill.cost_usd is None and not self._price_told:
            self._price_told = True
            who = f"{bill.model} at {bill.endpoint}" if bill.endpoint else bill.model
            self._on_event("note", text=f"no price is known for {who}: turns and time are limited, money is not")
        self._on_event("usage", **budget.as_event())


def pictures_in(blocks: Sequence[Block]) -> list[int]:
    """What the pictures of these blocks cost when they are sent, in tokens."""
    found = []
    for block in blocks:
        if block["type"] == "tool_result":
            found += pictures_in(block["content"])
        elif block["type"] == "image":
            found.append(picture_tokens(base64.b64decode(block["source"]["data"])))
    return found
