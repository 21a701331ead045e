"""What one run of the agent may use, and what is left of it: money, turns, time. Used by `agent`.

Something is always kept back for one closing request of each agent, so that a spent limit ends in a conclusion.
Agents side by side have a bill each and one purse: what one has used, the others cannot.
"""

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from debugbox.bill import Bill, Prices, Usage, load_prices
from debugbox.finding import Cost
from debugbox.model import Clock, Model

CLOSING_TIME_S = 60.0  # kept back for the closing request; at most a quarter of the time
CLOSING_TOKENS = 4_000  # kept back for its reply
LEAST_TOKENS = 2_000  # a reply that must be shorter than this is not worth asking for
NEAR_THE_END = 0.8  # of any limit


@dataclass(frozen=True, kw_only=True)
class AgentLimits:
    """What one run may use. Turns are answered requests, the closing one included.

    The money is kept by capping each reply; what can still overshoot it is a cache that expires in between,
    or the one request after the last known price of its context.
    """

    max_cost_usd: float = 2.0
    max_turns: int = 40
    max_time_s: float = 1_200.0
    cell_timeout_s: float = 60.0
    recipe_timeout_s: float = 300.0  # the most a call may ask for: recipes and slow programs


class Budget:
    """The limits of a run against its clock, its turns and its bill. `split` gives others a part in it."""

    def __init__(self, limits: AgentLimits, model: Model, clock: Clock, prices: Prices | None = None) -> None:
        self.limits = limits
        self.at_work = True
        self._turns = 0
        self._claimed = 0  # turns that this agent is about to take
        self._why_ended = ""
        self._longest = (0.0, "")  # what took the most time since the last reply: a cache may have expired over it
        self._all = [self]  # everybody who uses these limits
        self._lock = threading.Lock()
        self._model, self._clock, self._prices = model, clock, prices
        self._started_s = self._counted_s = clock.monotonic()

    @cached_property
    def bill(self) -> Bill:
        """Made at first use: a model knows its endpoint only once its client exists."""
        facts = self._model.describe()
        return Bill(facts.model, endpoint=facts.endpoint, prices=self._prices or load_prices())

    def split(self, count: int) -> list["Budget"]:
        """Budgets of as many agents that go on side by side, while this one waits; the limits stay those of all."""
        parts = [Budget(self.limits, self._model, self._clock, self._prices) for _ in range(count)]
        self._all = [self, *parts]
        self.at_work = False
        for part in parts:
            part._all, part._lock, part._started_s = self._all, self._lock, self._started_s
        return parts

    def start(self) -> None:
        self._started_s = self._clock.monotonic()

    def finish(self) -> None:
        """This agent asks for nothing more: what it had to itself is the others'."""
        self.at_work, self._claimed = False, 0

    def end_now(self, why: str) -> None:
        """Leave nothing but the closing request, whatever the limits say."""
        self._why_ended = self._why_ended or why

    @property
    def turns(self) -> int:
        """Of all who share these limits."""
        return sum(each._turns for each in self._all)

    @property
    def spent_usd(self) -> float | None:
        """By all who share these limits; None where no price is known."""
        costs = [each.bill.cost_usd for each in self._all]
        return sum(cost for cost in costs if cost is not None) if None not in costs else None

    @property
    def elapsed_s(self) -> float:
        return self._clock.monotonic() - self._started_s

    def count(self, usage: Usage, miss: str = "") -> None:
        """A reply to a request that has just ended. `miss` is what the endpoint says of its cache."""
        self._turns, self._claimed = self._turns + 1, 0
        now_s = self._clock.monotonic()
        self.bill.add(usage, now_s - self._counted_s, during=self._longest[1], told=miss)
        self._counted_s, self._longest = now_s, (0.0, "")

    def took(self, what: str, since_s: float) -> None:
        """Something that was done between two replies, begun at `since_s` of the clock."""
        self._longest = max(self._longest, (self._clock.monotonic() - since_s, what))

    def now_s(self) -> float:
        return self._clock.monotonic()

    def left_s(self, *, closing: bool = False) -> float:
        """Seconds for what comes next, the closing request's own left out unless it is that."""
        if self._why_ended and not closing:
            return 0.0
        kept_s = 0.0 if closing else min(CLOSING_TIME_S, self.limits.max_time_s / 4)
        return self.limits.max_time_s - kept_s - self.elapsed_s

    def tokens_left(self, *, closing: bool = False) -> int | None:
        """How long the next reply may be; None where no price is known and money sets no limit.

        Whoever shares the limits may ask at the same moment: each gets an equal part of what is left.
        """
        left_usd = self.limits.max_cost_usd - (self.spent_usd or 0.0)
        kept_usd = 0.0 if closing else self.bill.next_usd(CLOSING_TOKENS)
        return self.bill.affordable_output(left_usd / self._side_by_side - kept_usd)

    def cell_timeout_s(self, asked_s: float | None) -> float | None:
        """For one cell: what was asked for, within the limits and the time left; None: the bench's default."""
        wanted_s = min(asked_s or self.limits.cell_timeout_s, self.limits.recipe_timeout_s)
        left_s = self.left_s()
        return None if asked_s is None and wanted_s <= left_s else max(1.0, min(wanted_s, left_s))

    def take_turn(self) -> str:
        """Claim the next turn: empty, or in words which limit does not allow another one."""
        with self._lock:
            others = sum(each._claimed for each in self._all if each is not self)
            if self.turns + others >= self.limits.max_turns - self._side_by_side:
                return f"the limit of {self.limits.max_turns} turns (--max-turns) is reached"
            self._claimed = 1
        if self.left_s() <= 0:
            return self.time_is_up()
        tokens = self.tokens_left()
        if tokens is not None and tokens < LEAST_TOKENS:
            return f"the limit of ${self.limits.max_cost_usd:.2f} (--max-cost) is reached"
        return ""

    def may_close(self) -> bool:
        """Whether there is enough for the closing request."""
        tokens = self.tokens_left(closing=True)
        return self.left_s(closing=True) > 0 and (tokens is None or tokens >= LEAST_TOKENS)

    def time_is_up(self) -> str:
        return self._why_ended or f"the limit of {self.limits.max_time_s / 60:.3g} minutes (--max-time) is reached"

    def near_the_end(self) -> str:
        """What is left, in words, once a limit is nearly reached; empty before."""
        spent_usd = self.spent_usd or 0.0
        shares = (
            self.turns / self.limits.max_turns,
            self.elapsed_s / self.limits.max_time_s,
            spent_usd / self.limits.max_cost_usd if self.limits.max_cost_usd else 0.0,
        )
        if max(shares) < NEAR_THE_END:
            return ""
        left_usd = "" if self.spent_usd is None else f", ${self.limits.max_cost_usd - spent_usd:.2f}"
        return f"{self.limits.max_turns - self.turns} turns, {self.left_s() / 60:.0f} minutes{left_usd}"

    def as_event(self) -> dict[str, Any]:
        """The data of a `usage` event; `line` is for people. The context is this agent's, all else everybody's."""
        bill, limit_usd, elapsed_s = self.whole_bill(), self.limits.max_cost_usd, self.elapsed_s
        return {
            "line": bill.line(turn=self.turns, max_cost_usd=limit_usd, elapsed_s=elapsed_s),
            "turn": self.turns,
            "context_tokens": bill.last.context,
            "cached_share": bill.cached_share,
            "cost_usd": bill.cost_usd,
            "max_cost_usd": limit_usd,
            "elapsed_s": elapsed_s,
        }

    def whole_bill(self) -> Bill:
        """The bill of all who shared these limits."""
        return self.bill.together_with([each.bill for each in self._all if each is not self])

    def as_cost(self, *, cells: int) -> Cost:
        """The record's entry."""
        return self.whole_bill().as_cost(duration_s=self.elapsed_s, turns=self.turns, cells=cells)

    @property
    def _side_by_side(self) -> int:
        """How many agents may ask: the one that has split its budget waits for the others."""
        return max(1, sum(each.at_work for each in self._all))
