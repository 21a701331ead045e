"""The recipe `leak`: does each step leave something behind, what holds it, which line put it there? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import importlib
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.harness import Program

from . import concluding
from .measuring import Measuring, Step
from .study import Study
from .studying import carry_out


def investigate(
    question: Optional[str] = None,
    run: Optional[str] = None,
    step: Optional[str] = None,
    time_limit_s: float = 280,
) -> None:
    """Measure, draw, print a summary and report one `recipe` record. Nothing here raises for what the program does."""
    box = this_box()
    command = run or box.context.get("run") or ("python -c pass" if step else None)
    if not command:
        box.report("recipe", nothing_to_run())
        print(nothing_to_run()["conclusion"]["answer"])
        return
    study = carry_out(program_of(box, command), question or box.context.get("question"), step, time_limit_s)
    if study.native:
        from .picture import draw

        box.show(draw(study), caption=concluding.answer(study))
    print(concluding.summary(study))
    box.report("recipe", record(study))


def this_box() -> Any:
    """The box's own module for cells; its functions are not typed."""
    return importlib.import_module("debugbox_kernel")


def program_of(box: Any, command: str) -> Program:
    roots = tuple(str(root) for root in box.context.get("import_roots") or ())
    return Program(command, box.repo, str(box.python), roots)


def symptom_code(command: str, step: Step) -> str:
    """What the finding keeps: measures the symptom once, in any box."""
    named = f"step={step.name!r}" + (f", quote={step.quote!r}" if step.quote else "")
    sizes = f"per_round={step.per_round}, factor={step.factor}, stop_after={step.stop_after}"
    return f"from debugbox_recipes import leak\n\nleak.symptom(run={command!r}, {named}, {sizes})\n"


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(study, symptom_code(study.program.command, study.step))
    return {"recipe": "leak", "conclusion": said, "details": concluding.details(study)}


def nothing_to_run() -> Dict[str, Any]:
    said: Dict[str, Any] = {
        "answer": "No answer: there is no command to run. Give one with --run, or a step='module:function'.",
        "by": "recipe leak",
        "limits": ["nothing says what to run"],
    }
    return {"recipe": "leak", "conclusion": said, "details": {}}


def symptom(
    run: str,
    step: str,
    quote: str = "",
    per_round: int = 100,
    factor: int = 1,
    stop_after: bool = False,
    time_limit_s: float = 240,
) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    which = Step(step, quote, per_round=per_round, factor=factor, stop_after=stop_after)
    truncate, unknown = containers_to_truncate(box.context.get("interventions") or ())
    if unknown:
        said = cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(unknown)}")
    else:
        said = measure_symptom(program_of(box, run), which, truncate, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def containers_to_truncate(
    interventions: Sequence[Mapping[str, Any]],
) -> Tuple[List[Mapping[str, Any]], List[str]]:
    """The containers of the sites, each with its place, and the kinds of intervention that are not ours."""
    truncate: List[Mapping[str, Any]] = []
    unknown = []
    for one in interventions:
        if one["kind"] != "truncate":
            unknown.append(str(one["kind"]))
            continue
        for site in one["sites"]:
            place = f"{site['file']}:{site['line']}"
            paths = one["parameters"].get("containers", {}).get(place, [])
            truncate += [{"place": place, "path": path} for path in paths]
            if not paths:
                unknown.append(f"truncate without a container at {place}")
    return truncate, unknown


def measure_symptom(
    program: Program, step: Step, truncate: Sequence[Mapping[str, Any]] = (), time_limit_s: float = 240
) -> Dict[str, Any]:
    """The symptom record: one run with blocks counted.

    With something truncated, an end with another exit code than the unchanged program's is no measurement: what
    failed may not have done its work.
    """
    measuring = Measuring(program, time_limit_s)
    growing = measuring.grow(step, truncate)
    said = concluding.measurement(growing)
    failed = truncate and growing.run.exit_code != 0 and said["state"] != "cannot measure"
    if failed and measuring.grow(step).run.exit_code != growing.run.exit_code:
        said.update(state="cannot measure", note=f"the program ends otherwise: {growing.run.failure}")
    return said


def cannot_measure(note: str) -> Dict[str, Any]:
    details: Dict[str, Any] = {"applied": {}, "changed": {}}
    return {
        "state": "cannot measure", "measured": None, "expected": 0.0, "unit": concluding.UNIT, "note": note,
        "details": details,
    }  # fmt: skip
