"""How the two runs end as they are, and what tells their ends apart. In the kernel."""

import contextlib
from typing import Any

from debugbox_recipes.endings import Ending
from debugbox_recipes.trees import Trees, moved_to

from .measuring import Measuring
from .outcome import echo_of, outcome_of
from .study import Study


def open_commit(study: Study, revision: str, folders: contextlib.ExitStack) -> bool:
    """The same command in a folder with the files of a commit."""
    try:
        trees = Trees(study.program.repo, study.program.command)
        name = trees.git.find(revision)
    except (OSError, KeyError, ValueError):
        name = ""
    if not name:
        study.stopped = f"{revision} names no commit in the box: ask with --good REV, which brings the history in"
        return False
    study.commit = name
    study.other = moved_to(folders.enter_context(trees.folder(name)), study.program)
    return True


def plain_runs(study: Study, measuring: Measuring) -> None:
    """A/A: each of the two twice as it is; and what tells their ends apart."""
    assert study.other is not None
    study.mine = [measuring.plain(study.program) for _ in range(2)]
    study.theirs = [measuring.plain(study.other) for _ in range(2)]
    for runs, which in ((study.mine, "the command"), (study.theirs, study.other_words)):
        if any(each.exit_code is None for each in runs):
            study.stopped = f"{which} does not end (the recipe hang looks into that)"
        elif said_by(runs[0]) != said_by(runs[1]):
            study.stopped = f"two equal runs of {which} end differently: it depends on chance (the recipe nondet)"
        if study.stopped:
            return
    _tell_apart(study)


def _tell_apart(study: Study) -> None:
    assert study.other is not None
    if study.theirs[0].failed and not study.mine[0].failed and not study.commit:
        study.program, study.other = study.other, study.program
        study.mine, study.theirs = study.theirs, study.mine
        study.limits.append(f"looked at is the run that fails: `{study.program.command}`")
    mine, theirs = study.mine[0], study.theirs[0]
    echo = [] if study.commit else echo_of(study.program.command, study.other.command)
    study.outcome = outcome_of(mine, theirs, study.question, echo)
    if study.outcome is None and theirs.failed:
        study.stopped = f"{study.other_words} {theirs.words} too, so there is nothing that the run could follow"
        if not mine.failed:
            study.stopped = f"{study.other_words} {theirs.words} and the run here does not: ask about that one"
    elif study.outcome is None:
        study.stopped = f"the two runs end alike: each {mine.words}"


def said_by(ending: Ending) -> Any:
    """All that equal runs have in common."""
    return ending.exit_code, ending.error, ending.lines, ending.failing
