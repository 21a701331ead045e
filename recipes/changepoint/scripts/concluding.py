"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). In the kernel."""

from typing import Any, Dict, List, Optional

from debugbox_recipes.flow import Part, Spot, controls, goes_with
from debugbox_recipes.levels import Change
from debugbox_recipes.passing import KIND

from .measuring import METRIC, UNIT, measurement
from .study import Study

_WHAT = "the change"
_MOST_FLOW, _MOST_PLACEBOS, _MOST_WITH = 4, 30, 3
_LIMIT = (
    "seen are steps of the level and bends of the slope of printed numbers; a change of the spread, of a rhythm, or"
    " within the first or last eight values is not"
)


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped or study.change is None:
        return f"No answer: {study.stopped}."
    said = [_when(study, study.change)]
    if study.with_it:
        said.append(f"At the same rows change {', '.join(study.with_it[:_MOST_WITH])}.")
    others = [each for each in study.changes[study.name] if each != study.change]
    if others:
        said.append(f"It changes at row{'s' if len(others) > 1 else ''} {_rows(others)} too.")
    return " ".join([*said, *_where(study)])


def _rows(changes: List[Change]) -> str:
    return ", ".join(str(each.index + 1) for each in changes)


def _when(study: Study, change: Change) -> str:
    """Rows count from 1, as a person counts."""
    between = f"between rows {change.low + 1} and {change.high + 1} (95 %)" if change.low < change.high else "exactly"
    how = "changes its level" if change.kind == "level" else "begins to change its slope"
    return (
        f"{study.name} {how} at row {change.index + 1} of {len(study.series.values)}, {between}:"
        f" mean {change.before:.4g} before, {change.after:.4g} after; the series' own memory does not explain it."
    )


def _where(study: Study) -> List[str]:
    cause = study.cause
    if study.file:
        return [f"The first changed row is {_row(study)}."]
    if cause is None:
        return ["Where it comes from was not seen."]
    said = []
    if study.row and not cause.born:
        said.append(f"The change is in the data already: the first changed row is {_row(study)}.")
    where = f"at {cause}" + (f" in {cause.function}" if cause.function else "")
    if cause.born:
        said.append(f"It begins {where}: {cause.text} changes, and no number that it is computed from does.")
    else:
        said.append(f"The first expression that changes is {cause.text} {where}.")
    with_it = goes_with(study.spots, cause)
    if with_it:
        said.append(f"With it changes {'; '.join(map(_part, with_it[:_MOST_WITH]))}.")
    return [*said, _of_trials(study)]


def _row(study: Study) -> str:
    return f"{study.row[0]}:{study.row[1]}" if study.row else ""


def _part(part: Part) -> str:
    return f"{part.text} ({part.before} before, {part.after} after)"


def _of_trials(study: Study) -> str:
    in_vain = "Values from before the change, repeated there, did not make the series steady"
    return study.of_trials(in_vain, "its values from before the change", _WHAT)


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    for name, changes in study.changes.items():
        said = "; ".join(f"row {c.index + 1} ({c.low + 1} to {c.high + 1}), {c.before:.4g} to {c.after:.4g}"
                         for c in changes)  # fmt: skip
        parts.append(f"{name:20} {said or 'no change'}")
    for spot in study.spots[:8]:
        born = "from numbers that do not change" if spot.born else ""
        parts.append(f"{spot!s:28} {spot.text[:44]:44} by {spot.size:.4g} {born}".rstrip())
    parts += [f"Not seen: {limit}." for limit in (*study.limits, _LIMIT)]
    return "\n".join(parts)


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The cause, the data's row, other births, then the expressions it flows through."""
    rows: Dict[str, Dict[str, Any]] = {}
    cause, source = study.cause, study.source
    if study.row and (cause is None or not cause.born):
        why = f"the first row with the numbers that {study.name} has after the change"
        rows[_row(study)] = {**source.place(*study.row), "score": 0.9, "why": why}
        rows[_row(study)]["function"] = ""
    if cause is not None:
        score = 1.0 if study.proof is not None else 0.6
        rows[str(cause)] = {**source.place(cause.file, cause.line), "score": score, "why": _why(study, cause)}
    for spot in [each for each in study.births if cause is not None and cause.born]:
        row = {"score": 0.4, "why": f"{spot.text} changes too, from numbers that do not"}
        rows.setdefault(str(spot), {**source.place(spot.file, spot.line), **row})
    after = study.spots[study.spots.index(cause) + 1 :] if cause in study.spots else []
    for position, spot in enumerate(after[:_MOST_FLOW]):
        row = {"score": 0.2 / (1 + position), "why": f"the change flows through {spot.text}"}
        rows.setdefault(str(spot), {**source.place(spot.file, spot.line), **row})
    return sorted((row for row in rows.values() if row["quote"]), key=lambda row: -row["score"])


def _why(study: Study, cause: Spot) -> str:
    first = f"{cause.text} changes by {cause.size:.4g} at those rows"
    if cause.born:
        first += ", and no number that it is computed from does"
    return f"{first}; with values from before it, {study.proof.left(_WHAT)}" if study.proof else first


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    proof = study.proof
    if proof is None:
        return None
    spots = [*controls(study.spots, study.steady)[:_MOST_PLACEBOS], proof.spot]
    return {
        "kind": KIND,
        "sites": [study.source.place(proof.spot.file, proof.spot.line)],
        "parameters": {"at": {str(spot): {"nth": spot.nth, "start": spot.start} for spot in spots}},
        "describe": f"the values of {proof.spot.text} at {proof.spot} from before the change, repeated after it",
    }


def placebo_sites(study: Study) -> List[Dict[str, Any]]:
    if study.proof is None:
        return []
    return [study.source.place(spot.file, spot.line) for spot in controls(study.spots, study.steady)[:_MOST_PLACEBOS]]


def hypotheses(study: Study) -> List[Dict[str, str]]:
    found = []
    for trial in study.trials:
        text = f"the change begins at {trial.spot} ({trial.spot.text})"
        if trial.gone is None:
            found.append({"text": text, "status": "open", "evidence": f"repeated there: {trial.done.trouble}"})
        else:
            status, evidence = "supported" if trial.enough else "refuted", f"repeated there, {trial.left(_WHAT)}"
            found.append({"text": text, "status": status, "evidence": evidence})
    return found


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    stopped = [study.stopped] if study.stopped else []
    told = not study.stopped and study.change is not None
    at = study.change.index if study.change is not None else 0
    runs = [{**measurement(each, study.name, at, []), "note": ""} for each in study.native] if told else []
    return {
        "answer": answer(study), "by": "recipe changepoint", "suspects": _suspects(study) if told else [],
        "symptom": {
            "code": symptom_code if told else "", "metric": METRIC, "unit": UNIT, "runs": runs,
            "noise": abs(study.shifts[0] - study.shifts[1]) if len(study.shifts) == 2 else None,
        },
        "intervention": intervention(study) if told else None, "placebo_sites": placebo_sites(study) if told else [],
        "exact": False, "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys([*study.limits, *stopped, _LIMIT])),
    }  # fmt: skip


def _suspects(study: Study) -> List[Dict[str, Any]]:
    if study.file and study.row:
        why = f"the first row after the change of {study.name}"
        return [{**study.source.place(*study.row), "function": "", "score": 0.5, "why": why}]
    return suspects(study)


def details(study: Study) -> Dict[str, Any]:
    """Every change with its interval, and the expressions that go with the one explained. No times."""
    return {
        "command": study.program.command, "file": study.file, "series": study.name,
        "changes": {
            name: [
                {"row": c.index + 1, "low": c.low + 1, "high": c.high + 1, "before": c.before, "after": c.after,
                 "kind": c.kind, "chance": c.chance}
                for c in changes
            ]
            for name, changes in study.changes.items()
        },
        "expressions": [
            {"place": str(s), "text": s.text, "function": s.function, "size": s.size, "born": s.born}
            for s in study.spots[:20]
        ],
        "trials": [
            {"place": str(t.spot), "text": t.spot.text, "gone": t.gone, "trouble": t.done.trouble}
            for t in [*study.trials, *study.controls]
        ],
    }  # fmt: skip
