"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). In the kernel."""

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.endings import Ending
from debugbox_recipes.gitobjects import Commit
from debugbox_recipes.source import Source

from .hunks import Hunk
from .judging import FAILS, PRINTS, WORKS, Judge
from .study import Study

METRICS = {
    FAILS: "whether the command ends with the error at hand (1) or well (0)",
    PRINTS: "whether the command prints what it prints here (1) or what the good version prints (0)",
    WORKS: "events counted in the repository's code",
}
_MOST_SUSPECTED = 5  # functions, where no part of the commit is known to matter
_MOST_LINES = 6  # of the output that tell bad from good, in the symptom's code


def named(commit: Optional[Commit]) -> str:
    return f'{commit.short} "{commit.subject[:70]}"' if commit else ""


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped or not study.found:
        return f"No commit is named: {study.stopped or 'the search did not come to its end'}."
    said = f"`{study.program.command}` {study.tip[0].words}. "
    if study.uncommitted:
        said += "HEAD does not show it: it comes from work that is not committed."
    else:
        said += f"The first commit that shows it is {study.name}; {named(study.parent)} before it does not."
        if study.merged:
            said += f" It came in by the merge {study.merged.short}."
    if study.between:
        which = ", ".join(commit.short for commit in study.between[:3])
        said += f" {len(study.between)} commits between them could not be judged ({which}): it may be one of those."
    return f"{said} {_of_hunks(study)}".strip()


def _of_hunks(study: Study) -> str:
    if not study.minimal:
        return "No part of it was found that, taken back here, ends it."
    places = ", ".join(dict.fromkeys(hunk.place for hunk in study.minimal[:4]))
    many = f"{len(study.minimal)} of {len(study.hunks)} hunks" if len(study.hunks) > 1 else "its one hunk"
    where = "from the version here" if study.at_tip else "from that commit"
    said = f"Of the change, {many} ({places}) taken back {where} end it"
    return said + (f", {study.gone[0]} of {study.gone[1]} times." if study.gone[1] else ".")


def measurement(judge: Judge, endings: Sequence[Ending]) -> Dict[str, Any]:
    """The symptom record. Another ending than the two is neither presence nor absence."""
    expected = judge.good.work if judge.kind == WORKS else 0.0
    record: Dict[str, Any] = {
        "expected": expected, "measured": None, "unit": "events" if judge.kind == WORKS else "",
        "details": {"applied": {}, "changed": {}, "runs": len(endings)},
    }  # fmt: skip
    said = [judge.says(ending) for ending in endings]
    note = endings[-1].words
    if True not in said and None in said:
        return {**record, "state": "cannot measure", "note": f"it ends otherwise: {note}"}
    bad = True in said
    record["measured"] = endings[0].work if judge.kind == WORKS else float(bad)
    note = next(ending.words for ending, one in zip(endings, said) if one is bad)  # noqa: B905  # 3.9
    return {**record, "state": "present" if bad else "absent", "note": note}


def judge_code(study: Study) -> str:
    """The judge, as arguments of the symptom's call."""
    judge = study.judge
    assert judge is not None
    given: Dict[str, Any] = {"run": study.program.command, "kind": judge.kind}
    if judge.kind == FAILS:
        failing = list(judge.bad.failing[:20])
        given.update(error=judge.bad.error, exit_code=judge.bad.exit_code, failing=failing)
    elif judge.kind == PRINTS:
        more, less = judge.telling
        given.update(bad=more[:_MOST_LINES], good=less[:_MOST_LINES])
    else:
        given.update(bad_work=judge.bad.work, good_work=judge.good.work)
    given["runs"] = study.repeats if study.repeats > 1 else None
    return ", ".join(f"{name}={value!r}" for name, value in given.items() if value not in (None, "", []))


def _line_of(study: Study, source: Source, hunk: Hunk) -> int:
    """A line of the version here that says most: in a function that the error went through, else the first."""
    lines = source.lines(hunk.file)
    numbers = [hunk.first + 1 + n for n, text in enumerate(hunk.after) if text.strip()]
    if not study.at_tip:
        quotes = [text.strip() for text in hunk.after if text.strip()]
        numbers = [n for n, text in enumerate(lines, 1) if text.strip() and text.strip() in quotes]
    numbers.sort(key=lambda n: -_depth(study, source, hunk.file, n))
    near = [hunk.first + 1, hunk.first, hunk.first + 2, hunk.first - 1]
    return next((n for n in [*numbers, *near] if 0 < n <= len(lines) and lines[n - 1].strip()), 0)


def _depth(study: Study, source: Source, file: str, line: int) -> int:
    """How far in the line's function stands among those that the error went through; -1 for any other."""
    frames = next((ending.frames for ending in study.tip if ending.failed), ())
    name = source.function_at(file, line).split(".")[-1]
    return max((at for at, frame in enumerate(frames) if frame == name), default=-1)


def _telling(study: Study, source: Source, hunk: Hunk) -> Tuple[bool, int, bool, bool]:
    """What says most comes first: functions that the error went through, other functions, imports, and texts last."""
    line = _line_of(study, source, hunk)
    name = source.function_at(hunk.file, line).split(".")[-1]
    imports = source.quote(hunk.file, line).startswith(("import ", "from "))
    return not hunk.file.endswith(".py"), -_depth(study, source, hunk.file, line), not name, imports


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The hunks that are needed, in the version here; where those do not say it all, the commit's other changes."""
    source, rows = Source(study.program.repo), {}  # type: Source, Dict[str, Dict[str, Any]]
    for rank, hunk in enumerate(_ordered(study, source, study.minimal)):
        line = _line_of(study, source, hunk)
        if line:
            why = f"{study.name} changed it, and with this taken back the symptom is gone"
            row = {**source.place(hunk.file, line), "score": 1.0 - 0.05 * min(rank, 10), "why": why}
            rows.setdefault(f"{hunk.file}:{line}", row)
    for rank, hunk in enumerate(_ordered(study, source, _others(study, source))):
        line = _line_of(study, source, hunk)
        if line and len(rows) < _MOST_SUSPECTED:
            why = f"{study.name} changed it; which part of that commit matters could not be told"
            row = {**source.place(hunk.file, line), "score": 0.5 / (1 + rank), "why": why}
            rows.setdefault(f"{hunk.file}:{row['function']}", row)
    return [row for row in rows.values() if row["quote"]]


def _ordered(study: Study, source: Source, hunks: Sequence[Hunk]) -> List[Hunk]:
    return sorted(hunks, key=lambda hunk: _telling(study, source, hunk))


def _others(study: Study, source: Source) -> List[Hunk]:
    """Changes not known to matter: all, where none is; where a whole file came or went, those in the error's way."""
    hunks = [hunk for hunk in study.details.get("candidates") or () if hunk not in study.minimal]
    if not study.minimal:
        return hunks
    if not any(hunk.whole_file for hunk in study.minimal):
        return []
    return [hunk for hunk in hunks if _depth(study, source, hunk.file, _line_of(study, source, hunk)) >= 0]


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    """The minimal hunks taken back, as a diff that the tool applies."""
    found = suspects(study)
    if not study.proof or not found:
        return None
    sites = [{key: row[key] for key in ("file", "line", "function", "quote")} for row in found]
    return {"kind": "diff", "sites": sites, "parameters": {}, "describe": study.diff}


def hypotheses(study: Study) -> List[Dict[str, str]]:
    if not study.found or study.stopped:
        return []
    again = f"bad again in {study.bad_again[0]} of {study.bad_again[1]} runs, the one before good in"
    evidence = f"{again} {study.good_again[0]} of {study.good_again[1]}"
    found = [
        {"text": f"{study.name} brought it", "status": "supported" if study.sure else "open", "evidence": evidence}
    ]
    if len(study.hunks) > len(study.minimal) > 0:
        rest = len(study.hunks) - len(study.minimal)
        text = f"the other {rest} hunks of it matter"
        found.append({"text": text, "status": "refuted", "evidence": "they can stay, and the symptom is gone"})
    return found


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    judge = study.judge
    runs = [measurement(judge, study.tip)] if judge is not None and study.found else []
    stopped = [study.stopped] if study.stopped else []
    return {
        "answer": answer(study),
        "by": "recipe bisect",
        "suspects": [] if study.stopped or not study.found else suspects(study),
        "symptom": {"code": symptom_code, "metric": METRICS[study.kind], "unit": "", "runs": runs, "noise": None},
        "intervention": None if study.stopped else intervention(study),
        "placebo_sites": [],
        "exact": bool(study.sure and study.minimal and not study.stopped),
        "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys([*study.limits, *stopped, *_always()])),
    }


def _always() -> List[str]:
    return ["every version runs with the dependencies that are installed now, and C code is not built anew"]


def details(study: Study) -> Dict[str, Any]:
    """The points that were evaluated, and the hunks."""
    order = {commit.id: number for number, commit in enumerate(study.line)}
    return {
        "command": study.program.command,
        "compares": study.kind,
        "good": study.good.id if study.good else None,
        "why_good": study.why_good,
        "culprit": study.culprit.id if study.culprit else None,
        "uncommitted": study.uncommitted,
        "points": [
            {"commit": name[:10], "bad": said}
            for name, said in sorted(study.points.items(), key=lambda point: order.get(point[0], -1))
        ],
        "hunks": len(study.hunks),
        "minimal": [{"place": hunk.place, "lines": len(hunk.before) + len(hunk.after)} for hunk in study.minimal],
    }


def rows_of(study: Study) -> List[Tuple[str, bool]]:
    """Lines of the culprit's hunks as in a diff, with whether they are among the minimal ones."""
    rows: List[Tuple[str, bool]] = []
    source = Source(study.program.repo)
    chosen = sorted(study.minimal, key=lambda hunk: _telling(study, source, hunk))
    for hunk in [*chosen, *(hunk for hunk in study.hunks if hunk not in study.minimal)]:
        mine = hunk in study.minimal
        rows.append((f"@@ {hunk.place}", mine))
        rows += [(f"- {text.rstrip()}", mine) for text in hunk.before]
        rows += [(f"+ {text.rstrip()}", mine) for text in hunk.after]
    return rows


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    words = {True: "bad", False: "good", None: "cannot be judged"}
    names: Mapping[str, Commit] = {commit.id: commit for commit in study.line}
    for row in details(study)["points"]:
        commit = next((each for name, each in names.items() if name.startswith(row["commit"])), None)
        parts.append(f"  {row['commit']} {words[row['bad']]:16} {commit.subject[:60] if commit else ''}")
    if study.minimal:
        parts += [text for text, mine in rows_of(study) if mine][:30]
    parts += [f"Not seen: {limit}." for limit in dict.fromkeys([*study.limits, *_always()])]
    return "\n".join(parts)
