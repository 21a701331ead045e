"""The recipe `nondet`: why do two runs of the same program differ, and which lines let it in? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import sys
from typing import Any, Dict, Mapping, Optional, Sequence

from debugbox_recipes.boxed import cannot_measure, of_kind, program_of, this_box, told
from debugbox_recipes.harness import Program

from . import concluding
from .measuring import EXIT as EXIT
from .measuring import LEVELS, Measuring
from .study import Study
from .studying import carry_out

KIND = "pin"


def investigate(
    question: Optional[str] = None, run: Optional[str] = None, output: str = "", time_limit_s: float = 280
) -> None:
    """Measure, draw, print a summary and report one `recipe` record. `output` is a file that the program writes."""

    def study(box: Any, command: str) -> Study:
        return carry_out(program_of(box, command), question or box.context.get("question"), output, time_limit_s)

    told("nondet", run, study, sys.modules[__name__])


def symptom_code(study: Study) -> str:
    """What the finding keeps: counts different outputs once, in any box."""
    if not study.guilty and not study.by_address:
        return ""
    named = [f"run={study.program.command!r}", f"vary={study.guilty!r}"]
    named += [f"output={study.output!r}"] if study.output else []
    return f"from debugbox_recipes import nondet\n\nnondet.symptom({', '.join(named)})\n"


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(study, symptom_code(study))
    return {"recipe": "nondet", "conclusion": said, "details": concluding.details(study)}


def symptom(run: str, vary: Sequence[str] = (), output: str = "", time_limit_s: float = 240) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    given = box.context.get("interventions") or ()
    said = measure_symptom(program_of(box, run), vary, output, given, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def measure_symptom(
    program: Program,
    vary: Sequence[str] = (),
    output: str = "",
    interventions: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 240,
) -> Dict[str, Any]:
    """The symptom record: how many different outputs there are at all levels of these factors."""
    ours, unknown = of_kind(interventions, KIND)
    if unknown:
        return cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(unknown)}", 1.0)
    pins = [site for one in ours for site in one["sites"]]
    measuring = Measuring(program, time_limit_s, output)
    outcomes = [measuring.at(level if vary else 0, vary, pins) for level in range(LEVELS)]
    return concluding.measurement(outcomes, pins, counted=bool(vary))
