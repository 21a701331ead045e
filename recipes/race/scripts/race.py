"""The recipe `race`: do threads get in each other's way, over which value, and in which window? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import sys
from typing import Any, Dict, Mapping, Optional, Sequence

from debugbox_recipes.boxed import cannot_measure, of_kind, program_of, this_box, told
from debugbox_recipes.harness import Program
from debugbox_recipes.races import KIND, places_of

from . import concluding
from .measuring import GOOD, Measuring, text_of
from .study import Study
from .studying import carry_out


def investigate(question: Optional[str] = None, run: Optional[str] = None, time_limit_s: float = 280) -> None:
    """Pause, lock, draw, print a summary and report one `recipe` record. What the program does raises nothing here."""

    def study(box: Any, command: str) -> Study:
        return carry_out(program_of(box, command), question or box.context.get("question"), time_limit_s)

    told("race", run, study, sys.modules[__name__])


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(study, symptom_code(study))
    return {"recipe": "race", "conclusion": said, "details": concluding.details(study)}


def symptom_code(study: Study) -> str:
    """What the finding keeps: measures the symptom once, in any box."""
    windows = [[each["file"], each["line"], each["last"], each["quote"]] for each in study.places(study.noisy)]
    given = f"run={study.program.command!r}, windows={windows!r}, good={study.reference!r}"
    return f"from debugbox_recipes import race\n\nrace.symptom({given})\n"


def symptom(run: str, windows: Sequence[Any] = (), good: str = "exit", time_limit_s: float = 200) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    given = box.context.get("interventions") or ()
    said = measure_symptom(program_of(box, run), windows, good, given, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def measure_symptom(
    program: Program,
    windows: Sequence[Any],
    good: str,
    interventions: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 200,
) -> Dict[str, Any]:
    """The symptom record: 1 where a run fails with pauses in the windows, 0 where none does.

    `windows`: [file, first line, last line, quote]; none: the program fails by itself. `good`: whether what it prints
    with its threads one after another (`serial`), or as it is (`plain`), is right, or only its `exit` counts.
    """
    ours, unknown = of_kind(interventions, KIND)
    if unknown:
        return cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(unknown)}")
    measuring = Measuring(program, time_limit_s)
    if good != "exit":
        reference = measuring.serial() if good == "serial" else measuring.plain()
        if reference.state != GOOD:
            return cannot_measure(f"no good run to compare with: {reference.why}")
        measuring.reference = text_of(reference.run)
    paused = [{"file": file, "line": line, "last": last, "quote": quote} for file, line, last, quote in windows]
    locked = [place for one in ours for place in places_of(one)]
    outcomes = measuring.several(paused, locked)
    for key, wanted in (("windows_found", paused), ("places_found", locked)):
        found = {place for each in outcomes for place in each.result.get(key, ())}
        missing = {f"{place['file']}:{place['line']}" for place in wanted} - found
        if missing:
            return cannot_measure(f"not there, or never loaded: {', '.join(sorted(missing))}")
    return concluding.measurement(outcomes, locked)
