"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). Runs in the box.

No second is told, only whether the clock contradicts: counts come out alike in every run, times do not, and whether a
busy machine's clock confirms them is another matter each time.
"""

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.fitting import LINEAR, exponent, order

from .measuring import Counted
from .study import Level, Study, Trial
from .studying import source_line

METRIC = "exponent of the work (line events) in the size"
METRIC_TIME = "exponent of the time in the size"
_MOST_CALLERS = 3
_HOT_SHARE = 0.25  # of the time at a fixed size


def place(study: Study, where: str, function: str = "") -> Dict[str, Any]:
    file, _, line = where.rpartition(":")
    quote = source_line(study.program.repo, file, int(line))
    return {"file": file, "line": int(line), "function": function or study.functions.get(where, ""), "quote": quote}


def power_of(study: Study) -> str:
    return "2^(c n)" if study.exponential else order(study.final)


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped:
        return _fixed(study)
    assert study.knob is not None
    sizes = f"{study.rungs[0].size} to {study.rungs[-1].size} ({study.knob.words})"
    if study.by_clock:
        return _by_clock(study, sizes)
    if not study.superlinear:
        return (
            f"No scaling problem seen: from size {sizes} the work of the repository's code grows linearly (exponent"
            f" {study.power:.2f})."
        )
    said = f"From size {sizes} the work grows as {power_of(study)} (exponent {study.power:.2f} in all, counted)."
    share, power = dict(study.ahead)[study.hot], exponent(study.lines[study.hot])
    said += f" The hot line is {study.hot} (exponent {power:.2f}), with {share:.0%} of the work at ten times the size."
    if study.cause is not None:
        said += f" It is reached from {study.cause}: {_repeats(study.cause)}."
    trial = study.proof
    if trial is not None:
        where = f"{trial.place['function']} ({trial.place['file']}:{trial.place['line']})"
        said += f" With the results of {where} kept, the exponent is {trial.power:.2f} and the output the same."
    return said


def _repeats(level: Level) -> str:
    each = "constant work each time" if level.each < 0.5 else f"work each time that grows as {_growth(level.each)}"
    return f"it is entered {level.entries[-1]:.0f} times at the largest size ({_growth(level.entered)}), with {each}"


def _growth(power: float) -> str:
    return "a constant" if power < 0.3 else "n" if power <= LINEAR else order(power)


def _by_clock(study: Study, sizes: str) -> str:
    said = f"From size {sizes} the time grows faster than the counted work (exponent {study.power:.2f}):"
    said += " C code or a library inside a line does it, as `x in list`, `list.pop(0)`, slices and `+=` on strings do."
    if study.slow_lines:
        said += " By the clock, time grows fastest at " + ", ".join(line for line, _ in study.slow_lines[:3]) + "."
    return said


def _fixed(study: Study) -> str:
    if not study.slow_lines:
        return f"No answer: {study.stopped}. Tried: `{study.program.command}`."
    named = [line for line, share in study.slow_lines if share >= _HOT_SHARE]
    where = f"Most of the time is spent at {', '.join(named)}" if named else "No line has a quarter of the time"
    return f"{where}, at the one size there is: {study.stopped}."


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The cause, the hot line, then the callers between; by the clock, the lines whose time grows."""
    rows: Dict[str, Dict[str, Any]] = {}
    if study.superlinear and not study.stopped:
        if study.cause is not None:
            score = 0.9 if study.dispatched else 1.0
            where = place(study, str(study.cause), study.cause.function)
            rows[str(study.cause)] = {**where, "score": score, "why": _repeats(study.cause)}
        share = f"{dict(study.ahead)[study.hot]:.0%} of the work at ten times the size; its own exponent is"
        why = f"the hot line: {share} {exponent(study.lines[study.hot]):.2f}"
        rows.setdefault(study.hot, {**place(study, study.hot), "score": 1.0 if study.dispatched else 0.9, "why": why})
        for rank, level in enumerate(_callers(study)):
            row = {**place(study, str(level), level.function), "score": 0.5 / (1 + rank), "why": _repeats(level)}
            rows.setdefault(str(level), row)
    for rank, (line, share_now) in enumerate(study.slow_lines[:3]):
        if study.by_clock or share_now >= _HOT_SHARE:
            why = "its time grows faster than its count" if study.by_clock else "much of the time is spent there"
            rows.setdefault(line, {**place(study, line), "score": 0.6 / (1 + rank), "why": why})
    return sorted((row for row in rows.values() if row["quote"]), key=lambda row: -row["score"])


def _callers(study: Study) -> List[Level]:
    """The loop that all repetition begins with, then the innermost calls that are repeated."""
    repeated = [level for level in study.chain if level.entered > 0.5]
    return list(dict.fromkeys([*repeated[:1], *repeated[::-1]]))[:_MOST_CALLERS]


def measurement(study_sizes: Sequence[int], counted: Sequence[Counted], expected: float = 1.0) -> Dict[str, Any]:
    """The symptom record of counts at three sizes."""
    changes: Dict[str, Dict[str, int]] = {"applied": {}, "changed": {}}
    for key, table in changes.items():
        for one in counted:
            for where, number in one.counts(key).items():
                table[where] = table.get(where, 0) + number
    details = {**changes, "sizes": list(study_sizes), "work": [one.work for one in counted]}
    record = {"expected": expected, "unit": "", "details": details}
    trouble = next((one.trouble for one in counted if one.trouble), "")
    if trouble:
        return {**record, "measured": None, "state": "cannot measure", "note": trouble}
    power = round(exponent([float(one.work) for one in counted]), 2)
    note = f"work grows with exponent {power} over sizes {', '.join(map(str, study_sizes))}"
    return {**record, "measured": power, "state": "present" if power > LINEAR else "absent", "note": note}


def hypotheses(study: Study) -> List[Dict[str, str]]:
    """What was considered, with what spoke for and against it."""
    found = []
    if study.superlinear and not study.stopped:
        found.append(
            {"text": f"the work grows as {power_of(study)}", "status": "supported", "evidence": _clock_words(study)}
        )
    for trial in study.trials:
        text = f"{trial.place['function']} is called again and again with the same arguments"
        if trial.power is None:
            found.append({"text": text, "status": "open", "evidence": "with its results kept the output is another"})
        else:
            evidence = f"with its results kept ({trial.hits} times used) the exponent is {trial.power:.2f}"
            found.append({"text": text, "status": "supported" if trial.enough else "refuted", "evidence": evidence})
    return found


def _clock_words(study: Study) -> str:
    if study.clock == "disagrees":
        return "exact counts at doubled sizes; plain runs do not grow like that by the clock"
    return "exact counts at doubled sizes; the clock does not contradict them"


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    trial = study.proof
    measured = bool(study.rungs) and not study.stopped
    limits = study.limits + ([study.stopped] if study.stopped else []) + _unseen(study)
    sizes = [rung.size for rung in study.rungs[-3:]]
    return {
        "answer": answer(study),
        "by": "recipe slow",
        "suspects": suspects(study),
        "symptom": {
            "code": symptom_code if measured else "",
            "metric": METRIC_TIME if study.by_clock else METRIC,
            "unit": "",
            "runs": [measurement(sizes, study.rungs[-3:])] if measured and not study.by_clock else [],
            "noise": None if study.by_clock else 0.0,
        },
        "intervention": intervention(trial) if trial is not None else None,
        "placebo_sites": [control.place for control in study.controls] if trial is not None else [],
        "exact": study.superlinear and study.predicted and study.clock != "disagrees" and not study.stopped,
        "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys(limits)),
    }


def _unseen(study: Study) -> List[str]:
    said = ["only the repository's own code is counted: what libraries and C code do inside a line is not seen"]
    if study.superlinear and not study.predicted and not study.stopped:
        said.append(
            "the largest size is not predicted by the smaller ones within a quarter: the exponent is not settled"
        )
    return said if study.rungs else []


def intervention(trial: Trial) -> Dict[str, Any]:
    where = f"{trial.place['file']}:{trial.place['line']}"
    return {
        "kind": "memoise",
        "sites": [trial.place],
        "parameters": {},
        "describe": f"the results of {trial.place['function']} ({where}) kept by their arguments",
    }


def details(study: Study) -> Dict[str, Any]:
    """Counts, exponents, call chain and trials. No times."""
    if not study.rungs or study.stopped:
        return {"command": study.program.command}
    assert study.knob is not None
    now = {line: values[-1] / max(study.work[-1], 1.0) for line, values in study.lines.items()}
    return {
        "command": study.program.command,
        "knob": study.knob.words,
        "sizes": [rung.size for rung in study.rungs],
        "work": study.work,
        "exponent": round(study.power, 2),
        "clock_disagrees": study.clock == "disagrees",
        "predicted": study.predicted,
        "lines": [
            {"line": line, "share_now": round(now[line], 3), "share_at_ten_times": round(share, 3),
             "exponent": round(exponent(study.lines[line]), 2)}
            for line, share in study.ahead[:10]
        ],
        "chain": [
            {"line": str(level), "function": level.function, "entries": list(level.entries),
             "exponent_of_entries": round(level.entered, 2), "exponent_of_each": round(level.each, 2)}
            for level in study.chain
        ],
        "trials": [_row(trial) for trial in study.trials],
        "controls": [_row(trial) for trial in study.controls],
    }  # fmt: skip


def _row(trial: Trial) -> Dict[str, Any]:
    power: Optional[float] = None if trial.power is None else round(trial.power, 2)
    return {"function": trial.place["function"], "line": trial.place["line"], "exponent": power, "hits": trial.hits}


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    told: Mapping[str, Any] = details(study)
    for row in told.get("lines", [])[:5]:
        now, ahead = f"{row['share_now']:.1%}", f"{row['share_at_ten_times']:.1%}"
        parts.append(f"{row['line']:40} exponent {row['exponent']:.2f}, {now} of the work now, {ahead} at ten times")
    for level in study.chain[-6:]:
        entered: Tuple[float, float] = (level.entered, level.each)
        parts.append(f"  {level} in {level.function}: entries n^{entered[0]:.2f}, work of each n^{entered[1]:.2f}")
    for trial in study.trials + study.controls:
        power = "the output is another" if trial.power is None else f"exponent {trial.power:.2f}"
        parts.append(f"results of {trial.place['function']} kept: {power} ({trial.hits} times used)")
    parts += [f"Not seen: {limit}." for limit in study.limits]
    return "\n".join(parts)
