"""What `slow` and `drift` name first, and what behind it: from measurements written down here, no program is run.

A ranking must not hang on the clock of a busy machine, and no line is named twice.
"""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import drift, slow
from debugbox_recipes.harness import Program, ProgramRun
from debugbox_recipes.knob import Knob

from .conftest import program

Write = Callable[..., Program]


def part(recipe: Any, name: str) -> Any:
    """A module of a recipe's scripts."""
    return sys.modules[f"{recipe._module().__package__}.{name}"]


SIZES = (100, 200, 400, 800)
FLAT, LINEAR, SQUARE = (1, 1, 1, 1), (10, 20, 40, 80), (100, 400, 1600, 6400)


def counted(size: int, rank: int, lines: dict[str, Sequence[int]]) -> Any:
    """A run at one size: `run.py:3 name` -> counts at all sizes."""
    rows = []
    for place, counts in lines.items():
        where, name = place.split(" ")
        file, line = where.split(":")
        rows.append([file, int(line), name, counts[rank]])
    work = sum(row[3] for row in rows)
    result = {"work": work, "lines": rows, "calls": [], "seconds": [], "error": "", "partial": False}
    run = ProgramRun(0, "", "", "", 0.1, False, ())
    return part(slow, "measuring").Counted(size, run, {**result, "applied": {}, "changed": {}})


def slow_study(folder: Path, lines: dict[str, Sequence[int]], chain: Sequence[Any] = ()) -> Any:
    study = part(slow, "study").Study(program(folder, "python run.py 800"), "why is it slow")
    study.knob = Knob("python run.py {n}", "the argument 800", 800)
    study.rungs = [counted(size, rank, lines) for rank, size in enumerate(SIZES)]
    study.chain = list(chain)
    return study


def level(line: int, entries: Sequence[int], below: Sequence[int] = SQUARE, callee: str = "run.py:1:inner") -> Any:
    return part(slow, "study").Level("run.py", line, f"f{line}", callee, tuple(entries), tuple(below))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = "".join(f"step_{n}()\n" for n in range(1, 30))
    (tmp_path / "run.py").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_loop_that_all_begins_with_is_named_before_the_innermost_calls(folder: Path) -> None:
    chain = [level(1, FLAT), *(level(n, LINEAR) for n in (2, 3, 4, 5)), level(6, SQUARE)]
    study = slow_study(folder, {"run.py:9 hot": SQUARE}, chain)
    study.hot = "run.py:9"
    named = [row["line"] for row in part(slow, "concluding").suspects(study)]
    assert named == [9, 2, 6, 5]


def test_a_function_that_leaves_its_work_to_others_has_no_hot_line(folder: Path) -> None:
    chain = [level(2, LINEAR, callee="run.py:7:caller")]
    mostly = {"run.py:8 caller": LINEAR, "run.py:9 called": SQUARE}
    assert part(slow, "studying")._hot_line(slow_study(folder, mostly, chain)) == "run.py:9"
    shared = {"run.py:8 caller": [n // 4 for n in SQUARE], "run.py:9 called": SQUARE}
    assert part(slow, "studying")._hot_line(slow_study(folder, shared, chain)) == "run.py:8"


@pytest.mark.parametrize(("dispatched", "first"), [(False, 2), (True, 9)], ids=["one callee", "a dispatcher"])
def test_behind_a_dispatcher_the_hot_line_comes_first(folder: Path, dispatched: bool, first: int) -> None:
    study = slow_study(folder, {"run.py:9 hot": SQUARE}, [level(2, LINEAR)])
    study.hot, study.cause, study.dispatched = "run.py:9", study.chain[0], dispatched
    assert [row["line"] for row in part(slow, "concluding").suspects(study)] == [first, 11 - first]


@pytest.mark.parametrize(
    ("statement", "callees", "dispatches"),
    [
        ("handlers[kind](node)", ["a", "b"], True),
        ("handlers[kind](node)", ["a"], False),
        ("left(node), right(node)", ["left", "right"], False),
        ("visit(node)", ["visit", "Node.__eq__"], False),
    ],
    ids=["two behind one call", "one callee", "two calls", "called by the interpreter"],
)
def test_a_dispatcher_calls_more_functions_than_are_written_there(
    tmp_path: Path, statement: str, callees: list[str], dispatches: bool
) -> None:
    (tmp_path / "run.py").write_text(f"{statement}\n", encoding="utf-8")
    sites = [level(1, LINEAR, callee=f"run.py:{10 + n}:{name}") for n, name in enumerate(callees)]
    assert part(slow, "attributing").is_dispatcher(sites[0], sites, tmp_path) is dispatches


@pytest.mark.parametrize("clock", ["agrees", "unknown"])
def test_what_a_busy_machine_s_clock_says_is_not_told(folder: Path, clock: str) -> None:
    records = []
    for said in ("agrees", clock):
        study = slow_study(folder, {"run.py:9 hot": SQUARE}, [level(2, LINEAR)])
        study.hot, study.clock = "run.py:9", said
        records.append((slow._module().record(study), part(slow, "concluding").summary(study)))
    assert records[0] == records[1]


def test_a_clock_that_contradicts_is_told_and_nothing_is_exact(folder: Path) -> None:
    study = slow_study(folder, {"run.py:9 hot": SQUARE}, [level(2, LINEAR)])
    study.hot, study.clock = "run.py:9", "disagrees"
    said = slow._module().record(study)
    assert (said["conclusion"]["exact"], said["details"]["clock_disagrees"]) == (False, True)
    assert "do not grow like that" in said["conclusion"]["hypotheses"][0]["evidence"]


def test_time_is_the_processor_s_and_a_run_that_fails_has_none(project: Write) -> None:
    which = project({"run.py": "import sys, time\ntime.sleep(1.5)\nsys.exit(int(sys.argv[1]) == 7)\n"})
    measuring = part(slow, "measuring").Measuring(which, 60.0)
    knob = Knob("python run.py {n}", "the argument", 100)
    took = measuring.seconds(knob, 100, repeats=1)
    assert took is not None and took < 1.0
    assert measuring.seconds(knob, 7, repeats=1) is None


class Timed:
    """Stands in for `Measuring`: the time of line 3 grows with the square, that of line 4 as the size."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def count(self, knob: Any, size: int, **given: Any) -> Any:
        self.sizes.append(size)
        one = counted(size, 0, {"run.py:3 f": [1], "run.py:4 f": [1]})
        seconds = [["run.py", 3, "f", size**2 / 1000], ["run.py", 4, "f", size / 2]]
        return dataclasses.replace(one, result={**one.result, "seconds": seconds})


def test_lines_are_timed_at_the_sizes_where_plain_runs_were_seen_to_grow(folder: Path) -> None:
    study = slow_study(folder, {"run.py:3 f": LINEAR, "run.py:4 f": LINEAR})
    study.clock, study.clock_size = "more", 3200
    timed = Timed()
    part(slow, "studying")._attribute(study, timed, None)
    assert timed.sizes == [1600, 3200]
    assert [line for line, _ in study.slow_lines] == ["run.py:3"]


# --- drift


@pytest.mark.parametrize(
    ("share", "said"), [(-0.0004, "0.0%"), (0.0004, "0.0%"), (0.586, "58.6%"), (-0.586, "-58.6%"), (0.0, "0.0%")]
)
def test_a_share_that_rounds_to_nothing_has_no_sign(share: float, said: str) -> None:
    drift._module()
    assert part(drift, "explaining").percent(share) == said


def a_line(number: int, share: float = 0.5) -> Any:
    kind = part(drift, "measuring").Line
    given = {"file": "run.py", "line": number, "function": "f", "share": share}
    plain = {field.name: 1 for field in dataclasses.fields(kind)}
    return kind(**{**plain, **given})


def drift_study(folder: Path, sources: Sequence[int], amplifiers: Sequence[int]) -> Any:
    """The error is the sources'; the amplifiers only show it."""
    study = part(drift, "study").Study(program(folder), "why does it drift", 1e-9)
    amplifier = part(drift, "amplifying").Amplifier
    study.suspects = [a_line(number, 0.6 / (1 + n)) for n, number in enumerate(sources)]
    study.amplifiers = [amplifier(a_line(n, 0.0), 1e-9, 1e-3, "sub", (2.0, 1.0)) for n in amplifiers]
    return study


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Says which amplifier has to be changed; None: the sources have to be."""

    def set_to(amplifier: Any) -> None:
        drift._module()
        monkeypatch.setattr(part(drift, "study").Study, "to_change", amplifier)

    return set_to


def test_lines_that_show_the_error_stand_behind_those_that_make_it(
    folder: Path, changed: Callable[[Any], None]
) -> None:
    changed(None)
    rows = part(drift, "concluding").suspects(drift_study(folder, [3, 4], [7, 4, 8, 9]))
    assert [row["line"] for row in rows] == [3, 4, 7, 8]
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert rows[2]["score"] < rows[1]["score"]
    assert rows[2]["why"].startswith("it shows the error: a relative error of 1e-09 becomes 0.001")


def test_an_amplifier_that_has_to_be_changed_stands_first_and_once(
    folder: Path, changed: Callable[[Any], None]
) -> None:
    study = drift_study(folder, [3], [7, 8])
    changed(study.amplifiers[0])
    rows = part(drift, "concluding").suspects(study)
    assert [(row["line"], row["score"]) for row in rows][:2] == [(7, 1.0), (3, 0.6)]
    assert [row["line"] for row in rows] == [7, 3, 8]


def test_where_nobody_makes_the_error_nobody_shows_it(folder: Path, changed: Callable[[Any], None]) -> None:
    changed(None)
    assert part(drift, "concluding").suspects(drift_study(folder, [], [7])) == []
