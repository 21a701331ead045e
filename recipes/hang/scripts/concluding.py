"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). In the kernel."""

from typing import Any, Dict, List, Mapping, Optional

from .measuring import METRIC, WORDS, measurement
from .study import Study, Trial
from .studying import seen_alike

_MOST_PLACEBOS = 20


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped or study.hung is None:
        return f"No answer: {study.stopped}."
    told = {"circle": _circle, "looping": _looping}.get(study.state, _waiting)
    luck = f" {study.limits[0][0].upper()}{study.limits[0][1:]}." if study.pauses else ""
    return f"{told(study)} {_of_trials(study)}{luck}".strip()


def _circle(study: Study) -> str:
    assert study.hung is not None
    parts = []
    for each in study.hung.circle:
        at = f" at {each['stack'][0][0]}:{each['stack'][0][1]} in {each['stack'][0][2]}" if each["stack"] else ""
        parts.append(f"{each['name']} waits{at}{_for_what(study, each)}")
    alone = len(parts) == 1
    head = "It waits for itself for ever" if alone else f"{len(parts)} wait for each other for ever"
    return f"{head}: {'; '.join(parts)}."


def _for_what(study: Study, each: Mapping[str, Any]) -> str:
    names = {other["id"]: other["name"] for other in study.hung.waiters} if study.hung else {}
    holder = names.get(each["for"], "a thread that has ended")
    if not each["lock"]:
        return f" for {holder}"
    made = each["lock"]["made"]
    taken = each["lock"]["taken"]
    said = " for the lock" + (f" made at {made[0]}:{made[1]}" if made and made[1] else "")
    who = "it holds itself" if holder == each["name"] else f"{holder} holds"
    return f"{said} that {who}" + (f", taken at {taken[0]}:{taken[1]}" if taken and taken[1] else "")


def _looping(study: Study) -> str:
    loop = study.loop
    where = f"the loop at {loop['file']}:{loop['line']}" + (f" in {loop['function']}" if loop["function"] else "")
    if loop.get("away"):
        why = "what its condition compares moves away from the end at each turn"
    elif loop.get("deciding") and loop.get("states") != 1:
        why = f"what its end hangs on never changes ({_names(loop['deciding'])})"
    elif loop.get("states") == 1:
        why = f"nothing it can see changes any more ({_names(loop['same'])})"
    else:
        why = f"what it can see comes again and again: {loop['states']} states in {loop['looked']} turns"
    changing = (
        f"; {_names(loop['changing'])} change{'s' if len(loop['changing']) == 1 else ''}" if loop["changing"] else ""
    )
    return f"It never leaves {where}: {why}{changing}."


def _names(names: List[str]) -> str:
    return ", ".join(names[:5]) + (" and more" if len(names) > 5 else "")


def _waiting(study: Study) -> str:
    assert study.hung is not None
    first = study.lines[0]
    parts = [f"{line} ({line.role})" for line in study.lines[:4]]
    head = WORDS.get(study.state, "nothing runs")
    unknown = "" if study.state == "abandoned" else " Who should have ended the wait is not known from what was seen."
    return f"It stands still at {first}: {head}. {'; '.join(parts)}.{unknown}"


def _of_trials(study: Study) -> str:
    proof = study.proof
    if proof is None:
        return "" if not study.trials else "No change that was tried made it end."
    stayed = [trial for trial in study.trials if trial.control and trial.done.hangs]
    said = f"With {_words(proof)} it ends."
    return said + (f" The same at {', '.join(str(t.line) for t in stayed)} leaves it hanging." if stayed else "")


def _words(trial: Trial) -> str:
    if trial.kind == "end_loop":
        return f"the loop at {trial.line} left after {trial.turns} turns"
    return f"the lock not taken at {trial.line}"


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    for each in study.hung.waiters if study.hung is not None and not study.stopped else ():
        at = " < ".join(f"{file}:{line}" for file, line, _ in each["stack"][:4]) or "no line of the repository"
        parts.append(f"{each['name']:20} {at}" + (f"  in {each['inner'][-1]}" if each["inner"] else ""))
    parts += [f"Not seen: {limit}." for limit in study.limits]
    return "\n".join(parts)


def suspects(study: Study) -> List[Dict[str, Any]]:
    exact = is_exact(study)
    rows = []
    for rank, line in enumerate(study.lines[:6]):
        score = (1.0 if exact else 0.6) / (1 + 0.5 * rank)
        rows.append({**study.source.place(line.file, line.line), "score": round(score, 3), "why": line.role})
    return rows


def is_exact(study: Study) -> bool:
    """A circle, or a lock nobody can give back, seen in two runs at the same lines; a loop that provably repeats."""
    if study.state in ("circle", "abandoned"):
        return len(study.runs) < 2 or seen_alike(study.runs)
    return study.state == "looping" and study.loop.get("states") == 1 and not study.loop.get("opaque")


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    proof = study.proof
    if proof is None:
        return None
    turns = {str(line): count for line, count in study.others} if proof.kind == "end_loop" else {}
    return {
        "kind": proof.kind, "sites": [study.source.place(proof.line.file, proof.line.line)],
        "parameters": {"turns": {**turns, str(proof.line): proof.turns}} if proof.kind == "end_loop" else {},
        "describe": _words(proof),
    }  # fmt: skip


def placebo_sites(study: Study) -> List[Dict[str, Any]]:
    if study.proof is None:
        return []
    return [study.source.place(line.file, line.line) for line, _ in study.others[:_MOST_PLACEBOS]]


def hypotheses(study: Study) -> List[Dict[str, str]]:
    found = []
    for trial in study.trials[:8]:
        ended = "it ends" if trial.ends else trial.done.trouble or "it hangs as before"
        status = "supported" if trial.ends else "open" if trial.done.trouble else "refuted"
        found.append({"text": f"it hangs because of {trial.line}", "status": status,
                      "evidence": f"with {_words(trial)} {ended}"})  # fmt: skip
    return found


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    stopped = [study.stopped] if study.stopped else []
    named = not study.stopped and study.hung is not None
    return {
        "answer": answer(study), "by": "recipe hang", "suspects": suspects(study) if named else [],
        "symptom": {
            "code": symptom_code if named else "", "metric": METRIC, "unit": "",
            "runs": [{**measurement(run), "note": ""} for run in study.runs], "noise": 0.0 if study.runs else None,
        },
        "intervention": intervention(study) if named else None, "placebo_sites": placebo_sites(study),
        "exact": named and is_exact(study), "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys([*study.limits, *stopped])),
    }  # fmt: skip


def details(study: Study) -> Dict[str, Any]:
    """Who waited where. No ids and no times: they differ from run to run."""
    if study.hung is None:
        return {"command": study.program.command}
    loop = {key: value for key, value in study.loop.items() if key not in ("turns", "looked", "entered")}
    return {
        "command": study.program.command,
        "state": study.state,
        "waiters": [
            {"name": each["name"], "stack": each["stack"][:8], "in": each["inner"][-1:], "lock": _lock(each)}
            for each in study.hung.waiters
        ],
        "loop": loop,
        "pauses": [list(each) for each in study.pauses],
        "trials": [{"what": _words(trial), "ends": trial.ends, "control": trial.control} for trial in study.trials],
    }


def _lock(each: Mapping[str, Any]) -> Any:
    return {key: each["lock"][key] for key in ("at", "made", "taken")} if each["lock"] else None
