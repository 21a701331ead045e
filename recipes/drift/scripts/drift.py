"""The recipe `drift`: is it rounding, how much, and which source lines introduce it? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import importlib
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.harness import Program

from . import concluding, otherwise
from .choosing import choose_command
from .measuring import Measuring, Native
from .moving import NotThere, source_of, watch_now
from .shaking import SAMPLES, samples
from .study import TOLERANCE, Study
from .studying import carry_out, unseen


def investigate(
    question: Optional[str] = None,
    run: Optional[str] = None,
    watch: Optional[str] = None,
    tolerance: float = TOLERANCE,
    time_limit_s: float = 280,
) -> None:
    """Measure, draw, print a summary and report one `recipe` record. Nothing here raises for what the program does."""
    box = this_box()
    question = question or box.context.get("question")
    command, why = run or box.context.get("run"), "it was given"
    if not command:
        command, why = choose_command(Path(box.repo), question)
    if not command:
        box.report("recipe", nothing_to_run(why))
        print(why)
        return
    program = program_of(box, command)
    result = carry_out(program, question, watch, tolerance, time_limit_s)
    if why != "it was given":
        result.limits.append(f"the command `{command}` was chosen: {why}")
    show(box, result)
    print(concluding.summary(result))
    box.report("recipe", record(result))


def this_box() -> Any:
    """The box's own module for cells; its functions are not typed."""
    return importlib.import_module("debugbox_kernel")


def program_of(box: Any, command: str) -> Program:
    roots = tuple(str(root) for root in box.context.get("import_roots") or ())
    return Program(command, box.repo, str(box.python), roots)


def show(box: Any, result: Study) -> None:
    """The picture, where there is something to draw."""
    if result.watch and not result.stopped:
        from .picture import draw

        box.show(draw(result), caption=concluding.answer(result))


def symptom_code(study: Study) -> str:
    """What the finding keeps: measures the symptom once, in any box, also where the watched line has moved."""
    if not study.watch:
        return ""
    given: Dict[str, Any] = {"run": study.program.command, "watch": study.watch}
    sink = study.sinks.get(study.watch)
    if sink is not None:
        given.update(quote=source_of(study.program.repo, sink), function=sink.function)
    given["tolerance"] = study.allowed
    if otherwise.unstable(study):
        given.update(shaken=study.chosen["index"], tolerance=study.allowed * study.chosen["scale"])
    elif study.arrays:
        given["arrays"] = True
    call = f"drift.symptom({', '.join(f'{name}={value!r}' for name, value in given.items())})"
    return f"from debugbox_recipes import drift\n\n{call}\n"


def record(result: Study) -> Dict[str, Any]:
    """The recipe's record."""
    said = concluding.conclusion(result, symptom_code(result))
    return {"recipe": "drift", "conclusion": said, "details": concluding.details(result)}


def nothing_to_run(why: str) -> Dict[str, Any]:
    said: Dict[str, Any] = {
        "answer": f"No answer: there is no command to run ({why}). Give one with --run.",
        "by": "recipe drift",
        "suspects": [],
        "symptom": {"code": "", "metric": concluding.METRIC, "unit": "", "runs": [], "noise": None},
        "intervention": None,
        "placebo_sites": [],
        "exact": False,
        "hypotheses": [],
        "limits": [why],
    }
    return {"recipe": "drift", "conclusion": said, "details": {}}


def symptom(
    run: str,
    watch: str,
    quote: str = "",
    function: str = "",
    tolerance: float = TOLERANCE,
    time_limit_s: float = 240,
    arrays: bool = False,
    shaken: Optional[int] = None,
) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record.

    `quote` and `function` find the watched line where it has moved; `arrays` follows NumPy's. `shaken` measures
    instead how far the value of that index spreads under random rounding, and `tolerance` is then absolute.
    """
    box = this_box()
    keep, unknown = kept_places(box.context.get("interventions") or ())
    if keep and shaken is not None:
        unknown.append("keep_exact")
    if unknown:
        said = cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(unknown)}")
    else:
        measuring = Measuring(program_of(box, run), time_limit_s, arrays)
        said = _measured_now(box, measuring, (watch, quote, function), keep, tolerance, shaken)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def _measured_now(
    box: Any,
    measuring: Measuring,
    watched: Tuple[str, str, str],
    keep: Sequence[Mapping[str, Any]],
    tolerance: float,
    shaken: Optional[int],
) -> Dict[str, Any]:
    try:
        watch = watch_now(measuring.program.repo, *watched)
    except NotThere as gone:
        return cannot_measure(str(gone))
    if shaken is not None:
        return measure_spread(measuring, watch, shaken, tolerance)
    return measured_symptom(measuring, watch, tolerance, keep, box.context.get("expected"))


def measure_spread(measuring: Measuring, watch: str, index: int, allowed: float) -> Dict[str, Any]:
    """The symptom record of random rounding."""
    spread, _ = samples(measuring, watch, index, SAMPLES)
    return dict(concluding.finite(otherwise.spread_record(spread.values, spread.size, allowed)))


def kept_places(interventions: Sequence[Mapping[str, Any]]) -> Tuple[List[Mapping[str, Any]], List[str]]:
    """The places to keep exact, and the kinds of intervention that are not ours."""
    keep: List[Mapping[str, Any]] = []
    unknown = []
    for one in interventions:
        if one["kind"] == "keep_exact":
            keep += one["sites"]
        else:
            unknown.append(str(one["kind"]))
    return keep, unknown


def measure_symptom(
    program: Program,
    watch: str,
    tolerance: float = TOLERANCE,
    keep: Sequence[Mapping[str, Any]] = (),
    given: Optional[Mapping[str, Any]] = None,
    time_limit_s: float = 240,
    arrays: bool = False,
) -> Dict[str, Any]:
    """`measured_symptom` of a program."""
    return measured_symptom(Measuring(program, time_limit_s, arrays), watch, tolerance, keep, given)


def measured_symptom(
    measuring: Measuring,
    watch: str,
    tolerance: float,
    keep: Sequence[Mapping[str, Any]],
    given: Optional[Mapping[str, Any]],
) -> Dict[str, Any]:
    """The symptom record: a native run, with `keep` exact, against the exact value.

    `given` spares the shadow run where it has `expected` (or `value`) and, itself or in `details`, `index` and
    `scale`: an earlier symptom record. A value alone does not say at which point of the series it holds.
    """
    point = {**(given or {}), **((given or {}).get("details") or {})}
    point.setdefault("expected", point.get("value"))
    if not all(isinstance(point.get(key), (int, float)) for key in ("expected", "index", "scale")):
        found = exact_point(measuring, watch)
        if isinstance(found, str):
            return cannot_measure(found)
        point = found
    native = measuring.native(watch, int(point["index"]), keep)
    return dict(concluding.finite(_checked(native, keep, point, tolerance)))


def _checked(
    native: Native, keep: Sequence[Mapping[str, Any]], point: Mapping[str, Any], tolerance: float
) -> Dict[str, Any]:
    said = concluding.measured(native, point["expected"], point, tolerance, 0.0)
    found = set(native.result["places_found"]) if native.result else set()
    lost = [f"{p['file']}:{p['line']}" for p in keep if f"{p['file']}:{p['line']}" not in found]
    if lost and said["state"] != "cannot measure":
        said.update(state="cannot measure", note=f"the intervention's place does not exist or did not load: {lost[0]}")
    return said


def exact_point(measuring: Measuring, watch: str) -> Any:
    """`expected`, `index` and `scale` by a shadow run, or in words why there are none."""
    shadow = measuring.shadow([watch], limit_s=max(2.0, measuring.left_s * 0.7))
    if shadow.result is None:
        return f"the shadow run left no record ({shadow.run.failure or 'os._exit or exec'})"
    series = shadow.result["series"].get(watch)
    if not series or not series["chosen"]:
        return (
            f"the watch {watch} recorded no number ({shadow.run.failure or '; '.join(unseen(shadow.result)) or 'gone'})"
        )
    if shadow.partial:
        return "the shadow run did not end in time, so the exact value is not known"
    if series["foreign"]:
        return "the watched values are NumPy's: their exact value is not known"
    chosen = series["chosen"]
    return {"expected": chosen["value"] - chosen["error"], "index": chosen["index"], "scale": chosen["scale"]}


def cannot_measure(note: str) -> Dict[str, Any]:
    return {
        "state": "cannot measure",
        "measured": None,
        "expected": None,
        "unit": "",
        "note": note,
        "details": {"applied": {}, "changed": {}},
    }
