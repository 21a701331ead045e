"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). Runs in the box."""

import math
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from . import otherwise
from .explaining import amplifying_lines, how_it_grew, kind_of_error, percent, type_of, what_to_do, why_amplifier
from .measuring import DOUBLE, Line, Native
from .study import Study, Trial, deviates
from .studying import placebos

MAX_PLACEBOS = 40
_AMPLIFIERS_NAMED = 2
METRIC = "error of the watched value (computed - exact)"


def finite(value: Any) -> Any:
    """JSON without NaN and infinities (null instead), whatever is nested in it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


@lru_cache(maxsize=None)
def _source(path: str) -> List[str]:
    try:
        return Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def place(study: Study, line: Line) -> Dict[str, Any]:
    found = {"file": line.file, "line": line.line, "function": line.function}
    return {**found, "quote": quote_at(study, found)}


def quote_at(study: Study, at: Mapping[str, Any]) -> str:
    lines = _source(str(Path(study.program.repo) / at["file"]))
    return lines[at["line"] - 1].strip() if 0 < at["line"] <= len(lines) else ""


def trial_of_suspects(study: Study) -> Optional[Trial]:
    """The run with the final set of suspects exact."""
    suspects = {str(line) for line in study.suspects}
    return next((t for t in study.trials if {str(line) for line in t.lines} == suspects), None)


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped:
        return f"No answer: {study.stopped}. Tried: `{study.program.command}`" + (
            f", watching {study.watch}." if study.watch else "."
        )
    value, error = study.chosen["value"], study.error
    if not study.present:
        return _no_rounding_problem(study)
    scale = study.chosen["scale"]
    relative = f"{abs(error) / scale:.2g} relative" if scale else "all of it is rounding"
    said = (
        f"Rounding: {study.watch} is {value:.9g} where exact arithmetic gives {study.expected:.9g}, an error of"
        f" {error:.3g} ({relative})."
    )
    if not study.suspects:
        return f"{said} It comes from many lines; no small set of them explains nine tenths."
    kind = kind_of_error(study)
    shares = " and ".join(f"{line} ({line.share:.0%})" for line in study.suspects[:3])
    said += f" Class: {kind}. It comes in at {shares}: {how_it_grew(study)}."
    trial = trial_of_suspects(study)
    if trial is not None and trial.removed is not None:
        said += f" Without the rounding of {'these lines' if len(study.suspects) > 1 else 'this line'},"
        said += f" {max(0.0, trial.removed):.1%} of the error is gone."
    return f"{said} {what_to_do(study)}".strip()


def _no_rounding_problem(study: Study) -> str:
    value = f"{study.watch} ({study.chosen['value']:.9g}"
    if study.blind or not study.checks["complete"]:
        return (
            f"Rounding cannot be judged: part of the arithmetic behind {value}) was not seen, the limits say which."
            f" What was seen has no rounding problem (error {study.error:.1e}). {otherwise.about_shaking(study)}"
        ).strip()
    return (
        f"No rounding problem: in exact arithmetic the program computes the same {value}, rounding error"
        f" {study.error:.1e}{_short_type(study)}). {otherwise.about_the_method(study)}"
    )


def _short_type(study: Study) -> str:
    """How much a type shorter than a double can hold."""
    return f", computed in {type_of(study)}, which is good for {study.unit:.0e}" if study.unit > DOUBLE else ""


def measurement(study: Study, native: Native) -> Dict[str, Any]:
    """One symptom record of a native run against the study's exact value."""
    return measured(native, study.expected, study.chosen, study.allowed, study.noise)


def measured(
    native: Native, expected: float, point: Mapping[str, Any], tolerance: float, noise: float
) -> Dict[str, Any]:
    """The symptom record. `point` has the `index` in the watched series and the `scale` of the values."""
    details = {
        "applied": native.counts("applied"),
        "changed": native.counts("changed"),
        "stdout_sha256": native.run.stdout_sha256,
        "exit_code": native.run.exit_code,
        "values": native.series["count"] if native.series else 0,
        "index": point["index"],
        "scale": point["scale"],
    }
    value = native.value
    record = {"measured": value, "expected": expected, "unit": "", "details": details}
    if native.trouble or value is None:
        note = native.trouble or f"the series ended before its value number {point['index']}"
        return {**record, "state": "cannot measure", "note": note}
    error = value - expected
    state = "present" if deviates(error, point["scale"], tolerance, noise) else "absent"
    note = f"value number {point['index']} of {details['values']}: error {error:.3g}"
    return {**record, "state": state, "note": note}


def hypotheses(study: Study) -> List[Dict[str, str]]:
    """What was considered, with what spoke for and against it."""
    if study.stopped or not study.watch:
        return []
    error = f"error {study.error:.3g} of {study.expected:.6g} along the computed branches"
    rounding = {"text": f"rounding makes {study.watch} deviate", "status": "supported", "evidence": error}
    method = {"text": "the method, the model or the input makes it drift", "status": "open", "evidence": ""}
    if not study.present:
        sure = study.exact
        rounding["status"] = "refuted" if sure else "open"
        method["evidence"] = "in exact arithmetic the value is the same" if sure else ""
        if study.halved is not None:
            method["evidence"] = otherwise.about_the_method(study)
            method["status"] = "supported" if otherwise.method_error(study) else "open"
        if otherwise.unstable(study):
            rounding.update(status="supported", evidence=otherwise.about_shaking(study))
        return [rounding, method]
    method["evidence"] = "not examined: it would be left over in exact arithmetic"
    found = [rounding, method]
    for each in amplifying_lines(study)[:2]:
        evidence = (
            f"it multiplies the error by {each.factor:.1g}, but its own roundings are {percent(each.line.share)} of it"
        )
        found.append({"text": f"{each} introduces the rounding", "status": "refuted", "evidence": evidence})
    return found


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    said: Dict[str, Any] = {
        "answer": answer(study),
        "by": "recipe drift",
        "suspects": [],
        "symptom": {"code": symptom_code, "metric": METRIC, "unit": "", "runs": [], "noise": study.noise},
        "intervention": None,
        "placebo_sites": [],
        "exact": False,
        "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys(study.limits + ([study.stopped] if study.stopped else []))),
    }
    if study.native and not study.stopped:
        said["symptom"]["runs"] = [measurement(study, native) for native in study.native]
        said["exact"] = study.exact
    if otherwise.unstable(study) and not study.stopped:
        said["suspects"] = [{**one, "quote": quote_at(study, one)} for one in otherwise.shaken_suspects(study)]
        said["symptom"].update(metric=otherwise.SPREAD, runs=[otherwise.spread_measured(study)])
    if study.suspects and not study.stopped:
        said["suspects"] = suspects(study)
        where = " and ".join(map(str, study.suspects))
        said["intervention"] = {
            "kind": "keep_exact",
            "sites": [place(study, line) for line in study.suspects],
            "parameters": {"arrays": True} if study.arrays else {},
            "describe": f"the results of {where} left unrounded, all others rounded as before",
        }
        said["placebo_sites"] = [place(study, line) for line in placebos(study)[:MAX_PLACEBOS]]
    cleaned: Dict[str, Any] = finite(said)
    return cleaned


def suspects(study: Study) -> List[Dict[str, Any]]:
    """What to change first: an amplifier in front of the sources where no source could do better, else behind them."""
    named = [suspect(study, line) for line in study.suspects]
    first = study.to_change
    if first is not None:
        named = [one for one in named if f"{one['file']}:{one['line']}" != str(first)]
        named.insert(0, {**place(study, first.line), "score": 1.0, "why": why_amplifier(first)})
    return [*named, *_amplifiers_behind(study, named)]


def _amplifiers_behind(study: Study, named: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """Lines that only show the error: where the two cannot be kept apart, a formula there can be what has to change."""
    if not named:
        return []
    taken = {(each["file"], each["line"]) for each in named}
    least = min(float(each["score"]) for each in named)
    others = {str(each): each for each in study.amplifiers if (each.line.file, each.line.line) not in taken}
    return [
        {
            **place(study, each.line),
            "score": round(least / (2 + rank), 4),
            "why": f"it shows the error: a relative error of {each.before:.1g} becomes {each.after:.1g} there",
        }
        for rank, each in enumerate(list(others.values())[:_AMPLIFIERS_NAMED])
    ]


def suspect(study: Study, line: Line) -> Dict[str, Any]:
    alone = next((t for t in study.trials if len(t.lines) == 1 and str(t.lines[0]) == str(line)), None)
    why = (
        f"its roundings are {percent(line.share)} of the error ({line.contribution:.3g}); it ran {line.executed} times"
        f" and rounded {line.rounded} times, by at most {line.largest_rounding:.3g}"
    )
    if alone is not None and alone.removed is not None and len(study.suspects) > 1:
        why += f"; kept exact alone, {percent(alone.removed)} of the error is gone"
    return {**place(study, line), "score": min(1.0, abs(line.share)), "why": why}


def details(study: Study) -> Dict[str, Any]:
    """Split table, self-checks, amplifiers, intervention table. No times: a replay must give the same record."""
    if not study.watch:
        return {"command": study.program.command}
    return finite(  # type: ignore[no-any-return]
        {
            "command": study.program.command,
            "watch": study.watch,
            "why_watch": study.why_watch,
            "class": kind_of_error(study) if study.present and study.lines else "no rounding problem",
            "relative_error": abs(study.error) / study.chosen["scale"] if study.chosen["scale"] else None,
            "split": [_row(line) for line in study.lines[:30]],
            "amplifiers": [
                {"place": str(each), "operation": each.operation, "operands": list(each.operands),
                 "before": each.before, "after": each.after, "factor": each.factor}
                for each in study.amplifiers
            ],
            "checks": study.checks,
            **otherwise.details(study),
            "trials": [
                {"what": trial.name, "lines": [str(line) for line in trial.lines], "error": trial.error,
                 "removed": trial.removed, "enough": trial.enough,
                 "applied": trial.native.counts("applied"), "changed": trial.native.counts("changed")}
                for trial in study.trials
            ],
        }
    )  # fmt: skip


def _row(line: Line) -> Dict[str, Any]:
    row = dict(vars(line))
    row.pop("rewritten")
    return row


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    if study.watch:
        parts.append(f"Watched: {study.watch}, because {study.why_watch}.")
    if study.trials:
        parts.append(f"{'intervention':24} {'error':>12}   removed")
        parts.append(f"{'none':24} {study.error:12.3g}")
        for trial in study.trials:
            error = "cannot measure" if trial.error is None else f"{trial.error:12.3g}"
            removed = "" if trial.removed is None else f"{trial.removed:9.1%}"
            parts.append(f"{trial.name:24} {error} {removed}   {', '.join(map(str, trial.lines))}")
    amplifying = amplifying_lines(study) if study.present and not study.stopped else []
    if amplifying:
        named = ", ".join(f"{each} (by {each.factor:.1g})" for each in amplifying)
        parts.append(f"On its way the relative error was multiplied at: {named}.")
    parts += [f"Not seen: {limit}." for limit in study.limits]
    return "\n".join(parts)
