"""The recipe `skeleton`: which function raises the error that ends the program? Runs in the box.

It works as it stands. To make it yours, change `measure` (one run, one number), `suspects_of` (who it was), `draw`, and
the card. `investigate` and `symptom` are the only functions that know the box; tests call the others.
"""

import importlib
import re
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from debugbox_recipes import plots
from debugbox_recipes.harness import Program, run_program

RUNS = 3
_FRAME = re.compile(r'^  File "(.+)", line (\d+), in (\S+)$', re.MULTILINE)


class Frame(NamedTuple):
    """A place in the repository."""

    file: str
    line: int
    function: str


class Measured(NamedTuple):
    """One run: the error's class ('': none; None: nothing can be said), and its frames, innermost first."""

    error: Optional[str]
    frames: Sequence[Frame]
    note: str


def investigate(question: str = "", run: str = "", time_limit_s: float = 280) -> None:
    """Measure, name suspects, draw, print a summary, and report one `recipe` record."""
    box = _box()
    program = program_of(box, run or box.context.get("run") or "")
    runs = [measure(program, time_limit_s / RUNS) for _ in range(RUNS)]
    conclusion = conclude(program, runs)
    if conclusion["suspects"]:
        box.show(draw(conclusion), caption=conclusion["answer"])
    print(conclusion["answer"])
    box.report("recipe", {"recipe": "skeleton", "conclusion": conclusion, "details": {}})


def symptom(run: str, error: str = "", time_limit_s: float = 240) -> None:
    """One measurement: present where the program ends with this error. Reports one `symptom` record."""
    box = _box()
    record = symptom_of(measure(program_of(box, run), time_limit_s), error)
    box.report("symptom", record)
    print(f"{record['state']}: {record['note']}")


def _box() -> Any:
    return importlib.import_module("debugbox_kernel")


def program_of(box: Any, command: str) -> Program:
    roots = tuple(str(root) for root in box.context.get("import_roots") or ())
    return Program(command, box.repo, str(box.python), roots)


def measure(program: Program, limit_s: float) -> Measured:
    """One run of the program as it is."""
    done = run_program(program, timeout_s=limit_s)
    if done.timed_out:
        return Measured(None, (), done.failure)
    last = (done.stderr.strip().splitlines() or [""])[-1]
    error = re.match(r"[\w.]+(?=:|$)", last)
    if done.exit_code == 0 or error is None:
        return Measured("", (), f"it ended with exit code {done.exit_code}")
    return Measured(error[0], frames_of(done.stderr, Path(program.repo)), last[:300])


def frames_of(text: str, repo: Path) -> List[Frame]:
    """The repository's frames of a traceback, innermost first."""
    frames = []
    for name, line, function in reversed(_FRAME.findall(text)):
        path = Path(name)
        if repo in path.parents:
            frames.append(Frame(path.relative_to(repo).as_posix(), int(line), function))
    return frames


def symptom_of(measured: Measured, error: str) -> Dict[str, Any]:
    """The symptom's record. Another error than the one asked for is neither presence nor absence."""
    state = {None: "cannot measure", "": "absent", error: "present"}.get(measured.error, "cannot measure")
    return {"state": state, "measured": float(state == "present"), "expected": 0.0, "unit": "", "note": measured.note}


def conclude(program: Program, runs: Sequence[Measured]) -> Dict[str, Any]:
    """The record's conclusion: the fields of `debugbox.finding.Conclusion`. No times: a replay must give the same."""
    first = runs[0]
    same = all(each.error == first.error for each in runs)
    found = suspects_of(first, Path(program.repo)) if same and first.error else []
    why = "" if found else (f"not reproduced: {first.note}" if same else "the runs end in different ways")
    if found:
        answer = (
            f"{first.error} is raised in {found[0]['function']}, {found[0]['file']}:{found[0]['line']}: {first.note}"
        )
    else:
        answer = f"No answer: {why}."
    call = f"skeleton.symptom(run={program.command!r}, error={first.error!r})"
    return {
        "answer": answer,
        "by": "recipe skeleton",
        "suspects": found,
        "symptom": {
            "code": f"from debugbox_recipes import skeleton\n\n{call}\n" if found else "",
            "metric": "whether the program ends with the error",
            "unit": "",
            "runs": [symptom_of(each, first.error or "") for each in runs],
            "noise": 0.0 if found else None,
        },
        "limits": [why] if why else ["a value that was wrong before it got there is not followed to its source"],
    }


def suspects_of(measured: Measured, repo: Path) -> List[Dict[str, Any]]:
    """Ranked places, each with the source text that stands there."""
    found = []
    for depth, frame in enumerate(measured.frames[:5], 1):
        lines = (repo / frame.file).read_text("utf-8", "replace").splitlines()
        quote = lines[frame.line - 1].strip() if frame.line <= len(lines) else ""
        why = "the error is raised here" if depth == 1 else f"the error is raised {depth - 1} calls below"
        found.append({**frame._asdict(), "quote": quote, "score": round(1 / depth, 3), "why": why})
    return found


def draw(conclusion: Mapping[str, Any]) -> Any:
    """The one picture: its title says the conclusion."""
    figure, (axes,) = plots.panels(conclusion["answer"], [1])
    rows = [(f"{s['file']}:{s['line']}", s["score"], s["why"], "other") for s in conclusion["suspects"]]
    rows[0] = (*rows[0][:3], "suspect")
    plots.bars(axes, rows, "1 / distance from where the error is raised (calls)")
    return figure
