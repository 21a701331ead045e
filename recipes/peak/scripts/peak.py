"""The recipe `peak`: how does the memory peak grow with the size, what is alive then, which line keeps it? Runs in the
box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import sys
from typing import Any, Dict, List, Mapping, Optional, Sequence

from debugbox_recipes import boxed, lazily
from debugbox_recipes.harness import Program
from debugbox_recipes.knob import Knob

from . import concluding
from .measuring import Measuring
from .study import Study
from .studying import carry_out

__all__ = ["carry_out", "concluding", "investigate", "measure_symptom", "record", "symptom", "symptom_code"]


def investigate(
    question: Optional[str] = None,
    run: Optional[str] = None,
    size: Optional[int] = None,
    time_limit_s: float = 280,
) -> None:
    """Measure, draw, print a summary and report one `recipe` record. Nothing here raises for what the program does."""

    def study(box: Any, command: str) -> Study:
        asked = question or box.context.get("question")
        return carry_out(boxed.program_of(box, command), asked, size, time_limit_s)

    boxed.told("peak", run, study, sys.modules[__name__])


def symptom_code(study: Study) -> str:
    """What the finding keeps: measures the symptom once, in any box."""
    knob = study.knob
    if knob is None or not study.plain:
        return ""
    named = [f"run={knob.run!r}", f"sizes={[one.size for one in study.plain[:2]]}"]
    named += [f"{key}={value!r}" for key, value in (("constant", knob.constant), ("file", knob.file)) if value]
    return f"from debugbox_recipes import peak\n\npeak.symptom({', '.join(named)})\n"


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(study, symptom_code(study))
    return {"recipe": "peak", "conclusion": said, "details": concluding.details(study)}


def symptom(run: str, sizes: Sequence[int], constant: str = "", file: str = "", time_limit_s: float = 240) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = boxed.this_box()
    ours, unknown = boxed.of_kind(box.context.get("interventions") or (), lazily.KIND)
    places = [place for one in ours for place in lazily.places_of(one)]
    knob = Knob(run, "", sizes[-1], constant=constant, file=file)
    if unknown:
        kinds = ", ".join(unknown)
        said = boxed.cannot_measure(
            f"this symptom cannot apply interventions of the kind {kinds}", 0.0, concluding.UNIT
        )
    else:
        said = measure_symptom(boxed.program_of(box, run), knob, sizes, places, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def measure_symptom(
    program: Program,
    knob: Knob,
    sizes: Sequence[int],
    places: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 240,
) -> Dict[str, Any]:
    """The symptom record: how much higher the peak is at the last size than at the first.

    With lists taken lazily, another output than without is no measurement: something was missing.
    """
    measuring = Measuring(program, time_limit_s)
    pair = [measuring.height(knob, size, places) for size in (sizes[0], sizes[-1])]
    said: Dict[str, Any] = concluding.measurement(pair)
    if places and said["state"] != "cannot measure":
        plain: List[str] = [measuring.height(knob, one.size).run.stdout_sha256 for one in pair]
        if plain != [one.run.stdout_sha256 for one in pair]:
            note = "with a list taken lazily, the program's output is another"
            said.update(state="cannot measure", measured=None, note=note)
    return said
