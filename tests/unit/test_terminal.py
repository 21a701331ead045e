"""What a person reads: a report at 80 columns, a log when piped, and no foreign control character in either."""

import io
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from debugbox.finding import Cell, Check, Finding, Intervention, Place, Suspect, Verdict
from debugbox.render import words
from debugbox.render.terminal import InterruptedRun, View, as_json, findings_table, interrupted_table, report

GOLD = Path(__file__).parents[1] / "gold"
FINDING = Finding.from_json((GOLD / "finding.json").read_bytes())
NOTEBOOK = Path("/home/u/.local/share/debugbox/findings/stats-0a1b2c3d/20261121-7f3a09.ipynb")
HOSTILE = "\x1b[2J\x1b]52;c;cm0=\x07 \u202eevil\u2066 [red]markup[/red] :smile: \r\x9b31m\ud800"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
CELL = Cell(id=3, purpose="plots the mean", code_sha256="", code_lines=9, started="", duration_s=1.25, status="ok")


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_report_reads_as_agreed(gold: Callable[[str, str], None]) -> None:
    gold("report.txt", report(FINDING, path=NOTEBOOK))


@pytest.fixture
def gold() -> Callable[[str, str], None]:
    def check(name: str, actual: str) -> None:
        path = GOLD / name
        if os.environ.get("DEBUGBOX_ACCEPT"):
            path.write_text(actual)
        assert actual == path.read_text()

    return check


@pytest.mark.parametrize("width", [20, 80, 500])
def test_the_report_fits_its_width_but_for_paths_and_commands(width: int) -> None:
    long = replace(FINDING, answer="word " * 300, question="why " * 60)
    lines = report(long, path=NOTEBOOK, width=width).splitlines()
    assert all(len(line) <= max(40, min(width, 100)) or "debugbox" in line for line in lines if " (score" not in line)


def test_the_report_names_each_check_that_failed() -> None:
    text = report(FINDING)
    assert "✘ placebo        failed: the same change" in text
    assert "– no collateral  not run: no test covers" in text


def test_colour_only_where_it_is_asked_for() -> None:
    assert "\x1b" not in report(FINDING)
    assert "\x1b[1;32mCONFIRMED\x1b[0m" in report(FINDING, colour=True)


def test_colour_changes_no_line_break() -> None:
    for width in (40, 80):
        assert re.sub("\x1b\\[[0-9;]*m", "", report(FINDING, colour=True, width=width)) == report(FINDING, width=width)
    assert "\x1b[31m✘\x1b[0m placebo" in report(FINDING, colour=True)


def test_a_notebook_below_home_can_be_pasted_into_a_shell() -> None:
    text = report(FINDING, path=Path("/home/u/my findings/a.ipynb"), home=Path("/home/u"))
    assert "Notebook  ~/'my findings/a.ipynb'" in text
    assert "Notebook  /srv/a.ipynb" in report(FINDING, path=Path("/srv/a.ipynb"), home=Path("/home/u"))


def test_a_place_is_the_cause_where_it_was_changed_and_else_only_pointed_to() -> None:
    site = Place(file="stats/sums.py", line=7)
    finding = replace(FINDING, verdict="confirmed", intervention=Intervention(kind="keep_exact", sites=(site,)))
    told = " ".join(report(finding).split())
    assert "CONFIRMED Look at stats/welford.py:12 first. Tested in" in told
    assert "goes away with a change at stats/sums.py:7 alone, and stays" in told
    assert "confirmed  stats/welford.py:12 " in findings_table([finding])
    diff = replace(finding, intervention=Intervention(kind="diff", sites=(site,)))
    assert "The cause is at stats/welford.py:12." in words.headline(diff)
    both = (site, Place(file="stats/welford.py", line=12))
    again = replace(finding, intervention=Intervention(kind="keep_exact", sites=both))
    assert words.headline(again).startswith("The cause is at stats/sums.py:7 and stats/welford.py:12. Tested")
    ranked = ["stats/sums.py:7", "stats/welford.py:12", "stats/batches.py:40"]
    assert [str(each) for each in words.ranked_places(again)] == ranked
    assert words.ranked_places(again)[1].function == "Welford.update"


def test_what_did_not_pass_is_named_in_a_line() -> None:
    assert words.tally(FINDING.checks) == "3 passed, placebo failed, no collateral not run"
    assert words.tally(()) == "0 passed"


def test_a_finding_that_could_not_be_kept_says_so() -> None:
    text = report(FINDING, note="the disk is full")
    assert "the disk is full" in text and "Notebook" not in text


@pytest.mark.parametrize("field", ["question", "answer", "suspects", "checks", "limits"])
def test_no_foreign_control_character_reaches_the_report(field: str) -> None:
    suspect, check = FINDING.suspects[0], FINDING.checks[0]
    values = {
        "suspects": (replace(suspect, file=HOSTILE, function=HOSTILE, why=HOSTILE),),
        "checks": (replace(check, why=HOSTILE),),
        "limits": (HOSTILE,),
    }
    finding = replace(FINDING, **{field: values.get(field, HOSTILE)})  # type: ignore[arg-type]  # by name
    text = report(finding, path=Path(f"/tmp/{HOSTILE}"), note=HOSTILE)
    assert not CONTROL.search(text)
    assert "[red]markup[/red]" in text, "shown as it is"


def test_json_is_the_finding_and_safe_on_a_screen() -> None:
    assert json.loads(as_json(FINDING))["id"] == FINDING.id
    assert Finding.from_json(as_json(FINDING)) == FINDING
    assert not CONTROL.search(as_json(replace(FINDING, answer=HOSTILE)))


def test_the_tables_of_list_fit_eighty_columns() -> None:
    now = datetime(2026, 11, 21, 15, tzinfo=UTC)
    hostile = replace(FINDING, id="20261120-aaaaaa", question=HOSTILE * 5, suspects=(), created="?")
    table = findings_table([FINDING, hostile], now=now)
    assert "20261121-7f3a09  3 h  confirmed  stats/welford.py:12  why does the running" in table
    runs = interrupted_table([InterruptedRun(id="20261121-bbbbbb", age_s=300, cells=2, question=HOSTILE)])
    assert "20261121-bbbbbb  5 min  2 cells" in runs
    for line in (*table.splitlines(), *runs.splitlines()):
        assert len(line) <= 80 and not CONTROL.search(line)


def run_steps(stream: io.StringIO, *, quiet: bool = False) -> str:
    clock = Clock()
    view = View(stream, quiet=quiet, clock=clock)
    with view.step("snapshot", "reading") as step:
        clock.sleep(0.5)
        step.result("214 files")
    with view.step("agent", "investigates"):
        view.on_event("turn_started", turn=1, of=40)
        view.on_event("thinking", text=f"perhaps\nthe count {HOSTILE}")
        view.on_event("writing", characters=120)
        view.on_event("tool_called", tool="run_code", purpose=HOSTILE, code_lines=12)
        cell = replace(CELL, purpose=f"plots {HOSTILE}", status="timeout")
        view.cell(cell)
        view.on_event("cell_finished", cell=cell)
        for left_s in (3, 2, 1):
            view.on_event("retry", why="overloaded", left_s=left_s, retry=1, of=5)
        view.on_event("dropped", why="cut short", usage=None)
        view.on_event("usage", line="turn 1, 0.12 USD", turn=1)
        view.on_event("usage", line="turn 1, 0.12 USD", turn=1)
        view.on_event("note", text="two\nlines " + HOSTILE.replace("\r", ""))
        view.on_event("something new", data=1)
    return stream.getvalue()


def test_piped_it_is_a_plain_log() -> None:
    log = run_steps(io.StringIO())
    assert not CONTROL.search(log)
    assert [line[:40].rstrip() for line in log.splitlines()] == [
        "snapshot     214 files  0.5 s",
        r"cell 3       plots \x1b[2J\x1b]52;c;cm0=",
        "             overloaded; retry 1 of 5",
        "             a reply was dropped: cut sh",
        "cost         turn 1, 0.12 USD",
        "             two",
        r"             lines \x1b[2J\x1b]52;c;cm0=",
        "agent        investigates  0.0 s",
    ]
    assert "timeout 1.2 s" in log and "[red]markup[/red] :smile:" in log


def test_an_engine_that_explains_itself_stays_on_one_line_of_eighty_columns() -> None:
    stream = io.StringIO()
    view = View(stream, clock=Clock())
    with view.step("box", "bubblewrap (embedded: protects against accidents, not against hostile code)"):
        pass
    with view.step("box", "docker 20.10 (rootless)"):
        pass
    assert stream.getvalue().splitlines() == [
        "box          bubblewrap  0.0 s",
        "box          docker 20.10 (rootless)  0.0 s",
    ]


@pytest.mark.parametrize(
    ("verdict", "begins"),
    [
        ("confirmed", "Look at s.py:9 first. Tested in fresh copies"),
        ("supported", "An exact measurement leads to s.py:9, and"),
        ("suspected", "The best candidate is s.py:9; it is not proven. Not shown: that changing other places"),
        ("refuted", "What you asked about does not happen here"),
        ("inconclusive", "There is no answer here"),
    ],
)
def test_the_headline_says_it_to_somebody_new_with_the_place(verdict: Verdict, begins: str) -> None:
    sites = (Place(file="a.py", line=1), Place(file="b.py", line=2))
    finding = replace(
        FINDING,
        verdict=verdict,
        suspects=(Suspect(file="s.py", line=9),),
        intervention=Intervention(kind="keep_exact", sites=sites),
        checks=(Check(name="but-for", result="passed", why=""), Check(name="placebo", result="failed", why="")),
    )
    assert words.headline(finding).startswith(begins)


def test_a_note_is_wrapped_on_a_terminal_and_never_cut() -> None:
    stream = Terminal()
    words = "no credentials for a model: a recipe investigates by itself, and --model NAME asks for one " * 3
    View(stream, clock=Clock()).note(words)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert " ".join(shown.split()) == words.strip()
    assert max(map(len, shown.splitlines())) <= 80


def test_quiet_shows_nothing() -> None:
    assert run_steps(io.StringIO(), quiet=True) == ""
    assert run_steps(Terminal(), quiet=True) == ""


def test_a_terminal_gets_a_live_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    shown = run_steps(Terminal())
    assert "\x1b[?25l" in shown, "the cursor is hidden while it lives"
    assert shown.count("\x1b[?25h") == shown.count("\x1b[?25l"), "and comes back"
    assert "\x1b]52" not in shown and "\u202e" not in shown
    lines = [line for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).replace("\r", "\n").split("\n") if line]
    assert all(len(line) <= 80 for line in lines), max(lines, key=len)
    assert lines[-1] == "agent        investigates  0.0 s"


def test_no_colour_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", run_steps(Terminal()))


def test_a_step_that_is_interrupted_says_so_and_gives_the_terminal_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    view = View(stream, clock=Clock())
    with pytest.raises(KeyboardInterrupt), view.step("box", "starting"):
        raise KeyboardInterrupt
    assert "stopped 0.0 s" in stream.getvalue()
    assert stream.getvalue().rstrip().count("\x1b[?25h") == 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3725, "1 h 2 min"), (300_000, "3 days")],
)
def test_durations_in_words(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_a_table_lines_up_and_leaves_out_empty_columns() -> None:
    assert words.table(["name", "note", "n"], [["a", "", 1], ["bcd", "", None], ["x", "", 2.5]]).splitlines() == [
        "name    n",
        "────  ───",
        "a       1",
        "bcd     –",
        "x     2.5",
    ]
