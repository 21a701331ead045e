"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). Runs in the box."""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from debugbox_recipes.mutations import candidates

from . import patches
from .ranking import Function
from .running import Test, Tests
from .study import LEAST_CONTRAST, Study, Trial

MAX_SUSPECTS, MAX_PLACEBOS, MAX_GUARDS = 5, 40, 25
METRIC = "how many fail, of the test and of passing tests that run the same code"


def symptom_code(study: Study) -> str:
    """What the finding keeps: runs the failing test once, in any box."""
    if study.target is None:
        return ""
    command = study.command if study.is_program else ""
    given: Dict[str, Any] = {
        "run": command,
        "test": study.target.id,
        "exception": study.target.exception,
        "at": at(study.target),
    }
    given["folder"] = study.folder
    given["guards"] = guards(study)
    words = ", ".join(f"{name}={value!r}" for name, value in given.items() if value)
    return f"from debugbox_recipes import suspects\n\nsuspects.symptom({words})\n"


def guards(study: Study) -> List[str]:
    """Passing tests that run most of what the failing one runs: a change that breaks one of them is no cure."""
    if study.seen is None or study.is_program:
        return []
    failed = set(study.seen.failed)
    overlaps = [(len(ran & failed), test.id) for test, ran in zip(study.seen.passing, study.seen.ran_by)]  # noqa: B905  # 3.9
    return [name for overlap, name in sorted(overlaps, key=lambda each: (-each[0], each[1]))[:MAX_GUARDS] if overlap]


def at(test: Test) -> str:
    """Where the error was raised, by file and function: a line moves with the first patch."""
    return f"{test.frames[0]['file']}:{test.frames[0]['function']}" if test.frames else ""


def measured(done: Tests, test: str, exception: str, where: str, guarding: Sequence[str] = ()) -> Dict[str, Any]:
    """The symptom record of one run. Another failure than the one asked for is neither presence nor absence.

    Where the test passes but one of the guarding tests does not, the symptom has only moved: it is present.
    """
    details = {"applied": done.counts("applied"), "changed": done.counts("changed")}
    record: Dict[str, Any] = {"measured": None, "expected": 0.0, "unit": "", "details": details}
    found = done.named(test)
    if found is None:
        why = done.run.failure or "; ".join(done.errors.values()) or "it was not found"
        return {**record, "state": "cannot measure", "note": f"{test} did not run: {why}"[:500]}
    passed = {each.id for each in done.passing}
    broken = [name for name in guarding if name not in passed]
    if found.outcome == "passed" and broken:
        note = f"{test} passes, but {len(broken)} of {len(guarding)} others fail, as {broken[0]}"[:300]
        return {**record, "state": "present", "measured": float(len(broken)), "note": note}
    if found.outcome == "passed":
        return {**record, "state": "absent", "measured": 0.0, "note": f"{test} passes"}
    same = found.failed and found.exception == exception and (not where or at(found) == where)
    if not same:
        ended = f"{found.outcome} with {found.exception or 'no error'} in {at(found) or 'the test'}"
        return {**record, "state": "cannot measure", "note": f"{test} ended otherwise: {ended}"}
    note = f"{test} fails: {found.exception}: {found.message}"[:300]
    return {**record, "state": "present", "measured": 1.0 + len(broken), "note": note}


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped or study.target is None or study.seen is None:
        return f"No answer: {study.stopped}."
    target, first = study.target, study.ranked[0]
    alike = f" ({len(study.cluster)} tests fail alike)" if len(study.cluster) > 1 else ""
    said = (
        f"{target.id} fails with {target.exception or target.outcome}: {target.message[:160]}{alike}. Of"
        f" {len(study.ranked)} functions it ran, {first.name} in {first.file} is the most suspicious: "
        + "; ".join(first.reasons)
        + f", its line {first.top} first."
    )
    if study.ties > 1:
        tied = ", ".join(each.name for each in study.ranked[1 : min(study.ties, 4)])
        said += f" {study.ties} functions tie with it ({tied}{' and more' if study.ties > 4 else ''})."
    if not study.has_contrast:
        said += f" There is little contrast: {study.seen.contrast} passing tests run the same code."
    return f"{said} {_of_trials(study)}"


def _of_trials(study: Study) -> str:
    flip = study.flip
    if study.patch:
        return "The given patch is for the checks to judge: whether the test passes with it, and everything else too."
    if flip is not None:
        return (
            f"With {flip.words} at {flip.where} the test passes, and all {flip.covering} passing tests run with it that"
            " execute that line go on passing: a change there decides it, what the right one is only you know."
        )
    flipped = [trial for trial in study.trials if trial.outcome == "flipped"]
    if not study.trials:
        return "No statement was changed to test it: this is a ranking, not a proof."
    if not flipped:
        return f"None of {len(study.trials)} small changes there makes the test pass: this is a ranking, not a proof."
    return (
        f"{len(flipped)} of {len(study.trials)} small changes make the test pass, but none is a proof: they break other"
        f" tests, fewer than {LEAST_CONTRAST} passing tests run the line, or they lie in several functions."
    )


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The first functions, each by its most suspicious line; that of a clean flip in front."""
    flip = study.flip
    ranked = study.ranked[:MAX_SUSPECTS]
    if study.patch:
        given = [{**site, "score": 1.0, "why": "the given patch changes it"} for site in patches.sites(study)[:1]]
        return given + [_suspect(study, each, None) for each in ranked]
    if flip is not None:
        ranked = sorted(ranked, key=lambda each: (each.file, each.name) != (flip.place["file"], flip.function))
    return [_suspect(study, each, flip if position == 0 else None) for position, each in enumerate(ranked)]


def _suspect(study: Study, function: Function, flip: Optional[Trial]) -> Dict[str, Any]:
    line = int(flip.place["line"]) if flip else function.top
    why = "; ".join(function.reasons)
    if function.ties > 1:
        why += f"; {function.ties} lines of it tie"
    if flip:
        why += f"; with {flip.words} the test passes"
    quote = study.sources.quote(function.file, line)
    place = {"file": function.file, "line": line, "function": function.name, "quote": quote}
    return {**place, "score": round(function.score, 4), "why": why}


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    flip = study.flip
    if study.patch:
        return patches.as_intervention(study)
    if flip is None:
        return None
    site = {key: flip.place[key] for key in ("file", "line", "quote")}
    return {
        "kind": flip.place["kind"],
        "sites": [{**site, "function": flip.function}],
        "parameters": {"nth": flip.place["nth"]},
        "describe": f"{flip.words} at {flip.where}",
    }


def placebo_sites(study: Study) -> List[Dict[str, Any]]:
    """Other lines that the failing test runs, where the same kind of change can be made."""
    flip = study.flip
    if flip is None or study.seen is None:
        return []
    found = []
    for file in sorted({file for file, _ in study.seen.failed}):
        lines = {line for other, line in study.seen.failed if other == file}
        there = {each.line for each in candidates(study.sources.tree(file)) if each.kind == flip.place["kind"]}
        for line in sorted(lines & there):
            name = study.sources.function_at(file, line)[0]
            if (file, line) != (flip.place["file"], flip.place["line"]):
                quote = study.sources.quote(file, line)
                found.append({"file": file, "line": line, "function": name, "quote": quote})
    return found[:MAX_PLACEBOS]


def hypotheses(study: Study) -> List[Dict[str, str]]:
    """The changes that made the test pass, kept apart from those that count."""
    found = []
    for trial in [trial for trial in study.trials if trial.outcome == "flipped"][:5]:
        if trial.clean:
            evidence, status = f"the test passes, {trial.covering} others too", "supported"
        elif trial.broken is None:
            evidence, status = f"the test passes, but only {trial.covering} passing tests run the line", "open"
        else:
            evidence, status = f"the test passes, but {trial.broken} of {trial.covering} others newly fail", "refuted"
        found.append({"text": f"{trial.where}: {trial.words}", "status": status, "evidence": evidence})
    return found


def record(study: Study) -> Dict[str, Any]:
    """The recipe's record. It holds no times: a replay must give the same."""
    runs = [_run(study, test) for test in study.alone]
    symptom = {"code": symptom_code(study), "metric": METRIC, "unit": "", "runs": runs, "noise": 0.0 if runs else None}
    stopped = [study.stopped] if study.stopped else []
    said = {
        "answer": answer(study), "by": "recipe suspects", "suspects": [] if study.stopped else suspects(study),
        "symptom": symptom, "intervention": None if study.stopped else intervention(study),
        "placebo_sites": placebo_sites(study), "exact": False, "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys(study.limits + stopped + _always(study))),
    }  # fmt: skip
    return {"recipe": "suspects", "conclusion": said, "details": details(study)}


def _run(study: Study, test: Test) -> Dict[str, Any]:
    state = {"passed": "absent"}.get(test.outcome, "present")
    return {"state": state, "measured": 1.0 if test.failed else 0.0, "expected": 0.0, "unit": ""}


def _always(study: Study) -> List[str]:
    if study.stopped:
        return []
    return [
        "a missing statement, module-level code, C code and other processes are not seen by a ranking of executed lines"
    ]


def details(study: Study) -> Dict[str, Any]:
    """The ranking, the tests behind it, and the table of changed statements."""
    if study.target is None or study.seen is None:
        return {"command": study.command}
    return {
        "command": study.command,
        "test": study.target.id,
        "fails_alike": [test.id for test in study.cluster],
        "contrast": study.seen.contrast,
        "reproduced": f"{study.reproduced} of {len(study.alone)}",
        "ties": study.ties,
        "functions": [
            {"file": f.file, "function": f.name, "line": f.top, "score": f.score, "ochiai": f.ochiai, "ties": f.ties,
             "passing": f.passing, "depth": f.depth}
            for f in study.ranked[:20]
        ],
        "changes": [
            {"where": t.where, "kind": t.place["kind"], "function": t.function, "outcome": t.outcome,
             "changed": t.changed, "broken": t.broken, "covering": t.covering}
            for t in study.trials
        ],
    }  # fmt: skip


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    parts += [f"{n}. {f.file}:{f.top} {f.name}  {f.score:.2f}  {'; '.join(f.reasons)}"
              for n, f in enumerate(study.ranked[:MAX_SUSPECTS], 1)]  # fmt: skip
    if study.trials:
        counts: Dict[str, int] = {}
        for trial in study.trials:
            counts[trial.outcome] = counts.get(trial.outcome, 0) + 1
        parts.append("Changed statements: " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items())) + ".")
    parts += [f"{h['text']}: {h['evidence']} ({h['status']})." for h in hypotheses(study)]
    parts += [f"Not seen: {limit}." for limit in study.limits]
    return "\n".join(parts)


def empty(why: str) -> Mapping[str, Any]:
    """A symptom record for what cannot be measured."""
    details: Dict[str, Any] = {"applied": {}, "changed": {}}
    return {"state": "cannot measure", "measured": None, "expected": None, "unit": "", "note": why, "details": details}
