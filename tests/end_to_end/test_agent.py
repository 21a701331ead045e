"""The path with a model as a user sees it: the real command, the real SDK, real boxes; only the endpoint is a script."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from debugbox.engines import Engine
from tests.end_to_end.test_path import debugbox
from tests.messages_server import Answer, MessagesServer, call, text, thinking

TILL = """\
def total(prices):
    amount = 0
    for price in prices[1:]:
        amount = amount + price
    return amount


def with_tax(amount, rate):
    tax = amount * rate
    whole = amount + tax
    return whole


if __name__ == "__main__":
    net = total([10, 20, 30])
    print(with_tax(net, 0.5))
"""
SYMPTOM = """\
import debugbox_kernel as box
run = box.run("python till.py")
measured = float(run.stdout) if run.exit_code == 0 else None
box.symptom(measured=measured, expected=90.0, unit="EUR", present=None if measured is None else measured != 90.0)
"""
LOOK = "import sys; sys.path.insert(0, '/srv/repo')\nimport till\nprint(till.total([10, 20, 30]), till.total([10]))"
CAUSE = {
    "file": "till.py",
    "line": 3,
    "quote": "for price in prices[1:]:",
    "claim": "The slice leaves the first price out: of 10, 20, 30 only 50 is added up.",
    "cells": [1],
}


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "till"
    folder.mkdir()
    (folder / "till.py").write_text(TILL)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test")
    return folder


def ask(folder: Path, engine: Engine, *turns: Answer, flags: tuple[str, ...] = ()) -> tuple[dict[str, Any], Any]:
    """The finding of one run of the real program against these turns, and the server that gave them."""
    with MessagesServer(turns) as server:
        os.environ["ANTHROPIC_BASE_URL"] = server.url
        arguments = ("--engine", engine.name, "--model", "opus", "--json", *flags, "why is the total too low")
        try:
            done = debugbox(*arguments, cwd=folder)
        finally:
            del os.environ["ANTHROPIC_BASE_URL"]
    assert done.stdout, done.stderr
    finding: dict[str, Any] = json.loads(done.stdout)
    return finding, server


def test_a_straight_conversation_ends_in_a_checked_finding(engine: Engine, till: Path) -> None:
    finding, server = ask(
        till,
        engine,
        Answer(blocks=(thinking("I add up."), call("run_code", code=LOOK, purpose="add up three prices and one"))),
        Answer(blocks=(text("Found."), call("conclude", 2, answer="It skips.", causes=[CAUSE], symptom_code=SYMPTOM))),
    )
    assert finding["verdict"] == "suspected" and finding["suspects"][0]["line"] == 3
    results = {check["name"]: check["result"] for check in finding["checks"]}
    assert results == {"symptom": "passed", "claim lint": "passed", "but-for": "not run"}
    assert "50 0" in json.dumps(server.requests[1]["messages"][-1])
    assert finding["provenance"]["model"]["endpoint"] == server.url and finding["cost"]["cost_usd"] is None
