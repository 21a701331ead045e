"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). In the kernel."""

from typing import Any, Dict, List, Mapping, Optional

from debugbox_recipes.exchange import KIND
from debugbox_recipes.nonfinite import KINDS

from .measuring import METRIC, UNIT, measurement
from .study import Spot, Study, Trial
from .studying import controls

_MOST_FLOW, _MOST_PLACEBOS = 4, 30


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped:
        inside = [f"{s} ({s.text}: {s.what})" for s in study.spots[:3]]
        seen = f" Inside the program such numbers come up at {', '.join(inside)}, which may be meant." if inside else ""
        return f"No answer: {study.stopped}.{seen}"
    if not study.causes:
        meant = [s for s in study.births if s.meant][:2]
        by_name = f" The program itself asks for one at {', '.join(map(str, meant))}." if meant else ""
        first = study.spots[0]
        return (
            f"{_printed(study)} The first seen is the value of {first.text} at {first}, but its operands are no finite"
            f" numbers already: where they come from was not seen.{by_name}"
        )
    cause = study.causes[0]
    return f"{_printed(study)} {_origin(study, cause)} {_of_trials(study)}"


def _printed(study: Study) -> str:
    many = study.count > 1
    return f"{study.count} number{'s' if many else ''} printed {'are' if many else 'is'} not finite."


def _origin(study: Study, cause: Spot) -> str:
    where = f"at {cause}" + (f" in {cause.function}" if cause.function else "")
    if cause.meant:
        return f"The program asks for it by name {where}: {cause.text}."
    if not cause.births:
        return f"The first is the value of {cause.text} {where}."
    birth = cause.births[0]
    from_outside = not _numeric(birth)
    first = f"the {_nth(birth['evaluation'])} time it is evaluated" if birth["evaluation"] > 1 else "at once"
    verb = "brings it in from outside" if from_outside else "makes it from finite numbers"
    with_what = "; ".join(operand_words(each) for each in birth["operands"] if _worth_telling(each))
    return f"{cause.text} {where} {verb}, {first}" + (f" ({with_what})." if with_what else ".")


def _nth(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _numeric(birth: Mapping[str, Any]) -> bool:
    """Whether it is computed from numbers; a call without any reads it from somewhere."""
    return any("shape" in each or each["type"] in ("float", "int", "complex", "list", "tuple", "dict", "Decimal",
               "float64", "float32", "float16", "int64", "int32", "ndarray") for each in birth["operands"])  # fmt: skip


def _worth_telling(operand: Mapping[str, Any]) -> bool:
    return ("value" in operand and operand["value"] != operand["text"]) or "shape" in operand or "length" in operand


def operand_words(operand: Mapping[str, Any]) -> str:
    """`spread = 0.0`; of an array its shape, range and zeros."""
    name = operand["text"] or "operand"
    if "shape" not in operand:
        return f"{name} = {operand['value']}" if "value" in operand else f"{name}: {operand.get('length', 0)} entries"
    parts = [f"shape {tuple(operand['shape'])}".replace(",)", ")"), str(operand.get("dtype", ""))]
    if "min" in operand:
        parts.append(f"{operand['min']} to {operand['max']}")
    for key, words in (("zeros", "zero"), ("nan", "nan"), ("inf", "infinite")):
        if operand.get(key):
            parts.append(f"{operand[key]} {words}")
    return f"{name}: {', '.join(filter(None, parts))}"


def _of_trials(study: Study) -> str:
    proof = study.proof
    if proof is None:
        return "No finite number put there made the printed ones finite, so it may not be the cause."
    others = f" and at {', '.join(map(str, proof.spots[1:]))}, all needed," if len(proof.spots) > 1 else ""
    said = f"With {proof.stand_in:g} instead there{others} {_left(proof)}."
    stayed = [control for control in study.controls if control.gone is not None and control.gone < 0.5]
    if stayed:
        said += f" Moving other values ({', '.join(str(c.spots[0]) for c in stayed)}) changes nothing."
    return said


def _left(trial: Trial) -> str:
    return "all printed numbers are finite" if not trial.printed.count else f"{trial.printed.count} are left"


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    for spot in study.spots[:8]:
        parts.append(f"{spot!s:32} {spot.text[:44]:44} {spot.values} of {spot.evaluated} {spot.what}"
                     f"{', from finite numbers' if spot.born else ''}")  # fmt: skip
    parts += [f"Not seen: {limit}." for limit in study.limits]
    return "\n".join(parts)


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The causes, then other births, then the lines it flows through."""
    rows: Dict[str, Dict[str, Any]] = {}
    proven = study.proof is not None
    for cause in study.causes:
        why = f"{cause.text} gives {cause.what}" + ("" if cause.meant or not cause.born else " from finite numbers")
        why += f"; with finite numbers there, {_left(study.proof)}" if study.proof is not None else ""
        rows[str(cause)] = {**study.source.place(cause.file, cause.line), "score": 1.0 if proven else 0.6, "why": why}
    for spot in study.births:
        if not spot.meant and study.causes:
            row = {"score": 0.4, "why": f"{spot.text} gives {spot.what} from finite numbers too"}
            rows.setdefault(str(spot), {**study.source.place(spot.file, spot.line), **row})
    after = [s for s in study.spots if study.causes and s.first > study.causes[0].first and not s.born]
    for position, spot in enumerate(after[:_MOST_FLOW]):
        row = {"score": 0.2 / (1 + position), "why": f"it flows through {spot.text}"}
        rows.setdefault(str(spot), {**study.source.place(spot.file, spot.line), **row})
    return sorted((row for row in rows.values() if row["quote"]), key=lambda row: -row["score"])


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    """Finite numbers at the causes; what it is at the placebos' places is told too."""
    proof = study.proof
    if proof is None:
        return None
    at: Dict[str, Dict[str, Any]] = {str(spot): {"nth": spot.nth} for spot in controls(study)[:_MOST_PLACEBOS]}
    for spot in proof.spots:
        at[str(spot)] = {"nth": spot.nth, "literal": proof.stand_in, "instead_of": "nonfinite"}
    return {
        "kind": KIND,
        "sites": [study.source.place(spot.file, spot.line) for spot in proof.spots],
        "parameters": {"at": at},
        "describe": f"{proof.stand_in:g} instead of what is not finite at {' and '.join(map(str, proof.spots))}",
    }


def placebo_sites(study: Study) -> List[Dict[str, Any]]:
    if study.proof is None:
        return []
    return [study.source.place(spot.file, spot.line) for spot in controls(study)[:_MOST_PLACEBOS]]


def hypotheses(study: Study) -> List[Dict[str, str]]:
    found = []
    for trial in study.trials[:8]:
        names = " and ".join(f"{spot} ({spot.text})" for spot in trial.spots[:3])
        if trial.gone is None:
            status, evidence = "open", f"with {trial.stand_in:g} there {trial.printed.trouble}"
        else:
            status = "supported" if trial.enough else "refuted"
            evidence = f"with {trial.stand_in:g} there {_left(trial)} of {study.count}"
        found.append({"text": f"it comes from {names}", "status": status, "evidence": evidence})
    return found


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    stopped = [study.stopped] if study.stopped else []
    exact = not study.stopped and study.proof is not None and bool(study.causes[0].born) and not study.causes[0].meant
    return {
        "answer": answer(study), "by": "recipe nan", "suspects": [] if study.stopped else suspects(study),
        "symptom": {
            "code": symptom_code if study.count else "", "metric": METRIC, "unit": UNIT,
            "runs": [{**measurement(each, []), "note": ""} for each in study.native],
            "noise": float(study.noise) if study.native else None,
        },
        "intervention": None if study.stopped else intervention(study), "placebo_sites": placebo_sites(study),
        "exact": exact, "hypotheses": hypotheses(study), "limits": list(dict.fromkeys([*study.limits, *stopped])),
    }  # fmt: skip


def details(study: Study) -> Dict[str, Any]:
    """What was not finite, in order of time, with the operands at its first births. Counts only, no times."""
    return {
        "command": study.program.command,
        "values_looked_at": study.seen,
        "expressions": [
            {"place": str(s), "text": s.text, "function": s.function, "values": s.values, "evaluated": s.evaluated,
             "nan": s.nan, "inf": s.inf, "born": s.born, "births": list(s.births[:1])}
            for s in study.spots[:20]
        ],
        "trials": [
            {"places": [str(s) for s in t.spots], "stand_in": t.stand_in, "printed": t.printed.count,
             "trouble": t.printed.trouble}
            for t in [*study.trials, *study.controls]
        ],
        "kinds": list(KINDS),
    }  # fmt: skip
