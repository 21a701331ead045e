"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). In the kernel.

Only what a level decides is told: how plain runs differed is another matter each time.
"""

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.entropy import ADDRESS, CLOCK, HASH_ORDER, LISTING, PROCESS, RANDOM, ZONE

from .measuring import LEVELS, Outcome, counts, distinct
from .study import Study, place
from .studying import quoted

METRIC = "different outputs of the same program, over 8 levels of what it takes from chance"
UNIT = "outputs"
_MAX_LINES, _WIDTH = 5, 100
_WORDS = {
    HASH_ORDER: "hash order (of sets, and `hash` of text)",
    RANDOM: "random numbers without a seed",
    CLOCK: "the clock",
    ZONE: "the time zone",
    LISTING: "the order of directory entries",
    PROCESS: "the process id",
    ADDRESS: "memory addresses (`id`)",
}
_CURES = {
    HASH_ORDER: "sort what is iterated there, or keep it in a dict or a list",
    RANDOM: "draw from a generator with a seed that is given",
    CLOCK: "take the time as a parameter",
    ZONE: "name the time zone",
    LISTING: "sort the entries",
    PROCESS: "use a number that is given",
    ADDRESS: "order by something of the object's own",
}


def named(factors: Sequence[str]) -> str:
    return " and ".join(_WORDS[factor] for factor in factors)


def difference(study: Study) -> Optional[Tuple[int, str, str]]:
    """The first line in which two outputs differ: its number and both texts."""
    if study.pair is None:
        return None
    first, second = (outcome.text.splitlines() for outcome in study.pair)
    for number in range(max(len(first), len(second))):
        both = [lines[number] if number < len(lines) else "(nothing)" for lines in (first, second)]
        if both[0] != both[1]:
            at = max(0, next((i for i, pair in enumerate(zip(*both)) if pair[0] != pair[1]), 0) - 30)  # noqa: B905
            return number + 1, both[0][at : at + _WIDTH], both[1][at : at + _WIDTH]
    return None


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped:
        return f"No line is to blame: {study.stopped}. Tried: `{study.program.command}`."
    said = _what_differs(study)
    if not study.minimal:
        return f"{said} Which lines let it in is not known: {study.limits[-1] if study.limits else 'none was found'}."
    lines, shown = study.minimal, _listed(study.minimal)
    which = "one line" if len(lines) == 1 else f"{len(lines)} lines"
    said += f" Of {len(study.sites)} lines that take from it, {which} let it into the output: {shown}."
    if distinct(study.proven) == 1:
        pinned = "With it pinned" if len(lines) == 1 else "With these pinned"
        said += f" {pinned}, all {len(study.proven)} runs give the same"
        said += "; with any of them left free, they do not." if study.proof and len(lines) > 1 else "."
    if study.as_well:
        said += f" So they do with {_listed(study.as_well)} pinned instead: the difference goes through both."
    factors = [factor for factor in _CURES if any(factor in row["factors"] for row in study.minimal)]
    cures = [_CURES[factor] for factor in factors if factor in study.guilty or study.by_address] or [
        _CURES[factor] for factor in study.guilty
    ]
    return f"{said} To repair: {'; '.join(dict.fromkeys(cures))}." if cures else said


def _listed(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [place(row) for row in rows]
    return ", ".join(lines[:_MAX_LINES]) + (f" and {len(lines) - _MAX_LINES} more" if len(lines) > _MAX_LINES else "")


def _what_differs(study: Study) -> str:
    if study.by_address:
        return (
            "Runs differ although hash seed, random numbers, clock, time zone and directory order are held: sets of"
            " objects without a hash of their own are ordered by memory address."
        )
    plain = (
        "Plain runs differ" if study.differs_by_itself else f"{len(study.natural)} plain runs did not differ here, but"
    )
    count = distinct(study.levels)
    outputs = f"{count} different outputs in {len(study.levels)} runs when it is varied, one when it is held"
    return f"{plain}{' by' if study.differs_by_itself else ' the output depends on'} {named(study.guilty)}: {outputs}."


def measurement(outcomes: Sequence[Outcome], pins: Sequence[Mapping[str, Any]], *, counted: bool) -> Dict[str, Any]:
    """The symptom record of runs at all levels; not `counted`: how many differ is another number each time."""
    applied, changed = counts(outcomes, pins)
    record: Dict[str, Any] = {
        "measured": None, "expected": 1.0 if counted else None, "unit": UNIT,
        "details": {"applied": applied, "changed": changed, "runs": len(outcomes)},
    }  # fmt: skip
    trouble = next((each.trouble for each in outcomes if each.trouble), "")
    codes = sorted({str(each.run.exit_code) for each in outcomes})
    if trouble:
        return {**record, "state": "cannot measure", "note": trouble}
    count = distinct(outcomes)
    note = f"{count if counted else 'more than one' if count > 1 else 1} different outputs in {len(outcomes)} runs"
    record["measured"] = float(count) if counted else None
    return {**record, "state": "present" if count > 1 else "absent", "note": f"{note}, exit codes {', '.join(codes)}"}


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The lines that let it in, those first without which most is left."""
    rows = sorted(study.minimal, key=lambda row: -study.without.get(place(row), 0))
    found = []
    for rank, (row, spot) in enumerate(zip(rows, quoted(study, rows))):  # noqa: B905  # strict= came with 3.10
        factors = [factor for factor in row["factors"] if factor in study.guilty or study.by_address]
        why = f"it takes from {named(factors or list(row['factors']))}"
        left = study.without.get(place(row))
        if left is not None:
            what = f"{left} different outputs remain" if not study.by_address else "outputs differ"
            why += f"; with only the others pinned, {what}" if len(rows) > 1 else f"; unpinned, {what}"
        found.append({**spot, "score": 1.0 - rank / (10 * len(rows)), "why": why})
    for spot in quoted(study, study.as_well):
        found.append({**spot, "score": 0.8, "why": "pinned by itself, it makes the outputs agree as well"})
    return [each for each in found if each["quote"]]


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    if not study.proof:
        return None
    sites = quoted(study, study.minimal)
    words = "what it takes from chance is the same in each run"
    return {"kind": "pin", "sites": sites, "parameters": {}, "describe": f"{_at(study)} pinned: {words}"}


def _at(study: Study) -> str:
    return ", ".join(place(row) for row in study.minimal[:3]) + (" and more" if len(study.minimal) > 3 else "")


def hypotheses(study: Study) -> List[Dict[str, str]]:
    """Each factor that was varied."""
    found = []
    for factor in study.factors:
        count, runs = distinct(factor.outcomes), len(factor.outcomes)
        text = f"the output depends on {_WORDS[factor.name]}"
        status = "supported" if factor.guilty else "refuted"
        evidence = f"{count} different outputs in {runs} runs that vary it alone" if factor.guilty else (
            f"{runs} runs that vary it alone give the same output")  # fmt: skip
        found.append({"text": text, "status": status, "evidence": evidence})
    return found


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    runs = [measurement(study.levels, (), counted=not study.by_address)] if study.levels else []
    known = [row for row in study.others if study.controls.get(place(row), (2, 1))[1]]
    limits = study.limits + ([study.stopped] if study.stopped else []) + _always()
    return {
        "answer": answer(study),
        "by": "recipe nondet",
        "suspects": [] if study.stopped else suspects(study),
        "symptom": {"code": symptom_code, "metric": METRIC, "unit": UNIT, "runs": runs, "noise": 0.0 if runs else None},
        "intervention": intervention(study),
        "placebo_sites": quoted(study, known) if study.proof else [],
        "exact": study.proof and study.complete and not study.stopped,
        "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys(limits)),
    }


def _always() -> List[str]:
    return [
        "what libraries take from the clock or from sets of their own is not seen by line; threads, the network and"
        " other processes are not varied"
    ]


def details(study: Study) -> Dict[str, Any]:
    """The matrix and the lines."""
    return {
        "command": study.program.command,
        "held": distinct(study.held),
        "factors": [
            {"factor": factor.name, "outputs": letters(factor.outcomes), "different": distinct(factor.outcomes)}
            for factor in study.factors
        ],
        "levels": None if study.by_address else distinct(study.levels),
        "sites": [{"place": place(row), "factors": sorted(row["factors"])} for row in study.sites[:40]],
        "all_pinned": study.all_pinned,
        "lines": [
            {"place": place(row), "left_free": None if study.by_address else study.without.get(place(row))}
            for row in study.minimal
        ],
        "controls": [
            {"place": where, "different": None if study.by_address else count, "changed": changed}
            for where, (count, changed) in study.controls.items()
        ],
    }


def letters(outcomes: Sequence[Outcome]) -> str:
    """One letter a run, the same for the same output."""
    known: Dict[str, str] = {}
    for outcome in outcomes:
        known.setdefault(outcome.digest, chr(ord("A") + min(len(known), 25)))
    return "".join(known[outcome.digest] for outcome in outcomes)


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    for factor in study.factors:
        parts.append(f"{factor.name:16} {letters(factor.outcomes):{LEVELS}} (a letter for each output)")
    fragment = difference(study)
    if fragment is not None and not study.by_address and study.levels:
        parts.append(f"First difference, line {fragment[0]} of the output:\n  {fragment[1]}\n  {fragment[2]}")
    for row in study.minimal:
        left = "outputs differ" if study.by_address else f"{study.without.get(place(row), '?')} different outputs"
        parts.append(f"{place(row)}: left free, {left}")
    for where, (count, changed) in study.controls.items():
        left = "outputs differ" if study.by_address else f"{count} different outputs"
        parts.append(f"{where} pinned instead: {left} ({'acts' if changed else 'changes nothing'})")
    parts += [f"Not seen: {limit}." for limit in dict.fromkeys([*study.limits, *_always()])]
    return "\n".join(parts)
