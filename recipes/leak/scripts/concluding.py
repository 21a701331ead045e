"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). Runs in the box.

No byte or second is told: they vary from run to run. Blocks and entries per step are counts.
"""

import math
from typing import Any, Dict, List, Optional

from .measuring import Growing
from .placing import callers, definition, filling_line
from .study import CONTROL, Holder, Line, Study
from .studying import growing_lines, source_line

METRIC = "memory blocks left over by one step (second half of the run, after garbage collection)"
UNIT = "blocks/step"
_MOST_CALLERS = 3
_MOST_GIVEN = 2
_FEWEST_STEPS = 500  # of a loop that cannot be made longer: with fewer, a cache that fills looks the same


def figure(value: float) -> str:
    """A count per step, whole where it is nearly so: a few blocks more or less in a round are no news."""
    if abs(value) >= 10 or (abs(value) >= 0.9 and abs(value - round(value)) < 0.15):
        return f"{value:.0f}"
    return f"{round(value, 1 if abs(value) >= 1 else 2):g}"


def share(removed: float) -> str:
    """How much is gone, to a twentieth, for the same reason."""
    return f"{round(20 * min(1.0, max(0.0, removed))) / 20:.0%}"


def place(study: Study, line: Line) -> Dict[str, Any]:
    quote = source_line(study.program.repo, line.file, line.line)
    return {"file": line.file, "line": line.line, "function": line.function, "quote": quote}


def long_enough(study: Study) -> bool:
    """Whether the steps were enough to tell a leak from a cache that fills up."""
    return not study.keyed and (study.step.factor > 1 or study.step.kind != "loop" or study.step.steps >= _FEWEST_STEPS)


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if not study.native:
        return f"No answer: {study.stopped}. Tried: `{study.program.command}`."
    if not study.grows:
        return _no_leak(study)
    if study.stopped == "it is still filling":
        return _filling(study)
    left = f"leaves {figure(study.per_step)} memory blocks behind"
    said = f"Leak: {study.step.words()} {left}, the last as many as the first ({study.step.steps} steps)."
    if study.keyed:
        said = f"{study.step.words().capitalize()} {left}, but only with new inputs."
    for holder in study.suspects[:2]:
        said += " " + _what_holds(study, holder)
    if not study.suspects:
        if study.stopped:
            return f"{said} What holds them is not known: {study.stopped}."
        return f"{said} Nothing that holds them was found: no container grows in every round."
    trial = study.proof
    if trial is not None and trial.removed is not None:
        which = "it is" if len(study.suspects) == 1 else "they are"
        said += f" When {which} truncated after each step, {share(trial.removed)} of the growth is gone."
    return said


def entries(holder: Holder) -> str:
    count = figure(holder.per_step)
    return f"{count} {'entry' if count == '1' else 'entries'}" + (f" ({holder.entry})" if holder.entry else "")


def _what_holds(study: Study, holder: Holder) -> str:
    said = f"They are held by {holder}, which gains {entries(holder)} a step"
    line = filling_line(study, holder)
    library = study.foreign.get(holder.show)
    if line is not None:
        said += f"; filled at {line}" + (f", through {library}" if library else "")
    given = study.given.get(holder.show)
    if given:
        said += f". {given[0].function} ({given[0].file}:{given[0].line}) is given them later, and leaves them in"
    return said + "."


def _no_leak(study: Study) -> str:
    first = study.native[0]
    blocks = f"{figure(max(0.0, round(first.per_step, 1)))} memory blocks a step"
    if first.at_first * study.step.per_round >= 8 and first.at_first > 4 * first.per_step:
        return (
            f"No leak: memory grows at first, then stops ({blocks} in the second half of {study.step.steps} steps)."
            " Something fills up and stays full, as a bounded cache does."
        )
    return (
        f"No leak in Python objects: {study.step.words()} leaves nothing behind ({blocks}, {study.step.steps} steps)."
    )


def _filling(study: Study) -> str:
    which = "; ".join(f"{h} has {h.length} entries and declares at most {h.bound}" for h in study.filling[:3])
    return (
        f"No leak shown: memory grows by {figure(study.per_step)} blocks a step because a bounded cache is still"
        f" filling ({which}). It would have to run longer to see whether it stops."
    )


def measurement(growing: Growing) -> Dict[str, Any]:
    """The symptom record of one run."""
    details = {
        "applied": growing.counts("applied"),
        "changed": growing.counts("changed"),
        "steps": growing.step.steps,
        "blocks_by_round": growing.differences,
        "exit_code": growing.run.exit_code,
    }
    record = {"expected": 0.0, "unit": UNIT, "details": details}
    if growing.trouble:
        return {**record, "measured": None, "state": "cannot measure", "note": growing.trouble}
    note = f"{growing.per_step:.2f} blocks a step over {growing.step.steps} steps, at first {growing.at_first:.2f}"
    state = "present" if growing.grows else "absent"
    return {**record, "measured": round(growing.per_step, 3), "state": state, "note": note}


def _repeatable(said: Dict[str, Any]) -> Dict[str, Any]:
    """Without what differs by a few blocks from run to run: the host compares this record with a replayed one."""
    kept = {key: said["details"][key] for key in ("applied", "changed", "steps", "exit_code")}
    measured = None if said["measured"] is None else float(figure(said["measured"]))
    return {**said, "measured": measured, "details": kept, "note": ""}


def hypotheses(study: Study) -> List[Dict[str, str]]:
    """What was considered, with what spoke for and against it."""
    if not study.native or not study.grows:
        return []
    found = []
    for trial in (trial for trial in study.trials if trial.name != CONTROL):
        names = ", ".join(map(str, trial.holders[:3]))
        if trial.removed is None:
            evidence = "with it truncated the program fails, so nothing can be said"
            found.append({"text": f"{names} holds what is left over", "status": "open", "evidence": evidence})
        elif len(trial.holders) == 1:
            evidence = f"truncated after each step, {share(trial.removed)} of the growth is gone"
            status = "supported" if trial.enough else "refuted" if trial.removed < 0.3 else "open"
            found.append({"text": f"{names} holds what is left over", "status": status, "evidence": evidence})
    if study.step.factor > 1:
        evidence = f"it goes on for {study.step.factor} times the program's own steps, without slowing down"
        found.append({"text": "a bounded cache fills up", "status": "refuted", "evidence": evidence})
    return found


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The lines that fill what grows, then those that lead there; without a container, the lines that allocate."""
    rows: Dict[str, Dict[str, Any]] = {}
    for holder in study.suspects:
        line = filling_line(study, holder)
        if line is not None:
            why = f"it puts {entries(holder)} a step into {holder}"
            rows.setdefault(str(line), {**place(study, line), "score": 1.0, "why": why})
        for rank, other in enumerate(study.given.get(holder.show, [])[:_MOST_GIVEN]):
            why = f"it is given what was put into {holder} before, and leaves it in: it could go out there"
            rows.setdefault(str(other), {**place(study, other), "score": 0.8 / (1 + rank), "why": why})
        for rank, other in enumerate(callers(study, holder)[:_MOST_CALLERS]):
            row = {**place(study, other), "score": 0.3 / (1 + rank), "why": f"it leads to {line}"}
            rows.setdefault(str(other), row)
    for rank, allocating in enumerate([] if rows else growing_lines(study)[:3]):
        line = Line(allocating["file"], allocating["line"], "")
        row = {**place(study, line), "score": 0.6 / (1 + rank), "why": "what it allocates stays: more with each round"}
        rows.setdefault(str(line), row)
    return sorted((row for row in rows.values() if row["quote"]), key=lambda row: -row["score"])


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    """`truncate`, with the container of each site, the placebos' included; None where no truncation helped."""
    if study.proof is None or not long_enough(study):
        return None
    containers: Dict[str, List[Any]] = {}
    sites = {}
    for holder in study.suspects:
        line = filling_line(study, holder)
        if line is None:
            return None
        sites[str(line)] = place(study, line)
        containers.setdefault(str(line), []).append(holder.path)
    for spot, holder in placebo_places(study):
        if str(spot) not in sites:
            containers.setdefault(str(spot), []).append(holder.path)
    names = " and ".join(map(str, study.suspects))
    return {
        "kind": "truncate",
        "sites": list(sites.values()),
        "parameters": {"containers": containers, "step": study.step.plan()["step"]},
        "describe": f"{names} cut back after each step to the entries of the first one",
    }


def placebo_places(study: Study) -> List[Any]:
    """(line, container): the controls that the program bore, by the line that defines or imports them."""
    borne = [trial.holders[0] for trial in study.trials if trial.name == CONTROL and trial.acted]
    found = [(definition(study.program.repo, holder.owner), holder) for holder in borne]
    return [(line, holder) for line, holder in found if line is not None]


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    wanted = intervention(study)
    named = suspects(study) if study.grows and study.stopped != "it is still filling" else []
    sites = [place(study, line) for line, _ in placebo_places(study)] if wanted else []
    stopped = [] if study.stopped in ("nothing grows", "it is still filling") else [study.stopped]
    held = bool(study.suspects) and study.suspects[0].followable and long_enough(study)
    return {
        "answer": answer(study),
        "by": "recipe leak",
        "suspects": named,
        "symptom": {
            "code": symptom_code if study.native else "",
            "metric": METRIC,
            "unit": UNIT,
            "runs": [_repeatable(measurement(growing)) for growing in study.native],
            "noise": math.ceil(10 * study.noise + 1e-9) / 10,  # no less than a tenth
        },
        "intervention": wanted,
        "placebo_sites": list({f"{s['file']}:{s['line']}": s for s in sites}.values()),
        "exact": held and bool(study.stacks.get(study.suspects[0].show) or study.suspects[0].cached),
        "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys(study.limits + [limit for limit in stopped if limit])),
    }


def details(study: Study) -> Dict[str, Any]:
    """What grew and what was tried. Counts only, nothing that hangs on the machine's speed."""
    if not study.native:
        return {"command": study.program.command}
    return {
        "command": study.program.command,
        "step": study.step.name,
        "why_step": study.why_step,
        "containers": [
            {"path": holder.show, "kind": holder.kind, "entries_per_step": round(holder.per_step, 3),
             "entry": holder.entry, "bound": holder.bound}
            for holder in study.holders[:20]
        ],
        "types": [
            {**row, "per_step": round(row["per_step"], 3)} for row in study.deep.get("types", [])[:15]
        ],
        "trials": [
            {"what": trial.name, "containers": [str(holder) for holder in trial.holders],
             "removed": None if trial.removed is None else share(trial.removed),
             "changed": sum(trial.growing.counts("changed").values())}
            for trial in study.trials
        ],
    }  # fmt: skip


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    if study.native:
        parts.append(f"A step is {study.step.words()}, because {study.why_step}.")
    for trial in study.trials:
        removed = "the program fails" if trial.removed is None else f"{share(trial.removed)} of the growth gone"
        parts.append(f"{trial.name:20} {', '.join(map(str, trial.holders))}: {removed}")
    rows = study.deep.get("types", [])[:6] if study.grows else []
    if rows:
        parts.append("Per step: " + ", ".join(f"{figure(row['per_step'])} {row['type']}" for row in rows))
    parts += [f"Not seen: {limit}." for limit in study.limits]
    return "\n".join(parts)
