"""A question can start from a finding: the two are linked, and what was found and refuted reaches the next run."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from debugbox.engines import Engine
from tests.conftest import git
from tests.end_to_end import test_agent
from tests.end_to_end.test_again import LOUD, QUESTION, QUIET, asked
from tests.end_to_end.test_agent import CAUSE, FIX, TILL, ask, concludes, looks, sets, tries
from tests.end_to_end.test_path import debugbox
from tests.messages_server import Answer, MessagesServer, call

embedded, till = test_agent.embedded, test_agent.till


def opening_of(server: MessagesServer) -> str:
    text: str = server.requests[0]["messages"][0]["content"][0]["text"]
    return text


def in_markers(opening: str) -> str:
    """What stands between the last two markers."""
    return opening.rpartition("</box-")[0].rpartition("<box-")[2]


REFUTED = Answer(blocks=(call("note", 5, text="the tax is wrong", status="refuted", evidence="cell 1: 50 0"),))


def test_an_agent_is_told_what_was_refuted_before_and_what_has_changed_since(embedded: Engine, till: Path) -> None:
    git(till, "init", "-q")
    git(till, "add", ".")
    git(till, "commit", "-q", "-m", "first")
    first, server = ask(till, embedded, looks(), sets(), tries(FIX), REFUTED, *concludes())
    assert first["verdict"] == "confirmed" and "Findings made here before" not in opening_of(server)

    second, server = ask(till, embedded, looks(), *concludes(), flags=("--no-checks",))
    told, commit = in_markers(opening_of(server)), git(till, "rev-parse", "HEAD")[:10]
    assert f"Finding {first['id']} (confirmed, " in told and f"at {commit}): why is the total too low" in told
    assert "place: till.py:3 (unchanged since)" in told
    assert "refuted then: the tax is wrong (cell 1: 50 0)" in told
    assert second["provenance"]["told_of"] == [first["id"]] and "follows" not in second["provenance"]

    (till / "till.py").write_text(TILL.replace("prices[1:]", "prices[2:]"))
    cause = {**CAUSE, "quote": "for price in prices[2:]:"}
    _, server = ask(till, embedded, looks(), *concludes(cause), flags=("--no-checks",))
    assert "place: till.py:3 (stale: the line has changed since)" in in_markers(opening_of(server))


def test_an_agent_goes_on_from_a_finding(embedded: Engine, till: Path) -> None:
    first, _ = ask(till, embedded, looks(), sets(), tries(FIX), *concludes())
    with MessagesServer([looks(), *concludes()]) as server:
        os.environ["ANTHROPIC_BASE_URL"] = server.url
        words = ("--engine", "bubblewrap", "--model", "opus", "--no-checks", "--json")
        try:
            done = debugbox("ask", first["id"][9:], "and what of the tax", *words, cwd=till)
        finally:
            del os.environ["ANTHROPIC_BASE_URL"]
    second, told = json.loads(done.stdout), in_markers(opening_of(server))
    assert second["question"] == "and what of the tax"
    assert second["provenance"]["follows"] == {
        "id": first["id"],
        "question": "why is the total too low",
        "verdict": "confirmed",
        "as found": False,
        "same files": True,
    }
    assert "check but-for, passed" in told and 'box.run("python till.py")' in told, "its checks and its symptom"
    assert "evidence then: The slice leaves the first price out" in told and "50 0" in told, "its evidence"


def test_a_run_that_was_killed_still_follows_when_it_goes_on(embedded: Engine, till: Path) -> None:
    first, _ = ask(till, embedded, looks(), *concludes(), flags=("--no-checks",))
    hangs = Answer(blocks=(call("run_code", 6, code="import time\ntime.sleep(50)", purpose="wait for ever"),))
    command = ["--engine", "bubblewrap", "--model", "opus", "--no-checks", first["id"], "and the tax"]
    with MessagesServer([looks(), hangs]) as server:
        variables = {**os.environ, "ANTHROPIC_BASE_URL": server.url}
        process = subprocess.Popen([sys.executable, "-P", "-m", "debugbox", *command], cwd=till, env=variables)
        deadline = time.monotonic() + 120
        while len(server.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
        process.wait()
    with MessagesServer([*concludes()]) as server:
        os.environ["ANTHROPIC_BASE_URL"] = server.url
        try:
            done = debugbox("resume", "--engine", "bubblewrap", "--model", "opus", "--json", cwd=till)
        finally:
            del os.environ["ANTHROPIC_BASE_URL"]
    second = json.loads(done.stdout)
    assert second["question"] == "and the tax" and second["provenance"]["follows"]["id"] == first["id"], done.stderr


def test_without_a_model_command_and_recipe_are_taken_over(embedded: Engine, tmp_path: Path) -> None:
    (tmp_path / "ledger.py").write_text(LOUD)
    first = asked(tmp_path, embedded, "--run", "python ledger.py", QUESTION)
    done = debugbox(
        "--engine", "bubblewrap", "--no-model", "--no-checks", first["id"], "where else does it round", cwd=tmp_path
    )
    assert f"Follows {first['id']}: {QUESTION}" in done.stdout, done.stderr
    assert f"follows {first['id']}, with the command python ledger.py and the recipe drift" in done.stderr
    listed = json.loads(debugbox("list", "--json", cwd=tmp_path).stdout)["findings"]
    second = next(each for each in listed if each["question"] == "where else does it round")
    assert (second["run"], second["by"]) == ("python ledger.py", "recipe drift")
    assert f"(after {first['id'][9:]})" in debugbox("list", cwd=tmp_path).stdout
    page = linked_page(tmp_path, first["id"], second["id"])
    assert f'<a href="{first["id"]}.html">{first["id"]}</a>: {QUESTION}' in page
    back = (tmp_path / "pages" / f"{first['id']}.html").read_text()
    assert f'Followed by <a href="{second["id"]}.html">where else does it round</a>' in back


def linked_page(folder: Path, first: str, second: str) -> str:
    done = debugbox("review", second, "--no-open", "-o", "pages", cwd=folder)
    assert done.stdout.strip().endswith(f"/{second}.html"), done.stderr
    exported = debugbox("export", second, "--to", "md", cwd=folder).stdout
    assert f"Follows `{first}`" in exported
    return (folder / "pages" / f"{second}.html").read_text()


def test_the_files_of_the_finding_can_be_looked_at_again(embedded: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    folder.mkdir()
    git(folder, "init", "-q")
    first = commit(folder, LOUD, embedded)
    commit(folder, QUIET, None)
    arguments = ("--no-checks", first["id"], "and now")
    then = asked(folder, embedded, "--as-found", *arguments)
    assert then["suspects"] and then["provenance"]["follows"]["same files"] is True
    assert then["provenance"]["commit"] == first["provenance"]["commit"]
    now = asked(folder, embedded, *arguments)
    assert not now["suspects"] and now["provenance"]["follows"]["same files"] is False
    (folder / "ledger.py").write_text(LOUD)
    dirty = asked(folder, embedded, "--no-checks", first["id"], "and now")
    refused = debugbox("--no-model", "--as-found", dirty["id"], "and now", cwd=folder)
    assert refused.returncode == 64 and "files had changed since the commit then (ledger.py)" in refused.stderr


def commit(folder: Path, text: str, engine: Engine | None) -> Any:
    """Commit this state of the ledger; with an engine, a finding of it."""
    (folder / "ledger.py").write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a change")
    return asked(folder, engine, "--run", "python ledger.py", "--no-checks", QUESTION) if engine else None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("20010101-abcdef", "and now"), 61, "none in"),
        (("--as-found", "why"), 2, "goes with the ID"),
        (("1000", "values are wrong, why"), 21, "holds no"),
    ],
    ids=["no such finding", "no finding", "a question with a number"],
)
def test_what_is_no_finding_is_said_or_asked(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = debugbox("--no-model", *words, cwd=tmp_path)
    assert said in done.stderr, done.stderr
    assert done.returncode == code
