"""The agent: ask the model, have its calls carried out, show it what came back, stop. Neighbours: `model`, `hands`.

Every ending is a Conclusion. What a person may want to see goes to `on_event`: `events` lists it.
"""

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from debugbox.bill import Prices
from debugbox.budget import AgentLimits as AgentLimits
from debugbox.budget import Budget
from debugbox.calls import Conclude, conclusion_of, read_call
from debugbox.conversation import Reply, ToolCall, text_block
from debugbox.dialogue import Dialogue, Log, OutOfTime, unlogged
from debugbox.endings import Patience, Stopped, closing_words, unfinished
from debugbox.errors import BoxGone, CellInterrupted, CredentialsRefused, KernelDied, ModelUnavailable
from debugbox.events import OnEvent, silent
from debugbox.finding import Conclusion, Cost, Hypothesis
from debugbox.foreign import clean_line
from debugbox.handover import Handover
from debugbox.hands import Bench, Hands
from debugbox.ledger import Laboratory, Ledger
from debugbox.model import Clock, Model
from debugbox.shown import Marker, first_message, resumed, system_prompt
from debugbox.talk import Talked

UNDERSTOOD = ("tool_use", "end_turn", "stop_sequence", "pause_turn")  # of replies that are whole
RETURNS = 3  # of a conclusion with wrong places or quotes, or with checks that did not pass

Review = Callable[[Conclusion], list[str]]
Steer = Callable[[], str | None]
Share = Callable[["Agent", Sequence[Hypothesis]], Conclusion]


class Agent:
    """One investigation by a model, or one agent's part in it.

    `cards` are the recipes' one-liners, constants of the run. `log` keeps what a resumed run needs. `share` takes
    over, and concludes, where the symptom stands and several hypotheses are open. An agent beside others gets its
    `budget` and `ledger` from the first one.
    """

    def __init__(
        self,
        model: Model,
        bench: Bench,
        laboratory: Laboratory,
        *,
        limits: AgentLimits | None = None,
        on_event: OnEvent = silent,
        steer: Steer | None = None,
        clock: Clock = time,
        cards: Sequence[str] = (),
        prices: Prices | None = None,
        marker: Marker | None = None,
        log: Log = unlogged,
        share: Share | None = None,
        budget: Budget | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self._bench, self._on_event, self._steer, self._share = bench, on_event, steer, share
        self.budget = budget or Budget(limits or AgentLimits(), model, clock, prices)
        self.marker = marker or Marker()
        self.ledger = ledger or Ledger(laboratory, lambda kept: log("ledger", ledger=kept))
        self._hands = Hands(bench, self.ledger, self.budget, self.marker, on_event)
        self._dialogue = Dialogue(model, self.budget, system_prompt(cards), self.marker.word, on_event, log)
        self._handover = Handover(self._dialogue, bench, self.ledger, self.marker, on_event)
        self._told: queue.SimpleQueue[str] = queue.SimpleQueue()  # from other threads
        self._turns_left: int | None = None
        self._patience = Patience()
        self._returns = 0
        self._draft: Conclusion | None = None  # the last conclusion that went back

    def run(
        self,
        question: str,
        *,
        review: Review,
        run: str = "",
        overview: str = "",
        past: str = "",
        earlier: str = "",
        talked: Talked | None = None,
    ) -> Conclusion:
        """Investigate, and end in a Conclusion whatever the model or the box does.

        `review` names what is wrong with a conclusion. `run` is the user's command that shows the symptom.
        Foreign text: `overview` of the repository, `past` of an interrupted run, `earlier` of kept findings.
        `talked` is the conversation of the interrupted run, which goes on where it can.
        `Conclusion.stopped` is empty where the model concluded, be it because a limit was reached: then
        `limits` says so.

        Raises:
            CredentialsRefused: before the first reply: the user must know at once.
            KeyboardInterrupt: Ctrl-C while it was being concluded because of a Ctrl-C.
        """
        self.budget.start()
        if talked and self._dialogue.go_on(talked, resumed(self._bench.cells)):
            self._handover.opening = talked.opening
            return self._conclude(review)
        before = () if past else self._bench.cells
        limits, marker = self.budget.limits, self.marker
        told = {"past": past, "earlier": earlier}
        opening = first_message(question, run, overview, limits, marker, cells=before, **told, shares=bool(self._share))
        return self.take_over(opening, review)

    def take_over(self, opening: str, review: Review) -> Conclusion:
        """The same, from these first words."""
        self._handover.opening = opening
        self._dialogue.start(opening)
        return self._conclude(review)

    def tell(self, words: str, *, turns_left: int | None = None) -> None:
        """From any thread: goes out with the next request, of which there may be only so many more."""
        self._told.put(words)
        self._turns_left = turns_left

    @property
    def opening(self) -> str:
        return self._handover.opening

    def _conclude(self, review: Review) -> Conclusion:
        conclusion = self.ledger.complete(self._investigate(review))
        self._on_event("concluded", conclusion=conclusion)
        return conclusion

    def cost(self) -> Cost:
        """What the run took so far."""
        return self.budget.as_cost(cells=len(self._bench.cells))

    def _investigate(self, review: Review) -> Conclusion:
        try:
            outcome: Conclusion | Stopped | None = None
            while outcome is None:
                outcome = self._take_turn(review)
                if outcome is None and self._share and (several := self._side_by_side()):
                    return self._share(self, several)
            return self._close(outcome) if isinstance(outcome, Stopped) else outcome
        except OutOfTime:
            return self._unfinished(self.budget.time_is_up())
        except ModelUnavailable as err:
            return self._unfinished(str(err))
        except CredentialsRefused as err:
            if not self.budget.turns:
                raise
            return self._unfinished(str(err))

    def _side_by_side(self) -> Sequence[Hypothesis]:
        """The hypotheses that agents of their own can take: there must be something to measure them by."""
        several = self.ledger.open_hypotheses() if self.ledger.state == "present" else []
        return several if len(several) > 1 else []

    def _take_turn(self, review: Review) -> Conclusion | Stopped | None:
        if limit := self.budget.take_turn():
            return Stopped(why=limit)
        if self._turns_left == 0:
            return Stopped(why="another agent's conclusion passed the checks", may_close=False)
        self._turns_left = None if self._turns_left is None else self._turns_left - 1
        self._say_what_is_new()
        try:
            if self._handover.is_due:
                return self._handover.with_a_note()
            return self._act(self._dialogue.ask(), review)
        except OutOfTime:
            return Stopped(why=self.budget.time_is_up())
        except KeyboardInterrupt:
            return self._hear_user()

    def _hear_user(self) -> Stopped | None:
        """After a Ctrl-C: what the user types goes to the model; a second one, or nobody there, concludes now."""
        began_s = self.budget.now_s()
        try:
            words = self._steer() if self._steer else None
        except KeyboardInterrupt:
            words = None
        if words is None:
            return Stopped(why="Ctrl-C")
        self.budget.took("a question to you", began_s)
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
            return self._handover.because_full()
        if reply.stop not in UNDERSTOOD:  # whether its calls are whole cannot be known
            return Stopped(why=f"a reply ended for a reason that is not known here: {clean_line(reply.stop)[:80]}")
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
        return stopped or self._patience.with_circles(self._bench.cells)

    def _run_call(self, call: ToolCall, review: Review) -> Conclusion | Stopped | None:
        try:
            asked = read_call(call)
        except ValueError as err:
            self._dialogue.answer(call, [text_block(f"Nothing was run. {err}")], is_error=True)
            return None
        if isinstance(asked, Conclude):
            self._on_event("tool_called", tool=call.name, purpose="", code_lines=0)
            return self._weigh(call, self.ledger.complete(asked.as_conclusion()), review)
        if self.budget.left_s() <= 0:
            return Stopped(why=self.budget.time_is_up())
        began_s = self.budget.now_s()
        try:
            result = self._hands.act(asked)
        except (BoxGone, KernelDied) as err:  # no other box can be had
            return Stopped(why=f"the box is gone: {clean_line(err.cause)[:300]}")
        finally:
            self.budget.took(call.name, began_s)
        self._dialogue.answer(call, result.content, is_error=result.is_error)
        return None

    def _answer_interrupted(self, calls: Sequence[ToolCall], stop: KeyboardInterrupt) -> None:
        """The provider wants a result for each call: what the cell had given, and that the rest was not run."""
        cell = stop.cell if isinstance(stop, CellInterrupted) else None
        content = self._hands.show(cell).content if cell else [text_block("The user interrupted it.")]
        self._dialogue.answer(calls[0], content, is_error=True)
        for call in calls[1:]:
            self._dialogue.answer(call, [text_block("Not run: the user interrupted.")], is_error=True)

    def _weigh(self, call: ToolCall, conclusion: Conclusion, review: Review) -> Conclusion | None:
        """The conclusion, or None where it went back for what is wrong with it."""
        if self._returns == RETURNS or self.budget.left_s() <= 0:
            return conclusion
        began_s = self.budget.now_s()
        problems = review(conclusion)
        self.budget.took("checks", began_s)
        if not problems:
            return conclusion
        self._returns += 1
        self._draft = conclusion
        self._on_event("note", text=f"the conclusion goes back: {'; '.join(problems)}")
        listed = "\n".join(f"- {problem}" for problem in problems)
        words = "Not accepted yet. Correct what is wrong and conclude again; the same again is taken as it is:"
        self._dialogue.answer(call, [text_block(f"{words}\n{self.marker.around(listed)}")], is_error=True)
        return None

    def _nudge(self, reply: Reply) -> Stopped | None:
        said = self._patience.nudge(reply)
        if isinstance(said, Stopped):
            return said
        if reply.content:
            self._on_event("note", text="the model stopped without concluding; it is asked to")
        self._dialogue.say(said)
        return None

    def _close(self, stopped: Stopped) -> Conclusion:
        """Ask once more for a conclusion from what there is."""
        self._on_event("note", text=stopped.why)
        if not (stopped.may_close and self.budget.may_close()):
            return self._unfinished(stopped.why)
        self._dialogue.closing = True
        self._dialogue.say(closing_words(stopped.why))
        try:
            conclusion = conclusion_of(self._dialogue.ask())
        except ModelUnavailable:
            conclusion = None
        if conclusion is None:
            return self._unfinished(stopped.why)
        return replace(conclusion, limits=(*conclusion.limits, f"Cut short: {stopped.why}."))

    def _unfinished(self, why: str) -> Conclusion:
        return unfinished(why, self._draft, self._bench.cells, self._dialogue.last_text)

    def _say_what_is_new(self) -> None:
        while not self._told.empty():
            self._dialogue.say(self._told.get())
        left = self.budget.near_the_end()
        if left and self._hands.once("near the end"):
            self._dialogue.say(f"Left for this investigation: {left}. Bring it to an end and conclude.")
