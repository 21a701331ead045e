"""The recipe `flaky`: why does this test sometimes fail? By other tests, or by chance? Runs in the box.

`investigate` and `symptom` are the outermost functions and the only ones that know the box; all below them take the
repository, the interpreter and the command as parameters.
"""

from typing import Any, Dict, Mapping, Optional, Sequence

from debugbox_recipes.boxed import cannot_measure, of_kind, program_of, this_box
from debugbox_recipes.harness import Program
from debugbox_recipes.interventions import units_of

from . import concluding
from .measuring import Measuring
from .study import Study
from .studying import carry_out

KIND = "restore_state"
_RUNS = 3


def investigate(question: Optional[str] = None, run: Optional[str] = None, time_limit_s: float = 280) -> None:
    """Survey, search, draw, print a summary and report one `recipe` record. Without `run`: the repository's tests."""
    box = this_box()
    asked = question or box.context.get("question") or ""
    study = carry_out(program_of(box, run or box.context.get("run") or ""), asked, time_limit_s)
    if study.drawable:
        from .picture import draw

        box.show(draw(study), caption=concluding.answer(study))
    print(concluding.summary(study))
    box.report("recipe", record(study))


def symptom_code(study: Study) -> str:
    """What the finding keeps: runs the test in its company, in any box."""
    if study.stopped or not study.victim:
        return ""
    before = concluding.company(study)
    given = {"run": study.program.command, "test": study.victim, "before": before, "message": study.message[:80]}
    words = ", ".join(f"{name}={value!r}" for name, value in given.items() if value)
    return f"from debugbox_recipes import flaky\n\nflaky.symptom({words})\n"


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record; where it is chance, that of `nondet` under another heading."""
    if study.chance is not None:
        return concluding.of_chance(study)
    said = concluding.conclusion(study, symptom_code(study))
    return {"recipe": "flaky", "conclusion": said, "details": concluding.details(study)}


def symptom(test: str, run: str = "", before: Sequence[str] = (), message: str = "", time_limit_s: float = 240) -> None:
    """Measure once, under the context's interventions, and report one `symptom` record."""
    box = this_box()
    given = box.context.get("interventions") or ()
    said = measure_symptom(program_of(box, run), test, before, message, given, time_limit_s)
    box.report("symptom", said)
    print(f"{said['state']}: {said['note']}")


def measure_symptom(
    program: Program,
    test: str,
    before: Sequence[str] = (),
    message: str = "",
    interventions: Sequence[Mapping[str, Any]] = (),
    time_limit_s: float = 240,
) -> Dict[str, Any]:
    """The symptom record: how often the test fails after these, each time in a process of its own."""
    ours, unknown = of_kind(interventions, KIND)
    if unknown:
        return cannot_measure(f"this symptom cannot apply interventions of the kind {', '.join(unknown)}")
    measuring = Measuring(program, time_limit_s)
    units = [unit for one in ours for unit in units_of(one)]
    plan = {"only": [*before, test], "restore": units}
    return concluding.measurement([measuring.ask(plan, share=0.3) for _ in range(_RUNS)], test, message, ours)
