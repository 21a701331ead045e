"""What one run of the agent may use, and what is left of it: money, turns, time. Used by `agent`.

Something is always kept back for one closing request, so that a spent limit ends in a conclusion.
"""

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
    """The limits of a run against its clock, its turns and its bill."""

    def __init__(self, limits: AgentLimits, model: Model, clock: Clock, prices: Prices | None = None) -> None:
        self.limits = limits
        self.turns = 0
        self._model, self._clock, self._prices = model, clock, prices
        self._started_s = self._counted_s = clock.monotonic()

    @cached_property
    def bill(self) -> Bill:
        """Made at first use: a model knows its endpoint only once its client exists."""
        facts = self._model.describe()
        return Bill(facts.model, endpoint=facts.endpoint, prices=self._prices or load_prices())

    def start(self) -> None:
        self._started_s = self._clock.monotonic()

    @property
    def elapsed_s(self) -> float:
        return self._clock.monotonic() - self._started_s

    def count(self, usage: Usage) -> None:
        """A reply to a request that has just ended."""
        self.turns += 1
        now_s = self._clock.monotonic()
        self.bill.add(usage, now_s - self._counted_s)
        self._counted_s = now_s

    def left_s(self, *, closing: bool = False) -> float:
        """Seconds for what comes next, the closing request's own left out unless it is that."""
        kept_s = 0.0 if closing else min(CLOSING_TIME_S, self.limits.max_time_s / 4)
        return self.limits.max_time_s - kept_s - self.elapsed_s

    def tokens_left(self, *, closing: bool = False) -> int | None:
        """How long the next reply may be; None where no price is known and money sets no limit."""
        left_usd = self.limits.max_cost_usd - (self.bill.cost_usd or 0.0)
        kept_usd = 0.0 if closing else self.bill.next_usd(CLOSING_TOKENS)
        return self.bill.affordable_output(left_usd - kept_usd)

    def cell_timeout_s(self, asked_s: float | None) -> float | None:
        """For one cell: what was asked for, within the limits and the time left; None: the bench's default."""
        wanted_s = min(asked_s or self.limits.cell_timeout_s, self.limits.recipe_timeout_s)
        left_s = self.left_s()
        return None if asked_s is None and wanted_s <= left_s else max(1.0, min(wanted_s, left_s))

    def spent(self) -> str:
        """Which limit does not allow another turn, in words; empty while all of them do."""
        if self.turns >= self.limits.max_turns - 1:
            return f"the limit of {self.limits.max_turns} turns is reached"
        if self.left_s() <= 0:
            return self.time_is_up()
        tokens = self.tokens_left()
        if tokens is not None and tokens < LEAST_TOKENS:
            return f"the limit of ${self.limits.max_cost_usd:.2f} is reached"
        return ""

    def may_close(self) -> bool:
        """Whether there is enough for the closing request."""
        tokens = self.tokens_left(closing=True)
        return self.left_s(closing=True) > 0 and (tokens is None or tokens >= LEAST_TOKENS)

    def time_is_up(self) -> str:
        return f"the limit of {self.limits.max_time_s / 60:.3g} minutes is reached"

    def near_the_end(self) -> str:
        """What is left, in words, once a limit is nearly reached; empty before."""
        spent_usd = self.bill.cost_usd or 0.0
        shares = (
            self.turns / self.limits.max_turns,
            self.elapsed_s / self.limits.max_time_s,
            spent_usd / self.limits.max_cost_usd if self.limits.max_cost_usd else 0.0,
        )
        if max(shares) < NEAR_THE_END:
            return ""
        left_usd = "" if self.bill.cost_usd is None else f", ${self.limits.max_cost_usd - spent_usd:.2f}"
        return f"{self.limits.max_turns - self.turns} turns, {self.left_s() / 60:.0f} minutes{left_usd}"

    def as_event(self) -> dict[str, Any]:
        """The data of a `usage` event; `line` is for people."""
        limit_usd, elapsed_s = self.limits.max_cost_usd, self.elapsed_s
        return {
            "line": self.bill.line(turn=self.turns, max_cost_usd=limit_usd, elapsed_s=elapsed_s),
            "turn": self.turns,
            "context_tokens": self.bill.last.context,
            "cached_share": self.bill.cached_share,
            "cost_usd": self.bill.cost_usd,
            "max_cost_usd": limit_usd,
            "elapsed_s": elapsed_s,
        }

    def as_cost(self, *, cells: int) -> Cost:
        """The record's entry."""
        return self.bill.as_cost(duration_s=self.elapsed_s, turns=self.turns, cells=cells)
