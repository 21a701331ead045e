"""The recipe `suspects`: which function makes this test, or this program, fail? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

import importlib
from typing import Any, Dict, Mapping, Optional, Sequence

from debugbox_recipes.harness import Program
from debugbox_recipes.interventions import plan_of

from . import concluding
from .running import PROGRAM, Running
from .study import Study
from .studying import carry_out


def investigate(
    question: Optional[str] = None, run: Optional[str] = None, patch: str = "", time_limit_s: float = 280
) -> None:
    """Run, rank, draw, print a summary and report one `recipe` record. Nothing here raises for what the tests do.

    `patch` is a diff whose effect the tool's checks are to judge.
    """
    box = this_box()
    question = question or box.context.get("question")
    result = carry_out(program_of(box, run or box.context.get("run") or ""), question, time_limit_s, patch)
    show(box, result)
    print(concluding.summary(result))
    box.report("recipe", concluding.record(result))


def this_box() -> Any:
    """The box's own module for cells; its functions are not typed."""
    return importlib.import_module("debugbox_kernel")


def program_of(box: Any, command: str) -> Program:
    roots = tuple(str(root) for root in box.context.get("import_roots") or ())
    return Program(command, box.repo, str(box.python), roots)


def show(box: Any, result: Study) -> None:
    """The picture, where there is something to draw."""
    if not result.stopped:
        from .picture import draw

        box.show(draw(result), caption=concluding.answer(result))


def symptom(
    test: str,
    run: str = "",
    exception: str = "",
    at: str = "",
    folder: str = "",
    guards: Sequence[str] = (),
    time_limit_s: float = 240,
) -> None:
    """Run the failing test and its guards once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    given = box.context.get("interventions") or ()
    program = program_of(box, run)
    said = measure_symptom(program, test, exception, at, folder, guards, given, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def measure_symptom(
    program: Program,
    test: str,
    exception: str = "",
    at: str = "",
    folder: str = "",
    guards: Sequence[str] = (),
    interventions: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 240,
) -> Dict[str, Any]:
    """The symptom record: present where the test fails with this error in this function, absent where it passes."""
    plan, unknown = plan_of(interventions)
    if unknown or "keep" in plan:
        kinds = ", ".join(unknown) or "keep_exact"
        return dict(concluding.empty(f"this symptom cannot apply interventions of the kind {kinds}"))
    mutations = plan.get("mutations", ())
    running = Running(program, time_limit_s, folder)
    if test == PROGRAM:
        done = running.command(program.command, limit_s=time_limit_s, lines=False, mutations=mutations)
    else:
        done = running.tests([test, *guards], limit_s=time_limit_s, lines=False, mutations=mutations)
    said = concluding.measured(done, test, exception, at, guards)
    places = {f"{place['file']}:{place['line']}" for place in mutations}
    if places - set(done.result.get("places_found") or ()) and said["state"] != "cannot measure":
        said.update(state="cannot measure", note="the intervention's place does not exist or did not load")
    return said
