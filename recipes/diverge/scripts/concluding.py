"""Puts a `Study` into words and into the record the host parses (`debugbox.finding.Conclusion`). In the kernel."""

from typing import Any, Dict, List, Optional

from debugbox_recipes.divergence import KINDS
from debugbox_recipes.exchange import KIND

from .aligning import ONLY_HERE, OTHER_VALUE, Point, Site
from .outcome import FAILS
from .study import Study, Trial
from .studying import place_of

METRIC = "how much of what differs between the two runs is as in the run asked about (1) and not as in the other (0)"
_MOST_PLACEBOS, _MOST_SUSPECTS, _MOST_NAMED = 20, 6, 3


def answer(study: Study) -> str:
    """The answer in a paragraph."""
    if study.stopped:
        return f"No answer: {study.stopped}."
    said = (
        f"{_ends(study)} {_first(study)} {len(study.points)} values differ; of {len(study.trials)} put in one by one, "
    )
    said += f"{len(study.followers)} make the outcome follow {study.other_words}."
    return f"{said} {_of_origin(study)}".strip()


def _ends(study: Study) -> str:
    assert study.outcome is not None
    if study.outcome.kind == FAILS:
        return f"`{study.program.command}` {study.mine[0].words}, {study.other_words} ends well."
    pair = [lines[0][:60] if lines else "nothing" for lines in (study.outcome.mine, study.outcome.theirs)]
    return f"`{study.program.command}` prints {pair[0]!r}, {study.other_words} {pair[1]!r}."


def _first(study: Study) -> str:
    first = study.points[0]
    matters = next((trial for trial in study.trials if trial.point is first), None)
    what = f"The two first differ at {first.site} ({differs(study, first)})"
    if matters is None:
        return f"{what}."
    if not matters.follows:
        return f"{what}, which does not matter."
    return f"{what}." if first in study.origin else f"{what}, which carries all that differs."


def _of_origin(study: Study) -> str:
    if not study.origin:
        return f"Which of them matters is not known: {study.limits[-1]}." if study.limits else ""
    named = " and ".join(f"{point.site}{_in(point.site)} ({differs(study, point)})" for point in study.origin)
    if not study.apart:
        return f"All of them hang on the first, {named}: that the two are given other input is the difference."
    if len(study.origin) > 1:
        said = f"Only together they matter: {named}."
    elif study.by_choice:
        said = f"From the input on everything differs; the choice that decides is made at {named}."
    else:
        said = f"What matters comes from {named}."
    if study.proof:
        said += f" With {'those values' if len(study.origin) > 1 else 'that value'} and nothing else, the outcome is"
        said += f" that of the other run, {len(study.again)} of {len(study.again)} times."
    if study.singular:
        last = study.end
        said += (
            " But any other value there would do as well, a slightly changed one too: what cannot take that very value"
        )
        said += f" is further down, at the latest at {last}{_in(last)}."
    harmless = [trial.point for trial in study.harmless if trial.stays]
    if harmless:
        shown = ", ".join(dict.fromkeys(str(point.site) for point in harmless[:_MOST_NAMED]))
        more = " …" if len(harmless) > _MOST_NAMED else ""
        one = len(harmless) == 1
        said += (
            f" {len(harmless)} other difference{'' if one else 's'} ({shown}{more}) do{'es' if one else ''} not matter."
        )
    return said


def _in(site: Site) -> str:
    return f" in {site.function}" if site.function else ""


def differs(study: Study, point: Point) -> str:
    """What it is, here and there."""
    mine, theirs = study.values(point.site)
    return f"{point.site.name}: {mine}, there {theirs}"


def suspects(study: Study) -> List[Dict[str, Any]]:
    """The origin, then what follows from it and decides too."""
    if study.stopped:
        return []
    rows: Dict[str, Dict[str, Any]] = {}
    for point in study.origin:
        together = "; it matters only together with the others" if len(study.origin) > 1 else ""
        row = {**study.source.place(point.site.file, point.site.line), "score": 1.0 if study.proof else 0.6}
        rows.setdefault(
            str(point.site), {**row, "why": f"{differs(study, point)}; with that the outcome follows{together}"}
        )
    start = study.origin[-1].at if study.origin else 0
    later = [trial.point for trial in study.followers if trial.point.at > start]
    if study.singular and later:
        later.pop()
        last = study.end
        why = "the last place that the value which matters comes through; any other value than this would do"
        rows = {str(last): {**study.source.place(last.file, last.line), "score": 0.8, "why": why}, **rows}
    for rank, point in enumerate(later[:_MOST_SUSPECTS]):
        row = {**study.source.place(point.site.file, point.site.line), "score": round(0.5 / (1 + rank), 3)}
        rows.setdefault(str(point.site), {**row, "why": f"what differs comes through here: {differs(study, point)}"})
    return [row for row in rows.values() if row["quote"]][:_MOST_SUSPECTS]


def intervention(study: Study) -> Optional[Dict[str, Any]]:
    """The origin's values, put in. Where two stand on one line, it has no name for them."""
    places = {str(point.site): place_of(study, point) for point in study.origin}
    if not study.proof or len(places) < len(study.origin):
        return None
    at = {name: how for name, how in _placebos(study).items() if name not in places}
    at.update({name: _how(place) for name, place in places.items() if place})
    said = " and ".join(f"{point.site.name} as in the other run at {point.site}" for point in study.origin)
    return {
        "kind": KIND, "sites": [study.source.place(p.site.file, p.site.line) for p in study.origin],
        "parameters": {"at": at}, "describe": said,
    }  # fmt: skip


def _how(place: Dict[str, Any]) -> Dict[str, Any]:
    return {key: place[key] for key in ("nth", "kinds", "written")}


def _placebos(study: Study) -> Dict[str, Dict[str, Any]]:
    """The other's values at differences that do not matter; where those are few, other values a little moved."""
    taken = {str(site) for trial in study.followers for p in trial.points for site in (p.site, *p.copies)}
    found: Dict[str, Dict[str, Any]] = {}
    for trial in [trial for trial in study.harmless if trial.stays and str(trial.point.site) not in taken]:
        place = place_of(study, trial.point)
        if place is not None:
            found.setdefault(str(trial.point.site), _how(place))
    if len(found) < _MOST_NAMED:
        for site in study.movable:
            if str(site) not in taken:
                found.setdefault(str(site), {"nth": site.nth, "kinds": list(KINDS)})
    return dict(list(found.items())[:_MOST_PLACEBOS])


def placebo_sites(study: Study) -> List[Dict[str, Any]]:
    if intervention(study) is None:
        return []
    places = [name.rpartition(":") for name in _placebos(study)]
    mine = {str(point.site) for point in study.origin}
    return [study.source.place(file, int(line)) for file, _, line in places if f"{file}:{line}" not in mine]


def hypotheses(study: Study) -> List[Dict[str, str]]:
    return [
        {"text": f"the difference at {trial.point.site} matters ({differs(study, trial.point)})",
         "status": "supported" if trial.follows else "refuted" if trial.stays else "open",
         "evidence": f"with the other run's value there, {ends(study, trial)}"}
        for trial in study.trials[:20]
    ]  # fmt: skip


def ends(study: Study, trial: Trial) -> str:
    if trial.share is None:
        return "it ends otherwise than both"
    if trial.follows:
        return "the outcome follows the other run"
    return "the outcome stays" if trial.stays else f"{1 - trial.share:.0%} of the outcome follows"


def conclusion(study: Study, symptom_code: str) -> Dict[str, Any]:
    """The fields of `Conclusion` as JSON."""
    stopped = [study.stopped] if study.stopped else []
    outcome = None if study.stopped else study.outcome
    shares = [outcome.share(ending) for ending in study.mine] if outcome else []
    runs = [{"state": "present", "measured": share, "expected": 0.0, "unit": ""} for share in shares]
    return {
        "answer": answer(study), "by": "recipe diverge", "suspects": suspects(study),
        "symptom": {"code": "" if study.stopped else symptom_code, "metric": METRIC, "unit": "", "runs": runs,
                    "noise": 0.0 if runs else None},
        "intervention": None if study.stopped else intervention(study),
        "placebo_sites": [] if study.stopped else placebo_sites(study),
        "exact": study.proof and not study.stopped, "hypotheses": hypotheses(study),
        "limits": list(dict.fromkeys([*study.limits, *stopped, *_always(study)])),
    }  # fmt: skip


def _always(study: Study) -> List[str]:
    if not study.trials:
        return []
    return ["C code, other processes and what is held in objects only are not compared; values inside tests neither"]


def details(study: Study) -> Dict[str, Any]:
    """What was compared, and what each value does."""
    return {
        "command": study.program.command, "other": study.commit or (study.other.command if study.other else ""),
        "why": study.why, **study.details(),
        "points": [
            {"place": str(trial.point.site), "name": trial.point.site.name, "mine": study.values(trial.point.site)[0],
             "theirs": study.values(trial.point.site)[1], "times": len(trial.point.pairs), "share": trial.share}
            for trial in study.trials
        ],
        "origin": [str(point.site) for point in study.origin], "again": study.again,
    }  # fmt: skip


def summary(study: Study) -> str:
    """The plain-words text that is printed."""
    parts = [answer(study)]
    if study.why and not study.stopped:
        parts.append(f"Compared with {study.other_words}: {study.why}.")
    parts += _two_columns(study)
    for trial in study.trials[:30]:
        names = differs(study, trial.point)
        parts.append(f"{trial.point.site!s:28} {names[:90]:90} {ends(study, trial)}")
    parts += [f"Not seen: {limit}." for limit in dict.fromkeys([*study.limits, *_always(study)])]
    return "\n".join(parts)


def _two_columns(study: Study) -> List[str]:
    """Around the first difference: the last place both passed, and what each gave then."""
    comparison, trace, other = study.comparison, study.trace, study.other_trace
    if comparison is None or trace is None or other is None or comparison.first is None:
        return []
    first = comparison.first
    rows = [f"last alike  {trace.site_of(first - 1)}"] if first else []
    kind = comparison.marks[first]
    if kind == OTHER_VALUE:
        mine, theirs = study.values(trace.site_of(first))
        return [*rows, f"then        {trace.site_of(first)}  {mine}  |  {theirs}"]
    assert kind == ONLY_HERE
    behind = comparison.partner.get(first - 1, -1) + 1
    there = str(other.site_of(behind)) if behind < len(other.events) else "the end"
    return [*rows, f"then        {trace.site_of(first)}  |  {there}"]


def chain(study: Study) -> List[Trial]:
    """The trials that a picture shows, in order: what carries all, what matters, what follows, and what does not."""
    mine = {point.site for point in study.origin}
    named = [trial for trial in study.trials if trial.point.site in mine]
    start = named[0].point.at if named else 0
    before = [trial for trial in study.followers if trial.point.at < start]
    after = [trial for trial in study.followers if trial.point.at > start and trial not in named]
    harmless = [trial for trial in study.trials if not trial.follows and trial not in named]
    chosen = [*before[:2], *named[:3], *after[:2], *harmless[:3]]
    return sorted(chosen, key=lambda trial: trial.point.at)
