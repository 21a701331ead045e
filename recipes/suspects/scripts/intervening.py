"""Changes single statements, one at a time, to see whether the failing test passes then. Runs in the box.

A flip alone proves little: of 30 real bugs generic changes flipped 5, two of them in the wrong function. So it counts
only where passing tests run the changed line, and all of them go on passing.
"""

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.mutations import Candidate, candidates

from .running import Running, Test, Tests
from .study import LEAST_CONTRAST, Study, Trial, same_failure

_FUNCTIONS, _LINES, _MOST = 3, 12, 24  # functions, their lines, and changes that are tried
_SHARE = 0.6  # of the time that is left
_LONGER = 3.0  # than the test by itself: a changed loop may not end
_COVERING = 60  # passing tests that are run with a change
_FLIPS = 4  # changes in one function that help and are run again with those tests; more say nothing new
_PLAUSIBLE = ("swap_comparison", "constant_plus", "constant_minus", "drop_clause", "negate_condition")  # tried first


def intervene(study: Study, running: Running) -> None:
    """Try changes on the most suspicious lines; of those that help, see what they break."""
    chosen = _to_try(study)[:_MOST]
    places = [place_of(study, function[0], candidate) for function, candidate in chosen]
    reserve_s = running.left_s * (1.0 - _SHARE)
    tried = _tried_in_forks(study, running, places)
    for (function, candidate), place, quick in zip(chosen, places, tried):  # noqa: B905  # 3.9
        if quick is not None and (quick[0] is None or quick[0].outcome != "passed"):
            outcome = "did not end" if quick[0] is None else _outcome(study, quick[0])
            study.trials.append(Trial(place, candidate.words, function[1], outcome, quick[1]))
        elif sum((t.outcome, t.function) == ("flipped", function[1]) for t in study.trials) >= _FLIPS:
            continue
        elif running.left_s < reserve_s:
            study.limits.append(f"changed statements were tried until their time was up ({len(study.trials)} tried)")
            return
        else:
            study.trials.append(_try(study, running, function, candidate))


Quick = Optional[Tuple[Optional[Test], int]]  # None: it has to be run by itself


def _tried_in_forks(study: Study, running: Running, places: List[Dict[str, Any]]) -> List[Quick]:
    """Sorts out the changes that do not help. Believed only where the test fails in a fork as it does by itself."""
    if study.is_program or not places:
        return [None] * len(places)
    assert study.target is not None
    each_s = _LONGER * study.alone_s + 2.0
    said = running.trials(study.target.id, places, each_s=each_s, limit_s=running.left_s * 0.4)
    if not said or said[0] is None or not same_failure(study.target, said[0][0]):
        return [None] * len(places)
    found: List[Quick] = [each or (None, 0) for each in said[1:]]
    return found + [None] * (len(places) - len(found))


def _to_try(study: Study) -> List[Tuple[Tuple[str, str], Candidate]]:
    """Changes by suspicion of their line, lines nearest to the failure first; the first three functions only."""
    assert study.seen is not None
    seen, found = study.seen, []
    for position, function in enumerate(study.ranked[:_FUNCTIONS]):
        lines = [line for file, line in seen.failed if file == function.file and function.first < line <= function.last]
        lines.sort(key=lambda line: (-seen.ochiai((function.file, line)), -seen.order.get((function.file, line), 0)))
        chosen = {line: rank for rank, line in enumerate(lines[:_LINES])}
        for candidate in candidates(study.sources.tree(function.file)):
            if candidate.line in chosen:
                order = (position, chosen[candidate.line], candidate.kind not in _PLAUSIBLE)
                found.append((order, (function.file, function.name), candidate))
    found.sort(key=lambda item: item[0])
    return [(function, candidate) for _, function, candidate in found]


def place_of(study: Study, file: str, candidate: Candidate) -> Dict[str, Any]:
    quote = study.sources.quote(file, candidate.line)
    return {"file": file, "line": candidate.line, "quote": quote, "kind": candidate.kind, "nth": candidate.nth}


def _try(study: Study, running: Running, function: Tuple[str, str], candidate: Candidate) -> Trial:
    """The failing test and the passing ones that run the line, with the change, in one run."""
    assert study.target is not None and study.seen is not None
    place = place_of(study, function[0], candidate)
    line = (function[0], candidate.line)
    covering = [test.id for test, ran in zip(study.seen.passing, study.seen.ran_by) if line in ran][:_COVERING]  # noqa: B905  # 3.9
    enough = len(covering) >= LEAST_CONTRAST and not study.is_program
    limit_s = _LONGER * study.alone_s + (30.0 if enough else 5.0)
    done = run_target(study, running, limit_s=limit_s, mutations=[place], others=covering if enough else ())
    test, changed = done.named(study.target.id), sum(done.counts("changed").values())
    outcome = "did not run" if test is None else _outcome(study, test)
    passed = {other.id for other in done.passing}
    broken = sum(name not in passed for name in covering) if enough and outcome == "flipped" and changed else None
    return Trial(place, candidate.words, function[1], outcome, changed, broken, len(covering))


def run_target(
    study: Study,
    running: Running,
    *,
    limit_s: float,
    mutations: Sequence[Mapping[str, Any]] = (),
    others: Sequence[str] = (),
) -> Tests:
    """The failing test by itself, or with these others; lines are not followed."""
    assert study.target is not None
    if study.is_program:
        return running.command(study.command, limit_s=limit_s, lines=False, mutations=mutations)
    return running.tests([study.target.id, *others], limit_s=limit_s, lines=False, mutations=mutations)


def _outcome(study: Study, test: Test) -> str:
    assert study.target is not None
    if test.outcome == "passed":
        return "flipped"
    return "same failure" if same_failure(study.target, test) else "other failure"
