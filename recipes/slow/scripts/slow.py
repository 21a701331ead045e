"""The recipe `slow`: how does the work grow with the size, at which line, caused by which? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import importlib
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.fitting import exponent
from debugbox_recipes.harness import Program
from debugbox_recipes.knob import Knob

from . import concluding
from .measuring import Measuring
from .study import Study
from .studying import carry_out

_LEAST_TIME = 1.5  # exponent by the clock that counts as a symptom: room for noise


def investigate(
    question: Optional[str] = None,
    run: Optional[str] = None,
    size: Optional[int] = None,
    time_limit_s: float = 280,
) -> None:
    """Measure, draw, print a summary and report one `recipe` record. Nothing here raises for what the program does."""
    box = this_box()
    command = run or box.context.get("run")
    if not command:
        box.report("recipe", nothing_to_run())
        print(nothing_to_run()["conclusion"]["answer"])
        return
    study = carry_out(program_of(box, command), question or box.context.get("question"), size, time_limit_s)
    if study.rungs and not study.stopped:
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


def symptom_code(study: Study) -> str:
    """What the finding keeps: measures the symptom once, in any box."""
    knob = study.knob
    if knob is None:
        return ""
    named = [f"run={knob.run!r}", f"sizes={[rung.size for rung in study.rungs[-3:]]}"]
    named += [f"{key}={value!r}" for key, value in (("constant", knob.constant), ("file", knob.file)) if value]
    named += ["by_clock=True"] if study.by_clock else []
    return f"from debugbox_recipes import slow\n\nslow.symptom({', '.join(named)})\n"


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(study, symptom_code(study))
    return {"recipe": "slow", "conclusion": said, "details": concluding.details(study)}


def nothing_to_run() -> Dict[str, Any]:
    said: Dict[str, Any] = {
        "answer": "No answer: there is no command to run. Give one with --run.",
        "by": "recipe slow",
        "limits": ["nothing says what to run"],
    }
    return {"recipe": "slow", "conclusion": said, "details": {}}


def symptom(
    run: str,
    sizes: Sequence[int],
    constant: str = "",
    file: str = "",
    by_clock: bool = False,
    time_limit_s: float = 240,
) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    memoise, unknown = functions_to_memoise(box.context.get("interventions") or ())
    knob = Knob(run, "", sizes[-1], constant=constant, file=file)
    if unknown:
        said = cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(unknown)}")
    elif by_clock:
        said = measure_by_clock(program_of(box, run), knob, sizes, time_limit_s)
    else:
        said = measure_symptom(program_of(box, run), knob, sizes, memoise, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def functions_to_memoise(
    interventions: Sequence[Mapping[str, Any]],
) -> Tuple[List[Mapping[str, Any]], List[str]]:
    """The functions whose results are kept, and the kinds of intervention that are not ours."""
    memoise: List[Mapping[str, Any]] = []
    unknown = []
    for one in interventions:
        if one["kind"] != "memoise":
            unknown.append(str(one["kind"]))
            continue
        memoise += [{**site, "place": f"{site['file']}:{site['line']}"} for site in one["sites"]]
    return memoise, unknown


def measure_symptom(
    program: Program,
    knob: Knob,
    sizes: Sequence[int],
    memoise: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 240,
) -> Dict[str, Any]:
    """The symptom record: the exponent of the counts at three doubled sizes.

    With results kept, another output than without is no measurement: the work was not done.
    """
    measuring = Measuring(program, time_limit_s)
    counted = [measuring.count(knob, size, memoise=memoise) for size in sizes]
    said = concluding.measurement(sizes, counted)
    if memoise and said["state"] != "cannot measure":
        plain = measuring.count(knob, sizes[0])
        if plain.run.stdout_sha256 != counted[0].run.stdout_sha256:
            said.update(state="cannot measure", note="with results kept, the program's output is another")
    return said


def measure_by_clock(program: Program, knob: Knob, sizes: Sequence[int], time_limit_s: float) -> Dict[str, Any]:
    """The same by the clock: sizes are doubled on until a run takes long enough."""
    measuring = Measuring(program, time_limit_s)
    seconds: List[float] = []
    size = sizes[0]
    while measuring.left_s > 20 and (len(seconds) < 3 or seconds[-1] < 1.0):
        took = measuring.seconds(knob, size, repeats=3)
        if took is None:
            return cannot_measure(f"the program fails at size {size}")
        seconds.append(took)
        size *= 2
    if len(seconds) < 3 or seconds[-1] < 0.5:
        return cannot_measure("the runs are too short for the clock")
    power = round(exponent(seconds), 1)
    note = f"the time grows with exponent {power}, up to size {size // 2}"
    details: Dict[str, Any] = {"applied": {}, "changed": {}}
    state = "present" if power >= _LEAST_TIME else "absent"
    return {"state": state, "measured": power, "expected": 1.0, "unit": "", "note": note, "details": details}


def cannot_measure(note: str) -> Dict[str, Any]:
    details: Dict[str, Any] = {"applied": {}, "changed": {}}
    return {
        "state": "cannot measure", "measured": None, "expected": 1.0, "unit": "", "note": note, "details": details,
    }  # fmt: skip
