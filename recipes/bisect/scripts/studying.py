"""The search: endpoints, commit, again, hunks, and the hunks taken back. In the kernel.

The result is a `Study`; `concluding` puts it into words and `picture` draws it.
"""

from typing import Any, List, Optional, Sequence, Tuple

from debugbox_recipes.ddmin import ddmin
from debugbox_recipes.gitobjects import Commit
from debugbox_recipes.harness import Program
from debugbox_recipes.trees import Trees, side_line

from .endpoints import find_ends, repeat
from .hunks import Hunk, diff_of, hunks_between, without
from .judging import FAILS, WORKS
from .measuring import Measuring
from .study import AGAIN, Study

_SAMPLES = 3
_MOST_HUNKS = 60
_MOST_DIFF = 18_000  # characters: the tool takes small ones


def carry_out(program: Program, question: str, good: str, limit_s: float) -> Study:
    """See and try all that the time allows."""
    study = Study(program, question)
    try:
        trees = Trees(program.repo, program.command)
    except (OSError, KeyError, ValueError) as error:
        study.stopped = (
            f"there is no history in the box ({type(error).__name__}): ask with --good REV, a revision known to be"
            " good, or --history N"
        )
        return study
    measuring = Measuring(program, trees, limit_s)
    for step in (find_ends, _locate, _again, _unsteady, _hunks, _take_back):
        step(study, measuring, trees, good)
        if study.stopped:
            break
    return study


def _unsteady(study: Study, measuring: Measuring, trees: Trees, given: str) -> None:
    """Where the first runs were alike by luck and those of the culprit are not: the search again, with repeats."""
    told_apart = study.bad_again[0] == study.bad_again[1] and study.good_again[0] == study.good_again[1]
    if study.kind != FAILS or study.repeats > 1 or told_apart:
        return
    repeat(study, measuring)
    if not study.stopped:
        study.points, study.values, study.between, study.monotone = {}, {}, [], True
        study.culprit, study.parent, study.merged, study.uncommitted = None, None, None, False
        _locate(study, measuring, trees, given)
    if not study.stopped:
        _again(study, measuring, trees, given)


def _says(study: Study, measuring: Measuring, version: Optional[str]) -> Optional[bool]:
    """Bad where one run is, good where all are."""
    assert study.judge is not None
    said: List[Optional[bool]] = []
    while len(said) < study.repeats:
        ending = measuring.endings(version, len(said) + 1)[-1]
        said.append(study.judge.says(ending))
        if version is not None:
            study.values[version] = study.judge.value(ending)
        if said[-1]:
            break
    answer = True if True in said else None if None in said else False
    if version is not None:
        study.points[version] = answer
    return answer


def _locate(study: Study, measuring: Measuring, trees: Trees, given: str) -> None:
    """The oldest commit that shows it, on the first-parent line, then inside a merge."""
    assert study.good is not None
    if trees.changed_in_snapshot() and _says(study, measuring, trees.head) is False:
        _says(study, measuring, study.good.id)
        study.uncommitted = True
        return
    if _says(study, measuring, trees.head) is None:
        study.stopped = f"HEAD itself cannot be judged: it {measuring.endings(trees.head)[0].words}"
        return
    _says(study, measuring, study.good.id)
    line = study.line
    if study.good.id not in [commit.id for commit in line]:
        study.stopped = f"{study.good.short} is not on the first-parent line of HEAD"
        return
    _search(study, measuring, line)
    merge = study.culprit
    side = side_line(trees.git, merge.id) if merge is not None else []
    if merge is not None and side and _says(study, measuring, side[-1].id):
        start = trees.git.commit(side[0].parents[0]) if side[0].parents else None
        if start is not None and _says(study, measuring, start.id) is False:
            study.merged = merge
            study.between = []
            _search(study, measuring, [start, *side])


def _search(study: Study, measuring: Measuring, line: Sequence[Commit]) -> None:
    """Halving, with two at a time; commits that cannot be judged are passed over for their neighbours."""
    low, high = 0, len(line) - 1
    while high - low > 1:
        open_ones = [n for n in range(low + 1, high) if study.points.get(line[n].id, "new") is not None]
        if not open_ones:
            break
        if not measuring.has_time_for(12):
            study.limits.append(f"the time was up with {high - low - 1} commits left between good and bad")
            break
        thirds = {open_ones[len(open_ones) // 3], open_ones[2 * len(open_ones) // 3]}
        if study.repeats == 1:
            measuring.side_by_side([line[n].id for n in thirds])
        for number in sorted(thirds):
            if low < number < high:
                answer = _says(study, measuring, line[number].id)
                low, high = (low, number) if answer else (number, high) if answer is False else (low, high)
    study.culprit, study.parent = line[high], line[low]
    study.between = list(line[low + 1 : high])
    _samples(study, measuring, line, low, high)


def _samples(study: Study, measuring: Measuring, line: Sequence[Commit], low: int, high: int) -> None:
    """Halving believes that good stays good and bad stays bad: a few commits more are asked."""
    unknown = [n for n in (*range(1, low), *range(high + 1, len(line) - 1)) if line[n].id not in study.points]
    for number in unknown[:: max(1, len(unknown) // _SAMPLES)][:_SAMPLES]:
        if measuring.has_time_for(30):
            answer = _says(study, measuring, line[number].id)
            if answer is not None and answer != (number > high):
                study.monotone = False
                study.limits.append(f"it came and went: {line[number].short} is {'bad' if answer else 'good'}")


def _again(study: Study, measuring: Measuring, trees: Trees, given: str) -> None:
    """Culprit and parent once more, and a second look at what the culprit shows."""
    assert study.judge is not None
    if study.uncommitted:
        bad: Optional[str] = None
        good = trees.head
    else:
        assert study.culprit is not None and study.parent is not None
        bad, good = study.culprit.id, study.parent.id
    times = max(2 if study.kind == WORKS else AGAIN, study.repeats)
    said = [study.judge.says(ending) for ending in measuring.endings(bad, times)]
    study.bad_again = (said.count(True), len(said))
    fine = [study.judge.says(ending) for ending in measuring.endings(good, times)]
    study.good_again = (fine.count(False), len(fine))
    shown = [ending for ending in measuring.endings(bad, times) if study.judge.says(ending)]
    study.agrees = any(study.judge.agrees(ending) for ending in shown)


def _versions(study: Study, trees: Trees) -> Tuple[Any, Any, List[str]]:
    """Readers of the version before and with the change, and the files that differ."""
    if study.uncommitted:
        return (lambda p: trees.text(trees.head, p)), trees.in_snapshot, trees.changed_in_snapshot()
    assert study.culprit is not None and study.parent is not None
    old, new = study.parent.id, study.culprit.id
    files = (trees.files(old), trees.files(new))
    new_ones = trees.named - {*files[0]}  # what the command names is in every version, also before it was committed
    paths = sorted(p for p in {*files[0], *files[1]} - new_ones if files[0].get(p) != files[1].get(p))
    return (lambda p: trees.text(old, p)), (lambda p: trees.text(new, p)), paths


def _hunks(study: Study, measuring: Measuring, trees: Trees, given: str) -> None:
    """The fewest hunks that, taken back from the version at hand, end it; else from the culprit itself."""
    old, new, paths = _versions(study, trees)
    hunks, lost = hunks_between(paths, old, new, trees.in_snapshot)
    study.details["candidates"] = hunks
    if _try(study, measuring, hunks, None, trees.in_snapshot) or study.uncommitted or study.culprit is None:
        return
    at_culprit, _ = hunks_between(paths, old, new, new)
    if at_culprit and _try(study, measuring, at_culprit, study.culprit.id, new):
        study.at_tip = False
        why = f"; {lost[0]}" if lost else ""
        study.limits.append(
            f"the hunks can be taken back from {study.culprit.short} only, not from the version here{why}"
        )
    elif not at_culprit:
        study.limits.append("the commit changes no line of a text file of the program: tests or data only")


def _try(study: Study, measuring: Measuring, hunks: List[Hunk], version: Optional[str], now: Any) -> bool:
    """ddmin over the hunks; whether all of them together help at all."""
    assert study.judge is not None
    judge = study.judge
    if not hunks or len(hunks) > 40 * _MOST_HUNKS:
        return False

    def good(some: Sequence[Hunk]) -> bool:
        return all(judge.says(measuring.changed(version, without(some, now))) is False for _ in range(study.repeats))

    found = ddmin(hunks, good, go_on=lambda: measuring.has_time_for(16))
    if found is None:
        return False
    study.hunks, study.minimal, study.needed, study.complete = hunks, found.kept, found.needed, found.complete
    if not found.complete:
        study.limits.append("the time was up before the fewest hunks were found")
    return True


def _take_back(study: Study, measuring: Measuring, trees: Trees, given: str) -> None:
    """The minimal hunks as a diff, and the version at hand with it three times."""
    assert study.judge is not None
    if not study.minimal or not study.at_tip:
        return
    changes = without(study.minimal, trees.in_snapshot)
    diff = diff_of(changes, trees.in_snapshot)
    study.diff = diff if len(diff) <= _MOST_DIFF else ""
    if not study.diff:
        study.limits.append("the change cannot be told as a small diff: whole files come or go, or it is too long")
    times = max(2 if study.kind == WORKS else AGAIN, study.repeats)
    said = [study.judge.says(measuring.changed(None, changes)) for _ in range(times)]
    study.gone = (said.count(False), len(said))
