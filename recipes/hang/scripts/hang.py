"""The recipe `hang`: why does this program not end, who waits for whom, or which loop goes on? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import sys
from typing import Any, Dict, Mapping, Optional, Sequence

from debugbox_recipes.boxed import cannot_measure, program_of, this_box, told
from debugbox_recipes.harness import Program
from debugbox_recipes.waits_plan import KINDS, parts

from . import concluding
from .measuring import MOST_S, Measuring, measurement
from .study import Study
from .studying import carry_out


def investigate(question: Optional[str] = None, run: Optional[str] = None, time_limit_s: float = 280) -> None:
    """Watch, draw, print a summary and report one `recipe` record. Nothing here raises for what the program does."""

    def study(box: Any, command: str) -> Study:
        return carry_out(program_of(box, command), question or box.context.get("question"), time_limit_s)

    told("hang", run, study, sys.modules[__name__])


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(study, symptom_code(study))
    return {"recipe": "hang", "conclusion": said, "details": concluding.details(study)}


def symptom_code(study: Study) -> str:
    """What the finding keeps: measures the symptom once, in any box."""
    given = {name: value for name, value in study.symptom_plan.items() if value}
    words = "".join(f", {name}={value!r}" for name, value in given.items())
    return f"from debugbox_recipes import hang\n\nhang.symptom(run={study.program.command!r}{words})\n"


def symptom(run: str, loops: Sequence[Any] = (), pauses: Sequence[Any] = (), time_limit_s: float = 120) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    given = box.context.get("interventions") or ()
    said = measure_symptom(program_of(box, run), loops, pauses, given, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def measure_symptom(
    program: Program,
    loops: Sequence[Any] = (),
    pauses: Sequence[Any] = (),
    interventions: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 120,
    most_s: float = MOST_S,
) -> Dict[str, Any]:
    """The symptom record: 1 where it stands still, 0 where it ends."""
    unknown = sorted({str(one["kind"]) for one in interventions} - set(KINDS))
    if unknown:
        return cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(unknown)}")
    plan = parts(interventions)
    done = Measuring(program, time_limit_s, most_s).watched(loops=list(loops), pauses=list(pauses), **plan)
    wanted = {f"{place['file']}:{place['line']}" for places in plan.values() for place in places}
    found = {place for result in done.run.results for place in result.get("places_found", ())}
    if wanted - found and not done.trouble:
        return cannot_measure("the intervention's place does not exist or did not load")
    return measurement(done)
