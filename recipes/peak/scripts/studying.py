"""The investigation itself, step by step: size knob, peaks, what is alive then, who keeps it, lists taken lazily. In
the box.

The result is a `Study`; `concluding` puts it into words and `picture` draws it.
"""

from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from debugbox_recipes import lazily
from debugbox_recipes.harness import Program
from debugbox_recipes.knob import Knob, candidates
from debugbox_recipes.source import Source

from .chains import Alive, cause_of, filled_at, left_behind
from .measuring import Height, Measuring
from .study import Study, Trial

_ALONE, _TOGETHER = 5, 8
_CONTROLS, _CONTROLS_FOUND = 12, 4
_HELPS = 0.45  # a list that takes away as much is no control
_LEAST_EFFECT = 1 << 14  # bytes that turning a knob must change
_KEPT = 0.5  # of the peak, in the end: it was not let go
_SOME = 0.1  # of what is alive: lines worth a look


def carry_out(program: Program, question: Optional[str], size: Optional[int], limit_s: float) -> Study:
    """Run everything that the time allows."""
    study = Study(program, question)
    measuring = Measuring(program, limit_s)
    for part in (_choose_knob, _climb, _plain, _look, _attribute, _intervene):
        part(study, measuring, size)
        if study.stopped:
            break
    return study


def _choose_knob(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    """The candidate that changes the peak most when it is cut to a quarter."""
    found = candidates(study.program.command, study.program.repo, size)
    if len(found) == 1:
        study.knob = found[0]
    elif found:
        effects = [(_effect(measuring, knob), -knob.rank, -n) for n, knob in enumerate(found)]
        best = max(effects)
        study.knob = found[-best[2]] if best[0] > 0 else min(found, key=lambda knob: knob.rank)
    if study.knob is None:
        study.stopped = "no size was found: there is no number in the command or in the script, and no input file"


def _effect(measuring: Measuring, knob: Knob) -> int:
    """How many doublings of bytes a knob changes the peak by: classes, for small differences are no news."""
    for part in (2, 16):
        large, small = (measuring.moment(knob, max(1, knob.base // by)) for by in (part, 4 * part))
        if not large.trouble and not small.trouble:
            return max(0, large.peak - small.peak).bit_length() if large.peak - small.peak > _LEAST_EFFECT else 0
    return -1


def _climb(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    assert study.knob is not None
    rungs, why = measuring.ladder(study.knob)
    study.rungs = rungs[-5:]
    if why:
        study.stopped = f"cannot measure: {why} ({study.knob.words})"


def _plain(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    """The smallest and the largest size without being followed, twice."""
    sizes = [study.rungs[0].size, study.rungs[-1].size]
    study.plain = [measuring.height(study.knob, each) for each in (*sizes, *sizes)]
    trouble = next((one.trouble for one in study.plain if one.trouble), "")
    if trouble:
        study.stopped = f"cannot measure: {trouble}"
    elif not study.grows:
        study.stopped = "the peak does not grow with the size"


def _look(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    """What is alive at the highest moment of each size."""
    moments, held = study.rungs[-4:], []
    for moment in moments:
        held.append(measuring.held(study.knob, moment))
        if held[-1].trouble or held[-1].alive is None:
            why = held[-1].trouble or "no line of the repository runs then, or two runs differ"
            study.stopped = f"what is alive at the highest moment could not be looked at: {why}"
            return
    study.alive = Alive(moments, held, Source(study.program.repo))
    if not study.shares:
        study.stopped = "nothing that the repository's code allocated and is alive then grows with the size"


def _attribute(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    assert study.alive is not None
    study.hot = study.shares[0][0]
    study.chain = study.alive.chain_to(study.hot)
    study.keeper = cause_of(study.chain)
    if study.keeper is None:
        return
    study.cause = filled_at(study.alive, study.keeper)
    if not left_behind(study.alive, study.chain, study.keeper):
        return
    last = study.rungs[-1].result or {"in_the_end": 0}
    if last["in_the_end"] >= _KEPT * study.rungs[-1].peak:
        study.leaks = True
        study.stopped = (
            f"each run of {study.keeper} leaves something behind that is never let go: whether that is a leak,"
            " the recipe leak measures"
        )


def _intervene(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    """Lists on the way taken lazily, one by one, then together; where that helps, other lists as controls."""
    near = _near(study)
    for place in near[:_ALONE]:
        if measuring.left_s > 30 and _try(study, measuring, [place], study.trials).enough:
            break
    if study.proof is None and len(near) > 1:
        _fewest(study, measuring, near[:_TOGETHER])
    if study.proof is None:
        return
    own = {(place["file"], place["line"]) for place in study.proof.places}
    for place in [one for one in _lists(study, None) if (one["file"], one["line"]) not in own][:_CONTROLS]:
        if len(study.controls) == _CONTROLS_FOUND or measuring.left_s < 30:
            return
        tried: List[Trial] = []
        trial = _try(study, measuring, [place], tried)
        if trial.removed is not None and trial.removed < _HELPS and trial.passed:
            study.controls.append(trial)


def _near(study: Study) -> List[Dict[str, Any]]:
    """The lists that are built on the way to what is alive; the cause's line first, then from the inside out."""
    assert study.alive is not None
    whole = sum(study.alive.tables[-1].values()) or 1.0
    lines: Dict[Tuple[str, int], int] = {}
    for chain, held in sorted(study.alive.tables[-1].items(), key=lambda item: (-item[1], item[0])):
        for place in reversed(chain if held >= _SOME * whole else ()):
            lines.setdefault(place, len(lines))
    if study.cause is not None:
        lines[(study.cause.file, study.cause.line)] = -1
    found = _lists(study, set(lines))
    return sorted(found, key=lambda place: min(lines.get((place["file"], n), 10**6) for n in place["lines"]))


def _lists(study: Study, wanted: Optional[Set[Tuple[str, int]]]) -> List[Dict[str, Any]]:
    """The lists built at these lines, or at any line that ran."""
    assert study.alive is not None
    ran = set(study.alive.ran) if wanted is None else wanted
    found = []
    for file in sorted({file for file, _ in ran}):
        for one in lazily.candidates(study.alive.source.tree(file)):
            lines = range(one.line, one.last_line + 1)
            if any((file, line) in ran for line in lines):
                place = {**study.alive.source.place(file, one.line), "nth": one.nth, "text": one.text}
                found.append({**place, "lines": list(lines)})
    return found


def _fewest(study: Study, measuring: Measuring, places: Sequence[Dict[str, Any]]) -> None:
    """Of lists that are enough together, those of which none can be spared."""
    if measuring.left_s < 60 or not _try(study, measuring, places, study.trials).enough:
        return
    kept = list(places)
    for place in list(places):
        fewer = [other for other in kept if other is not place]
        if fewer and measuring.left_s > 40 and _try(study, measuring, fewer, study.trials).enough:
            kept = fewer


def _try(study: Study, measuring: Measuring, places: Sequence[Dict[str, Any]], kept: List[Trial]) -> Trial:
    """The growth with these taken lazily; none where the program ends otherwise or prints something else."""
    peaks, passed = [], 0
    for plain in study.plain[:2]:
        now: Height = measuring.height(study.knob, plain.size, places)
        same = (now.run.exit_code, now.run.stdout_sha256) == (plain.run.exit_code, plain.run.stdout_sha256)
        passed += sum(now.counts("changed").values())
        if now.trouble or not same:
            kept.append(Trial(tuple(places), None, passed))
            return kept[-1]
        peaks.append(now.peak)
    left = max(0.0, peaks[1] - peaks[0] - study.noise)
    kept.append(Trial(tuple(places), 1.0 - left / study.growth, passed))
    return kept[-1]
