"""The recipe `datadrift`: which column differs, which rows explain it, and which line makes it? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import importlib
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from debugbox_recipes.boxed import cannot_measure, of_kind, program_of, this_box
from debugbox_recipes.harness import Program
from debugbox_recipes.passing import KIND as REPEAT
from debugbox_recipes.passing import places_of

from . import concluding
from .measuring import DROP, Measuring, Spec, dropped, measurement
from .study import Study
from .studying import carry_out

Names = Union[str, Sequence[str]]


def investigate(
    question: Optional[str] = None,
    run: Optional[str] = None,
    reference: Names = (),
    current: str = "",
    output: str = "",
    split: int = 0,
    time_limit_s: float = 280,
) -> None:
    """Compare, draw, print a summary and report one `recipe` record. Nothing here raises for what the program does.

    Compared are `reference` and `current` (files), or the first `split` rows (half, where it is 0) and the rest: of
    `current` alone, of `output` (a file that `run` writes), or of the table that `run` prints. Without any of them the
    tables of the repository are looked through.
    """
    box = this_box()
    command = run or box.context.get("run") or ""
    spec = spec_of(reference, current, output, split)
    study = carry_out(program_of(box, command), question or box.context.get("question"), time_limit_s, spec)
    if study.drawable:
        picture = importlib.import_module(f"{__package__}.picture")
        box.show(picture.draw(study), caption=concluding.answer(study))
    print(concluding.summary(study))
    box.report("recipe", record(study))


def spec_of(reference: Names, current: str, output: str, split: int) -> Spec:
    files = (reference,) if isinstance(reference, str) else tuple(reference)
    return Spec(tuple(file for file in files if file), current, output, split)


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(study, symptom_code(study))
    return {"recipe": "datadrift", "conclusion": said, "details": concluding.details(study)}


def symptom_code(study: Study) -> str:
    """What the finding keeps: measures the symptom once, in any box."""
    main, spec = study.main, study.spec
    if main is None:
        return ""
    rows = len(study.pair.reference or ())
    where: List[str] = [f"run={study.program.command!r}"] if spec.printed else [f"current={spec.current!r}"]
    where += [f"reference={list(spec.reference)!r}"] if spec.reference else [f"split={rows}"]
    where += [f"output={spec.output!r}"] if spec.output else []
    what = f"column={main.column!r}, kind={concluding.kind_of(main)!r}, floor={main.shift.floor!r}"
    return f"from debugbox_recipes import datadrift\n\ndatadrift.symptom({what}, {', '.join(where)})\n"


def symptom(
    column: str,
    kind: str,
    floor: float,
    run: str = "",
    reference: Names = (),
    current: str = "",
    output: str = "",
    split: int = 0,
    time_limit_s: float = 240,
) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    interventions = box.context.get("interventions") or ()
    spec = spec_of(reference, current, output, split)
    said = measure_symptom(program_of(box, run), spec, (column, kind, floor), interventions, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def measure_symptom(
    program: Program,
    spec: Spec,
    what: Any,
    interventions: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 240,
) -> Dict[str, Any]:
    """The symptom record: how far one kind of difference of one column is above its floor. `what`: these three."""
    column, kind, floor = what
    repeats, _ = of_kind(interventions, REPEAT)
    drops, _ = of_kind(interventions, DROP)
    others = sorted({str(one["kind"]) for one in interventions} - {REPEAT, DROP})
    if others:
        return cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(others)}")
    measuring = Measuring(program, time_limit_s, spec)
    places = [place for one in repeats for place in places_of(one)]
    done = measuring.repeated(places) if places else measuring.native()
    missing = len(places) - len(set(done.result.get("places_found", ())))
    if places and missing > 0 and not done.trouble:
        return cannot_measure("the intervention's place does not exist or did not load")
    return measurement(dropped(done, drops), column, kind, floor)
