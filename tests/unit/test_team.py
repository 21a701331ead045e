"""Requirement: agents side by side share one ledger and one budget, and what they disagree on is in dispute."""

import io
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from debugbox.agent import Agent, AgentLimits
from debugbox.api import Told
from debugbox.bill import Usage
from debugbox.budget import Budget
from debugbox.calls import SetSymptom, Tried
from debugbox.conversation import Reply
from debugbox.finding import Conclusion, Hypothesis, Measurement, Suspect, Verdict
from debugbox.ledger import Ledger
from debugbox.model import ScriptedModel
from debugbox.render.events import EventLines
from debugbox.render.live import View
from debugbox.team import Lane, Seat, Team, disagree, merged
from tests.unit.test_agent import CONCLUDE, FakeClock, FakeLaboratory, scripted
from tests.unit.test_resume import CELL

HERE = Suspect(file="a.py", line=3, quote="x = 1", why="it is cut", cells=(1,))
THERE = Suspect(file="a.py", line=30, quote="y = 1", why="it is doubled", cells=(2,))
MINE = Conclusion(answer="Here.", by="agent", suspects=(HERE,), captions={1: "cut"})
YOURS = Conclusion(answer="There.", by="agent", suspects=(THERE,), captions={2: "doubled"})


def seat(number: int, conclusion: Conclusion, verdict: Verdict | None = None) -> Seat:
    nobody: Any = None
    taken = Hypothesis(text=f"hypothesis {number}")
    return Seat(number, taken, nobody, nobody, nobody, conclusion=conclusion, verdict=verdict)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (YOURS, True),
        (replace(YOURS, suspects=(replace(HERE, line=5),)), False),
        (replace(YOURS, suspects=(replace(HERE, file="b.py"),)), True),
        (replace(YOURS, suspects=()), False),
        (replace(YOURS, suspects=(), premise_refuted=True), True),
    ],
    ids=["another line", "a line beside it", "another file", "no cause", "no fault at all"],
)
def test_disagreeing_is_naming_another_place(other: Conclusion, expected: bool) -> None:
    assert disagree(MINE, other) is expected


def test_a_place_that_both_name_is_no_disagreement() -> None:
    assert not disagree(replace(MINE, suspects=(HERE, THERE)), YOURS)


@pytest.mark.parametrize(
    ("best", "other", "in_dispute"),
    [
        ("confirmed", "suspected", False),
        ("confirmed", "confirmed", True),
        ("suspected", "suspected", True),
        ("confirmed", None, False),
        (None, None, True),
    ],
)
def test_equals_that_disagree_are_in_dispute(best: Verdict | None, other: Verdict | None, in_dispute: bool) -> None:
    conclusion = merged(seat(1, MINE, best), [seat(2, YOURS, other)], {})
    assert bool(conclusion.disputed) is in_dispute and len(conclusion.limits) == in_dispute
    told = conclusion.hypotheses[-1]
    assert told.text == "a.py:30: it is doubled" and told.evidence.startswith("concluded by agent 2 (cells 2; ")


def test_the_best_keeps_what_the_ledger_says_last() -> None:
    noted = Hypothesis(text="rounding", status="open")
    settled = replace(noted, status="refuted")
    conclusion = merged(seat(1, replace(MINE, hypotheses=(noted,))), [], {"rounding": settled})
    assert conclusion.hypotheses == (settled,)


def note(status: Any) -> Tried:
    return Tried(text="rounding", status=status, evidence=f"cells say {status}")


def test_what_two_agents_say_differently_is_open() -> None:
    shared = Ledger(FakeLaboratory())
    one, other = shared.for_one_of_many(1), shared.for_one_of_many(2)
    one.note(note("supported"))
    one.note(note("refuted"))
    assert shared.hypotheses["rounding"].status == "refuted", "one may change one's mind"
    other.note(note("supported"))
    both = shared.hypotheses["rounding"]
    assert (
        both.status == "open"
        and both.evidence == "agent 1: refuted, cells say refuted; agent 2: supported, cells say supported"
    )


def test_the_symptom_stands_for_all() -> None:
    present = Measurement(state="present", measured=3.0, expected=1.0)
    shared = Ledger(FakeLaboratory(present, present))
    shared.set_symptom(SetSymptom(code="box.symptom(...)"))
    told = shared.for_one_of_many(1).set_symptom(SetSymptom(code="other"))
    assert told.is_error and shared.symptom == "box.symptom(...)"


def test_a_ledger_comes_back_from_what_was_kept() -> None:
    kept: list[dict[str, Any]] = []
    present = Measurement(state="present", measured=3.0, expected=1.0)
    ledger = Ledger(FakeLaboratory(present, present), kept.append)
    ledger.set_symptom(SetSymptom(code="box.symptom(...)"))
    ledger.note(note("open"))
    again = Ledger(FakeLaboratory())
    again.restore(kept[-1])
    assert (again.symptom, again.state, again.hypotheses) == (ledger.symptom, "present", ledger.hypotheses)
    with pytest.raises(ValueError, match="runs"):
        again.restore({**kept[-1], "runs": "none"})


def budgets(count: int, **limits: Any) -> list[Budget]:
    model = ScriptedModel([], name="claude-opus-5-5", endpoint="")
    return Budget(AgentLimits(**limits), model, FakeClock()).split(count)


def test_turns_are_those_of_all_and_each_keeps_one_to_close() -> None:
    one, other = budgets(2, max_turns=6)
    asked = 0
    while not one.take_turn() and not other.take_turn():
        for budget in (one, other):
            budget.count(Usage(output=1))
            asked += 1
    assert asked == 4 and one.turns == other.turns == 4


def test_a_turn_that_is_claimed_is_no_longer_free() -> None:
    one, other = budgets(2, max_turns=3)
    assert not one.take_turn() and not one.take_turn(), "its own claim stands in nobody's way"
    assert other.take_turn() == "the limit of 3 turns (--max-turns) is reached"
    one.finish()
    assert not other.take_turn()


def test_money_is_that_of_all_in_equal_parts() -> None:
    one, other = budgets(2, max_cost_usd=1.0)
    one.count(Usage(output=10_000))  # $0.20
    assert other.tokens_left(closing=True) == 20_000  # of $0.80 a half
    one.finish()
    assert other.tokens_left(closing=True) == 40_000


def test_an_end_leaves_only_the_closing_request() -> None:
    (budget,) = budgets(1)
    budget.end_now("Ctrl-C")
    assert budget.take_turn() == "Ctrl-C" and budget.may_close() and budget.left_s() == 0


class Silent:
    def activity(self, text: str) -> None: ...
    def cell(self, cell: Any) -> None: ...
    def note(self, text: str) -> None: ...
    def step(self, name: str, detail: str = "") -> Any: ...
    def on_event(self, name: str, /, **data: Any) -> None: ...


@contextmanager
def lane(name: str, detail: str) -> Iterator[Lane]:
    yield Silent()


class Patient(ScriptedModel):
    """Answers once it is allowed to."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(replies)
        self.allowed = threading.Event()

    def turn(self, *args: Any, **fields: Any) -> Reply:
        self.allowed.wait(20)
        return super().turn(*args, **fields)


class Kernel:
    """A bench without cells that remembers an interrupt."""

    def __init__(self, allows: threading.Event) -> None:
        self.cells: list[Any] = []
        self.interrupted = self.closed = 0
        self._allows = allows

    def interrupt(self) -> None:
        self.interrupted += 1
        self._allows.set()

    def close(self) -> None:
        self.closed += 1


class Accepting:
    def __call__(self, conclusion: Conclusion) -> list[str]:
        return []

    def verdict_of(self, conclusion: Conclusion) -> Verdict | None:
        return None


def a_team(models: list[Patient], steer: Any = None) -> tuple[Team, list[Kernel]]:
    kernels = [Kernel(model.allowed) for model in models]
    first = Agent(ScriptedModel([]), Kernel(threading.Event()), FakeLaboratory())  # type: ignore[arg-type]  # no cells run
    parts = first.budget.split(len(models))

    def hire(number: int, hypothesis: Hypothesis, lane: Lane) -> Seat:
        kernel: Any = kernels[number - 1]
        ledger = first.ledger.for_one_of_many(number)
        agent = Agent(models[number - 1], kernel, FakeLaboratory(), budget=parts[number - 1], ledger=ledger)
        return Seat(number, hypothesis, agent, kernel, Accepting())

    hypotheses = [Hypothesis(text=f"hypothesis {number}") for number, _ in enumerate(models)]
    return Team(first, hypotheses, hire, lane, [], steer), kernels


def ctrl_c_after(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def test_ctrl_c_interrupts_all_kernels_and_all_conclude() -> None:
    models = [Patient(scripted("hm"), scripted(CONCLUDE)) for _ in range(2)]
    team, kernels = a_team(models)
    ctrl_c_after(0.5)
    best = team.run()
    assert best.conclusion is not None and "Cut short: Ctrl-C." in best.conclusion.limits
    assert [(kernel.interrupted, kernel.closed) for kernel in kernels] == [(1, 1), (1, 1)]
    assert all("The investigation ends here: Ctrl-C" in str(model.requests[-1][-1]) for model in models)


def test_on_a_terminal_the_first_ctrl_c_steers_all() -> None:
    models = [Patient(scripted("hm"), scripted(CONCLUDE)) for _ in range(2)]
    team, _ = a_team(models, steer=lambda: "look at the sampler")
    ctrl_c_after(0.5)
    best = team.run()
    assert best.conclusion is not None and not best.conclusion.limits
    assert all("The user interrupts: look at the sampler" in str(model.requests[-1][-1]) for model in models)


def test_a_second_ctrl_c_while_they_conclude_kills() -> None:
    models = [Patient(scripted(CONCLUDE))]
    team, kernels = a_team(models)
    kernels[0].interrupt = lambda: None  # type: ignore[method-assign]  # the model goes on thinking
    ctrl_c_after(0.3)
    ctrl_c_after(1.0)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        team.run()
    assert time.monotonic() - began < 10 and kernels[0].closed == 1
    models[0].allowed.set()


def test_an_error_in_a_thread_is_raised_where_the_run_can_be_stopped() -> None:
    class Broken(Patient):
        def turn(self, *args: Any, **fields: Any) -> Reply:
            raise RuntimeError("a bug")

    team, _ = a_team([Broken()])
    with pytest.raises(RuntimeError, match="a bug"):
        team.run()


def spoken(view: Any) -> None:
    """Two agents tell of their work, through one view."""
    with view.step("model", "opus"), view.lane("agent 1", "rounding") as one, view.lane("agent 2", "a race") as other:
        one.on_event("text", text="I look at line 3")
        other.on_event("text", text="I look at the lock")
        one.on_event("note", text="the conclusion goes back")
        other.on_event("usage", line="turn 7 · 41k context")
        one.cell(replace(CELL, id=4, purpose="add up"))
        with other.step("checks") as step:
            step.result("symptom passed")


def test_in_a_log_each_agent_has_its_name() -> None:
    stream = io.StringIO()
    spoken(View(stream))
    lines = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert "agent 1: the conclusion goes back" in lines and "cost agent 2, turn 7 · 41k context" in lines
    assert any(line.startswith("cell 4 agent 1: add up") for line in lines)
    assert any(line.startswith("checks 2 symptom passed") for line in lines)
    assert any(line.startswith("agent 2 a race") for line in lines)


def test_on_a_terminal_each_agent_has_a_line_of_its_own() -> None:
    view = View(io.StringIO())
    with view.step("model", "opus"), view.lane("agent 1", "rounding") as one, view.lane("agent 2", "a race") as other:
        one.on_event("text", text="I look at line 3")
        other.on_event("text", text="I look at the lock")
        one.on_event("text", text=", and at line 4")
        frame = [" ".join(line.split()) for line in view._frame().plain.splitlines()]
    assert any("agent 1" in line and "I look at line 3, and at line 4" in line for line in frame)
    assert any("agent 2" in line and "I look at the lock" in line for line in frame)


def test_events_and_progress_name_the_agent() -> None:
    stream, told = io.StringIO(), list[str]()
    spoken(EventLines(stream))
    spoken(Told(told.append))
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {"event": "usage", "line": "agent 2, turn 7 · 41k context"}.items() <= next(
        each for each in events if each["event"] == "usage"
    ).items()
    assert [each["purpose"] for each in events if each["event"] == "cell"] == ["agent 1: add up"]
    assert "agent 2, turn 7 · 41k context" in told and "cell 4 (ok): agent 1: add up" in told
