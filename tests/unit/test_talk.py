"""Requirement: a killed run can go on with the conversation it had, to the byte; what is half-written is left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from debugbox import talk as module
from debugbox.agent import Agent
from debugbox.conversation import ToolCall
from debugbox.journal import Interrupted, Journal, interrupted
from debugbox.model import ScriptedModel, scripted
from debugbox.resume import Past
from debugbox.talk import Talk, read_talk
from tests.unit.test_agent import CONCLUDE, FakeBench, FakeClock, FakeLaboratory, run_code
from tests.unit.test_resume import CELL

NOTE = ToolCall(id="n", name="note", input={"text": "rounding", "status": "open", "evidence": "cell 1"})


def a_run(path: Path, *replies: Any) -> ScriptedModel:
    """An agent whose talk is kept at `path`, until its model is gone."""
    clock, model = FakeClock(), ScriptedModel(replies)
    talk = Talk(path)
    agent = Agent(model, FakeBench(clock=clock), FakeLaboratory(), clock=clock, log=talk.write)
    agent.run("why?", review=lambda conclusion: [], overview="\u202ea.py")
    talk.close()
    return model


def goes_on(path: Path) -> ScriptedModel:
    talked = read_talk(path)
    clock, model = FakeClock(), ScriptedModel([scripted(CONCLUDE)])
    agent = Agent(model, FakeBench(clock=clock), FakeLaboratory(), clock=clock)
    agent.run("why?", review=lambda conclusion: [], past="A digest.", talked=talked)
    return model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.talk"


def test_the_conversation_goes_on_as_it_was(path: Path) -> None:
    before = a_run(path, scripted("I look.", run_code()), scripted(NOTE)).requests[-1]
    after = goes_on(path).requests[0]
    assert path.stat().st_mode & 0o777 == 0o600
    assert after[: len(before) - 1] == before[:-1] and len(after) == len(before)
    *sent, last = after[-1]["content"]
    assert sent == before[-1]["content"] and "The run was interrupted here" in last["text"]


def test_a_call_that_was_not_finished_is_answered_so(path: Path) -> None:
    a_run(path, scripted(run_code("a", "1"), run_code("b", "2")))
    lines = path.read_bytes().splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if b'"tool_use_id": "1"' in line)
    path.write_bytes(b"".join(lines[: first + 1]))  # killed in the second cell
    results = goes_on(path).requests[0][-1]["content"][:2]
    assert [(each["tool_use_id"], each["is_error"]) for each in results] == [("1", False), ("2", True)]
    assert "Not finished" in results[1]["content"][0]["text"]


def test_a_half_written_end_is_left_out(path: Path) -> None:
    a_run(path, scripted(run_code()))
    whole = read_talk(path)
    path.write_bytes(path.read_bytes() + b'{"op": "reply", "agent"')
    assert read_talk(path) == whole


def test_another_prompt_begins_anew_with_the_digest(path: Path) -> None:
    a_run(path, scripted(run_code()))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text(
        "".join(json.dumps({**line, **({"prefix": "other"} if "prefix" in line else {})}) + "\n" for line in lines)
    )
    (opening,) = goes_on(path).requests[0]
    assert "A digest." in opening["content"][0]["text"]


def test_a_handover_leaves_the_old_conversation_behind(path: Path) -> None:
    a_run(path, scripted(run_code()), scripted(stop="model_context_window_exceeded"), scripted(NOTE))
    talked = read_talk(path)
    assert talked and len(talked.messages) == 2 and "too long to go on" in str(talked.messages[0])


def test_a_talk_that_grows_too_long_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 400)
    talk = Talk(path)
    for number in range(9):
        talk.write("code", cell=number, code="x" * 100)
    talk.close()
    assert path.stat().st_size <= 400


def past_of(folder: Path, *agents: int) -> Interrupted:
    with Journal.open(folder, question="why", run=None, repository=folder, provenance={}, resumable=True) as journal:
        journal.cell(CELL)
        journal.talk.write("code", cell=1, code="measure()")
        for agent in agents:
            journal.talk.write("start", agent=agent, prefix="p", marker="box-1", opening="why?")
    return interrupted(folder)[0]


def test_one_conversation_is_taken_up_and_of_several_none(tmp_path: Path) -> None:
    alone = Past(past_of(tmp_path / "one", 0))
    assert alone.conversation and alone.marker == "box-1" and alone.code == {1: "measure()"}
    team = Past(past_of(tmp_path / "many", 0, 1, 2))
    assert team.conversation is None and team.marker == "" and team.code == {1: "measure()"}


def test_the_talk_goes_with_its_journal(tmp_path: Path) -> None:
    run = past_of(tmp_path, 0)
    assert run.path.with_suffix(".talk").exists() and "measure()" not in run.path.read_text()
    run.discard()
    assert not list(run.path.parent.iterdir())
