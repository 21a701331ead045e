"""An investigation by a model: the agent with its limits and its journal, and a reviewer who has it checked."""

from collections.abc import Callable
from typing import Any

from debugbox.agent import Agent, AgentLimits
from debugbox.bench import Bench
from debugbox.box import Boxes
from debugbox.checks import Judgement
from debugbox.finding import Conclusion, Cost
from debugbox.journal import Journal
from debugbox.lint import lint
from debugbox.model import AnthropicModel, OnEvent
from debugbox.recipes import read_cards, with_recipe
from debugbox.settings import Limits, Settings
from debugbox.trials import Trials

Judge = Callable[[Conclusion], Judgement]

_GOOD_ENOUGH = ("confirmed", "supported", "refuted")


class Reviewer:
    """Names what is wrong with a conclusion: places and quotes first, then whatever check did not pass.

    The last judgement is kept, so that a conclusion which is taken is not judged twice.
    """

    def __init__(self, boxes: Boxes, bench: Bench, judge: Judge | None) -> None:
        self._boxes, self._bench, self._judge = boxes, bench, judge
        self._judged: tuple[Conclusion, Judgement] | None = None

    def __call__(self, conclusion: Conclusion) -> list[str]:
        if problems := lint(conclusion, self._boxes.snapshot, self._bench.cells):
            return problems
        whole = self.completed(conclusion)
        if self._judge is None or self.judgement_of(whole):  # the same again is taken as it is
            return []
        judgement = self._judge(whole)
        self._judged = whole, judgement
        if judgement.verdict in _GOOD_ENOUGH or any(check.why == "interrupted" for check in judgement.checks):
            return []
        return [f"{each.name}, {each.result}: {each.why}" for each in judgement.checks if each.result != "passed"]

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
    """Runs one agent on a bench. `past` is what an interrupted run had found, `spent` what that had cost."""

    def __init__(
        self,
        model: AnthropicModel,
        bench: Bench,
        boxes: Boxes,
        journal: Journal,
        settings: Settings,
        *,
        reviewer: Reviewer,
        on_event: OnEvent,
        steer: Callable[[], str | None] | None,
        spent: Cost,
    ) -> None:
        self._journal, self._on_event, self._reviewer = journal, on_event, reviewer
        self._agent = Agent(
            model,
            bench,
            Trials(boxes),
            limits=_agent_limits(settings.limits, spent),
            on_event=self._hear,
            steer=steer,
            cards=[card.one_line for card in read_cards()],
        )

    def run(self, question: str, *, run: str | None, overview: str, past: str = "", earlier: str = "") -> Conclusion:
        """The agent's conclusion, with what its recipes measured. Raises CredentialsRefused, KeyboardInterrupt."""
        told = {"run": run or "", "overview": overview, "past": past, "earlier": earlier}
        conclusion = self._agent.run(question, review=self._reviewer, **told)
        for line in self._agent.bill.lines():
            self._on_event("note", text=line)
        return self._reviewer.completed(conclusion)

    def cost(self) -> Cost:
        return self._agent.cost()

    def _hear(self, name: str, /, **data: Any) -> None:
        """Events go to the terminal, and what must survive a kill into the journal."""
        if name in ("note", "established"):
            self._journal.note(str(data["text"]))
        elif name == "usage":
            self._journal.usage(self._agent.cost())
        self._on_event(name, **data)


def _agent_limits(limits: Limits, spent: Cost) -> AgentLimits:
    return AgentLimits(
        max_cost_usd=max(0.0, limits.max_cost_usd - (spent.cost_usd or 0.0)),
        max_turns=max(2, limits.max_turns - spent.turns),
        max_time_s=limits.max_time_s - limits.checks_time_s,
        cell_timeout_s=limits.cell_timeout_s,
        recipe_timeout_s=limits.recipe_timeout_s,
    )
