"""The agent: ask the model, have its calls carried out, show it what came back, stop. Neighbours: `model`, `hands`.

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
    established   text                        the symptom, an intervention tried, a hypothesis
    note          text                        anything else worth a line: a nudge, a conclusion that goes back
    concluded     conclusion                  once, at the end
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from debugbox.bill import Bill, Prices
from debugbox.budget import AgentLimits as AgentLimits
from debugbox.budget import Budget
from debugbox.calls import Conclude, conclusion_of, read_call
from debugbox.conversation import Reply, ToolCall, text_block
from debugbox.dialogue import Dialogue, OutOfTime
from debugbox.errors import BoxGone, CellInterrupted, CredentialsRefused, KernelDied, ModelUnavailable
from debugbox.finding import Conclusion, Cost
from debugbox.foreign import clean_line
from debugbox.hands import Bench, Hands
from debugbox.ledger import Laboratory, Ledger
from debugbox.model import Clock, Model, OnEvent
from debugbox.shown import VARIABLES, Marker, first_message, fresh_start, off_track, system_prompt

NUDGES = 2  # to a model that stops without concluding
RETURNS = 3  # of a conclusion with wrong places or quotes, or with checks that did not pass
HANDOVERS = 2  # to a fresh conversation, when the context is full
HANDOVER_TOKENS = 100_000  # of context: beyond it a fresh conversation works better and costs less
KEPT_CELLS = 8  # of a run that ended without a conclusion, the last ones that worked

Review = Callable[[Conclusion], list[str]]
Steer = Callable[[], str | None]


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """No conclusion. `may_close`: the model may be asked once for what it has."""

    why: str
    may_close: bool = True


def _silent(name: str, /, **data: Any) -> None: ...  # for runs that nobody watches


class Agent:
    """One investigation by a model. `cards` are the recipes' one-liners, constants of the run."""

    def __init__(
        self,
        model: Model,
        bench: Bench,
        laboratory: Laboratory,
        *,
        limits: AgentLimits | None = None,
        on_event: OnEvent = _silent,
        steer: Steer | None = None,
        clock: Clock = time,
        cards: Sequence[str] = (),
        prices: Prices | None = None,
    ) -> None:
        self._bench, self._on_event, self._steer = bench, on_event, steer
        self._budget = Budget(limits or AgentLimits(), model, clock, prices)
        self._system = system_prompt(cards)
        self._marker = Marker()
        self.ledger = Ledger(laboratory)
        self._hands = Hands(bench, self.ledger, self._budget, self._marker, on_event)
        self._dialogue = Dialogue(model, self._budget, self._system, on_event)
        self._opening = ""
        self._nudges = self._returns = self._handovers = 0
        self._draft: Conclusion | None = None  # the last conclusion that went back

    def run(
        self, question: str, *, review: Review, run: str = "", overview: str = "", past: str = "", earlier: str = ""
    ) -> Conclusion:
        """Investigate, and end in a Conclusion whatever the model or the box does.

        `review` names what is wrong with a conclusion. `run` is the user's command that shows the symptom.
        Foreign text: `overview` of the repository, `past` of an interrupted run, `earlier` of kept findings.
        `Conclusion.stopped` is empty where the model concluded, be it because a limit was reached: then
        `limits` says so.

        Raises:
            CredentialsRefused: before the first reply: the user must know at once.
            KeyboardInterrupt: Ctrl-C while it was being concluded because of a Ctrl-C.
        """
        self._budget.start()
        before = () if past else self._bench.cells
        limits, marker = self._budget.limits, self._marker
        told = {"past": past, "earlier": earlier}
        self._opening = first_message(question, run, overview, limits, marker, cells=before, **told)
        self._dialogue.say(self._opening)
        conclusion = self.ledger.complete(self._investigate(review))
        self._on_event("concluded", conclusion=conclusion)
        return conclusion

    @property
    def bill(self) -> Bill:
        return self._budget.bill

    def cost(self) -> Cost:
        """What the run took so far."""
        return self._budget.as_cost(cells=len(self._bench.cells))

    def _investigate(self, review: Review) -> Conclusion:
        try:
            outcome: Conclusion | Stopped | None = None
            while outcome is None:
                outcome = self._take_turn(review)
            return self._close(outcome) if isinstance(outcome, Stopped) else outcome
        except OutOfTime:
            return self._unfinished(self._budget.time_is_up())
        except ModelUnavailable as err:
            return self._unfinished(str(err))
        except CredentialsRefused as err:
            if not self._budget.turns:
                raise
            return self._unfinished(str(err))

    def _take_turn(self, review: Review) -> Conclusion | Stopped | None:
        if limit := self._budget.spent():
            return Stopped(why=limit)
        self._say_near_the_end()
        try:
            if self._dialogue.context >= HANDOVER_TOKENS:
                return self._hand_over_with_a_note()
            return self._act(self._dialogue.ask(), review)
        except OutOfTime:
            return Stopped(why=self._budget.time_is_up())
        except KeyboardInterrupt:
            return self._hear_user()

    def _hear_user(self) -> Stopped | None:
        """After a Ctrl-C: what the user types goes to the model; a second one, or nobody there, concludes now."""
        try:
            words = self._steer() if self._steer else None
        except KeyboardInterrupt:
            words = None
        if words is None:
            return Stopped(why="Ctrl-C")
        if words.strip():
            self._on_event("note", text=f"you: {clean_line(words)}")
            self._dialogue.say(f"The user interrupts: {words.strip()}")
        return None

    def _act(self, reply: Reply, review: Review) -> Conclusion | Stopped | None:
        """What follows from a reply. One that was refused or cut is dropped: no call of it is run."""
        if reply.stop == "refusal":
            hint = "code about machine learning or security can trip this without any harm in it"
            return Stopped(why=f"the model refused ({reply.detail}); {hint}", may_close=False)
        if reply.stop == "max_tokens":
            return Stopped(why="a reply was cut at its longest")
        if reply.stop == "model_context_window_exceeded":
            return self._hand_over()
        self._dialogue.keep(reply)
        if reply.calls:
            return self._run_calls(reply.calls, review)
        return None if reply.stop == "pause_turn" else self._nudge(reply)

    def _run_calls(self, calls: Sequence[ToolCall], review: Review) -> Conclusion | Stopped | None:
        """All calls of a reply, in order: there is one kernel. Each gets its result, after a stop too."""
        stopped: Stopped | None = None
        for number, call in enumerate(calls):
            try:
                outcome = stopped or self._run_call(call, review)
            except KeyboardInterrupt as stop:
                self._answer_interrupted(calls[number:], stop)
                raise
            if isinstance(outcome, Conclusion):
                return outcome
            if outcome:
                self._dialogue.answer(call, [text_block(f"Not run: {outcome.why}.")], is_error=True)
            stopped = outcome
        return stopped or self._going_in_circles()

    def _run_call(self, call: ToolCall, review: Review) -> Conclusion | Stopped | None:
        try:
            asked = read_call(call)
        except ValueError as err:
            self._dialogue.answer(call, [text_block(f"Nothing was run. {err}")], is_error=True)
            return None
        if isinstance(asked, Conclude):
            self._on_event("tool_called", tool=call.name, purpose="", code_lines=0)
            return self._weigh(call, self.ledger.complete(asked.as_conclusion()), review)
        if self._budget.left_s() <= 0:
            return Stopped(why=self._budget.time_is_up())
        try:
            result = self._hands.act(asked)
        except (BoxGone, KernelDied) as err:  # no other box can be had
            return Stopped(why=f"the box is gone: {clean_line(err.cause)[:300]}")
        self._dialogue.answer(call, result.content, is_error=result.is_error)
        return None

    def _answer_interrupted(self, calls: Sequence[ToolCall], stop: KeyboardInterrupt) -> None:
        """The provider wants a result for each call: what the cell had given, and that the rest was not run."""
        cell = stop.cell if isinstance(stop, CellInterrupted) else None
        content = self._hands.show(cell).content if cell else [text_block("The user interrupted it.")]
        self._dialogue.answer(calls[0], content, is_error=True)
        for call in calls[1:]:
            self._dialogue.answer(call, [text_block("Not run: the user interrupted.")], is_error=True)

    def _going_in_circles(self) -> Stopped | None:
        """Twice what was pointed out already is the end of patience."""
        why = next(iter(off_track(self._bench.cells, patience=2).values()), "")
        return Stopped(why=f"it went in circles: {why.partition('. ')[0]}") if why else None

    def _weigh(self, call: ToolCall, conclusion: Conclusion, review: Review) -> Conclusion | None:
        """The conclusion, or None where it went back for what is wrong with it."""
        if self._returns == RETURNS or self._budget.left_s() <= 0:
            return conclusion
        problems = review(conclusion)
        if not problems:
            return conclusion
        self._returns += 1
        self._draft = conclusion
        self._on_event("note", text=f"the conclusion goes back: {'; '.join(problems)}")
        listed = "\n".join(f"- {problem}" for problem in problems)
        words = "Not accepted yet. Correct what is wrong and conclude again; the same again is taken as it is:"
        self._dialogue.answer(call, [text_block(f"{words}\n{self._marker.around(listed)}")], is_error=True)
        return None

    def _nudge(self, reply: Reply) -> Stopped | None:
        """A reply that calls nothing is a report at best, and no proof."""
        if not reply.content:
            self._dialogue.say("Please continue.")
            return None if self._hands.once("empty") else Stopped(why="the model answered with nothing, twice")
        if self._nudges == NUDGES:
            return Stopped(why="the model never called conclude", may_close=False)
        self._nudges += 1
        self._on_event("note", text="the model stopped without concluding; it is asked to")
        words = "The investigation is still open: only `conclude` ends it. Go on, or call it with what you have."
        self._dialogue.say(words)
        return None

    def _hand_over(self) -> Stopped | None:
        """Start a fresh conversation with what the cells gave; the kernel keeps its state."""
        if not self._bench.cells:
            sizes = f"{len(self._opening):,} characters, with a system prompt of {len(self._system):,}"
            return Stopped(why=f"the first message is too long for the model: {sizes}", may_close=False)
        if self._handovers == HANDOVERS:
            return Stopped(why="the model's context is full again", may_close=False)
        self._handovers += 1
        return self._start_anew("the context is full", "")

    def _hand_over_with_a_note(self) -> Stopped | None:
        """Before the context is so long that it works worse: the model leaves a note for the one that takes over."""
        words = "This conversation is long, a fresh one will take over. Write what it must know: what is shown, what is"
        self._dialogue.say(f"{words} ruled out, what to do next. Only text; call nothing.")
        note = self._dialogue.ask()
        return self._start_anew(f"the context has {self._dialogue.context / 1000:.0f}k tokens", note.text)

    def _start_anew(self, why: str, note: str) -> Stopped | None:
        """A fresh conversation from what was found; the kernel keeps its state."""
        self._on_event("note", text=f"{why}: a fresh conversation takes over")
        try:
            self._bench.run_cell(VARIABLES, purpose="the variables that live in the kernel")
        except (BoxGone, KernelDied) as err:
            return Stopped(why=f"the box is gone: {clean_line(err.cause)[:300]}")
        found = "\n\n".join(part for part in (note, self.ledger.digest()) if part)
        self._dialogue.start_anew(fresh_start(self._opening, found, self._bench.cells, self._marker))
        return None

    def _close(self, stopped: Stopped) -> Conclusion:
        """Ask once more for a conclusion from what there is."""
        self._on_event("note", text=stopped.why)
        if not (stopped.may_close and self._budget.may_close()):
            return self._unfinished(stopped.why)
        self._dialogue.closing = True
        words = f"The investigation ends here: {stopped.why}. Call `conclude` now with what the cells have shown."
        self._dialogue.say(f"{words} No further cell is run.")
        try:
            conclusion = conclusion_of(self._dialogue.ask())
        except ModelUnavailable:
            conclusion = None
        if conclusion is None:
            return self._unfinished(stopped.why)
        return replace(conclusion, limits=(*conclusion.limits, f"Cut short: {stopped.why}."))

    def _unfinished(self, why: str) -> Conclusion:
        """What there is: the conclusion that went back, else the last words, and the cells that worked."""
        if self._draft:
            return replace(self._draft, stopped=why)
        worked = [cell for cell in self._bench.cells if cell.status == "ok" and cell.outputs and not cell.setup]
        captions = {cell.id: cell.purpose for cell in worked[-KEPT_CELLS:]}
        answer = self._dialogue.last_text or f"There is no answer: {why}."
        return Conclusion(answer=answer, by="agent", captions=captions, stopped=why)

    def _say_near_the_end(self) -> None:
        left = self._budget.near_the_end()
        if left and self._hands.once("near the end"):
            self._dialogue.say(f"Left for this investigation: {left}. Bring it to an end and conclude.")
