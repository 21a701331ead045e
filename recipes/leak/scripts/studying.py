"""The investigation itself, step by step: which step, does it leave something over, what holds it. In the box.

The result is a `Study`; `concluding` puts it into words and `picture` draws it.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from debugbox_recipes.harness import Program

from .measuring import Measuring, Step, loop_step
from .placing import definition, filling_line
from .study import CONTROL, Holder, Line, Study, Trial

_TRIED_ALONE = 5
_TRIED_TOGETHER = 10
_CONTROLS, _CONTROLS_BORNE = 14, 4
_LONGEST_FILL_S = 30.0  # a declared bound is run into where that takes no longer
_NATIVE_LEAK = 2048.0  # bytes of resident memory per step that blocks do not explain


def carry_out(program: Program, question: Optional[str], step: Optional[str], limit_s: float) -> Study:
    """Run everything that the time allows."""
    study = Study(program, question)
    measuring = Measuring(program, limit_s)
    for part in (_choose_step, _native, _deep, _run_into_bounds, _intervene, _lines):
        part(study, measuring, step)
        if study.stopped:
            break
    return study


def source_line(repo: Any, file: str, line: int) -> str:
    """The stripped text of a line of the repository, or '' where it is not there."""
    try:
        lines = (Path(repo) / file).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def _choose_step(study: Study, measuring: Measuring, given: Optional[str]) -> None:
    if given is None and re.search(r"(^|[\s/])(pytest|py\.test)\b", study.program.command):
        given = "test"
        study.why_step = "the command runs pytest: its first test is repeated"
    if given is not None:
        quote = ""
        if Step(given).kind == "loop":
            file, _, line = given.rpartition(":")
            quote = source_line(study.program.repo, file, int(line))
        study.why_step = study.why_step or "it was named"
        _size(study, measuring, Step(given, quote))
        return
    run = measuring.loops()
    loops = [loop for result in run.results for loop in result.get("loops", ())]
    if run.timed_out:
        study.stopped = f"`{study.program.command}` was {run.failure}"
        return
    found = loop_step(loops, lambda file, line: source_line(study.program.repo, file, line))
    if found is None:
        study.stopped = (
            f"`{study.program.command}` has no step that repeats: no loop of the repository's ran often enough"
            f" ({run.failure or f'{len(loops)} loops were seen'}). Name one: step='module:function'"
        )
        return
    study.step = found
    study.why_step = "it is the outermost loop with most of the time"


def _size(study: Study, measuring: Measuring, step: Step) -> None:
    if step.kind != "loop":
        study.step = measuring.sized(step)
        return
    loops = [loop for result in measuring.loops().results for loop in result.get("loops", ())]
    named = [loop for loop in loops if f"{loop['file']}:{loop['line']}" == step.name]
    found = loop_step(named, lambda file, line: step.quote)
    if found is None:
        study.stopped = f"the loop at {step.name} does not run, or not often enough"
    else:
        study.step = found


def _native(study: Study, measuring: Measuring, given: Optional[str]) -> None:
    first = measuring.grow(study.step)
    if first.trouble and study.step.factor > 1:  # the program does not bear a longer loop
        shorter = replace(study.step.sized(study.step.natural), factor=1)
        study.step = replace(shorter, per_round=max(2, study.step.natural // 9))
        first = measuring.grow(study.step)
    if first.trouble:
        study.stopped = f"cannot measure: {first.trouble}"
        return
    study.native = [first, measuring.grow(study.step)]
    if study.native[1].trouble:
        study.stopped = f"cannot measure: {study.native[1].trouble}"
        return
    if study.step.kind == "loop" and study.step.factor == 1:
        study.limits.append(f"the loop could not be made longer than its {study.step.natural} iterations")
    if not study.grows:
        _as_it_is(study, measuring)
    if not study.grows:
        _look_at_resident(study)
        study.stopped = "nothing grows"


def _as_it_is(study: Study, measuring: Measuring) -> None:
    """Where the same inputs again leave nothing over, do the program's own inputs, each once?"""
    step = study.step
    if not step.again or step.factor == 1 or step.natural < 18:
        return
    once = replace(step, factor=1, per_round=max(2, step.natural // 9))
    pair = [measuring.grow(once) for _ in range(2)]
    if all(not one.trouble and one.grows for one in pair):
        study.step, study.native, study.keyed = once, pair, True
        study.limits.append(
            "when the loop goes on for longer, nothing more is left over: what grows has an end, or grows with new"
            " inputs only"
        )


def _look_at_resident(study: Study) -> None:
    if all(growing.resident_per_step > _NATIVE_LEAK for growing in study.native):
        study.limits.append(
            "the process's resident memory grows though Python's own blocks do not: large buffers, C code or"
            " fragmentation, which this recipe does not see"
        )


def _deep(study: Study, measuring: Measuring, given: Optional[str]) -> None:
    deep = measuring.deep(study.step)
    if deep.trouble or deep.result is None:
        study.stopped = f"the look at the heap failed: {deep.trouble}"
        return
    study.deep = deep.result
    study.holders = [_holder(row, deep.step.per_round) for row in deep.result["growing"]]
    study.others = [
        Holder(_tuple(row["path"]), row["show"], True, "", "", 0.0, 0, None, row["owner"])
        for row in deep.result["others"]
    ]
    study.filling = [holder for holder in study.holders if holder.filling]
    if deep.result["uncollectable"]:
        study.limits.append("the collector gave up on some objects (gc.garbage)")


def _tuple(path: Optional[Sequence[Any]]) -> Any:
    return tuple(map(tuple, path or ()))


def _holder(row: Mapping[str, Any], per_round: int) -> Holder:
    lengths = row["lengths"]
    per_step = (lengths[-1] - lengths[0]) / (len(lengths) - 1) / per_round
    cached = Line(*row["cached"]) if row["cached"] else None
    return Holder(
        _tuple(row["path"]), row["show"], row["followable"], row["kind"], row["entry"], per_step, lengths[-1],
        row["bound"], row["owner"], cached,
    )  # fmt: skip


def _run_into_bounds(study: Study, measuring: Measuring, given: Optional[str]) -> None:
    """A container that declares how long it may become is filled to the brim, if that does not take too long."""
    needed = [2.2 * (h.bound or 0) / max(h.per_step, 1e-9) for h in study.filling]
    cost_s = max(needed, default=0.0) * study.step.seconds
    longer = study.step.kind != "loop" or study.step.factor > 1
    if not needed or not longer or cost_s > min(_LONGEST_FILL_S, measuring.left_s / 4):
        return
    step = study.step.sized(max(needed))
    pair = [measuring.grow(step) for _ in range(2)]
    if any(one.trouble for one in pair):
        return
    study.step, study.native = step, pair
    if study.grows:
        _deep(study, measuring, given)
    else:
        study.stopped = "nothing grows"


def _intervene(study: Study, measuring: Measuring, given: Optional[str]) -> None:
    """Truncate what grows, one by one, then together; the fewest that take the growth away are the suspects."""
    usable = [holder for holder in study.holders if holder.followable and not holder.filling]
    best: List[Holder] = []
    for holder in usable[:_TRIED_ALONE]:
        trial = _try(study, measuring, "truncated", [holder])
        if trial is not None and trial.enough:
            best = [holder]
            break
    if not best and len(usable) > 1:
        best = _fewest(study, measuring, usable[:_TRIED_TOGETHER])
    study.suspects = best or _most_helpful(study) or study.without_bound()[:1]
    if not best and study.filling:
        trial = _try(study, measuring, "filling truncated", [h for h in study.filling if h.followable])
        if trial is not None and trial.enough:
            study.stopped, study.suspects = "it is still filling", []
            return
    if best:
        _controls(study, measuring)


def _controls(study: Study, measuring: Measuring) -> None:
    """Other containers, until the program has borne a few being truncated: the tool may choose among those."""
    lines = {str(filling_line(study, holder)) for holder in study.suspects}
    for holder in placebos(study):
        line = definition(study.program.repo, holder.owner)
        tried = [trial for trial in study.trials if trial.name == CONTROL]
        if len(tried) == _CONTROLS or sum(trial.acted for trial in tried) == _CONTROLS_BORNE or measuring.left_s < 60:
            return
        if line is not None and str(line) not in lines:
            lines.add(str(line))
            _try(study, measuring, CONTROL, [holder])


def _most_helpful(study: Study) -> List[Holder]:
    helped = [trial for trial in study.trials if trial.removed is not None and trial.removed >= 0.3]
    best = max(helped, key=lambda trial: trial.removed or 0.0, default=None)
    return list(best.holders) if best is not None and len(best.holders) == 1 else []


def _fewest(study: Study, measuring: Measuring, holders: Sequence[Holder]) -> List[Holder]:
    """Of holders that are enough together, those of which none can be spared; none where they are not enough."""
    trial = _try(study, measuring, "truncated together", holders)
    if trial is None or not trial.enough:
        return []
    kept = list(holders)
    for holder in reversed(holders):
        fewer = [other for other in kept if other is not holder]
        without = _try(study, measuring, "truncated together", fewer) if fewer else None
        if without is not None and without.enough:
            kept = fewer
    return kept


def placebos(study: Study) -> List[Holder]:
    """Containers that are no suspects, and neither hold one nor are held by one."""
    suspects = [holder.path for holder in study.suspects]
    growing = [holder for holder in study.holders if holder.followable and holder.owner and not holder.filling]

    def apart(path: Any) -> bool:
        return all(path[: len(one)] != one and one[: len(path)] != path for one in suspects)

    return [holder for holder in growing + study.others if apart(holder.path)]


def _try(study: Study, measuring: Measuring, name: str, holders: Sequence[Holder]) -> Optional[Trial]:
    """Run with these truncated after each step; None where the time is up or there is nothing to truncate."""
    if not holders:
        return None
    if measuring.left_s < 5:
        study.limits.append(f"no time left to truncate {', '.join(map(str, holders))}")
        return None
    plan = [{"place": holder.show, "path": holder.path} for holder in holders]
    growing = measuring.grow(study.step, plan)
    removed: Optional[float] = None
    fails = growing.run.exit_code != study.native[0].run.exit_code
    if not growing.trouble and not fails:
        removed = 1.0 - max(0.0, growing.per_step - study.noise) / study.per_step
    trial = Trial(name, tuple(holders), growing, removed)
    study.trials.append(trial)
    return trial


def _lines(study: Study, measuring: Measuring, given: Optional[str]) -> None:
    """Which lines fill the suspects, and what else grows."""
    traced = [holder for holder in [*study.suspects, *study.holders] if holder.followable]
    if study.proof is None and measuring.left_s > 10:
        allocated = measuring.lines(study.step)
        study.lines = allocated.result["lines"] if allocated.result and not allocated.trouble else []
    unique = list({holder.show: holder for holder in traced}.values())[:6]
    if not unique or measuring.left_s < 5:
        return
    seen = measuring.insertions(study.step, [holder.path for holder in unique])
    rows = seen.result["insertions"] if seen.result else [[] for _ in unique]
    later = seen.result["given"] if seen.result else [[] for _ in unique]
    for holder, stacks, given in zip(unique, rows, later):  # noqa: B905  # strict= came with 3.10
        study.given[holder.show] = [Line(*each) for each in given]
        study.stacks[holder.show] = [found for found in map(_user_lines, stacks) if found]
        first = stacks[0]["frames"][0] if stacks else [None, "", 0, ""]
        if stacks and first[0] is None:
            study.foreign[holder.show] = f"{first[1]}:{first[2]} ({first[3]})"


def _user_lines(stack: Mapping[str, Any]) -> List[Line]:
    return [Line(file, line, name) for file, _, line, name in stack["frames"] if file is not None]


def growing_lines(study: Study) -> List[Dict[str, Any]]:
    """Lines of the repository that allocate what stays, most bytes first; to two digits, as bytes vary a little."""
    return [{**row, "bytes_per_step": float(f"{row['bytes_per_step']:.2g}")} for row in study.lines[:10]]
