"""An investigation by a model: the agents with their limits and their journal, and a reviewer who has it checked."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from copy import copy
from functools import partial
from typing import Any, Protocol

from debugbox.agent import Agent, AgentLimits
from debugbox.bench import Bench
from debugbox.bill import load_prices
from debugbox.box import Boxes
from debugbox.checks import Judgement
from debugbox.finding import Conclusion, Cost, Hypothesis, Verdict
from debugbox.journal import Journal
from debugbox.lint import lint
from debugbox.model import AnthropicModel
from debugbox.recipes import read_cards, with_recipe
from debugbox.resume import Past
from debugbox.settings import Limits, Settings
from debugbox.shown import Marker
from debugbox.team import Lane, Seat, Team
from debugbox.trials import Trials


class Seen(Lane, Protocol):
    """The terminal, where one agent or several can be followed."""

    def lane(self, name: str, detail: str = "") -> AbstractContextManager[Lane]: ...
    def ask(self) -> str | None: ...


Judge = Callable[[Conclusion, Bench, Lane], Judgement]

_GOOD_ENOUGH = ("confirmed", "supported", "refuted")


class Reviewer:
    """Names what is wrong with a conclusion: places and quotes first, then whatever check did not pass.

    The last judgement is kept, so that a conclusion which is taken is not judged twice. `beside` is a reviewer of
    one agent of several, who may come back without a cause: that its hypothesis is refuted helps the others.
    """

    def __init__(
        self, boxes: Boxes, bench: Bench, judge: Callable[[Conclusion], Judgement] | None, *, beside: bool = False
    ) -> None:
        self._boxes, self._bench, self._judge, self._beside = boxes, bench, judge, beside
        self._judged: tuple[Conclusion, Judgement] | None = None

    def __call__(self, conclusion: Conclusion) -> list[str]:
        if problems := lint(conclusion, self._boxes.snapshot, self._bench.cells):
            return problems
        whole = self.completed(conclusion)
        if self._judge is None or self.judgement_of(whole):  # the same again is taken as it is
            return []
        if self._beside and not (whole.suspects or whole.premise_refuted):
            return []
        judgement = self._judge(whole)
        self._judged = whole, judgement
        if judgement.verdict in _GOOD_ENOUGH or any(check.why == "interrupted" for check in judgement.checks):
            return []
        return [f"{each.name}, {each.result}: {each.why}" for each in judgement.checks if each.result != "passed"]

    def verdict_of(self, conclusion: Conclusion) -> Verdict | None:
        """What this conclusion was judged to be worth; None where it was not judged."""
        judgement = self.judgement_of(self.completed(conclusion))
        return judgement.verdict if judgement else None

    def completed(self, conclusion: Conclusion) -> Conclusion:
        """With what a recipe that it cites has measured."""
        return with_recipe(conclusion, self._bench.cells, self._bench.code)

    def judgement_of(self, conclusion: Conclusion) -> Judgement | None:
        """The judgement of this very conclusion, its words aside, if it was judged."""
        if self._judged is None or _substance(self._judged[0]) != _substance(conclusion):
            return None
        return self._judged[1]


def _substance(conclusion: Conclusion) -> Any:
    """What the checks depend on."""
    places = [(each.file, each.line, each.quote, each.cells) for each in conclusion.suspects]
    cited, quotes = tuple(conclusion.captions), conclusion.quotes
    return places, conclusion.symptom.code, conclusion.intervention, cited, quotes, conclusion.premise_refuted


class ModelInvestigator:
    """Runs one agent on a bench or, with `parallel`, several on branches of it. `past` is an interrupted run.

    `reviewer` is the one who has seen the conclusion that was taken.
    """

    def __init__(
        self,
        model: AnthropicModel,
        bench: Bench,
        boxes: Boxes,
        journal: Journal,
        settings: Settings,
        *,
        judge: Judge | None,
        view: Seen,
        steer: Callable[[], str | None] | None,
        past: Past | None,
    ) -> None:
        self._model, self._bench, self._boxes, self._journal = model, bench, boxes, journal
        self._judge, self._view, self._steer, self._past = judge, view, steer, past
        self._parallel = settings.parallel
        self._judging = threading.Lock()  # the checks open boxes side by side themselves
        self._cards = [card.one_line for card in read_cards()]
        self._laboratory = Trials(boxes)
        self.reviewer = self._reviewer_of(bench, view)
        self._agent = Agent(
            model,
            bench,
            self._laboratory,
            limits=_agent_limits(settings.limits, past.spent if past else Cost()),
            on_event=partial(self._hear, view, ""),
            steer=steer,
            cards=self._cards,
            prices=load_prices(settings.prices_file),
            marker=Marker(past.marker or None) if past else None,
            log=journal.talk.write,
            share=self._share if settings.parallel > 1 else None,
        )
        if past:
            past.restore(self._agent.ledger)

    def run(self, question: str, *, run: str | None, overview: str, earlier: str = "") -> Conclusion:
        """The agent's conclusion, with what its recipes measured. Raises CredentialsRefused, KeyboardInterrupt."""
        past = self._past
        told: dict[str, Any] = {"run": run or "", "overview": overview, "earlier": earlier}
        if past:
            told |= {"past": past.digest, "talked": past.conversation}
        conclusion = self._agent.run(question, review=self.reviewer, **told)
        for line in self._agent.budget.whole_bill().lines():
            self._view.on_event("note", text=line)
        return self.reviewer.completed(conclusion)

    def cost(self) -> Cost:
        return self._agent.cost()

    def _reviewer_of(self, bench: Bench, lane: Lane, *, beside: bool = False) -> Reviewer:
        judge = partial(self._judge_alone, bench, lane) if self._judge else None
        return Reviewer(self._boxes, bench, judge, beside=beside)

    def _judge_alone(self, bench: Bench, lane: Lane, conclusion: Conclusion) -> Judgement:
        assert self._judge is not None
        with self._judging:
            return self._judge(conclusion, bench, lane)

    def _share(self, first: Agent, hypotheses: Sequence[Hypothesis]) -> Conclusion:
        """The symptom stands: agents side by side, one for each hypothesis, as many as were asked for."""
        taken = hypotheses[: self._parallel]
        budgets = first.budget.split(len(taken))

        def hire(number: int, hypothesis: Hypothesis, lane: Lane) -> Seat:
            bench = self._bench.branch(lane)
            agent = Agent(
                copy(self._model),
                bench,
                self._laboratory,
                on_event=partial(self._hear, lane, f"agent {number}: "),
                cards=self._cards,
                marker=first.marker,
                log=partial(self._journal.talk.write, agent=number),
                budget=budgets[number - 1],
                ledger=first.ledger.for_one_of_many(number),
            )
            reviewer = self._reviewer_of(bench, lane, beside=True)
            return Seat(number=number, hypothesis=hypothesis, agent=agent, bench=bench, review=reviewer)

        team = Team(first, taken, hire, self._view.lane, self._bench.cells, self._steer)
        self._view.on_event("note", text=f"{len(taken)} agents side by side, a hypothesis each")
        best = team.run()
        self._bench.join(best.bench, [seat.bench for seat in team.seats if seat is not best])
        assert isinstance(best.review, Reviewer) and best.conclusion is not None
        self.reviewer = best.review
        self._view.on_event("note", text=f"the conclusion of {best.name} is taken")
        return best.conclusion

    def _hear(self, view: Lane, who: str, name: str, /, **data: Any) -> None:
        """Events go to the terminal, and what must survive a kill into the journal."""
        if name in ("note", "established"):
            self._journal.note(f"{who}{data['text']}")
        elif name == "usage":
            self._journal.usage(self._agent.cost())
        view.on_event(name, **data)


def _agent_limits(limits: Limits, spent: Cost) -> AgentLimits:
    return AgentLimits(
        max_cost_usd=max(0.0, limits.max_cost_usd - (spent.cost_usd or 0.0)),
        max_turns=max(2, limits.max_turns - spent.turns),
        max_time_s=limits.max_time_s - limits.checks_time_s,
        cell_timeout_s=limits.cell_timeout_s,
        recipe_timeout_s=limits.recipe_timeout_s,
    )
