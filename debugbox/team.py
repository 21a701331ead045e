"""Agents side by side, each with a hypothesis of the ledger, a fresh conversation and a kernel of its own.

One ledger, one budget, one journal, one finding: the conclusion that the checks take furthest is taken, and where
they take two that name different places equally far, none of them counts for more than a suspicion.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from debugbox.agent import Agent, Steer
from debugbox.bench import Bench
from debugbox.finding import Cell, Conclusion, Hypothesis, Verdict
from debugbox.foreign import clean_line
from debugbox.hiding import NEAR_LINES
from debugbox.shown import one_of_many

TURNS_AFTER = 3  # of the others, once a conclusion has passed the checks: to contradict it, or to end
_RANKS: dict[Verdict | None, int] = {"confirmed": 4, "supported": 3, "refuted": 3, "suspected": 2, None: 1}


class Lane(Protocol):
    """What one agent of several tells the terminal."""

    def activity(self, text: str) -> None: ...
    def cell(self, cell: Cell) -> None: ...
    def note(self, text: str) -> None: ...
    def step(self, name: str, detail: str = "") -> AbstractContextManager[Any]: ...
    def on_event(self, name: str, /, **data: Any) -> None: ...


class Reviewed(Protocol):
    """A reviewer that also says what the checks made of a conclusion."""

    def __call__(self, conclusion: Conclusion) -> list[str]: ...
    def verdict_of(self, conclusion: Conclusion) -> Verdict | None: ...


@dataclass
class Seat:
    """One agent's place in the team."""

    number: int
    hypothesis: Hypothesis
    agent: Agent
    bench: Bench
    review: Reviewed
    conclusion: Conclusion | None = None
    verdict: Verdict | None = None

    @property
    def name(self) -> str:
        return f"agent {self.number}"

    @property
    def rank(self) -> int:
        named = self.conclusion is not None and bool(self.conclusion.suspects)
        return _RANKS.get(self.verdict, 0) if self.verdict or named else 0


Hire = Callable[[int, Hypothesis, Lane], Seat]


@dataclass
class Team:
    """`first` is the agent whose ledger is shared and who waits; `hire` makes the others."""

    first: Agent
    hypotheses: Sequence[Hypothesis]
    hire: Hire
    lane: Callable[[str, str], AbstractContextManager[Lane]]
    cells: Sequence[Cell]
    steer: Steer | None = None
    seats: list[Seat] = field(default_factory=list)
    _ending: str = ""
    _failed: list[BaseException] = field(default_factory=list)
    _ended: "queue.SimpleQueue[int]" = field(default_factory=queue.SimpleQueue)

    def run(self) -> Seat:
        """The seat whose conclusion is taken, with what the others found in it.

        Raises:
            KeyboardInterrupt: a second Ctrl-C while they conclude because of a first one.
        """
        for number, hypothesis in enumerate(self.hypotheses, 1):
            # Daemons: a third Ctrl-C must end us, whatever they wait for.
            threading.Thread(target=self._work, args=(number, hypothesis), daemon=True).start()
        try:
            self._wait()
        finally:
            for seat in list(self.seats):
                seat.bench.close()
        if self._failed:
            raise self._failed[0]
        best = max(self.seats, key=lambda seat: (seat.rank, -seat.number))
        best.conclusion = merged(best, [seat for seat in self.seats if seat is not best], self.first.ledger.hypotheses)
        return best

    def _wait(self) -> None:
        # Not by `join`: a Ctrl-C in it makes Python 3.11 take the thread for ended.
        left = len(self.hypotheses)
        while left:
            try:
                self._ended.get()
                left -= 1
            except KeyboardInterrupt:
                self._hear_user()

    def _hear_user(self) -> None:
        """The first Ctrl-C stops the cells and asks; the next one lets all conclude; the one after that kills."""
        if self._ending:
            raise KeyboardInterrupt
        for seat in list(self.seats):
            seat.bench.interrupt()
        try:
            words = self.steer() if self.steer else None
        except KeyboardInterrupt:
            words = None
        if words is None:
            self._ending = "Ctrl-C"
        for seat in list(self.seats):
            if words is None:
                seat.agent.budget.end_now(self._ending)
            elif words.strip():
                seat.agent.tell(f"The user interrupts: {clean_line(words)}")

    def _work(self, number: int, hypothesis: Hypothesis) -> None:
        try:
            with self.lane(f"agent {number}", hypothesis.text) as lane:
                seat = self.hire(number, hypothesis, lane)
                self.seats.append(seat)
                if self._ending:
                    seat.agent.budget.end_now(self._ending)
                seat.conclusion = seat.agent.take_over(self._opening(hypothesis), seat.review)
                seat.agent.budget.finish()
                seat.verdict = seat.review.verdict_of(seat.conclusion)
            self._tell_the_others(seat)
        except BaseException as err:  # noqa: BLE001 (a thread's error is raised where the run can be stopped)
            self._failed.append(err)
        finally:
            self._ended.put(number)

    def _opening(self, hypothesis: Hypothesis) -> str:
        others = [each.text for each in self.hypotheses if each is not hypothesis]
        found = self.first.ledger.digest()
        return one_of_many(self.first.opening, hypothesis.text, others, found, self.cells, self.first.marker)

    def _tell_the_others(self, seat: Seat) -> None:
        """A conclusion that passed is no order: who has seen otherwise says so, and then it is in dispute."""
        if seat.conclusion is None or seat.verdict not in ("confirmed", "supported"):
            return
        place = seat.conclusion.suspects[0]
        words = (
            f"Another agent's conclusion passed the checks ({seat.verdict}), at {place}. If your cells contradict it, "
            f"conclude with what they show; if not, conclude without causes. There are {TURNS_AFTER} turns for that."
        )
        for other in list(self.seats):
            if other is not seat and other.conclusion is None:
                other.agent.tell(words, turns_left=TURNS_AFTER)


def merged(best: Seat, others: Sequence[Seat], hypotheses: "dict[str, Hypothesis]") -> Conclusion:
    """The conclusion of `best`, with what the others concluded as hypotheses, and in dispute where they are as good."""
    assert best.conclusion is not None
    conclusion = best.conclusion
    against = [seat for seat in others if seat.conclusion and disagree(conclusion, seat.conclusion)]
    known = {each.text: each for each in conclusion.hypotheses} | dict(hypotheses)
    for seat in against:
        told = _as_hypothesis(seat)
        known.setdefault(told.text, told)
    equals = [seat for seat in against if seat.rank >= best.rank]
    disputed = "; ".join(f"{seat.name} names {_place(seat.conclusion)}" for seat in equals)
    limits = conclusion.limits
    if disputed:
        said = f"{best.name} names {_place(conclusion)}; {disputed}"
        limits = (*limits, f"The agents disagree, and the checks do not decide between them: {said}.")
    return replace(conclusion, hypotheses=tuple(known.values()), limits=limits, disputed=disputed)


def disagree(one: Conclusion, other: Conclusion) -> bool:
    """Whether both name a cause, and the other's first place is none of the one's places."""
    if one.premise_refuted != other.premise_refuted:
        return bool(other.suspects) or other.premise_refuted
    if not (one.suspects and other.suspects):
        return False
    named = other.suspects[0]
    return not any(place.file == named.file and abs(place.line - named.line) <= NEAR_LINES for place in one.suspects)


def _place(conclusion: Conclusion | None) -> str:
    return str(conclusion.suspects[0]) if conclusion and conclusion.suspects else "no cause: the premise does not hold"


def _as_hypothesis(seat: Seat) -> Hypothesis:
    """Another agent's conclusion, as what it is: something that was considered."""
    assert seat.conclusion is not None
    cells = ", ".join(str(cell) for cell in sorted(seat.conclusion.captions))
    worth = f"its checks came to: {seat.verdict}" if seat.verdict else "it was not checked"
    why = seat.conclusion.suspects[0].why if seat.conclusion.suspects else seat.conclusion.answer
    return Hypothesis(
        text=f"{_place(seat.conclusion)}: {why}",
        status="open",
        evidence=f"concluded by {seat.name} ({f'cells {cells}; ' if cells else ''}{worth})",
    )
