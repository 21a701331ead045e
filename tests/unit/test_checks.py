"""Requirement: the verdict is the design's table, computed from checks in fresh boxes; nothing else raises it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from debugbox.box import BoxContext
from debugbox.checks import CheckName, Checks, Judgement, compute_verdict, unchecked
from debugbox.claims import UNSHOWN, struck
from debugbox.errors import BoxGone
from debugbox.experiments import Experiment
from debugbox.finding import (
    Cell,
    Check,
    CheckResult,
    Conclusion,
    Intervention,
    Measurement,
    Output,
    Place,
    Quote,
    Suspect,
    Symptom,
    Verdict,
)
from debugbox.lint import Fault
from debugbox.settings import Limits
from debugbox.snapshot import Snapshot, take_snapshot
from debugbox.trials import Trials, measurement_of

SOURCE = """\
def total(prices):
    amount = 0
    for price in prices[1:]:
        amount = amount + price
    return amount


def tax(amount):
    rate = 0.5
    return amount * rate
"""
FIX = "--- a/till.py\n+++ b/till.py\n@@ -3 +3 @@\n-    for price in prices[1:]:\n+    for price in prices:\n"
SUSPECT = Suspect(file="till.py", line=3, quote="for price in prices[1:]:", cells=(1,), why="it skips")
DIFF = Intervention(kind="diff", sites=(Place(file="till.py", line=3),), describe=FIX)
RUN_TIME = Intervention(kind="keep_exact", sites=(Place(file="till.py", line=3),), describe="kept exact")
CONCLUSION = Conclusion(
    answer="The first price is left out.",
    by="agent",
    suspects=(SUSPECT,),
    symptom=Symptom(code="box.symptom(...)"),
    captions={1: "fifty"},
)
ALL: tuple[CheckName, ...] = ("symptom", "claim lint", "but-for", "placebo", "no collateral")


def checks_of(*results: CheckResult) -> list[Check]:
    return [Check(name=name, result=result, why="") for name, result in zip(ALL, results, strict=False)]


P: CheckResult = "passed"
F: CheckResult = "failed"
C: CheckResult = "cannot measure"
N: CheckResult = "not run"


@pytest.mark.parametrize(
    ("results", "exact", "verdict"),
    [
        ((P, P, P, P, P), False, "confirmed"),
        ((P, P, P, P, N), False, "confirmed"),
        ((P, P, P, P, F), False, "suspected"),
        ((P, P, P, P, F), True, "suspected"),
        ((P, P, P, F), False, "suspected"),
        ((P, P, P, F), True, "suspected"),
        ((P, P, P, C), False, "suspected"),
        ((P, P, P, C), True, "supported"),
        ((P, P, P, N), False, "suspected"),
        ((P, P, F), True, "suspected"),
        ((P, P, C), False, "suspected"),
        ((P, P, N), True, "supported"),
        ((P, P, N), False, "suspected"),
        ((P, F, P, P, P), True, "suspected"),
        ((F, P), True, "suspected"),
        ((C, P), True, "suspected"),
        ((N, P), True, "suspected"),
        ((), True, "suspected"),
    ],
)
def test_the_verdict_is_the_table(results: tuple[CheckResult, ...], exact: bool, verdict: Verdict) -> None:
    conclusion = replace(CONCLUSION, exact=exact)
    assert compute_verdict(conclusion, checks_of(*results)) == verdict
    nowhere = replace(conclusion, suspects=())
    assert compute_verdict(nowhere, checks_of(*results)) == "inconclusive"


@pytest.mark.parametrize(
    ("states", "lint", "fires", "verdict"),
    [
        (("absent",) * 3, P, P, "refuted"),
        (("absent",) * 3, P, F, "inconclusive"),
        (("absent",) * 3, P, N, "inconclusive"),
        (("absent",) * 3, F, P, "inconclusive"),
        (("absent", "present", "absent"), P, P, "inconclusive"),
        (("absent", "cannot measure", "absent"), P, P, "inconclusive"),
        ((), P, P, "inconclusive"),
    ],
)
def test_refuted_needs_a_symptom_that_can_fire_and_does_not(
    states: Any, lint: CheckResult, fires: CheckResult, verdict: Verdict
) -> None:
    symptom, *others = checks_of(F, lint, fires)
    symptom = replace(symptom, runs=tuple(Measurement(state=state) for state in states))
    conclusion = replace(CONCLUSION, premise_refuted=True)
    assert compute_verdict(conclusion, [symptom, *others]) == verdict


# With boxes that are told what to answer


@dataclass
class FakeBox:
    run: Callable[[], dict[str, Any] | str | BaseException]
    record: bytes

    def run_cell(self, code: str, *, id: int, purpose: str, timeout_s: float) -> Cell:
        said = self.run() if purpose == "symptom" else "50"
        if isinstance(said, BaseException):
            raise said
        shown = Output(kind="text", name="stdout", text=said) if isinstance(said, str) else None
        output = shown or Output(kind="record", name="symptom", data=dict(said))  # type: ignore[arg-type]  # a dict here
        return a_cell(id, output)

    def read_file(self, name: str, max_bytes: int) -> bytes | None:
        return self.record


def a_cell(id: int, *outputs: Output) -> Cell:
    fields: dict[str, Any] = {"purpose": "add up", "code_sha256": "a", "code_lines": 1, "started": ""}
    return Cell(id=id, **fields, duration_s=0.1, status="ok", outputs=outputs)


def said(state: str, measured: float | None = 75.0, expected: float | None = 90.0, **details: Any) -> dict[str, Any]:
    return {"state": state, "measured": measured, "expected": expected, "details": details}


PRESENT, ABSENT, BROKEN = said("present"), said("absent", 90.0), said("cannot measure", None)


@dataclass
class FakeBoxes:
    """A program of which is known what it answers: unchanged, under the intervention, and with a placebo."""

    snapshot: Snapshot
    baseline: Any = field(default_factory=lambda: PRESENT)
    treated: Any = field(default_factory=lambda: ABSENT)
    placebo: Any = field(default_factory=lambda: said("present", 75.1))
    seen: bytes = b"ran till.py:2\nran till.py:5\nran till.py:9\nran till.py:10\nran till.py:4\n" + b"".join(
        b"changeable till.py:%d\n" % line for line in (2, 4, 5, 9, 10)
    )
    seen_treated: bytes | None = None
    limits: Limits = field(default_factory=Limits)
    context: BoxContext = field(default_factory=BoxContext)
    opened: list[tuple[BoxContext, Mapping[str, bytes]]] = field(default_factory=list)

    @contextlib.contextmanager
    def open(self, context: BoxContext | None = None, changed: Mapping[str, bytes] | None = None) -> Iterator[FakeBox]:
        context, content = context or self.context, (changed or {}).get("till.py", b"")
        self.opened.append((context, changed or {}))
        record = self.seen
        if b".change(" in content:
            place = content.partition(b".change('")[2].partition(b"'")[0]
            answer, record = self.placebo, b"changed " + place + b"\n"
        elif b"in prices:" in content:
            answer, record = self.treated, self.seen if self.seen_treated is None else self.seen_treated
        elif context.interventions:
            answer = self.treated if context.interventions[0].sites[0].line == 3 else self.placebo
        else:
            answer = self.baseline
        yield FakeBox(answer if callable(answer) else lambda: answer, record)


@dataclass
class FakeBench:
    cells: list[Cell] = field(default_factory=lambda: [a_cell(1, Output(kind="text", name="stdout", text="50"))])
    code: dict[int, str] = field(default_factory=lambda: {1: "print(50)"})


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    (tmp_path / "till.py").write_text(SOURCE)
    return take_snapshot(tmp_path, Limits())


def judge(snapshot: Snapshot, intervention: Intervention | None = None, /, **answers: Any) -> Judgement:
    """The judgement of the straight conclusion; keywords are fields of FakeBoxes or of the conclusion."""
    conclusion = {name: answers.pop(name) for name in list(answers) if name in Conclusion.__dataclass_fields__}
    boxes: Any = FakeBoxes(snapshot, **answers)
    checks = Checks(boxes, FakeBench(), time_s=100)
    return checks.judge(replace(CONCLUSION, intervention=intervention, **conclusion))


def result(judgement: Judgement, name: CheckName) -> tuple[CheckResult, str]:
    return next((check.result, check.why) for check in judgement.checks if check.name == name)


def test_a_diff_that_removes_the_symptom_while_placebos_do_not_confirms(snapshot: Snapshot) -> None:
    judgement = judge(snapshot, DIFF)
    assert judgement.verdict == "confirmed"
    assert [check.result for check in judgement.checks] == [P, P, P, P, N]
    assert result(judgement, "but-for")[1] == "100.0% of the effect is gone with the diff at till.py:3"
    assert judgement.conclusion.symptom.runs[0].measured == 75.0 and judgement.conclusion.symptom.noise == 0.0


def test_without_an_intervention_it_stays_suspected(snapshot: Snapshot) -> None:
    judgement = judge(snapshot)
    assert judgement.verdict == "suspected" and result(judgement, "but-for")[0] == "not run"
    assert judge(snapshot, exact=True).verdict == "supported"


def flipping() -> Callable[[], Any]:
    answers = iter([PRESENT, ABSENT, PRESENT])
    return lambda: next(answers)


def noisy() -> Callable[[], Any]:
    answers = iter([said("present", 75.0), said("present", 140.0), said("present", 60.0)])
    return lambda: next(answers)


@pytest.mark.parametrize(
    ("baseline", "outcome", "why"),
    [
        (lambda: ABSENT, F, "present in 0 of 3"),
        (flipping(), F, "present in 2 of 3"),
        (noisy(), F, "does not exceed the noise 80"),
        (lambda: BROKEN, C, "without a reason"),
        (lambda: "no record", C, "it answered 0 times"),
        (lambda: {"state": "maybe"}, C, "the symptom's record"),
        (lambda: said("present", "much"), C, "the symptom's record"),  # type: ignore[arg-type]  # hostile
        (lambda: BoxGone("out of memory"), C, "out of memory"),
    ],
    ids=["absent", "unstable", "noisy", "unmeasured", "silent", "hostile", "text", "dead"],
)
def test_a_symptom_that_does_not_stand_confirms_nothing(
    snapshot: Snapshot, baseline: Any, outcome: CheckResult, why: str
) -> None:
    judgement = judge(snapshot, DIFF, baseline=baseline, exact=True)
    assert result(judgement, "symptom")[0] == outcome and why in result(judgement, "symptom")[1]
    assert judgement.verdict == "suspected" and len(judgement.checks) == 2


@pytest.mark.parametrize(
    ("treated", "outcome", "why"),
    [
        (said("present", 87.0), F, "80.0% of the effect is gone"),
        (PRESENT, F, "0.0% of the effect is gone"),
        (said("absent", 75.0, 75.0), F, "moves what is expected, not what is measured"),
        (BROKEN, C, "without a reason"),
        (BoxGone("killed"), C, "killed"),
    ],
    ids=["too little", "nothing", "goal moved", "crash", "dead"],
)
def test_an_intervention_that_does_not_help_is_named(
    snapshot: Snapshot, treated: Any, outcome: CheckResult, why: str
) -> None:
    judgement = judge(snapshot, DIFF, treated=treated)
    assert result(judgement, "but-for")[0] == outcome and why in result(judgement, "but-for")[1]
    assert judgement.verdict == "suspected"


def test_a_symptom_without_numbers_goes_by_present_and_absent(snapshot: Snapshot) -> None:
    present, absent = said("present", None, None), said("absent", None, None)
    assert judge(snapshot, DIFF, baseline=present, treated=absent, placebo=present).verdict == "confirmed"
    assert judge(snapshot, DIFF, baseline=present, treated=present, placebo=present).verdict == "suspected"


def test_a_diff_that_stops_measured_code_from_running_only_hides(snapshot: Snapshot) -> None:
    judgement = judge(snapshot, DIFF, seen_treated=b"ran till.py:9\n")
    assert result(judgement, "but-for") == (
        "failed",
        "100.0% of the effect is gone with the diff at till.py:3; but it takes measured code out of the run: "
        "4 of 5 other places that ran before no longer run",
    )
    assert judgement.verdict == "suspected"


def test_code_elsewhere_that_stops_running_counts_too(snapshot: Snapshot) -> None:
    judgement = judge(snapshot, DIFF, seen_treated=b"ran till.py:2\nran till.py:4\nran till.py:5\n")
    assert result(judgement, "but-for")[0] == "failed" and "2 of 5 other places" in result(judgement, "but-for")[1]


def test_no_line_of_the_diff_becomes_a_placebo(snapshot: Snapshot) -> None:
    hunk = ["-        amount = amount + price", "-    return amount", "+        amount += price", "+    return +amount"]
    two = "\n".join(["@@ -4,2 +4,2 @@", *hunk, ""])
    change = Intervention(
        kind="diff", sites=(Place(file="till.py", line=4),), describe=f"--- till.py\n+++ till.py\n{two}"
    )
    boxes: Any = FakeBoxes(snapshot)
    experiment = Experiment(Trials(boxes), CONCLUSION, change, (), lambda: True)
    assert sorted(place.line for place in experiment.placebo_sites()) == [2, 9, 10]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_symptom_answers_once_and_its_cell_ends_well(count: int) -> None:
    cell = a_cell(1, *[Output(kind="record", name="symptom", data=PRESENT)] * count)
    assert (measurement_of(cell).state == "present") is (count == 1)
    assert measurement_of(replace(cell, status="error")).state == "cannot measure"
    assert measurement_of(replace(cell, status="timeout")).state == "cannot measure"


def test_a_diff_that_ends_the_program_with_an_error_is_not_a_success(snapshot: Snapshot) -> None:
    judgement = judge(snapshot, DIFF, seen_treated=FakeBoxes(snapshot).seen + b"raised KeyError\n")
    assert result(judgement, "but-for")[0] == "cannot measure" and "ends in KeyError" in result(judgement, "but-for")[1]


def test_a_diff_must_change_the_place_that_is_named(snapshot: Snapshot) -> None:
    wrong = replace(SUSPECT, line=10, quote="return amount * rate")
    judgement = judge(snapshot, DIFF, suspects=(wrong,))
    assert result(judgement, "but-for") == ("failed", "the diff does not change till.py:10, the place that is named")
    assert judgement.verdict == "suspected"


def test_a_diff_that_does_not_fit_is_a_failed_check(snapshot: Snapshot) -> None:
    judgement = judge(snapshot, replace(DIFF, describe=FIX.replace("prices[1:]", "prices[2:]")))
    assert result(judgement, "but-for")[0] == "failed" and "does not fit" in result(judgement, "but-for")[1]


def test_placebos_are_the_tools_choice_off_the_models_lines(snapshot: Snapshot) -> None:
    boxes: Any = FakeBoxes(snapshot)
    judgement = Checks(boxes, FakeBench(), time_s=100).judge(replace(CONCLUSION, intervention=DIFF))
    placebo = next(check for check in judgement.checks if check.name == "placebo")
    assert len(placebo.runs) == 2 and not [run for run in placebo.runs if "till.py:3." in run.note]
    assert {run.note[:10].rstrip(".") for run in placebo.runs} == {"at till.py"}
    changed = [files["till.py"] for _, files in boxes.opened if b".change(" in files.get("till.py", b"")]
    assert all(b"prices[1:]" in content and content.count(b".change(") == 1 for content in changed)


def test_other_functions_come_first_as_placebos(snapshot: Snapshot) -> None:
    runs = next(check.runs for check in judge(snapshot, DIFF).checks if check.name == "placebo")
    assert {run.note.partition(". ")[0].rstrip(".") for run in runs} == {"at till.py:9", "at till.py:10"}


def test_a_symptom_that_any_change_removes_is_not_confirmed(snapshot: Snapshot) -> None:
    judgement = judge(snapshot, DIFF, placebo=ABSENT)
    assert result(judgement, "placebo")[0] == "failed" and "elsewhere helps too" in result(judgement, "placebo")[1]
    assert judgement.verdict == "suspected"


def test_places_that_crash_or_do_not_run_are_no_placebos(snapshot: Snapshot) -> None:
    judgement = judge(snapshot, DIFF, placebo=BROKEN)
    assert result(judgement, "placebo") == (
        "cannot measure",
        "only 0 of 2 other places where the intervention runs and changes a value",
    )
    nothing = judge(snapshot, DIFF, seen=b"")
    assert result(nothing, "placebo")[0] == "cannot measure" and nothing.verdict == "suspected"


def acted(state: str, measured: float, *lines: int) -> dict[str, Any]:
    return said(state, measured, changed={f"till.py:{line}": 4 for line in lines})


def test_a_run_time_intervention_shows_itself_that_it_acted(snapshot: Snapshot) -> None:
    sites = tuple(Place(file="till.py", line=line, function="tax") for line in (9, 10))
    straight = judge(
        snapshot, RUN_TIME, treated=acted("absent", 90.0, 3), placebo=acted("present", 75.0, 9, 10), placebo_sites=sites
    )
    assert straight.verdict == "confirmed" and "kept exact" in result(straight, "but-for")[1]
    idle = judge(snapshot, RUN_TIME, treated=acted("absent", 90.0, 4), placebo_sites=sites)
    assert result(idle, "but-for") == ("failed", "the intervention changed nothing where it was applied")
    alone = judge(snapshot, RUN_TIME, treated=acted("absent", 90.0, 3), placebo=acted("present", 75.0, 9))
    assert result(alone, "placebo")[0] == "cannot measure"


def test_cited_cells_that_give_something_else_fail_the_lint(snapshot: Snapshot) -> None:
    boxes: Any = FakeBoxes(snapshot)
    bench = FakeBench(cells=[a_cell(1, Output(kind="text", name="stdout", text="60"))])
    judgement = Checks(boxes, bench, time_s=100).judge(replace(CONCLUSION, intervention=DIFF))
    assert result(judgement, "claim lint") == ("failed", "cell 1, run again: its text output differs")
    assert judgement.verdict == "suspected"


def test_a_cell_that_does_not_come_back_is_struck_and_listed(snapshot: Snapshot) -> None:
    boxes: Any = FakeBoxes(snapshot)
    bench = FakeBench(cells=[a_cell(1, Output(kind="text", name="stdout", text="60"))])
    concluded = Checks(boxes, bench, time_s=100).judge(CONCLUSION).conclusion
    assert not concluded.captions and concluded.suspects == (replace(SUSPECT, cells=(), why=UNSHOWN),)
    assert concluded.limits == ("Not shown: cell 1, run again: its text output differs (claimed: it skips).",)


def test_a_judgement_is_that_of_a_conclusion_with_other_words(snapshot: Snapshot) -> None:
    boxes: Any = FakeBoxes(snapshot)
    bench = FakeBench(cells=[a_cell(1, Output(kind="text", name="stdout", text="60"))])
    judgement = Checks(boxes, bench, time_s=100).judge(CONCLUSION)
    later = judgement.of(replace(CONCLUSION, answer="In other words."))
    assert later.conclusion.answer == "In other words." and not later.conclusion.captions
    passed = replace(judge(snapshot, DIFF), faults=())
    assert passed.verdict == "confirmed"
    assert passed.of(replace(CONCLUSION, intervention=DIFF, disputed="agent 2 names b.py:1")).verdict == "suspected"


WRONG = replace(SUSPECT, file="core.py", cells=(2,), why="it is elsewhere")


@pytest.mark.parametrize(
    ("fault", "suspects", "captions", "listed"),
    [
        (Fault(why="no such file", place=WRONG), (SUSPECT,), {1: "fifty", 2: UNSHOWN}, "(claimed: it is elsewhere)"),
        (Fault(why="no such cell", cell=2), (SUSPECT, replace(WRONG, cells=(), why=UNSHOWN)), {1: "fifty"}, "(claimed"),
        (
            Fault(why="'60' is not in cell 1", quote=Quote(text="60", cells=(1,))),
            (replace(SUSPECT, why=UNSHOWN), WRONG),
            {1: UNSHOWN, 2: "core"},
            "Not shown: '60' is not in cell 1 (claimed: it skips).",
        ),
        (Fault(why="no cell is cited"), (SUSPECT, WRONG), {1: "fifty", 2: "core"}, None),
    ],
    ids=["place", "cell", "quote", "nothing to strike"],
)
def test_what_does_not_hold_is_struck_and_listed(
    fault: Fault, suspects: tuple[Suspect, ...], captions: dict[int, str], listed: str | None
) -> None:
    quote = Quote(text="60", cells=(1,))
    whole = replace(CONCLUSION, suspects=(SUSPECT, WRONG), captions={1: "fifty", 2: "core"}, quotes=(quote,))
    left = struck(whole, [fault])
    assert left.suspects == suspects and left.captions == captions
    assert quote not in left.quotes if fault.quote else quote in left.quotes
    assert (listed in left.limits[0]) if listed else not left.limits


def test_without_checks_a_false_place_is_struck_all_the_same() -> None:
    judgement = unchecked(replace(CONCLUSION, suspects=(WRONG,)), [Fault(why="no such file", place=WRONG)])
    assert judgement.verdict == "inconclusive" and not judgement.conclusion.suspects
    assert unchecked(CONCLUSION, []).verdict == "suspected"


def test_cells_from_before_an_interruption_cannot_be_replayed(snapshot: Snapshot) -> None:
    boxes: Any = FakeBoxes(snapshot)
    judgement = Checks(boxes, FakeBench(code={}), time_s=100).judge(CONCLUSION)
    assert "its code is gone" in result(judgement, "claim lint")[1]


def test_an_invented_place_stays_suspected_whatever_else_passes(snapshot: Snapshot) -> None:
    judgement = judge(snapshot, DIFF, suspects=(SUSPECT, replace(SUSPECT, file="core.py")))
    assert result(judgement, "claim lint")[0] == "failed" and result(judgement, "placebo")[0] == "passed"
    assert judgement.verdict == "suspected"


SEED = Intervention(kind="diff", sites=(Place(file="till.py", line=3),), describe=FIX)


def test_a_premise_is_refuted_by_a_symptom_that_fires_when_a_fault_is_seeded(snapshot: Snapshot) -> None:
    premise = {"premise_refuted": True, "suspects": (), "baseline": ABSENT}
    judgement = judge(snapshot, SEED, treated=PRESENT, **premise)
    assert judgement.verdict == "refuted" and "seeded at till.py:3" in result(judgement, "but-for")[1]
    assert judge(snapshot, SEED, treated=ABSENT, **premise).verdict == "inconclusive"
    assert judge(snapshot, None, **premise).verdict == "inconclusive"
    assert judge(snapshot, SEED, treated=PRESENT, **{**premise, "baseline": PRESENT}).verdict == "inconclusive"
    only_words = FIX.replace("+    for price in prices:", "+    for price in prices[1:]:  # all")
    assert judge(snapshot, replace(SEED, describe=only_words), treated=PRESENT, **premise).verdict == "inconclusive"


def test_what_there_was_no_time_for_is_named(snapshot: Snapshot) -> None:
    ticks = iter(range(0, 10_000, 60))
    boxes: Any = FakeBoxes(snapshot)
    judgement = Checks(boxes, FakeBench(), time_s=100, clock=lambda: float(next(ticks))).judge(
        replace(CONCLUSION, intervention=DIFF)
    )
    assert [check.result for check in judgement.checks] == [P, N, N]
    assert judgement.checks[1].why == "there was no time left for it" and judgement.verdict == "suspected"


def test_ctrl_c_leaves_the_rest_as_not_run(snapshot: Snapshot) -> None:
    judgement = judge(snapshot, DIFF, treated=KeyboardInterrupt())
    assert [check.result for check in judgement.checks] == [P, P, N]
    assert judgement.checks[2].why == "interrupted" and judgement.verdict == "suspected"
