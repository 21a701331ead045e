"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). In the kernel.

How many of ten runs fail is another number each time, so only "none", "some" and "most" are told.
"""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from .measuring import BROKEN, GOOD, HUNG, METRIC, MOST, RUNS, Outcome, failing
from .study import Study, Trial, Window

_SHOWN = 4
_WORDS = {"none": "no run fails", "some": "some runs fail", "most": "most runs fail"}


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped:
        return f"No line is to blame: {study.stopped}. Tried: `{study.program.command}`."
    said = f"{_how_it_fails(study)} {_what_is_shared(study)}"
    if study.proven is None:
        return f"{said} That this is the cause was not shown: {study.limits[-1]}."
    one = len(study.locked) == 1
    said += f" With {'a lock around it' if one else 'one lock around all of them'} none of {RUNS} runs fails"
    if study.controls:
        said += f"; with one around {_listed([f'{file}:{line}' for file, line in study.controls])} instead, most do"
    if not one and study.needed and all(study.needed.values()):
        said += "; with any of them left out, it fails again"
    which = "this window" if one else "these windows"
    return f"{said}. To repair: take one lock around {which}, wherever the value is used."


def _how_it_fails(study: Study) -> str:
    where = _listed([_named(study, window) for window in study.locked or study.noisy])
    if study.by_itself:
        alone = "ends well with its threads one after another"
        return f"It fails in every plain run, and {alone}: it is a race in {where}."
    how = f" ({study.message[:160]})" if study.message else ""
    natural = study.trial("plain")[0].share
    luck = "By itself it hardly ever fails" if natural != "most" else "By itself it fails often"
    return (
        f"It is a race in {where}. {luck}; where a thread pauses there and another gets on,"
        f" at least {MOST} of {RUNS} runs fail{how}."
    )


def _named(study: Study, window: Window) -> str:
    function = study.source.function_at(window.file, window.line)
    return f"{window}" + (f" ({function})" if function else "")


def _what_is_shared(study: Study) -> str:
    units = sorted({unit for window in study.locked or study.noisy for unit in window.units})
    if not units:
        return ""
    who = "Several threads use" if len(units) == 1 else "Several threads use each of"
    return f"{who} {_listed(units)}, at least one writes, and no lock is held by all."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def measurement(outcomes: Sequence[Outcome], locked: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """The symptom record: 1 where any run fails, 0 where none does."""
    places = [f"{each['file']}:{each['line']}" for each in locked]
    # How often a lock was taken hangs on how far each run got, so it is told as 1 or 0.
    acted = {place: int(all(each.result.get("entered", {}).get(place, 0) for each in outcomes)) for place in places}
    record: Dict[str, Any] = {"expected": 0.0, "unit": "", "details": {"applied": acted, "changed": dict(acted)}}
    trouble = next((each for each in outcomes if each.state in (HUNG, BROKEN)), None)
    if failing(outcomes):
        return {**record, "measured": 1.0, "state": "present", "note": "runs fail"}
    if trouble is not None or not all(each.state == GOOD for each in outcomes):
        why = (
            "a run had not ended in time" if trouble and trouble.state == HUNG else trouble.why if trouble else "no run"
        )
        return {**record, "measured": None, "state": "cannot measure", "note": why}
    return {**record, "measured": 0.0, "state": "absent", "note": f"none of {len(outcomes)} runs fails"}


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The windows that the lock has to be around; without proof, those in which pauses make it fail."""
    rows = []
    for rank, window in enumerate(study.locked or study.noisy):
        written = ", ".join(window.units[:_SHOWN])
        why = f"{written}: used here by several threads at once without a common lock"
        why += "; with a lock here no run fails" if study.proof and len(study.locked) == 1 else ""
        score = (1.0 if study.proof else 0.5) - rank / (10 * len(study.locked or study.noisy))
        rows.append({**study.place(window.file, window.named), "score": round(score, 3), "why": why})
    return rows


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    if not study.proof:
        return None
    return {
        "kind": "locked", "sites": [study.place(each.file, each.line) for each in study.locked],
        "parameters": {"last": {each.key: each.last for each in study.locked}},
        "describe": f"one lock around {_listed([str(each) for each in study.locked])}",
    }  # fmt: skip


def hypotheses(study: Study) -> List[Dict[str, str]]:
    found = []
    for trial in [each for each in study.trials if steady(study, each)]:
        status = "supported" if trial.share == "most" else "refuted"
        if trial.kind == "window":
            found.append({"text": f"threads meet: {trial.name}", "status": status, "evidence": _WORDS[trial.share]})
        elif trial.kind == "slowed":
            text = "it fails because it takes longer"
            found.append({"text": text, "status": status, "evidence": f"slowed down, {_WORDS[trial.share]}"})
    return found


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    named = not study.stopped and study.failing is not None
    runs = [measurement(study.failing.outcomes, ())] if study.failing is not None and named else []
    limits = [*study.limits, *([study.stopped] if study.stopped else []), *_always()]
    return {
        "answer": answer(study), "by": "recipe race", "suspects": suspects(study) if named else [],
        "symptom": {"code": symptom_code if named else "", "metric": METRIC, "unit": "", "runs": runs,
                    "noise": 0.0 if runs else None},
        "intervention": intervention(study) if named else None,
        "placebo_sites": [study.place(*each) for each in study.controls] if study.proof else [],
        "exact": study.proof and named, "hypotheses": hypotheses(study), "limits": list(dict.fromkeys(limits)),
    }  # fmt: skip


def _always() -> List[str]:
    return [
        "races inside C code, between processes, and through what a call returns are not seen; threads never pause in"
        " the standard library"
    ]


def details(study: Study) -> Dict[str, Any]:
    """The table of accesses and the trials."""
    return {
        "command": study.program.command,
        "good_is": study.reference,
        "accesses": [
            {"unit": unit, "place": f"{file}:{line}", "writes": write, "locks": locks}
            for unit, rows in sorted(study.units.items()) for file, line, write, locks in rows[:20]
        ],
        "windows": [str(each) for each in study.windows],
        "trials": [{"what": each.name, "fails": each.share} for each in study.trials if steady(study, each)],
    }  # fmt: skip


def steady(study: Study, trial: Trial) -> bool:
    """Only what comes out alike when it is measured again: with pauses anywhere, it fails now and then."""
    if trial.kind == "window":
        return trial is study.failing
    return trial.kind in ("serial", "locked", "control") or (trial.kind == "slowed" and trial.share != "some")


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    parts += [f"{each.name:44} {_WORDS[each.share]}" for each in study.trials if steady(study, each)]
    named = {unit for window in study.locked or study.noisy for unit in window.units}
    for unit in sorted(named) if not study.stopped else ():
        for file, line, write, locks in study.units[unit][:_SHOWN]:
            held = "no lock" if not locks else f"lock made at {', '.join(locks)}"
            parts.append(f"{unit}: {'written' if write else 'read'} at {file}:{line}, {held}")
    parts += [f"Not seen: {limit}." for limit in dict.fromkeys([*study.limits, *_always()])]
    return "\n".join(parts)
