"""The recipe `changepoint`: when does a series change, what changes with it, where does that begin? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import sys
from typing import Any, Dict, Mapping, Optional, Sequence

from debugbox_recipes.boxed import cannot_measure, of_kind, program_of, this_box, told
from debugbox_recipes.harness import Program
from debugbox_recipes.passing import KIND, places_of

from . import concluding
from .measuring import Measuring, measurement
from .study import Study
from .studying import carry_out


def investigate(
    question: Optional[str] = None,
    run: Optional[str] = None,
    series: str = "",
    file: str = "",
    time_limit_s: float = 280,
) -> None:
    """Measure, draw, print a summary and report one `recipe` record. `file`: a table, instead of what `run` prints."""

    def study(box: Any, command: str) -> Study:
        program = program_of(box, "" if file else command)
        return carry_out(program, question or box.context.get("question"), time_limit_s, series, file)

    told("changepoint", file or run, study, sys.modules[__name__])


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    return {
        "recipe": "changepoint",
        "conclusion": concluding.conclusion(study, symptom_code(study)),
        "details": concluding.details(study),
    }


def symptom_code(study: Study) -> str:
    """What the finding keeps: measures the symptom once, in any box."""
    if study.change is None or not study.name:
        return ""
    what = f"file={study.file!r}" if study.file else f"run={study.program.command!r}"
    call = f"changepoint.symptom({what}, series={study.name!r}, at={study.change.index})"
    return f"from debugbox_recipes import changepoint\n\n{call}\n"


def symptom(series: str, at: int, run: str = "", file: str = "", time_limit_s: float = 240) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    interventions = box.context.get("interventions") or ()
    said = measure_symptom(program_of(box, run), series, at, interventions, time_limit_s, file)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def measure_symptom(
    program: Program,
    series: str,
    at: int,
    interventions: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 240,
    file: str = "",
) -> Dict[str, Any]:
    """The symptom record: how far the series' mean moves at that row."""
    ours, others = of_kind(interventions, KIND)
    if others:
        return cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(others)}")
    measuring = Measuring(program, time_limit_s, file)
    places = [place for one in ours for place in places_of(one)]
    done = measuring.repeated(places) if places else measuring.native()
    missing = len(places) - len(set(done.result.get("places_found", ())))
    if places and missing > 0 and not done.trouble:
        return cannot_measure("the intervention's place does not exist or did not load")
    return measurement(done, series, at, [])
