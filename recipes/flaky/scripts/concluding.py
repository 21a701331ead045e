"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). In the kernel."""

import ast
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import debugbox_recipes
from debugbox_recipes.stats import fisher, wilson

from .study import CHANCE, NEEDY, POLLUTED, Study, Unit
from .studying import line_of_test

METRIC = "how often the test fails after the tests that matter, of 3 runs"
_MOST_FRAMES = 3


def source_line(repo: Any, file: str, line: int) -> str:
    """The stripped text of a line of the repository, or '' where it is not there."""
    try:
        lines = (Path(repo) / file).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def listed(tests: Sequence[str]) -> str:
    return ", ".join(tests[:3]) + (f" and {len(tests) - 3} more" if len(tests) > 3 else "")


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped:
        return f"No answer: {study.stopped}."
    if study.kind == CHANCE:
        return _of_chance(study)
    said = f"{study.victim} fails because of other tests: " if study.kind == POLLUTED else f"{study.victim} "
    if study.kind == POLLUTED:
        said += f"alone it passes, after {listed(study.matter)} it fails ({study.message[:120]})."
    else:
        said += f"fails alone ({study.message[:120]}) and passes only after {listed(study.matter)}: it needs what"
        said += f" {'that test leaves' if len(study.matter) == 1 else 'those leave'} behind."
    for unit in study.needed:
        said += f" {_of_unit(unit)}"
    back = study.rates.get(study.restored)
    if back is not None and study.kind == POLLUTED:
        said += f" With that put back in between, it passes in {back[1] - back[0]} of {back[1]} runs."
    elif back is not None:
        said += f" With that put back in between, it fails in {back[0]} of {back[1]} runs."
    return said


def _of_unit(unit: Unit) -> str:
    where = f"{unit.stack[0]['file']}:{unit.stack[0]['line']}" if unit.stack else "a line that was not seen"
    return f"What is left behind is `{unit.path}`, {unit.before} before and {unit.after} after, written at {where}."


def _of_chance(study: Study) -> str:
    assert study.chance is not None
    told = debugbox_recipes.Recipe("nondet")._module().concluding.answer(study.chance)
    return f"{study.victim} passes or fails by chance, in any order. {told}"


def company(study: Study) -> List[str]:
    """The tests that run before the victim in the symptom: none, where it fails alone."""
    return [] if study.kind == NEEDY else list(study.around)


def measurement(
    runs: Sequence[Mapping[str, Any]], test: str, message: str, ours: Sequence[Mapping[str, Any]]
) -> Dict[str, Any]:
    """The symptom record of a few runs. Another failure than the one asked for is neither presence nor absence."""
    counts: Dict[str, int] = {}
    for one in ours:
        for site in one["sites"]:
            where = f"{site['file']}:{site['line']}"
            units = one["parameters"]["units"].get(where, [])
            counts[where] = sum(int((run.get("restored") or {}).get(unit, 0)) for run in runs for unit in units)
    record: Dict[str, Any] = {
        "measured": None, "expected": 0.0, "unit": "",
        "details": {"applied": dict(counts), "changed": counts, "runs": len(runs)},
    }  # fmt: skip
    ended = [next((each for each in run.get("ended") or () if each["id"] == test), None) for run in runs]
    missing = [run.get("trouble") or "it was not found" for run, end in zip(runs, ended) if end is None]  # noqa: B905
    other = [end for end in ended if end and end["outcome"] == "failed" and message[:80] not in end["message"]]
    if missing or other:
        note = (
            f"{test} did not run: {missing[0]}" if missing else f"{test} fails otherwise: {other[0]['message'][:200]}"
        )
        return {**record, "state": "cannot measure", "note": note}
    failed = sum(end["outcome"] == "failed" for end in ended if end)
    record["measured"] = failed / len(runs)
    state = "present" if failed == len(runs) else "absent" if not failed else "cannot measure"
    return {**record, "state": state, "note": f"{test} fails in {failed} of {len(runs)} runs"}


def place(study: Study, row: Mapping[str, Any]) -> Dict[str, Any]:
    quote = source_line(study.program.repo, row["file"], row["line"])
    return {"file": row["file"], "line": row["line"], "function": row.get("function", ""), "quote": quote}


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The lines that write what is left behind, then those that lead there; else the tests themselves."""
    rows: Dict[str, Dict[str, Any]] = {}
    for unit in study.needed:
        for rank, frame in enumerate(unit.stack[:_MOST_FRAMES]):
            why = f"it sets `{unit.path}` to {unit.after} and nobody sets it back" if study.kind == POLLUTED else (
                f"it sets `{unit.path}` to {unit.after}, which the test needs")  # fmt: skip
            why = why if rank == 0 else f"it leads to {unit.stack[0]['file']}:{unit.stack[0]['line']}"
            where = f"{frame['file']}:{frame['line']}"
            rows.setdefault(where, {**place(study, frame), "score": 1.0 / (1 + rank), "why": why})
    for rank, test in enumerate([*study.matter[:2], study.victim]):
        found = _definition(study, test)
        what = "the test whose ending changes" if test == study.victim else "the test after which it changes"
        if found is not None:
            rows.setdefault(f"{found['file']}:{found['line']}", {**found, "score": 0.3 / (1 + rank), "why": what})
    return sorted((row for row in rows.values() if row["quote"]), key=lambda row: -row["score"])


def _definition(study: Study, test: str) -> Optional[Dict[str, Any]]:
    """The line that defines a test."""
    named = line_of_test(test)
    if named is None:
        return None
    root = Path(study.folder or study.program.repo)
    try:
        file = (root / named[0]).relative_to(Path(study.program.repo)).as_posix()
        tree = ast.parse((root / named[0]).read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    name = named[1].split(".")[-1]
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            return place(study, {"file": file, "line": node.lineno, "function": named[1]})
    return None


def _written(units: Sequence[Unit]) -> Dict[str, List[str]]:
    """Units by the line that wrote them."""
    found: Dict[str, List[str]] = {}
    for unit in units:
        if unit.stack:
            found.setdefault(f"{unit.stack[0]['file']}:{unit.stack[0]['line']}", []).append(unit.path)
    return found


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    """`restore_state`, with the units of each site, the placebos' included; None where that did not help."""
    if not study.proof or not all(unit.stack for unit in study.needed):
        return None
    units = _written(study.others)
    units.update(_written(study.needed))
    sites = {where: place(study, unit.stack[0]) for unit in study.needed for where in _written([unit])}
    names = " and ".join(f"`{unit.path}`" for unit in study.needed)
    return {
        "kind": "restore_state",
        "sites": list(sites.values()),
        "parameters": {"units": units},
        "describe": f"{names} put back after each test",
    }


def placebo_sites(study: Study) -> List[Dict[str, Any]]:
    needed = set(_written(study.needed))
    found = {where: place(study, unit.stack[0]) for unit in study.others for where in _written([unit])}
    return [site for where, site in found.items() if where not in needed and site["quote"]]


def hypotheses(study: Study) -> List[Dict[str, str]]:
    """Each condition under which the test was run, against running it alone."""
    base = study.rates.get("alone")
    found = []
    for name, (failed, runs) in study.rates.items():
        if name == "alone" or base is None or not runs:
            continue
        chance = fisher(failed, runs, *base)
        status = "supported" if chance < 0.01 else "refuted"
        evidence = f"it fails in {failed} of {runs} runs, alone in {base[0]} of {base[1]} (p = {chance:.2g})"
        found.append({"text": f"{name}, the test ends otherwise than alone", "status": status, "evidence": evidence})
    return found


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    return {
        "answer": answer(study),
        "by": "recipe flaky",
        "suspects": [] if study.stopped else suspects(study),
        "symptom": {"code": symptom_code, "metric": METRIC, "unit": "", "runs": [], "noise": None},
        "intervention": None if study.stopped else intervention(study),
        "placebo_sites": [] if study.stopped else placebo_sites(study),
        "exact": study.proof and study.complete,
        "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys([*study.limits, *([study.stopped] if study.stopped else []), *_always()])),
    }


def of_chance(study: Study) -> Dict[str, Any]:
    """The record of `nondet`, whose procedure it was, with the test's name in it."""
    nondet = debugbox_recipes.Recipe("nondet")._module()
    record: Dict[str, Any] = nondet.record(study.chance)
    said = {**record["conclusion"], "answer": answer(study), "by": "recipe flaky"}
    said["limits"] = list(dict.fromkeys([*study.limits, *said["limits"]]))
    return {"recipe": "flaky", "conclusion": said, "details": {"test": study.victim, **record["details"]}}


def _always() -> List[str]:
    return [
        "files, C code, the network, threads and what other test files do when they are imported are not put back or"
        " told apart: all tests are collected before each try"
    ]


def details(study: Study) -> Dict[str, Any]:
    """The table of conditions and of shared state."""
    return {
        "command": study.program.command,
        "tests": len(study.tests),
        "test": study.victim,
        "kind": study.kind,
        "matter": study.matter,
        "left_behind": [_row(unit, "needed") for unit in study.needed] + [_row(unit, "") for unit in study.others],
        "rates": [
            {"condition": name, "failed": failed, "runs": runs, "interval": [round(x, 3) for x in wilson(failed, runs)]}
            for name, (failed, runs) in study.rates.items()
        ],
    }


def _row(unit: Unit, role: str) -> Dict[str, Any]:
    where = f"{unit.stack[0]['file']}:{unit.stack[0]['line']}" if unit.stack else ""
    return {"state": unit.path, "before": unit.before, "after": unit.after, "written": where, "role": role}


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    for name, (failed, runs) in study.rates.items():
        low, high = wilson(failed, runs)
        parts.append(f"{name:34} fails in {failed} of {runs} runs (95 %: {low:.0%} to {high:.0%})")
    for unit in study.needed + study.others:
        row = _row(unit, "")
        parts.append(f"  {row['state']}: {row['before']} -> {row['after']}, written at {row['written'] or 'unknown'}")
    parts += [f"Not seen: {limit}." for limit in dict.fromkeys([*study.limits, *_always()])]
    return "\n".join(parts)
