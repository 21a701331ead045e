"""The agent's side of the talk with a model: what the next request adds, one reply at a time, within the budget."""

from typing import Any

from debugbox.budget import Budget
from debugbox.conversation import Block, Conversation, Reply, ToolCall, text_block
from debugbox.model import Model, OnEvent
from debugbox.tools import TOOLS


class OutOfTime(Exception):
    """Leaves `on_event`, and so ends a reply that takes too long while it streams."""


class Dialogue:
    """Grows by what is said; `start_anew` begins a fresh conversation with the same system prompt."""

    def __init__(self, model: Model, budget: Budget, system: str, on_event: OnEvent) -> None:
        self._model, self._budget, self._on_event = model, budget, on_event
        self._system = system
        self._conversation = Conversation(system)
        self._pending: list[Block] = []  # what the next request adds
        self._price_told = False
        self.context = 0  # tokens of this conversation's last request
        self.last_text = ""
        self.closing = False  # what is kept back for the last request may be used

    def say(self, words: str) -> None:
        """Add our words to the next request."""
        self._pending.append(text_block(words))

    def answer(self, call: ToolCall, content: list[Block], *, is_error: bool = False) -> None:
        """Add a call's result to the next request."""
        result = {"type": "tool_result", "tool_use_id": call.id, "content": content, "is_error": is_error}
        self._pending.append(result)

    def keep(self, reply: Reply) -> None:
        """Make a reply part of the conversation."""
        if reply.content:
            self._conversation.append("assistant", reply.content)

    def start_anew(self, opening: str) -> None:
        self._conversation, self.context = Conversation(self._system), 0
        self._pending = [text_block(opening)]

    def ask(self) -> Reply:
        """One reply; cut off by time or by its length rather than let it use what is kept back.

        Raises OutOfTime, CredentialsRefused, ModelUnavailable.
        """
        self._on_event("turn_started", turn=self._budget.turns + 1, of=self._budget.limits.max_turns)
        if self._pending:
            self._conversation.append("user", self._pending)
            self._pending = []
        cap = self._budget.tokens_left(closing=self.closing)
        reply = self._model.turn(self._conversation, TOOLS, self._hear, max_tokens=cap)
        self._budget.count(reply.usage)
        self.context = reply.usage.context
        self.last_text = reply.text or self.last_text
        self._show_usage()
        return reply

    def _hear(self, name: str, /, **data: Any) -> None:
        """What the model tells while it answers, passed on."""
        if name == "dropped":
            self._budget.bill.add_dropped(data["usage"])
        self._on_event(name, **data)
        # A dropped reply is told of while another exception is on its way: that one must get through.
        if name != "dropped" and self._budget.left_s(closing=self.closing) < data.get("left_s", 0.0):
            raise OutOfTime

    def _show_usage(self) -> None:
        budget, bill = self._budget, self._budget.bill
        if bill.cost_usd is None and not self._price_told:
            self._price_told = True
            who = f"{bill.model} at {bill.endpoint}" if bill.endpoint else bill.model
            self._on_event("note", text=f"no price is known for {who}: turns and time are limited, money is not")
        self._on_event("usage", **budget.as_event())
