"""The recipe `bisect`: which commit brought it, and which lines of that commit? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import sys
from typing import Any, Dict, Mapping, Optional, Sequence

from debugbox_recipes.boxed import cannot_measure, program_of, this_box, told
from debugbox_recipes.endings import Ending
from debugbox_recipes.harness import Program

from . import concluding
from .judging import FAILS, Judge
from .measuring import Measuring
from .study import Study
from .studying import carry_out


def investigate(
    question: Optional[str] = None, run: Optional[str] = None, good: str = "", time_limit_s: float = 280
) -> None:
    """Search, draw, print a summary and report one `recipe` record. `good` is a revision, else the one of `--good`."""

    def study(box: Any, command: str) -> Study:
        asked = question or box.context.get("question") or ""
        return carry_out(program_of(box, command), asked, good, time_limit_s)

    told("bisect", run, study, sys.modules[__name__])


def symptom_code(study: Study) -> str:
    """What the finding keeps: runs the command once, in any box, without any history."""
    if study.judge is None or not study.found or study.stopped:
        return ""
    return f"from debugbox_recipes import bisect\n\nbisect.symptom({concluding.judge_code(study)})\n"


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(study, symptom_code(study))
    return {"recipe": "bisect", "conclusion": said, "details": concluding.details(study)}


def symptom(run: str, kind: str = FAILS, time_limit_s: float = 240, runs: int = 1, **judged: Any) -> None:
    """Measure once and report one `symptom` record. `judged` says what is bad and what is good, see `judge_of`."""
    box = this_box()
    given = box.context.get("interventions") or ()
    said = measure_symptom(program_of(box, run), judge_of(kind, **judged), given, time_limit_s, runs)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def judge_of(
    kind: str,
    error: str = "",
    exit_code: Optional[int] = None,
    failing: Sequence[str] = (),
    bad: Sequence[str] = (),
    good: Sequence[str] = (),
    bad_work: float = 0.0,
    good_work: float = 0.0,
) -> Judge:
    """The judge of the search, from what tells bad from good."""
    ended = 0 if kind != FAILS else exit_code
    bad_end = Ending(ended, error, "", tuple(failing), tuple(bad), bad_work)
    return Judge(kind, Ending(0, "", "", (), tuple(good), good_work), bad_end)


def measure_symptom(
    program: Program,
    judge: Judge,
    interventions: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 240,
    runs: int = 1,
) -> Dict[str, Any]:
    """The symptom record of the version at hand. A diff was applied to its files already."""
    if interventions:
        kinds = ", ".join(sorted({str(one["kind"]) for one in interventions}))
        return cannot_measure(f"this symptom cannot apply interventions of the kind {kinds}")
    measuring = Measuring(program, None, time_limit_s)
    measuring.counted = judge.bad.work > 0
    return concluding.measurement(judge, [measuring.run(program) for _ in range(runs)])
