"""The investigation step by step: does it end, who waits for whom, which loop, and what sets it free. In the kernel."""

import ast
import os
import re
from typing import Any, Dict, List, Mapping, Optional, Tuple

from debugbox_recipes.harness import Program
from debugbox_recipes.source import Source
from debugbox_recipes.waits_plan import TURNS

from .measuring import MOST_S, Measuring, Watched, abandoned
from .study import Line, Study, Trial

PATIENCE_S = 30.0
_AGAIN = 3  # runs of a program that ended, to see whether it hangs now and then
_CONTROLS = 2
_TAKES = re.compile(r"\bwith\b|\bacquire\b")


def carry_out(
    program: Program, question: Optional[str], limit_s: float, patience_s: float = PATIENCE_S, most_s: float = MOST_S
) -> Study:
    """See and try all that the time allows."""
    study = Study(program, question, Source(program.repo))
    measuring = Measuring(program, limit_s, most_s)
    study.native = measuring.native(patience_s)
    for step in (_watch, _follow_loops, _name, _intervene, _control):
        step(study, measuring)
        if study.stopped:
            break
    return study


def _watch(study: Study, measuring: Measuring) -> None:
    assert study.native is not None
    if study.native.exit_code == 127:
        study.stopped = f"the command cannot be run: {study.native.failure}"
    elif study.native.timed_out:
        study.runs = [measuring.watched(), measuring.watched()]
        _agree(study)
    else:
        _look_for_luck(study, measuring)


def _agree(study: Study) -> None:
    states = [run.state for run in study.runs]
    if "unseen" in states:
        study.stopped = next(run.trouble for run in study.runs if run.state == "unseen")
    elif states[0] != states[1] and "circle" in states:
        study.limits.append(f"of two runs one ended up {states[0]}, the other {states[1]}")


def _look_for_luck(study: Study, measuring: Measuring) -> None:
    """It ended. Perhaps not always: some more runs, and locks that are taken in both orders."""
    assert study.native is not None
    done = [measuring.watched() for _ in range(_AGAIN)]
    hung = [run for run in done if run.hangs]
    orders = [order for run in done for order in run.result.get("orders", ())]
    failed = f" with {study.native.failure}" if study.native.failure else ""
    ended = f"the command ends by itself{failed} ({1 + len(done) - len(hung)} of {1 + len(done)} runs)"
    if hung:
        study.runs = hung
        study.limits.append(f"it hangs in {len(hung)} of {1 + len(done)} runs only")
    elif orders:
        study.pauses = _pauses(orders[0])
        study.runs = [measuring.watched(pauses=study.pauses) for _ in range(2)]
        study.limits.append(f"{ended}; it was made to hang by pauses where a thread has taken the first of two locks")
    if not any(run.hangs for run in study.runs):
        study.runs = []
        study.stopped = f"{ended}, and nothing was seen that could make it stand still"


def _pauses(order: Mapping[str, Any]) -> List[Tuple[str, int]]:
    return sorted({(order[which][0][0], int(order[which][0][1])) for which in ("first", "second")})


def _follow_loops(study: Study, measuring: Measuring) -> None:
    """Nothing waits in a circle: is there a loop that goes on for ever?"""
    hung = study.hung
    if hung is None or hung.state not in ("working", "waiting"):
        return
    functions = {
        (frame[0], frame[2].rpartition(".")[-1].replace("<module>", ""))
        for each in hung.waiters for frame in each["stack"]
    }  # fmt: skip
    if not functions or measuring.left_s < measuring.most_s + 5:
        return
    study.loops = sorted({(file, "*") for file, _ in functions})
    study.followed = measuring.watched(loops=[list(each) for each in study.loops])
    if study.followed.state == "looping":
        return
    study.loops = []
    if hung.state == "working":
        loop = study.followed.loop
        seen = f"the loop at {loop['file']}:{loop['line']} takes turns" if loop else "no single loop was seen to go on"
        changing = f", and {', '.join(loop['changing'][:4])} changes" if loop and loop.get("changing") else ""
        study.stopped = (
            f"the command had not ended after a while, but it was still working: {seen}{changing}. Whether it"
            " would end was not seen; it may be slow, which the recipe slow looks into"
        )


def _name(study: Study, measuring: Measuring) -> None:
    """The lines that are named, the one to change first."""
    hung = study.hung
    assert hung is not None
    found: List[Line] = []
    if hung.state == "circle":
        waits = [each for each in hung.circle if each["stack"]]
        found += [
            Line(each["stack"][0][0], each["stack"][0][1], f"{each['name']} {_waits_for(each)}") for each in waits
        ]
        locks = [each["lock"] for each in waits if each["lock"]]
        found += [
            Line(lock["taken"][0], lock["taken"][1], "here the lock was taken") for lock in locks if lock["taken"]
        ]
    elif hung.state == "abandoned":
        locks = [each["lock"] for each in abandoned(hung)]
        found += [Line(lock["taken"][0], lock["taken"][1], "its holder took the lock and ended") for lock in locks]
        found += [Line(lock["at"][0], lock["at"][1], "here it is waited for") for lock in locks]
    elif hung.state == "looping":
        found = [Line(study.loop["file"], study.loop["line"], "this loop goes on for ever")]
    else:
        died = [each for each in hung.result.get("died", ()) if each["at"]]
        found += [
            Line(each["at"][0], each["at"][1], f"{each['thread']} died here ({each['message']})") for each in died
        ]
        ends = [each for each in hung.waiters if each["stack"] and not each["for"]]
        ends.sort(key=lambda each: (bool(each.get("daemon")), not each.get("main")))
        found += [Line(each["stack"][0][0], each["stack"][0][1], f"{each['name']} {_waits_for(each)}") for each in ends]
    here = [line for line in _once(found) if not os.path.isabs(line.file)]
    study.lines = [line for line in here if study.source.quote(line.file, line.line)]
    if not study.lines:
        study.stopped = "it stands still, but no line of the repository is on any thread's stack"


def _waits_for(each: Mapping[str, Any]) -> str:
    if each["lock"]:
        made = each["lock"]["made"]
        return "waits for a lock" + (f" made at {made[0]}:{made[1]}" if made and made[1] else "")
    return f"waits in {each['inner'][-1]}" if each["inner"] else "waits"


def _once(lines: List[Line]) -> List[Line]:
    found: Dict[str, Line] = {}
    for line in lines:
        found.setdefault(str(line), line)
    return list(found.values())


def _intervene(study: Study, measuring: Measuring) -> None:
    """A lock not taken, or a loop ended: does the program come to its end?"""
    if study.state == "looping":
        turns = min(TURNS, int(study.loop["turns"]))
        _try(study, measuring, study.lines[0], "end_loop", turns)
    elif study.hung is not None and any(each["id"].startswith("task") for each in study.hung.circle):
        study.limits.append("an asyncio lock cannot be left out as an experiment")
    elif study.state in ("circle", "abandoned"):
        for line in study.lines[:3]:
            if _TAKES.search(study.source.quote(line.file, line.line)):
                _try(study, measuring, line, "without_lock")
            if study.proof is not None:
                study.lines = [line, *(each for each in study.lines if str(each) != str(line))]
                return


def _try(study: Study, measuring: Measuring, line: Line, kind: str, turns: int = 0, control: bool = False) -> None:
    place = {"file": line.file, "line": line.line, "quote": study.source.quote(line.file, line.line), "turns": turns}
    done = measuring.watched(**{**study.symptom_plan, kind: [place]})
    study.trials.append(Trial(line, kind, done, control, turns))


def _control(study: Study, measuring: Measuring) -> None:
    """The same elsewhere: it must hang as before."""
    study.others = _elsewhere(study)
    if study.proof is None:
        return
    for line, turns in study.others[: 2 * _CONTROLS]:
        controls = [trial for trial in study.trials if trial.control and trial.done.hangs]
        if len(controls) == _CONTROLS or measuring.left_s < measuring.most_s + 5:
            return
        _try(study, measuring, line, study.proof.kind, turns, control=True)


def _elsewhere(study: Study) -> List[Tuple[Line, int]]:
    """Other places where a lock was taken; other loops that ended, each with one turn less than it took."""
    hung = study.hung
    assert hung is not None
    named = {str(line) for line in study.lines}
    if study.state == "looping":
        rows = [(Line(each["file"], each["line"], ""), int(each["turns"]) - 1) for each in _finished(hung.result)
                if each["turns"] > 1 and not _around(study, each["file"], each["line"])]  # fmt: skip
    else:
        rows = [(Line(file, line, ""), 0) for file, line, _ in hung.result.get("acquired", ())
                if not os.path.isabs(file) and _TAKES.search(study.source.quote(file, line))]  # fmt: skip
    return sorted(((line, turns) for line, turns in rows if str(line) not in named), key=lambda each: str(each[0]))


def _finished(result: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    """Loops that took no turn while samples were taken: how many they took is the same in every run."""
    samples = [sample.get("turns", ()) for sample in result["samples"]]
    counts = [{number: count for number, _, count in each} for each in (samples[-6:][0], samples[-1])]
    numbers = [row[0] for row in samples[-1]]
    pairs = zip(numbers, result["loops"])  # noqa: B905  # strict= came with 3.10
    return [loop for number, loop in pairs if counts[0].get(number) == counts[1].get(number)]


def _around(study: Study, file: str, line: int) -> bool:
    """Whether a loop is one that the program still is in: ending it sets it free too."""
    assert study.hung is not None
    lines = [frame[1] for each in study.hung.waiters for frame in each["stack"] if frame[0] == file]
    loops = [node for node in ast.walk(study.source.tree(file)) if isinstance(node, (ast.For, ast.While, ast.AsyncFor))]
    return any(node.lineno == line and node.lineno <= at <= (node.end_lineno or 0) for node in loops for at in lines)


def seen_alike(runs: List[Watched]) -> bool:
    """The same lines in both runs: two runs of a hang must agree on where it is."""
    tops = [sorted(str(each["stack"][:1]) for each in run.waiters) for run in runs]
    return len(tops) > 1 and all(top == tops[0] for top in tops)
