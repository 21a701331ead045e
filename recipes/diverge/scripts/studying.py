"""The comparison: two runs that can be repeated, where their values differ, and which of that matters. In the kernel.

The result is a `Study`; `concluding` puts it into words and `picture` draws it.
"""

import contextlib
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from debugbox_recipes import canonical
from debugbox_recipes.ddmin import ddmin
from debugbox_recipes.divergence import KINDS
from debugbox_recipes.endings import Ending
from debugbox_recipes.harness import Program
from debugbox_recipes.source import Source

from .aligning import Catalogue, Point, Trace, compared, keys, matched, wanted
from .choosing import pair_of
from .measuring import Measuring
from .opening import open_commit, plain_runs, said_by
from .outcome import FOLLOWS
from .study import Study, Trial

_MOST_POINTS, _MOST_TOGETHER, _MOST_JOINT = 80, 60, 4
_MOST_VALUES, _MOST_TEXT = 200, 20_000
_AGAIN = 3


def carry_out(program: Program, question: str, other: str, good: str, limit_s: float) -> Study:
    """Run everything that the time allows."""
    measuring = Measuring(limit_s)
    pair = pair_of(program, question, other, good, limit_s / 4)
    study = Study(pair.mine, question, Source(pair.mine.repo), pair.other, why=pair.why)
    if pair.other is None and not pair.commit:
        study.stopped = pair.why
        return study
    with contextlib.ExitStack() as folders:
        if pair.commit and not open_commit(study, pair.commit, folders):
            return study
        for step in (plain_runs, _observe, _transplant, _together, _find_origin, _repeat):
            step(study, measuring)
            if study.stopped:
                break
    return study


def _observe(study: Study, measuring: Measuring) -> None:
    """Both with their values written down, twice each: equal runs must give equal traces."""
    assert study.other is not None
    mine, theirs = Catalogue(study.source), Catalogue(Source(study.other.repo))
    if not study.commit:
        theirs = mine
    study.trace = _repeated(study, measuring, study.program, mine, study.mine[0], "the command")
    if study.trace is None:
        return
    study.other_trace = _repeated(study, measuring, study.other, theirs, study.theirs[0], study.other_words)
    if study.other_trace is None:
        return
    files = sorted({site.file for site in study.trace.sites})
    same = matched(mine, theirs, files) if study.commit else None
    study.comparison = compared(study.trace, study.other_trace, same)
    if not study.points:
        study.stopped = "no value that the repository's own statements give differs: it comes from elsewhere"
        return
    _read_values(study, measuring, mine, theirs)


def _repeated(
    study: Study, measuring: Measuring, program: Program, catalogue: Catalogue, plain: Ending, name: str
) -> Optional[Trace]:
    first, second = (measuring.traced(program, catalogue) for _ in range(2))
    if first[1] is None or second[1] is None or not first[1].events:
        study.stopped = f"no statement of the repository was seen in {name}: it runs in no Python that can be followed"
    elif said_by(first[0]) != said_by(plain):
        study.stopped = f"written down, {name} {first[0].words}, by itself it {plain.words}"
    elif first[1].events != second[1].events:
        at = next((n for n, pair in enumerate(zip(first[1].events, second[1].events)) if pair[0] != pair[1]), 0)  # noqa: B905
        study.stopped = (
            f"two equal runs of {name} differ at {first[1].site_of(at)}: it depends on chance or threads (the recipe"
            " nondet)"
        )
    elif first[1].left_out:
        study.limits.append(
            f"{name}: {first[1].left_out} values came after the last that is kept, and were not compared"
        )
    return None if study.stopped else first[1]


def _read_values(study: Study, measuring: Measuring, mine: Catalogue, theirs: Catalogue) -> None:
    """Once more, for the values themselves: the other's are to be put in."""
    assert study.other is not None
    here, there = wanted(study.points)
    others = other_events(study)
    _, trace, _ = measuring.traced(study.program, mine, sorted({*here, *others}))
    _, other, _ = measuring.traced(study.other, theirs, there)
    if trace is None or other is None:
        study.stopped = "the values could not be read"
        return
    texts = {event: trace.texts.get(str(event), (None, ""))[0] for event in others}
    study.movable = [trace.site_of(event) for event, text in texts.items() if text and _can_be_moved(text)]
    folders = (str(study.other.repo), str(study.program.repo))
    for point in study.points:
        for event, passed, partner in point.pairs[:_MOST_VALUES]:
            text, shown = other.texts.get(str(partner), (None, "?"))
            if text is not None:
                study.written[point.site, passed] = text.replace(*folders)
            if event == point.at:
                own, own_shown = trace.texts.get(str(event), (None, "?"))
                study.shown[point.site] = (own_shown, shown)
                if own is not None and text is not None:
                    with contextlib.suppress(NameError):  # of a package that the kernel has not
                        study.read[point.site] = (canonical.read(own), canonical.read(text))


def place_of(study: Study, point: Point) -> Optional[Dict[str, Any]]:
    """The point with the other's values, as the observer wants it; None where they cannot be put in."""
    values = {str(passed): study.written.get((point.site, passed)) for _, passed, _ in point.pairs}
    if (
        len(values) > _MOST_VALUES
        or None in values.values()
        or sum(map(len, filter(None, values.values()))) > _MOST_TEXT
    ):
        return None
    site = point.site
    quote = study.source.quote(site.file, site.line)
    return {
        "file": site.file,
        "line": site.line,
        "quote": quote,
        "nth": site.nth,
        "kinds": list(KINDS),
        "written": values,
    }


def _transplant(study: Study, measuring: Measuring) -> None:
    """The other's value at each point, one by one: does the outcome follow?"""
    able = [point for point in study.points if place_of(study, point) is not None]
    if len(able) < len(study.points):
        rest = len(study.points) - len(able)
        study.limits.append(f"{rest} of {len(study.points)} values that differ are objects that cannot be put in")
    for point in able[:_MOST_POINTS]:
        if not measuring.has_time_for(2 * _AGAIN + 2):
            break
        study.trials.append(_trial(study, measuring, [point]))
    if len(study.trials) < len(able):
        study.limits.append(f"{len(able) - len(study.trials)} values that differ were not put in: there was no time")
    if not study.trials:
        study.stopped = "none of the values that differ could be put into the other run"


def _trial(study: Study, measuring: Measuring, points: Sequence[Point]) -> Trial:
    places = [place for place in (place_of(study, point) for point in points) if place is not None]
    ending, trace, changed = measuring.traced(study.program, Catalogue(study.source), (), places)
    assert study.outcome is not None
    trial = Trial(list(points), study.outcome.share(ending), sum(changed.values()))
    if trace is not None:
        trial.became = _became(study, trace, after=points[0].at)
    return trial


def _became(study: Study, trace: Trace, after: int) -> Set[int]:
    """Points behind this one, by number, that now give what they give in the other run."""
    assert study.trace is not None and study.other_trace is not None
    known = list(keys(study.trace, None))
    now = dict(zip(keys(trace, None), (event[2] for event in trace.events)))  # noqa: B905
    theirs = study.other_trace.events
    return {
        number for number, point in enumerate(study.points)
        if point.at > after and all(now.get(known[here], theirs[there][2]) == theirs[there][2]
                                    for here, _, there in point.pairs)
    }  # fmt: skip


def _together(study: Study, measuring: Measuring) -> None:
    """Differences that do not matter alone, all at once; where that does matter, the fewest of them."""
    alone = [trial.point for trial in study.trials if not trial.follows][:_MOST_TOGETHER]
    if len(alone) < 2 or not measuring.has_time_for(2 * _AGAIN + 2):
        return
    kept: Dict[int, Trial] = {}

    def enough(points: Sequence[Point]) -> bool:
        trial = _trial(study, measuring, points)
        kept[len(points)] = trial if trial.follows else kept.get(len(points), trial)
        return trial.follows

    found = ddmin(alone, enough, go_on=lambda: measuring.has_time_for(2 * _AGAIN + 2))
    if found is None:
        return
    if found.complete:
        study.joint = next((t for t in kept.values() if t.follows and t.points == found.kept), None)
    else:
        study.limits.append("the time was up before the fewest differences that matter together were found")


def _find_origin(study: Study, measuring: Measuring) -> None:
    """The first difference that matters and takes no harmless one with it: not all that differs, but what counts."""
    harmless = {n for n, point in enumerate(study.points) if any(t.point is point for t in study.harmless)}
    clean = [trial for trial in study.followers if not trial.became & harmless]
    study.apart = bool(harmless or study.commit)
    together = study.joint
    if together is not None and len(together.points) <= _MOST_JOINT and not together.became & harmless:
        start = min((trial.point.at for trial in clean), default=len(study.trace.events) if study.trace else 0)
        if together.points[-1].at < start:
            study.origin, study.apart = together.points, True
            return
    if clean and study.apart:
        study.origin = _taken_apart(study, clean)
    elif study.followers:
        choice = next((trial for trial in study.followers if trial.point.site.chooses), None)
        study.apart = study.by_choice = choice is not None
        study.origin = (choice or study.followers[0]).points
    else:
        study.limits.append("no value of the other run, put in at one place, makes the outcome follow it")


def _taken_apart(study: Study, clean: Sequence[Trial]) -> List[Point]:
    """The first; where it holds several differences, the one of them that is taken out of it next and matters too."""
    chosen = clean[0]
    for trial in clean[1:]:
        parts = _parts(*study.read.get(chosen.point.site, (None, None)))
        if len(parts) > 1 and _digests(study.read.get(trial.point.site, (None, None))) in map(_digests, parts):
            chosen = trial
    return chosen.points


def _parts(mine: Any, theirs: Any) -> List[Tuple[Any, Any]]:
    """Entries in which two containers of the same form differ."""
    if type(mine) is not type(theirs) or not isinstance(mine, (dict, list, tuple)) or len(mine) != len(theirs):
        return []
    if isinstance(mine, dict):
        pairs = [(mine[key], theirs[key]) for key in mine if key in theirs]
    else:
        pairs = list(zip(mine, theirs))  # noqa: B905  # strict= came with 3.10
    differing = [pair for pair in pairs if len(set(_digests(pair))) > 1]
    return differing + [part for pair in differing for part in _parts(*pair)]


def _digests(pair: Tuple[Any, Any]) -> Tuple[int, int]:
    return canonical.digest(pair[0], ""), canonical.digest(pair[1], "")


def _repeat(study: Study, measuring: Measuring) -> None:
    """The origin's values put in once more, by the intervention alone, nothing written down; and others than those."""
    places = [place for place in (place_of(study, point) for point in study.origin) if place is not None]
    assert study.outcome is not None
    if not study.origin or not study.apart:
        return
    for _ in range(_AGAIN):
        study.again.append(study.outcome.share(measuring.exchanged(study.program, places)))
    moved = [{**place, "only": [point.pairs[0][1]]} for place, point in zip(places, study.origin)]  # noqa: B905
    for place in moved:
        del place["written"]  # then it is moved a little, and only the first that differs: all alike may change nothing
    share = study.outcome.share(measuring.exchanged(study.program, moved))
    study.singular = share is not None and share <= FOLLOWS


def other_events(study: Study) -> List[int]:
    """The first event at each line where the two runs do not differ."""
    assert study.trace is not None
    differing = {str(site) for point in study.points for site in (point.site, *point.copies)}
    found: Dict[str, int] = {}
    for number, (which, _, _) in enumerate(study.trace.events):
        site = study.trace.sites[which]
        if site.kind in ("Assign", "Return", "BinOp", "Call") and str(site) not in differing:
            found.setdefault(str(site), number)
    return list(found.values())


def _can_be_moved(text: str) -> bool:
    with contextlib.suppress(NameError):  # of a package that the kernel has not
        return type(canonical.read(text)) in (int, float, str)
    return False
