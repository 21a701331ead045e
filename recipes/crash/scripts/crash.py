"""The recipe `crash`: where did the value come from that blew up here? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import sys
from typing import Any, Dict, Mapping, Optional, Sequence

from debugbox_recipes.boxed import cannot_measure, of_kind, program_of, this_box, told
from debugbox_recipes.exchange import KIND, places_of
from debugbox_recipes.harness import Program

from . import concluding
from .measuring import Measuring, measurement
from .study import Study
from .studying import carry_out


def investigate(question: Optional[str] = None, run: Optional[str] = None, time_limit_s: float = 280) -> None:
    """Walk back, draw, print a summary and report one `recipe` record. Never raises for what the program does."""

    def study(box: Any, command: str) -> Study:
        return carry_out(program_of(box, command), question or box.context.get("question"), time_limit_s)

    told("crash", run, study, sys.modules[__name__])


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(study, symptom_code(study))
    return {"recipe": "crash", "conclusion": said, "details": concluding.details(study)}


def symptom_code(study: Study) -> str:
    """What the finding keeps: measures the symptom once, in any box."""
    given = f"run={study.program.command!r}, exception={study.exception!r}, file={study.file!r}"
    return f"from debugbox_recipes import crash\n\ncrash.symptom({given})\n"


def symptom(run: str, exception: str, file: str = "", time_limit_s: float = 240) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    given = box.context.get("interventions") or ()
    said = measure_symptom(program_of(box, run), exception, file, given, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def measure_symptom(
    program: Program,
    exception: str,
    file: str = "",
    interventions: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 240,
) -> Dict[str, Any]:
    """The symptom record: 1 where it ends with this exception in this file, 0 where it ends well."""
    ours, others = of_kind(interventions, KIND)
    if others:
        return cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(others)}")
    measuring = Measuring(program, time_limit_s)
    places = [place for one in ours for place in places_of(one)]
    done = measuring.exchanged(places) if places else measuring.native()
    found = {place for result in done.run.results for place in result.get("places_found", ())}
    if {f"{place['file']}:{place['line']}" for place in places} - found:
        return cannot_measure("the intervention's place does not exist or did not load")
    return measurement(done, exception, file)
