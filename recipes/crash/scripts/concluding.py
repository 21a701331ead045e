"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). In the kernel."""

from typing import Any, Dict, List, Optional

from debugbox_recipes.exchange import KIND

from .measuring import METRIC, measurement
from .study import Hop, Study, Trial
from .studying import how

_MOST_PLACEBOS = 30


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped:
        return f"No answer: {study.stopped}."
    bad = study.bad
    if not bad:
        head = f"{study.exception} at {study.chain[0]} in {study.chain[0].function}: {study.crash['message'][:160]}."
        return f"{head} {_unknown(study)}"
    value = f"{bad['text']} is {bad['value']}" if bad.get("value") else f"{bad['text']} is a {bad['type']}"
    said = f"{study.exception} at {study.chain[0]} in {study.chain[0].function}: {value} there. "
    if len(study.chain) == 1:
        return said + f"It does not come from further back: {study.crash['end']}. The traceback is not misleading."
    way = ", ".join(str(hop) for hop in study.chain[1:-1])
    through = f" through {way}" if way else ""
    said += f"It comes{through} from {study.origin}{_in(study.origin)}: {study.crash['end']}."
    return f"{said} {_of_trials(study)}".strip()


def _unknown(study: Study) -> str:
    return f"Where that comes from is not known: {study.crash['end']}. What is named is only where the traceback ends."


def _in(hop: Hop) -> str:
    return f" in {hop.function}" if hop.function else ""


def _of_trials(study: Study) -> str:
    proof = study.proof
    if proof is None:
        return "No other value that was put there made the program end well." if study.trials else ""
    stayed = [trial for trial in study.trials if trial.control and not trial.done.well]
    said = f"With {proof.literal!r} instead at {proof.hop} it ends well."
    return said + (
        f" Other values changed ({', '.join(str(t.hop) for t in stayed)}) leave the crash." if stayed else ""
    )


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    for position, hop in enumerate(study.chain):
        name = "crash" if position == 0 else "origin" if position == len(study.chain) - 1 else "through"
        parts.append(f"{name:8} {hop!s:32} {study.source.quote(hop.file, hop.line)[:80]}")
    parts += [f"Not seen: {limit}." for limit in study.limits]
    return "\n".join(parts)


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The origin, then the places it came through, the crash last."""
    rows: Dict[str, Dict[str, Any]] = {}
    for rank, hop in enumerate(study.chain[::-1]):
        last = rank == len(study.chain) - 1
        why = f"the bad value comes from here: {study.crash['end']}" if rank == 0 else f"it comes through {hop.text}"
        why = "the exception is raised here" if last and (rank or not study.bad) else why
        score = 1.0 if rank == 0 and study.exact else 0.6 if rank == 0 else 0.5 / rank
        rows.setdefault(str(hop), {**study.source.place(hop.file, hop.line), "score": round(score, 3), "why": why})
    return [row for row in rows.values() if row["quote"]][:6]


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    proof = study.proof
    if proof is None:
        return None
    at: Dict[str, Any] = {
        str(hop): {"nth": hop.nth, "kinds": ["Assign", "Return"]} for hop in study.others[:_MOST_PLACEBOS]
    }
    at[str(proof.hop)] = how(study, proof.hop, proof.literal)
    return {
        "kind": KIND, "sites": [study.source.place(proof.hop.file, proof.hop.line)], "parameters": {"at": at},
        "describe": f"{proof.literal!r} instead of a {study.bad.get('type')} at {proof.hop}",
    }  # fmt: skip


def placebo_sites(study: Study) -> List[Dict[str, Any]]:
    if study.proof is None:
        return []
    return [study.source.place(hop.file, hop.line) for hop in study.others[:_MOST_PLACEBOS]]


def hypotheses(study: Study) -> List[Dict[str, str]]:
    return [
        {"text": f"the value at {trial.hop} decides", "status": "supported" if trial.ends_well else "refuted",
         "evidence": f"with {_other(trial)} there {'it ends well' if trial.done.well else 'it ends as badly'}"}
        for trial in study.trials
    ]  # fmt: skip


def _other(trial: Trial) -> str:
    return "another value" if trial.control else repr(trial.literal)


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    stopped = [study.stopped] if study.stopped else []
    named = not study.stopped
    runs = [{**measurement(run, study.exception, study.file), "note": ""} for run in study.native] if named else []
    return {
        "answer": answer(study), "by": "recipe crash", "suspects": suspects(study) if named else [],
        "symptom": {"code": symptom_code if named else "", "metric": METRIC, "unit": "", "runs": runs,
                    "noise": 0.0 if runs else None},
        "intervention": intervention(study) if named else None, "placebo_sites": placebo_sites(study),
        "exact": study.exact, "hypotheses": hypotheses(study), "limits": list(dict.fromkeys([*study.limits, *stopped])),
    }  # fmt: skip


def details(study: Study) -> Dict[str, Any]:
    """The way back, and what was tried."""
    return {
        "command": study.program.command, "exception": study.exception, "message": study.crash.get("message", ""),
        "traceback": study.crash.get("frames", []), "bad": study.bad, "test": study.crash.get("test", ""),
        "chain": [{"place": str(h), "function": h.function, "text": h.text} for h in study.chain],
        "trials": [{"place": str(t.hop), "value": _other(t), "ends_well": t.done.well} for t in study.trials],
    }  # fmt: skip
