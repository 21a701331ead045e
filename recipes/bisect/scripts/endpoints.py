"""The two ends of the search: the version at hand, one that is good, and what tells them apart. In the kernel."""

import math
import re
from typing import List, Optional, Tuple

from debugbox_recipes.gitobjects import GOOD_TAG, Commit
from debugbox_recipes.stats import wilson
from debugbox_recipes.trees import Trees, first_parents

from .judging import FAILS, WORKS, Judge, choose, could_not_run
from .measuring import Measuring
from .study import AGAIN, Study

_RATED_BY, _MOST_REPEATS = 10, 20  # runs
_LUCK = 0.01  # how often a bad version may pass for a good one
_ONE_SIDED = 1.645  # 95 %
_CLOCK_MORE = 1.2


def find_ends(study: Study, measuring: Measuring, trees: Trees, given: str) -> None:
    """The version at hand and one that is good, both run now, in this environment."""
    study.line = first_parents(trees.git, trees.head)
    study.tip = measuring.endings(None, AGAIN)
    if any(could_not_run(ending) for ending in study.tip) and not given and len(study.line) == 1:
        study.stopped = f"`{study.program.command}` {study.tip[0].words}, and there is one commit only"
        return
    found = _good_end(study, measuring, trees, given) or _fails_later(study, measuring, trees, given)
    if found is None:
        if not study.stopped:
            study.stopped = _no_good(study, measuring)
        return
    study.good, study.kind = found
    study.at_good = measuring.endings(study.good.id, 1 if study.kind == WORKS else AGAIN)
    bad = next((e for e in study.tip if e.failed), study.tip[0]) if study.kind == FAILS else study.tip[0]
    study.judge = Judge(study.kind, study.at_good[0], bad)
    known = [commit.id for commit in study.line]
    study.line = study.line[known.index(study.good.id) :] if study.good.id in known else study.line
    _flaky(study, measuring)


def _fails_later(study: Study, measuring: Measuring, trees: Trees, given: str) -> Optional[Tuple[Commit, str]]:
    """A few runs that went well may have been lucky: more of them, before it is said that nothing is wrong."""
    if study.stopped or any(ending.failed for ending in study.tip) or not measuring.has_time_for(3 * _RATED_BY):
        return None
    study.tip = measuring.endings(None, _RATED_BY)
    return _good_end(study, measuring, trees, given) if any(ending.failed for ending in study.tip) else None


def _good_end(study: Study, measuring: Measuring, trees: Trees, given: str) -> Optional[Tuple[Commit, str]]:
    """The commit that was named, else the nearest of those 1, 2, 4, 8... back that ends otherwise."""
    named = trees.git.find(given or GOOD_TAG)
    if given and not named:
        study.stopped = f"{given} names no commit of the history in the box"
        return None
    tried = [trees.git.commit(named)] if named else _backwards(study)
    for commit in tried:
        if not measuring.has_time_for(20):
            study.limits.append("the time was up before a good commit was found")
            break
        kind = _difference(study, measuring, commit)
        if kind is not None:
            study.why_good = "it was named" if named else "it was looked for, going back in steps that double"
            return commit, kind
    return None


def _backwards(study: Study) -> List[Commit]:
    line, back, found = study.line[::-1], 0, []
    while back < len(line):
        found.append(line[back])
        back = max(1, 2 * back)
    return [*found, *([line[-1]] if line[-1] not in found else [])]


def _difference(study: Study, measuring: Measuring, commit: Commit) -> Optional[str]:
    there = study.at_good = measuring.endings(commit.id, AGAIN)
    kind = choose(there, study.tip)
    if (
        kind is None
        and not study.tip[0].failed
        and re.search(r"\b(slow|slower|time|long|fast)", study.question.lower())
    ):
        kind = _by_work(study, measuring, commit)
    return kind


def _by_work(study: Study, measuring: Measuring, commit: Commit) -> Optional[str]:
    """Counted work, only where the clock says the same: counts alone have accused a commit that cost nothing."""
    plain = [measuring.cpu_s(version) for version in (commit.id, None)]
    if plain[1] <= _CLOCK_MORE * plain[0]:
        return None
    measuring.counted = True
    measuring.forget()
    tip = measuring.endings(None)
    if choose(measuring.endings(commit.id), tip) == WORKS:
        study.tip = tip
        return WORKS
    study.limits.append(
        "it takes more time than at an older commit, but the counted work is the same: C code, or waiting"
    )
    measuring.counted = False
    measuring.forget()
    return None


def _no_good(study: Study, measuring: Measuring) -> str:
    command = f"`{study.program.command}`"
    if not study.tip[0].failed:
        return (
            f"{command} {study.tip[0].words}, and the older commits that were run end alike: nothing tells a good"
            " version from a bad one"
        )
    other = next((e for e in study.at_good if e.error != study.tip[0].error), None)
    if other is not None:
        return (
            f"{command} {study.tip[0].words} here; the older commit that was run last {other.words} instead, so it says"
            " nothing about that: it may need another Python (--python 3.9) or older packages"
        )
    return f"{command} {study.tip[0].words} here, and in all older commits that were run ({measuring.asked} runs) too"


def _flaky(study: Study, measuring: Measuring) -> None:
    """A symptom that does not come every time: enough runs that a good version is not one that was lucky."""
    assert study.judge is not None
    if not all(study.judge.says(ending) for ending in study.tip):
        repeat(study, measuring)


def repeat(study: Study, measuring: Measuring) -> None:
    """So many runs of each version that a bad one passes for good once in a hundred, at the lowest likely rate."""
    assert study.judge is not None and study.good is not None
    said = [study.judge.says(ending) for ending in measuring.endings(None, _RATED_BY)]
    lowest = wilson(said.count(True), len(said), _ONE_SIDED)[0]
    wanted = math.log(_LUCK) / math.log(1 - min(0.95, max(lowest, 0.05)))
    study.repeats = min(_MOST_REPEATS, math.ceil(wanted))
    study.limits.append(
        f"the symptom comes in {said.count(True)} of {len(said)} runs: each version was run up to {study.repeats} times"
    )
    study.at_good = measuring.endings(study.good.id, study.repeats)
    if any(study.judge.says(ending) for ending in study.at_good):
        study.stopped = f"{study.good.short}, which should be good, shows it too in some runs"
