"""The investigation of a failing test, step by step: find it, repeat it, contrast it, rank, intervene. In the box.

The result is a `Study`; `concluding` puts it into words and `picture` draws it.
"""

import os
from pathlib import Path
from typing import List, Optional, Tuple

from debugbox_recipes.harness import Program
from debugbox_recipes.sinks import words_of

from .intervening import intervene, run_target
from .ranking import Sources, rank, spectrum
from .related import related_tests
from .running import PROGRAM, Running, Test, Tests
from .study import LEAST_CONTRAST, Study

_PLENTY = 2 * LEAST_CONTRAST  # passing tests that run the same code
_REPEATS = 2  # of the failing test by itself; with the first run, three
NO_PYTEST = "pytest is not installed in the box: the repository does not bring it. Ask again with --with pytest"


def carry_out(program: Program, question: Optional[str], limit_s: float, patch: str = "") -> Study:
    """See and try all that the time allows. An empty command of the program means: the repository's tests."""
    study = Study(Sources(Path(program.repo)), question or "", program.command, patch=patch)
    running = Running(program, limit_s)
    for step in (_find_failure, _repeat, _contrast, _rank, *([] if patch else [intervene])):
        step(study, running)
        if study.stopped:
            break
    return study


def _find_failure(study: Study, running: Running) -> None:
    """Run the command, or all tests; choose the failure to explain."""
    if study.command:
        first = running.command(study.command, limit_s=running.left_s * 0.4)
    elif not running.has_pytest():
        study.stopped = NO_PYTEST
        return
    else:
        study.why_command = "no command was given: the repository's tests were run"
        first = running.tests((), limit_s=running.left_s * 0.4)
    study.folder = _folder(study, first)
    running.folder = study.folder
    _tell_what_was_not_run(study, first)
    study.stopped = _why_nothing_to_explain(study, first)
    if not study.stopped:
        _choose(study, first)


def _folder(study: Study, first: Tests) -> str:
    where = os.path.relpath(str(first.result.get("folder") or study.sources.repo), str(study.sources.repo))
    return "" if where == "." or where.startswith("..") else where


def _tell_what_was_not_run(study: Study, first: Tests) -> None:
    if first.errors:
        named = ", ".join(f"{name} ({why})" for name, why in sorted(first.errors.items())[:3])
        study.limits.append(f"{len(first.errors)} test files could not be collected: {named}"[:600])
    if first.result.get("stopped"):
        study.limits.append(f"not all tests ran: the time for it was up after {len(first.tests)}")
    if first.result.get("unseen"):
        study.limits.append(str(first.result["unseen"]))


def _why_nothing_to_explain(study: Study, first: Tests) -> str:
    command = f"`{study.command}`" if study.command else "the test suite"
    if first.run.timed_out:
        return f"{command} was {first.run.failure}"
    if not first.tests:
        if "No module named pytest" in first.run.stderr or "pytest: not found" in first.run.stderr:
            return NO_PYTEST
        if first.errors:
            return f"{command} collected no test: {'; '.join(list(first.errors.values())[:2])}"[:500]
        why = "no test was found" if first.under_pytest else first.run.failure or "no Python of the repository ran"
        return f"{command} ran nothing that can be seen: {why}"
    if not first.failing:
        return f"nothing fails: {command} ended with {len(first.passing)} passed" if first.under_pytest else (
            f"nothing fails: {command} ended with exit code 0")  # fmt: skip
    return ""


def _choose(study: Study, first: Tests) -> None:
    """The failure the question means: by shared words, else of the most that fail alike, else the first."""
    asked = words_of(study.question)

    def weight(test: Test) -> Tuple[int, int]:
        alike = sum(same_cause(test, other) for other in first.failing)
        return (len(asked & words_of(f"{test.id} {test.exception}")) if asked else 0, alike)

    study.target = max(first.failing, key=weight)
    alike = [test for test in first.failing if test is not study.target and same_cause(study.target, test)]
    study.cluster = (study.target, *alike)
    study.others = tuple(test for test in first.failing if test not in study.cluster)
    study.passing = tuple(first.passing)
    if study.others:
        study.limits.append(
            f"{len(study.others)} other tests fail otherwise and were left aside: {study.others[0].id}"
            f" ({study.others[0].exception}){' and more' if len(study.others) > 1 else ''}"
        )


def same_cause(first: Test, second: Test) -> bool:
    """One cause per cluster: the same error from the same line of the program or, without one, shared failing lines."""
    if first.exception != second.exception:
        return False
    places = [(f[0]["file"], f[0]["line"]) if f else None for f in (first.program_frames, second.program_frames)]
    if places[0] or places[1]:
        return places[0] == places[1]
    ran = [set(first.ran()), set(second.ran())]
    return len(ran[0] & ran[1]) >= 0.8 * len(ran[0] | ran[1])


def _repeat(study: Study, running: Running) -> None:
    """The target by itself, without following lines: it must fail alike each time."""
    assert study.target is not None
    for _ in range(_REPEATS):
        done = run_target(study, running, limit_s=running.left_s * 0.3)
        study.alone_s = max(study.alone_s, done.run.duration_s)
        again = done.named(study.target.id)
        if again is None:
            study.stopped = f"{study.target.id} could not be run by itself ({done.run.failure or 'it was not found'})"
            return
        study.alone.append(again)
    if study.reproduced < _REPEATS:
        ended = ", ".join(f"{t.outcome} {t.exception}".strip() for t in study.alone)
        study.stopped = (
            f"{study.target.id} fails with {study.target.exception or study.target.outcome} among others, but by"
            f" itself: {ended}. It depends on order, on other tests or on chance, and no single line is to blame"
        )


def _contrast(study: Study, running: Running) -> None:
    """Passing tests that run the same code: of the command, of the same file, of files about it, of the whole suite."""
    assert study.target is not None
    for ids in _wider(study):
        if _passing_alike(study) >= (_PLENTY if ids else LEAST_CONTRAST) or running.left_s < 20:
            break  # the whole suite only where there is next to nothing: it takes longest and adds least
        more = running.tests(ids, limit_s=running.left_s * 0.5)
        _tell_what_was_not_run(study, more)
        known = {test.id for test in (*study.cluster, *study.others, *study.passing)}
        study.passing += tuple(test for test in more.passing if test.id not in known)
    study.seen = spectrum(study.cluster, study.passing)
    if not study.has_contrast:
        study.limits.append(
            f"little contrast: only {study.seen.contrast} passing tests run code that the failing one runs, so most of"
            " the ranking is by traceback and names"
        )


def _wider(study: Study) -> List[List[str]]:
    assert study.target is not None
    if not study.command:
        return []
    own_file = [] if study.is_program else [study.target.id.split("::")[0]]
    ran = {file for file, _ in study.target.ran()}
    about_it = [name for name in related_tests(study.sources.repo, study.folder, ran) if name not in own_file]
    return [*([own_file] if own_file else []), *([about_it] if about_it else []), []]


def _passing_alike(study: Study) -> int:
    """Passing tests that run code of the failing one."""
    return spectrum(study.cluster, study.passing).contrast


def _rank(study: Study, running: Running) -> None:
    assert study.seen is not None
    study.ranked = rank(study.seen, study.sources, study.question)
    if not study.ranked:
        study.stopped = (
            f"{study.target.id if study.target else PROGRAM} fails, but no function of the repository was seen running"
            " in it: the fault is in the test, in a library, in module-level code or in another process"
        )
