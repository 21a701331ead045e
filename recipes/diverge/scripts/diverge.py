"""The recipe `diverge`: where do two runs part, and which of their differences matters? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import sys
from typing import Any, Dict, Mapping, Optional, Sequence

from debugbox_recipes.boxed import cannot_measure, of_kind, program_of, this_box, told
from debugbox_recipes.endings import ending_of
from debugbox_recipes.exchange import KIND, places_of
from debugbox_recipes.harness import Program, run_program

from . import concluding
from .measuring import counted
from .outcome import FAILS, FOLLOWS, Outcome, outcome_from
from .study import Study
from .studying import carry_out


def investigate(
    question: Optional[str] = None,
    run: Optional[str] = None,
    other: str = "",
    good: str = "",
    time_limit_s: float = 280,
) -> None:
    """Compare, draw, print a summary and report one `recipe` record.

    `run` is asked about; `other` is the command to compare it with, or `good` the commit at which to run it. Without
    either it is looked for, see `choosing`.
    """

    def study(box: Any, command: str) -> Study:
        asked = question or box.context.get("question") or ""
        return carry_out(program_of(box, command), asked, other, good, time_limit_s)

    told("diverge", run, study, sys.modules[__name__])


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(study, symptom_code(study))
    return {"recipe": "diverge", "conclusion": said, "details": concluding.details(study)}


def symptom_code(study: Study) -> str:
    """What the finding keeps: one run of the command, and how much of the difference is in it."""
    if study.outcome is None or not study.origin:
        return ""
    given = ", ".join(f"{name}={value!r}" for name, value in study.outcome.arguments().items())
    return f"from debugbox_recipes import diverge\n\ndiverge.symptom(run={study.program.command!r}, {given})\n"


def symptom(run: str, kind: str = FAILS, time_limit_s: float = 240, **outcome: Any) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    given = box.context.get("interventions") or ()
    known = outcome_from({"kind": kind, **outcome})
    said = measure_symptom(program_of(box, run), known, given, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def measure_symptom(
    program: Program,
    outcome: Outcome,
    interventions: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 240,
) -> Dict[str, Any]:
    """The symptom record: how much of what differs is as in this run, from 1 (all) to 0 (as in the other)."""
    ours, others = of_kind(interventions, KIND)
    if others:
        return cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(others)}")
    places = [place for one in ours for place in places_of(one)]
    plan = {"observer": "exchange", "exchange": places} if places else None
    run = run_program(program, timeout_s=max(2.0, time_limit_s), plan=plan)
    found = {place for result in run.results for place in result.get("places_found", ())}
    if {f"{place['file']}:{place['line']}" for place in places} - found:
        return cannot_measure("the intervention's place does not exist or did not load")
    ending = ending_of(run)
    share = outcome.share(ending)
    if share is None:
        return cannot_measure(f"it ends otherwise than both runs: it {ending.words}")
    details = {"applied": counted(run, "applied"), "changed": counted(run, "changed")}
    note = f"{share:.0%} of the difference is there; it {ending.words}"
    state = "present" if share > FOLLOWS else "absent"
    return {"state": state, "measured": share, "expected": 0.0, "unit": "", "note": note, "details": details}
