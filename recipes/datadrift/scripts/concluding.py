"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). In the kernel."""

from typing import Any, Dict, List, Mapping, Optional, Tuple

from debugbox_recipes.flow import Part, Spot, controls, goes_with
from debugbox_recipes.passing import KIND as REPEAT
from debugbox_recipes.tables import has_lines

from .measuring import DROP, METRIC, SCHEMA, measurement, unit_of
from .study import Drift, Segment, Study

_WHAT = "the difference"
_MOST_FLOW, _MOST_PLACEBOS, _MOST_TOLD = 4, 30, 4
_LIMIT = (
    "each column is compared by itself: a difference that only columns together show is not seen; counters, times and"
    " texts that are another in nearly each row are not compared"
)
_WORDS = {
    "nulls": "has a value in another share of the rows",
    "unseen": "has values that the reference never has",
    "range": "leaves the reference's range",
    "numbers": "is distributed otherwise",
    "texts": "has its values in other shares",
}


def kind_of(drift: Drift) -> str:
    return SCHEMA if drift.words else drift.shift.kind


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    main = study.main
    if study.stopped or main is None:
        return f"No answer: {study.stopped}."
    said = [f"{main.column} {_how(main)} ({_sets(study)})."]
    others = [f"{each.column} {_how(each)}" for each in study.drifts if each.column != main.column]
    if others:
        said.append(f"So do others: {'; '.join(dict.fromkeys(others[:_MOST_TOLD]))}.")
    return " ".join([*said, *_segment_words(study), *_where(study)])


def _how(drift: Drift) -> str:
    shift = drift.shift
    if drift.words:
        return drift.words
    between = f"{shift.low:.3g} to {shift.high:.3g}"
    size = f"{shift.effect:.3g} {unit_of(shift.kind)}" if shift.kind == "numbers" else f"{shift.effect:.1%}"
    floor = f"{shift.floor:.3g}" if shift.kind == "numbers" else f"{shift.floor:.1%}"
    return f"{_WORDS[shift.kind]}: {size}, 95 % interval {between}; up to {floor} would be usual"


def _sets(study: Study) -> str:
    counts = len(study.pair.reference or ()), len(study.pair.current or ())
    spec = study.spec
    if spec.reference:
        return f"{', '.join(spec.reference[:3])}, {counts[0]} rows, against {spec.current}, {counts[1]} rows"
    what = spec.current or spec.output or "what is printed"
    return f"the first {counts[0]} rows of {what} against the {counts[1]} after them"


def _segment_words(study: Study) -> List[str]:
    best = study.explains
    if best is None:
        return ["No single value of another column explains it."] if study.segments else []
    shares = f"{best.shares[0]:.0%} of the rows in the reference, {best.shares[1]:.0%} now"
    said = f"Without the rows with {best} ({shares}) the difference is {best.left:.3g}, no more than usual."
    floor = study.main.shift.floor if study.main else 0.0
    also = [str(each) for each in study.segments if each is not best and each.left <= floor]
    return [said + (f" So it is without {', '.join(also[:2])}." if also else "")]


def _where(study: Study) -> List[str]:
    cause = study.cause
    if cause is None:
        return _in_files(study)
    where = f"at {cause}" + (f" in {cause.function}" if cause.function else "")
    if cause.born:
        said = [f"It begins {where}: {cause.text} differs, and no number that it is computed from does."]
    else:
        said = [f"The first expression that differs is {cause.text} {where}."]
        if study.row is not None:
            said.insert(0, f"The data differs already: the first such row is {study.row[0]}:{study.row[1]}.")
    with_it = goes_with(study.spots, cause)
    if with_it:
        said.append(f"With it changes {'; '.join(map(_part, with_it[:_MOST_TOLD]))}.")
    return [*said, _of_trials(study)]


def _in_files(study: Study) -> List[str]:
    row = first_row(study)
    said = [f"The first such row is {row[0]}:{row[1]}."] if row else []
    if study.readers:
        lines = ", ".join(f"{each['file']}:{each['line']}" for each in study.readers[:_MOST_TOLD])
        said.append(f"The repository names that column at {lines}.")
    return said


def _part(part: Part) -> str:
    return f"{part.text} ({part.before or 'nothing'} before, {part.after or 'nothing'} after)"


def _of_trials(study: Study) -> str:
    in_vain = "Values of the reference, repeated there, did not make the column as it was"
    return study.of_trials(in_vain, "the reference's values", _WHAT)


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    for name, shifts in study.shifts.items():
        large = "; ".join(f"{s.kind} {s.effect:.3g} (usual {s.floor:.3g}, chance {s.chance:.3g})" for s in shifts)
        parts.append(f"{name:20} {large or 'nothing that matters'}")
    for segment in study.segments[:6]:
        parts.append(f"without {segment!s:28} {segment.left:.3g}")
    for spot in study.spots[:8]:
        born = "from numbers that do not differ" if spot.born else ""
        parts.append(f"{spot!s:28} {spot.text[:44]:44} by {spot.size:.3g} {born}".rstrip())
    parts += [f"Not seen: {limit}." for limit in (*study.limits, _LIMIT)]
    return "\n".join(parts)


def first_row(study: Study) -> Optional[Tuple[str, int]]:
    """The first row of the segment, or of the current set; the heading, where a column came or went."""
    if study.row is not None:
        return study.row
    table = study.pair.current if study.native else None
    if table is None or study.spec.printed or study.main is None or not has_lines(study.spec.current):
        return None
    if study.main.words:
        return study.spec.current, 1
    return table.place(study.explains.row if study.explains is not None else 0)


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The cause and what it flows through; of files the first row that explains it, then the lines that read it."""
    rows: Dict[str, Dict[str, Any]] = {}
    cause, source, row = study.cause, study.source, first_row(study)
    if cause is not None:
        score = 1.0 if study.proof is not None else 0.6
        rows[str(cause)] = {**source.place(cause.file, cause.line), "score": score, "why": _why(study, cause)}
    if row is not None and (cause is None or not cause.born):
        best = study.explains
        why = f"the first row with {best}, which explains it" if best else f"{study.main and study.main.column} differs"
        said = {**source.place(*row), "function": "", "score": 0.9 if best else 0.4, "why": why}
        rows[f"{row[0]}:{row[1]}"] = said
    for spot in [each for each in study.births if cause is not None and cause.born]:
        said = {"score": 0.4, "why": f"{spot.text} differs too, from numbers that do not"}
        rows.setdefault(str(spot), {**source.place(spot.file, spot.line), **said})
    after = study.spots[study.spots.index(cause) + 1 :] if cause in study.spots else []
    for position, spot in enumerate(after[:_MOST_FLOW]):
        said = {"score": 0.2 / (1 + position), "why": f"the difference flows through {spot.text}"}
        rows.setdefault(str(spot), {**source.place(spot.file, spot.line), **said})
    for position, place in enumerate(study.readers):
        why = "it names the column that differs"
        rows.setdefault(f"{place['file']}:{place['line']}", {**place, "score": 0.3 / (1 + position), "why": why})
    return sorted((row for row in rows.values() if row["quote"]), key=lambda row: -row["score"])


def _why(study: Study, cause: Spot) -> str:
    said = f"{cause.text} differs by {cause.size:.3g} reference standard deviations"
    if cause.born:
        said += ", and no number that it is computed from does"
    return f"{said}; with the reference's values there, {study.proof.left(_WHAT)}" if study.proof else said


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    proof = study.proof
    if proof is not None:
        spots = [*controls(study.spots, study.steady)[:_MOST_PLACEBOS], proof.spot]
        return {
            "kind": REPEAT, "sites": [study.source.place(proof.spot.file, proof.spot.line)],
            "parameters": {"at": {str(spot): {"nth": spot.nth, "start": spot.start} for spot in spots}},
            "describe": f"the reference's values of {proof.spot.text} at {proof.spot}, repeated after it",
        }  # fmt: skip
    chosen = _rows_of_segments(study)
    best = study.explains
    if best is None or best not in chosen:
        return None
    at = {f"{file}:{line}": {"column": s.column, "value": s.value} for s, (file, line) in chosen.items()}
    sites = [study.source.place(*chosen[best])]
    words = f"the rows with {best} left out"
    return {"kind": DROP, "sites": _plain(sites), "parameters": {"at": at}, "describe": words}


def _plain(sites: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    return [{**site, "function": ""} for site in sites]


def _rows_of_segments(study: Study) -> Dict[Segment, Tuple[str, int]]:
    """A row of the current file for each segment, another one each: what can be taken out instead, as a control."""
    table = study.pair.current if study.native else None
    if table is None or study.spec.printed or not has_lines(study.spec.current):
        return {}
    best, taken, chosen = study.explains, set(), {}
    mine = [each for each in study.segments if each.known and each is not best]
    for segment in [*([best] if best is not None else []), *mine]:
        values = table.columns[segment.column]
        row = next((n for n, each in enumerate(values) if each == segment.value and n not in taken), None)
        if row is not None:
            taken.add(row)
            chosen[segment] = table.place(row)
    return dict(list(chosen.items())[:_MOST_PLACEBOS])


def placebo_sites(study: Study) -> List[Dict[str, Any]]:
    if study.proof is not None:
        spots = controls(study.spots, study.steady)[:_MOST_PLACEBOS]
        return [study.source.place(spot.file, spot.line) for spot in spots]
    chosen = {segment: place for segment, place in _rows_of_segments(study).items() if segment is not study.explains}
    floor = study.main.shift.floor if study.main else 0.0
    same = [segment for segment in chosen if segment.left <= floor]  # these are the segment by another name
    return _plain([study.source.place(*place) for segment, place in chosen.items() if segment not in same])


def hypotheses(study: Study) -> List[Dict[str, str]]:
    found = []
    for trial in study.trials:
        text = f"the difference begins at {trial.spot} ({trial.spot.text})"
        if trial.gone is None:
            found.append({"text": text, "status": "open", "evidence": f"repeated there: {trial.done.trouble}"})
        else:
            status, evidence = "supported" if trial.enough else "refuted", f"repeated there, {trial.left(_WHAT)}"
            found.append({"text": text, "status": status, "evidence": evidence})
    floor = study.main.shift.floor if study.main else 0.0
    for segment in study.segments[:_MOST_TOLD]:
        status = "supported" if segment.left <= floor else "refuted"
        evidence = f"without them the difference is {segment.left:.3g}, usual is {floor:.3g}"
        found.append({"text": f"the rows with {segment} explain it", "status": status, "evidence": evidence})
    return found


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    stopped = [study.stopped] if study.stopped else []
    main = None if study.stopped else study.main
    runs: List[Mapping[str, Any]] = []
    if main is not None:
        runs = [{**measurement(pair, main.column, kind_of(main), main.shift.floor), "note": ""}
                for pair in study.native]  # fmt: skip
    sizes = [run["measured"] for run in runs if run["measured"] is not None]
    return {
        "answer": answer(study), "by": "recipe datadrift", "suspects": suspects(study) if main else [],
        "symptom": {
            "code": symptom_code if main else "", "metric": METRIC,
            "unit": unit_of(kind_of(main)) if main else "", "runs": runs,
            "noise": max(sizes) - min(sizes) if sizes else None,
        },
        "intervention": intervention(study) if main else None,
        "placebo_sites": placebo_sites(study) if main else [], "exact": False,
        "hypotheses": hypotheses(study) if main else [],
        "limits": list(dict.fromkeys([*study.limits, *stopped, _LIMIT])),
    }  # fmt: skip


def details(study: Study) -> Dict[str, Any]:
    """Every comparison, the segments and the expressions. No times."""
    return {
        "command": study.program.command, "files": [*study.spec.reference, study.spec.current],
        "compared": study.compared,
        "columns": {
            name: [
                {"kind": s.kind, "effect": s.effect, "usual": s.floor, "low": s.low, "high": s.high,
                 "chance": s.chance, "enough": s.enough}
                for s in shifts
            ]
            for name, shifts in study.shifts.items()
        },
        "drifts": [{"column": each.column, "how": _how(each)} for each in study.drifts],
        "segments": [{"segment": str(s), "rows": list(s.rows), "left": s.left} for s in study.segments[:20]],
        "expressions": [
            {"place": str(s), "text": s.text, "function": s.function, "size": s.size, "born": s.born}
            for s in study.spots[:20]
        ],
        "trials": [
            {"place": str(t.spot), "text": t.spot.text, "gone": t.gone, "trouble": t.done.trouble}
            for t in [*study.trials, *study.controls]
        ],
    }  # fmt: skip
