"""The agent: ask the model, run what it asks for, show it what came back, stop. Neighbours: `model`, `tools`.

Every ending is a Conclusion. What a person may want to see goes to `on_event(name, **data)`:

    turn_started  turn, of                    a request goes out
    thinking      text                        a piece of the model's notes, as they stream in
    text          text                        a piece of its answer
    writing       characters                  it is writing a call: how much of the reply has come so far
    retry         why, left_s, retry, of      the request failed, and is repeated in left_s; told every second
    dropped       why, usage                  a reply was thrown away; its tokens are on the bill
    usage         line, turn, context_tokens, cached_share, cost_usd, max_cost_usd, elapsed_s
    tool_called   tool, purpose, code_lines   a call begins; for `conclude`, purpose is "" and code_lines 0
    cell_finished cell                        the frozen Cell
    note          text                        anything else worth a line: a nudge, a conclusion that goes back
    concluded     conclusion                  once, at the end
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from debugbox.bill import Prices
from debugbox.budget import AgentLimits as AgentLimits
from debugbox.budget import Budget
from debugbox.conversation import Block, Conversation, Reply, ToolCall, text_block
from debugbox.errors import BoxGone, CredentialsRefused, KernelDied, ModelUnavailable
from debugbox.finding import Cell, Conclusion, Cost
from debugbox.foreign import clean_line
from debugbox.model import Clock, Model, OnEvent
from debugbox.shown import Marker, digest_cells, first_message, off_track, show_cell, system_prompt
from debugbox.tools import TOOLS, RunCode, conclusion_of, read_call

NUDGES = 2  # to a model that stops without concluding
LINT_RETURNS = 2  # of a conclusion with wrong places or quotes
HANDOVERS = 2  # to a fresh conversation, when the context is full
KEPT_CELLS = 8  # of a run that ended without a conclusion, the last ones that worked

Lint = Callable[[Conclusion], list[str]]


class Bench(Protocol):
    """Where cells run: a box, and the record of what ran in it."""

    @property
    def cells(self) -> Sequence[Cell]: ...

    def run_cell(self, code: str, *, purpose: str, timeout_s: float | None = None, setup: bool = False) -> Cell:
        """The finished cell, whatever its code did. Raises BoxGone where no box can be had any more."""


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """No conclusion. `may_close`: the model may be asked once for what it has."""

    why: str
    may_close: bool = True


class _OutOfTime(Exception):
    """Leaves `on_event`, and so ends a reply that takes too long while it streams."""


def _silent(name: str, /, **data: Any) -> None:
    """For runs that nobody watches."""


class Agent:
    """One investigation by a model. `cards` are the recipes' one-liners, constants of the run."""

    def __init__(
        self,
        model: Model,
        bench: Bench,
        *,
        limits: AgentLimits | None = None,
        on_event: OnEvent = _silent,
        clock: Clock = time,
        cards: Sequence[str] = (),
        prices: Prices | None = None,
    ) -> None:
        self._model, self._bench, self._on_event = model, bench, on_event
        self._budget = Budget(limits or AgentLimits(), model, clock, prices)
        self._system = system_prompt(cards)
        self._marker = Marker()
        self._conversation = Conversation(self._system)
        self._opening = ""
        self._pending: list[Block] = []  # what the next request adds
        self._nudges = self._lint_returns = self._handovers = 0
        self._said: set[str] = set()  # what is said once
        self._draft: Conclusion | None = None  # the last conclusion that went back
        self._last_text = ""
        self._closing = False

    def run(self, question: str, *, lint: Lint, run: str = "", overview: str = "") -> Conclusion:
        """Investigate, and end in a Conclusion whatever the model or the box does.

        `lint` names what is wrong with a conclusion. `run` is the user's command that shows the symptom.
        `overview` is foreign text about the repository. `Conclusion.stopped` is empty where the model
        concluded, be it because a limit was reached: then `limits` says so.

        Raises CredentialsRefused before the first reply: the user must know at once.
        """
        self._budget.start()
        self._opening = first_message(question, run, overview, self._budget.limits, self._marker)
        self._pending = [text_block(self._opening)]
        conclusion = self._investigate(lint)
        self._on_event("concluded", conclusion=conclusion)
        return conclusion

    def cost(self) -> Cost:
        """What the run took so far."""
        return self._budget.as_cost(cells=len(self._bench.cells))

    def _investigate(self, lint: Lint) -> Conclusion:
        try:
            outcome: Conclusion | Stopped | None = None
            while outcome is None:
                outcome = self._take_turn(lint)
            return self._close(outcome) if isinstance(outcome, Stopped) else outcome
        except KeyboardInterrupt:
            return self._unfinished("Ctrl-C")
        except _OutOfTime:
            return self._unfinished(self._budget.time_is_up())
        except ModelUnavailable as err:
            return self._unfinished(str(err))
        except CredentialsRefused as err:
            if not self._budget.turns:
                raise
            return self._unfinished(str(err))

    def _take_turn(self, lint: Lint) -> Conclusion | Stopped | None:
        if limit := self._budget.spent():
            return Stopped(why=limit)
        self._say_near_the_end()
        try:
            return self._act(self._ask(), lint)
        except _OutOfTime:
            return Stopped(why=self._budget.time_is_up())

    def _ask(self) -> Reply:
        """One reply; cut off by time or by its length rather than let it use what is kept back."""
        self._on_event("turn_started", turn=self._budget.turns + 1, of=self._budget.limits.max_turns)
        if self._pending:
            self._conversation.append("user", self._pending)
            self._pending = []
        cap = self._budget.tokens_left(closing=self._closing)
        reply = self._model.turn(self._conversation, TOOLS, self._hear, max_tokens=cap)
        self._budget.count(reply.usage)
        self._last_text = reply.text or self._last_text
        self._show_usage()
        return reply

    def _hear(self, name: str, /, **data: Any) -> None:
        """What the model tells while it answers, passed on."""
        if name == "dropped":
            self._budget.bill.add(data["usage"])
        self._on_event(name, **data)
        # A dropped reply is told of while another exception is on its way: that one must get through.
        if name != "dropped" and self._budget.left_s(closing=self._closing) < data.get("left_s", 0.0):
            raise _OutOfTime

    def _act(self, reply: Reply, lint: Lint) -> Conclusion | Stopped | None:
        """What follows from a reply. One that was refused or cut is dropped: no call of it is run."""
        if reply.stop == "refusal":
            hint = "code about machine learning or security can trip this without any harm in it"
            return Stopped(why=f"the model refused ({reply.detail}); {hint}", may_close=False)
        if reply.stop == "max_tokens":
            return Stopped(why="a reply was cut at its longest")
        if reply.stop == "model_context_window_exceeded":
            return self._hand_over()
        if reply.content:
            self._conversation.append("assistant", reply.content)
        if reply.calls:
            return self._run_calls(reply.calls, lint)
        return None if reply.stop == "pause_turn" else self._nudge(reply)

    def _run_calls(self, calls: Sequence[ToolCall], lint: Lint) -> Conclusion | Stopped | None:
        """All calls of a reply, in order: there is one kernel. Each gets its result, after a stop too."""
        stopped: Stopped | None = None
        for call in calls:
            outcome = stopped or self._run_call(call, lint)
            if isinstance(outcome, Conclusion):
                return outcome
            if outcome:
                self._answer(call, [text_block(f"Not run: {outcome.why}.")], is_error=True)
            stopped = outcome
        return stopped

    def _run_call(self, call: ToolCall, lint: Lint) -> Conclusion | Stopped | None:
        try:
            asked = read_call(call)
        except ValueError as err:
            self._answer(call, [text_block(f"Nothing was run. {err}")], is_error=True)
            return None
        if isinstance(asked, RunCode):
            return self._run_code(call, asked)
        self._on_event("tool_called", tool=call.name, purpose="", code_lines=0)
        return self._weigh(call, asked, lint)

    def _run_code(self, call: ToolCall, asked: RunCode) -> Stopped | None:
        if self._budget.left_s() <= 0:
            return Stopped(why=self._budget.time_is_up())
        lines = len(asked.code.splitlines())
        self._on_event("tool_called", tool=call.name, purpose=asked.purpose, code_lines=lines)
        timeout_s = self._budget.cell_timeout_s(asked.timeout_s)
        try:
            cell = self._bench.run_cell(asked.code, purpose=asked.purpose, timeout_s=timeout_s, setup=asked.setup)
        except (BoxGone, KernelDied) as err:  # no other box can be had
            return Stopped(why=f"the box is gone: {clean_line(err.cause)[:300]}")
        self._on_event("cell_finished", cell=cell)
        notes = [text_block(words) for what, words in off_track(self._bench.cells).items() if self._once(what)]
        self._answer(call, [*show_cell(cell, self._marker), *notes], is_error=cell.status != "ok")
        return None

    def _weigh(self, call: ToolCall, conclusion: Conclusion, lint: Lint) -> Conclusion | None:
        """The conclusion, or None where it went back because it names what is not there."""
        problems = lint(conclusion)
        if not problems or self._lint_returns == LINT_RETURNS:
            return conclusion
        self._lint_returns += 1
        self._draft = conclusion
        self._on_event("note", text=f"the conclusion goes back: {'; '.join(problems)}")
        listed = "\n".join(f"- {problem}" for problem in problems)
        words = "Not accepted yet. Look these up in the box, correct them, and conclude again:"
        self._answer(call, [text_block(f"{words}\n{self._marker.around(listed)}")], is_error=True)
        return None

    def _answer(self, call: ToolCall, content: list[Block], *, is_error: bool) -> None:
        result = {"type": "tool_result", "tool_use_id": call.id, "content": content, "is_error": is_error}
        self._pending.append(result)

    def _nudge(self, reply: Reply) -> Stopped | None:
        """A reply that calls nothing is a report at best, and no proof."""
        if not reply.content:
            self._pending.append(text_block("Please continue."))
            return None if self._once("empty") else Stopped(why="the model answered with nothing, twice")
        if self._nudges == NUDGES:
            return Stopped(why="the model never called conclude", may_close=False)
        self._nudges += 1
        self._on_event("note", text="the model stopped without concluding; it is asked to")
        words = "The investigation is still open: only `conclude` ends it. Go on, or call it with what you have."
        self._pending.append(text_block(words))
        return None

    def _hand_over(self) -> Stopped | None:
        """Start a fresh conversation with what the cells gave; the kernel keeps its state."""
        if not self._bench.cells:
            sizes = f"{len(self._opening):,} characters, with a system prompt of {len(self._system):,}"
            return Stopped(why=f"the first message is too long for the model: {sizes}", may_close=False)
        if self._handovers == HANDOVERS:
            return Stopped(why="the model's context is full again", may_close=False)
        self._handovers += 1
        self._on_event("note", text="the context is full: a fresh conversation takes over")
        self._conversation = Conversation(self._system)
        words = "The conversation before this did not fit any more. The kernel still has all variables. So far:"
        digest = digest_cells(self._bench.cells, self._marker)
        self._pending = [text_block(f"{self._opening}\n\n{words}\n{digest}")]
        return None

    def _close(self, stopped: Stopped) -> Conclusion:
        """Ask once more for a conclusion from what there is."""
        self._on_event("note", text=stopped.why)
        if not (stopped.may_close and self._budget.may_close()):
            return self._unfinished(stopped.why)
        self._closing = True
        words = f"The investigation ends here: {stopped.why}. Call `conclude` now with what the cells have shown."
        self._pending.append(text_block(f"{words} No further cell is run."))
        conclusion = conclusion_of(self._ask())
        if conclusion is None:
            return self._unfinished(stopped.why)
        return replace(conclusion, limits=(*conclusion.limits, f"Cut short: {stopped.why}."))

    def _unfinished(self, why: str) -> Conclusion:
        """What there is: the conclusion that went back, else the last words, and the cells that worked."""
        if self._draft:
            return replace(self._draft, stopped=why)
        worked = [cell for cell in self._bench.cells if cell.status == "ok" and cell.outputs and not cell.setup]
        captions = {cell.id: cell.purpose for cell in worked[-KEPT_CELLS:]}
        answer = self._last_text or f"There is no answer: {why}."
        return Conclusion(answer=answer, by="agent", captions=captions, stopped=why)

    def _once(self, what: str) -> bool:
        first = what not in self._said
        self._said.add(what)
        return first

    def _say_near_the_end(self) -> None:
        left = self._budget.near_the_end()
        if left and self._once("near the end"):
            self._pending.append(text_block(f"Left for this investigation: {left}. Bring it to an end and conclude."))

    def _show_usage(self) -> None:
        budget, bill = self._budget, self._budget.bill
        if bill.cost_usd is None and self._once("no price"):
            who = f"{bill.model} at {bill.endpoint}" if bill.endpoint else bill.model
            self._on_event("note", text=f"no price is known for {who}: turns and time are limited, money is not")
        self._on_event("usage", **budget.as_event())
