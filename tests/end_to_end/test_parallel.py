"""Agents side by side, as a user sees them: one ledger, one budget, one finding; in real boxes, with the real SDK."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from debugbox.engines import Engine
from tests.end_to_end.test_agent import CAUSE, ELSEWHERE, FIX, PATIENCE_S, diff, embedded, sets, till
from tests.end_to_end.test_path import debugbox
from tests.messages_server import Answer, Block, MessagesServer, Refused, call, text

__all__ = ["embedded", "till"]  # fixtures

Body = dict[str, Any]
Turn = Answer | float | Callable[[Body], Answer]  # a number: seconds to wait

SLICE, TAX = "the slice drops a price", "the tax is too low"
RAISED = diff("    tax = amount * rate\n", "    tax = amount * (rate + 0.3)\n")


class Scripts(MessagesServer):
    """The first agent has a script, and so has each of the others, by its hypothesis."""

    def __init__(self, first: Sequence[Answer], lanes: Mapping[str, Sequence[Turn]]) -> None:
        super().__init__(first)
        self._lanes = {name: iter(turns) for name, turns in lanes.items()}
        self.asked: dict[str, list[Body]] = {name: [] for name in lanes}

    def take(self, body: Body, headers: dict[str, str]) -> Answer | Refused:
        opening = body["messages"][0]["content"][0]["text"]
        own = opening.partition("have this hypothesis:")[2].lstrip().partition("\n")[2]
        for name, turns in self._lanes.items():
            if own.startswith(name):
                self.asked[name].append(body)
                return _next(turns, body)
        return super().take(body, headers)


def _next(turns: Iterator[Turn], body: Body) -> Answer | Refused:
    for turn in turns:
        if isinstance(turn, Answer):
            return turn
        if callable(turn):
            return turn(body)
        time.sleep(turn)
    return Refused(status=400, message="the script has ended")


def noted(words: str, status: str = "open", number: int = 5) -> Block:
    return call("note", number, text=words, status=status, evidence="to be seen")


def shares() -> list[Answer]:
    """The first agent: a cell, the symptom, two hypotheses."""
    set_up = call(
        "run_code", code="import sys; sys.path.insert(0, '/srv/repo'); ready = 'set up'", purpose="p", setup=True
    )
    return [Answer(blocks=(set_up,)), sets(), Answer(blocks=(noted(SLICE), noted(TAX, number=6)))]


def counts() -> Answer:
    """A cell in a kernel where the set-up ran, and nothing else."""
    code = "import till\nprint(till.total([10, 20, 30]), ready, 'mine' in globals())\nmine = 1"
    return Answer(blocks=(call("run_code", code=code, purpose="add up"),))


def concludes(cause: dict[str, Any] | None = None, diff: str = "") -> list[Turn]:
    """As often as it goes back, with the number that the agent's own cell got."""

    def answer(body: Body) -> Answer:
        cell = int(re.findall(r"Cell (\d+): ok", json.dumps(body["messages"]))[-1])
        causes = [{**cause, "cells": [cell], "shown": "50 set up"}] if cause else []
        fields = {"intervention": {"diff": diff}} if diff else {}
        return Answer(blocks=(text("Done."), call("conclude", 4, answer="So it is.", causes=causes, **fields)))

    return [answer] * 4


def ask(folder: Path, engine: Engine, server: Scripts, *flags: str) -> tuple[dict[str, Any], str]:
    """The finding, and what the terminal was told."""
    with server:
        os.environ["ANTHROPIC_BASE_URL"] = server.url
        arguments = ("--engine", engine.name, "--model", "opus", "--parallel", "2", "--json", *flags)
        try:
            done = debugbox(*arguments, "why is the total too low", cwd=folder, timeout_s=PATIENCE_S)
        finally:
            del os.environ["ANTHROPIC_BASE_URL"]
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.stderr


def texts(bodies: Sequence[Body]) -> str:
    return json.dumps([body["messages"] for body in bodies])


def test_two_agents_meet_in_one_ledger_and_one_finding(engine: Engine, till: Path) -> None:
    lanes: dict[str, list[Turn]] = {
        SLICE: [counts(), *concludes(CAUSE, FIX)],
        TAX: [counts(), Answer(blocks=(noted(TAX, "refuted", 7),)), *concludes()],
    }
    server = Scripts(shares(), lanes)
    finding, told = ask(till, engine, server)
    assert finding["verdict"] == "confirmed" and finding["suspects"][0]["line"] == 3, finding["checks"]
    assert {each["text"]: each["status"] for each in finding["hypotheses"]} == {SLICE: "open", TAX: "refuted"}
    assert len(server.requests) == 3, "the first agent waits"
    for asked in server.asked.values():
        assert len(asked[0]["messages"]) == 1, "a fresh conversation"
        assert "50 set up False" in texts(asked), "a kernel of its own, in which the set-up cell ran"
    assert finding["cost"]["turns"] == sum(map(len, [server.requests, *server.asked.values()]))
    assert finding["cost"]["cells"] == 3 and finding["discarded"]["cells"] == 3
    assert "agent 1: add up" in told and "agent 2: add up" in told and "the conclusion of agent 1 is taken" in told


def test_one_agent_where_there_is_one_hypothesis(embedded: Engine, till: Path) -> None:
    first = [*shares()[:2], Answer(blocks=(noted(SLICE),)), counts()]
    cause = {**CAUSE, "cells": [2], "shown": "50 set up"}
    last = Answer(blocks=(call("conclude", 4, answer="So.", causes=[cause], intervention={"diff": FIX}),))
    finding, _ = ask(till, embedded, Scripts([*first, last], {}))
    assert finding["verdict"] == "confirmed" and finding["cost"]["turns"] == 5


def test_the_checks_decide_between_agents_that_disagree(embedded: Engine, till: Path) -> None:
    lanes: dict[str, list[Turn]] = {
        SLICE: [counts(), *concludes(CAUSE, FIX)],
        TAX: [counts(), *concludes(ELSEWHERE)],
    }
    finding, _ = ask(till, embedded, Scripts(shares(), lanes))
    assert finding["verdict"] == "confirmed" and [each["line"] for each in finding["suspects"]] == [3]
    other = next(each for each in finding["hypotheses"] if each["text"].startswith("till.py:9"))
    assert other["status"] == "open" and "concluded by agent 2" in other["evidence"]


def test_agents_that_disagree_without_proof_leave_a_suspicion(embedded: Engine, till: Path) -> None:
    lanes: dict[str, list[Turn]] = {
        SLICE: [counts(), *concludes(CAUSE)],
        TAX: [counts(), *concludes(ELSEWHERE)],
    }
    finding, _ = ask(till, embedded, Scripts(shares(), lanes))
    assert finding["verdict"] == "suspected"
    said = next(limit for limit in finding["limits"] if limit.startswith("The agents disagree"))
    assert said.endswith("do not decide between them: agent 1 names till.py:3; agent 2 names till.py:9.")


def test_agents_that_disagree_and_both_pass_the_checks_leave_a_suspicion(embedded: Engine, till: Path) -> None:
    """Either change makes the symptom go: then it cannot tell the cause."""
    lanes: dict[str, list[Turn]] = {
        SLICE: [counts(), 20.0, *concludes(CAUSE, FIX)],
        TAX: [counts(), *concludes(ELSEWHERE, RAISED)],
    }
    finding, _ = ask(till, embedded, Scripts(shares(), lanes))
    assert [each["result"] for each in finding["checks"]][:4] == ["passed"] * 4
    assert finding["verdict"] == "suspected" and any("The agents disagree" in limit for limit in finding["limits"])


def test_the_limits_are_those_of_all(embedded: Engine, till: Path) -> None:
    lanes: dict[str, list[Turn]] = {SLICE: [counts()] * 20, TAX: [counts()] * 20}
    server = Scripts(shares(), lanes)
    finding, _ = ask(till, embedded, server, "--max-turns", "9")
    assert finding["cost"]["turns"] <= 9 and finding["verdict"] == "inconclusive"
    answered = len(server.requests) + sum(map(len, server.asked.values()))
    assert 8 <= answered <= 9


def test_ctrl_c_lets_all_agents_conclude(embedded: Engine, till: Path) -> None:
    hangs = Answer(blocks=(call("run_code", 6, code="import time\ntime.sleep(55)", purpose="wait"),))
    lanes: dict[str, list[Turn]] = {SLICE: [counts(), hangs, *concludes(CAUSE)], TAX: [counts(), hangs, *concludes()]}
    command = ["--engine", "bubblewrap", "--model", "opus", "--parallel", "2", "--json", "why is the total too low"]
    with Scripts(shares(), lanes) as server:
        assert isinstance(server, Scripts)
        variables = {**os.environ, "ANTHROPIC_BASE_URL": server.url}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "debugbox", *command], cwd=till, env=variables, stdout=subprocess.PIPE
        )
        deadline = time.monotonic() + 120
        while min(map(len, server.asked.values())) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(2)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=200)
    finding = json.loads(out)
    assert finding["verdict"] == "suspected" and "Cut short: Ctrl-C." in finding["limits"]
    assert time.monotonic() - began < 50, "nobody waited for the cells"
    assert all("KeyboardInterrupt" in texts(asked[-1:]) for asked in server.asked.values())
