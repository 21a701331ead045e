"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). Runs in the box.

Bytes are told to two digits: they are counted, but a few may come and go with the path of the interpreter.
"""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from debugbox_recipes.fitting import order

from .chains import Level
from .measuring import Height
from .study import Study, Trial, is_growth

METRIC = "growth of the memory peak from the smallest size to the largest (bytes of Python objects, counted)"
UNIT = "KiB"
_MOST_CALLERS = 3
_SOME = 0.1  # of what is alive and grows


def rounded(value: float) -> float:
    return float(f"{value:.2g}")


def amount(value: float) -> str:
    """Bytes in words: 340 KiB, 5.2 MiB."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20)):
        if value >= size:
            return f"{rounded(value / size):g} {unit}"
    return f"{rounded(value / 1024):g} KiB"


def power_of(value: float) -> str:
    """In halves: n, n^1.5, n^2."""
    halves = round(2 * value) / 2
    return "n" if halves <= 1 else order(halves)


def sizes_of(study: Study) -> str:
    assert study.knob is not None
    return f"{study.rungs[0].size} to {study.rungs[-1].size} ({study.knob.words})"


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped and not study.plain:
        return f"No answer: {study.stopped}. Tried: `{study.program.command}`."
    if not study.grows:
        return _constant(study)
    said = f"From size {sizes_of(study)} the peak grows from {amount(study.peaks[0])} to {amount(study.peaks[-1])}"
    said += f" (as {power_of(study.power)})."
    if study.stopped:
        return f"{said} No line is named: {study.stopped}."
    said += f" {_held(study)}"
    if study.cause is not None:
        said += f" It is kept at {study.cause} in {study.cause.function or 'the module itself'}: {_keeps()}."
    trial = study.proof
    if trial is not None and trial.removed is not None:
        which = "that list is" if len(trial.places) == 1 else "those lists are"
        said += f" When {which} taken item by item ({_texts(trial)}), {_share(trial.removed)} of the growth is gone"
        said += " and the output the same."
    return said


def _constant(study: Study) -> str:
    said = f"No memory blow-up: from size {sizes_of(study)} the peak stays at {amount(study.plain[1].peak)}."
    where = study.rungs[-1].moment
    if where["file"]:
        said += f" It is reached while {where['file']}:{where['line']} runs, at every size alike."
    return said


def _held(study: Study) -> str:
    where, share = study.shares[0]
    return f"Of what is alive then and grows, {share:.0%} was allocated at {where}."


def _keeps() -> str:
    return (
        "what came this way is alive at the highest moment, and one call of its function leaves more for larger sizes"
    )


def _texts(trial: Trial) -> str:
    return ", ".join(f"`{_short(place['text'])}` at {place['file']}:{place['line']}" for place in trial.places)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _share(removed: float) -> str:
    return f"{min(1.0, max(0.0, removed)):.0%}"


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The line that keeps it, what allocates most, other lines that do, then the callers."""
    if study.stopped or study.alive is None:
        return []
    source, rows = study.alive.source, {}  # type: Any, Dict[str, Dict[str, Any]]
    if study.cause is not None:
        rows[str(study.cause)] = {**_place(study, study.cause), "score": 1.0, "why": _keeps()}
    for place in study.proof.places if study.proof is not None else ():
        why = "taken item by item instead, the memory does not grow"
        row = {**source.place(place["file"], place["line"]), "score": 0.95, "why": why}
        rows.setdefault(f"{place['file']}:{place['line']}", row)
    for rank, (line, share) in enumerate(one for one in study.shares[:3] if one[1] >= _SOME):
        file, _, number = line.rpartition(":")
        why = f"{share:.0%} of what is alive at the highest moment, and grows, was allocated here"
        rows.setdefault(line, {**source.place(file, int(number)), "score": 0.9 / (1 + rank), "why": why})
    for rank, level in enumerate(_callers(study)):
        row = {**_place(study, level), "score": 0.4 / (1 + rank), "why": "it leads to the line that allocates"}
        rows.setdefault(str(level), row)
    return sorted((row for row in rows.values() if row["quote"]), key=lambda row: -row["score"])


def _callers(study: Study) -> List[Level]:
    return [level for level in study.chain if level is not study.keeper][::-1][:_MOST_CALLERS]


def _place(study: Study, level: Level) -> Dict[str, Any]:
    assert study.alive is not None
    return dict(study.alive.source.place(level.file, level.line))


def measurement(pair: Sequence[Height], *, exactly: bool = True) -> Dict[str, Any]:
    """The symptom record of two sizes; for the recipe's own record in two digits, as a replay must give the same."""
    changes: Dict[str, Dict[str, int]] = {"applied": {}, "changed": {}}
    for key, table in changes.items():
        for one in pair:
            for where, number in one.counts(key).items():
                table[where] = table.get(where, 0) + number
    details = {**changes, "sizes": [one.size for one in pair]}
    record = {"expected": 0.0, "unit": UNIT, "details": details}
    trouble = next((one.trouble for one in pair if one.trouble), "")
    if trouble:
        return {**record, "measured": None, "state": "cannot measure", "note": trouble}
    smallest, largest = (one.peak for one in pair)
    growth = max(0.0, (largest - smallest) / 1024)
    state = "present" if is_growth(smallest, largest) else "absent"
    note = f"the peak grows from {amount(smallest)} to {amount(largest)} from size {pair[0].size} to {pair[1].size}"
    return {**record, "measured": round(growth, 1) if exactly else rounded(growth), "state": state, "note": note}


def hypotheses(study: Study) -> List[Dict[str, str]]:
    """What was considered, with what spoke for and against it."""
    found = []
    if study.leaks:
        found.append({"text": "each step leaves something behind", "status": "open", "evidence": study.stopped})
    for trial in study.trials:
        text = f"the whole list is not needed: {_texts(trial)}"
        if trial.removed is None:
            evidence = "taken item by item, the program fails or prints something else"
            found.append({"text": text, "status": "refuted", "evidence": evidence})
        else:
            evidence = f"taken item by item, {_share(trial.removed)} of the growth is gone"
            found.append({"text": text, "status": "supported" if trial.enough else "refuted", "evidence": evidence})
    return found


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    measured = bool(study.plain) and not any(one.trouble for one in study.plain)
    named = suspects(study)
    return {
        "answer": answer(study),
        "by": "recipe peak",
        "suspects": named,
        "symptom": {
            "code": symptom_code if measured else "",
            "metric": METRIC,
            "unit": UNIT,
            "runs": [measurement(study.plain[n : n + 2], exactly=False) for n in (0, 2)] if measured else [],
            "noise": 1.0 + float(round(study.noise / 1024)),
        },
        "intervention": intervention(study.proof) if named and study.proof is not None else None,
        "placebo_sites": [_site(control.places[0]) for control in study.controls] if named else [],
        "exact": bool(named) and study.accounted,
        "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys([*study.limits, *_unseen(study)])),
    }


def _unseen(study: Study) -> List[str]:
    said = [study.stopped] if study.stopped else []
    if study.rungs:
        said.append("memory that C libraries take without Python's allocator is not seen, nor that of child processes")
    if study.grows and not study.stopped and not study.settled:
        said.append("the largest size is not predicted by the smaller ones within a quarter: the growth is not settled")
    return said


def _site(place: Mapping[str, Any]) -> Dict[str, Any]:
    return {key: place[key] for key in ("file", "line", "function", "quote")}


def intervention(trial: Trial) -> Dict[str, Any]:
    nths: Dict[str, List[int]] = {}
    for place in trial.places:
        nths.setdefault(f"{place['file']}:{place['line']}", []).append(place["nth"])
    sites = {f"{place['file']}:{place['line']}": _site(place) for place in trial.places}
    return {
        "kind": "lazily",
        "sites": list(sites.values()),
        "parameters": {"nth": nths},
        "describe": f"{_texts(trial)} taken item by item instead of being built",
    }


def details(study: Study) -> Dict[str, Any]:
    """Peaks, what was alive, the way to it, and trials. Bytes to two digits, no times."""
    if not study.grows or study.alive is None:
        return {"command": study.program.command}
    assert study.knob is not None
    return {
        "command": study.program.command,
        "knob": study.knob.words,
        "sizes": [rung.size for rung in study.rungs],
        "peaks": [rounded(peak) for peak in study.peaks],
        "grows_as": power_of(study.power),
        "lines": [
            {"line": line, "share": share} for line, share in study.shares[:10]
        ],
        "chain": [
            {"line": str(level), "function": level.function, "keeps": level.keeps} for level in study.chain
        ],
        "trials": [_row(trial) for trial in study.trials],
        "controls": [_row(trial) for trial in study.controls],
    }  # fmt: skip


def _row(trial: Trial) -> Dict[str, Any]:
    removed: Optional[float] = None if trial.removed is None else round(max(0.0, trial.removed), 2) + 0.0
    places = [{"line": f"{place['file']}:{place['line']}", "list": place["text"]} for place in trial.places]
    return {"places": places, "removed": removed, "items": trial.passed}


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    told: Mapping[str, Any] = details(study)
    for row in told.get("lines", [])[:5]:
        parts.append(f"{row['line']:40} {row['share']:.0%} of what is alive and grows")
    for row in told.get("chain", [])[-6:]:
        each = "leaves more with a larger size" if row["keeps"] else "leaves as much at every size"
        parts.append(f"  {row['line']} in {row['function'] or 'the module'}: one call of it {each}")
    for trial in study.trials + study.controls:
        left = "the program fails or prints something else"
        left = left if trial.removed is None else f"{_share(trial.removed)} of the growth gone"
        parts.append(f"item by item: {_texts(trial)}: {left}")
    parts += [f"Not seen: {limit}." for limit in _unseen(study)]
    return "\n".join(parts)
