"""What a recipe's outermost functions need of the box, and the records for what could not be done. In the kernel."""

import importlib
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from .harness import Program


def this_box() -> Any:
    """The box's own module for cells; its functions are not typed."""
    return importlib.import_module("debugbox_kernel")


def program_of(box: Any, command: str) -> Program:
    roots = tuple(str(root) for root in box.context.get("import_roots") or ())
    return Program(command, box.repo, str(box.python), roots)


def not_run(recipe: str, why: str = "nothing says what to run", advice: str = "Give a command with --run") -> Any:
    """The recipe's record where there is nothing to investigate."""
    said: Dict[str, Any] = {"answer": f"No answer: {why}. {advice}.", "by": f"recipe {recipe}", "limits": [why]}
    return {"recipe": recipe, "conclusion": said, "details": {}}


def cannot_measure(note: str, expected: Optional[float] = 0.0, unit: str = "") -> Dict[str, Any]:
    """A symptom record without an answer."""
    details: Dict[str, Any] = {"applied": {}, "changed": {}}
    record = {"state": "cannot measure", "measured": None, "expected": expected, "unit": unit, "note": note}
    return {**record, "details": details}


def of_kind(interventions: Sequence[Mapping[str, Any]], kind: str) -> Tuple[List[Mapping[str, Any]], List[str]]:
    """Those of one kind, and the other kinds there are."""
    ours = [one for one in interventions if one["kind"] == kind]
    return ours, sorted({str(one["kind"]) for one in interventions if one["kind"] != kind})


def told(recipe: str, command: Optional[str], study: Callable[[Any, str], Any], script: Any) -> None:
    """Run an investigation in the box, show its picture, print its summary, report its record.

    `script` has `concluding.answer`, `concluding.summary`, `record` and `picture.draw` for what `study` gives; a study
    with `drawable` false has no picture.
    """
    box = this_box()
    command = command or box.context.get("run")
    if not command:
        box.report("recipe", not_run(recipe))
        print(not_run(recipe)["conclusion"]["answer"])
        return
    found = study(box, command)
    if found.drawable:
        picture = importlib.import_module(f"{script.__package__}.picture")
        box.show(picture.draw(found), caption=script.concluding.answer(found))
    print(script.concluding.summary(found))
    box.report("recipe", script.record(found))
