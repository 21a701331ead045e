"""The investigation step by step: does it fail under noise, by which shared value, in which window. In the kernel.

The result is a `Study`; `concluding` puts it into words and `picture` draws it.
"""

import re
from typing import Any, Dict, List, Optional, Sequence, Tuple

from debugbox_recipes.ddmin import ddmin
from debugbox_recipes.harness import Program
from debugbox_recipes.source import Source
from debugbox_recipes.windows import around, simple_lines

from .measuring import (
    BROKEN,
    FAILED,
    GOOD,
    HUNG,
    INSTRUCTION,
    LINE,
    RUNS,
    Measuring,
    Outcome,
    failing,
    share,
    text_of,
)
from .study import Study, Trial, Window, together

_NAME = re.compile(r"(?<=[A-Za-z]): ")
_PLAIN, _GATHER, _SLOWED = 4, 3, 4
_NOISE = 6  # runs at each level, up to the first that fails
_FIRST = 4  # runs after which a window where nothing fails is left
_MOST_WINDOWS, _MOST_CONTROLS, _CONTROLS = 12, 6, 3


def carry_out(program: Program, question: Optional[str], limit_s: float) -> Study:
    """Run everything that the time allows."""
    study = Study(program, question, Source(program.repo))
    measuring = Measuring(program, limit_s)
    for step in (_plain, _gather, _noise, _slow_down, _inject, _lock, _control):
        step(study, measuring)
        if study.stopped:
            break
    return study


def _plain(study: Study, measuring: Measuring) -> None:
    """As it is, and with threads one after another: the latter says what a good run is."""
    plain: List[Outcome] = []
    while len(plain) < _PLAIN and not (plain and plain[-1].state == HUNG):
        plain.append(measuring.plain())
    if plain[0].run.exit_code == 127:
        study.stopped = f"the command cannot be run: {plain[0].run.failure}"
    elif plain[-1].state == HUNG:
        study.stopped = "the command does not end by itself in time; the recipe hang looks into that"
    if study.stopped:
        return
    serial = [measuring.serial() for _ in range(2)]
    _choose_reference(study, measuring, plain, serial)
    plain, serial = ([measuring.judged(each.run) for each in some] for some in (plain, serial))
    study.trials += [Trial("as it is", plain, "plain"), Trial("threads one after another", serial, "serial")]
    study.by_itself = failing(plain) == len(plain)
    if study.by_itself and not any(each.state == GOOD for each in serial):
        study.stopped = "it fails in every run, also with its threads one after another: that is no race"


def _choose_reference(study: Study, measuring: Measuring, plain: List[Outcome], serial: List[Outcome]) -> None:
    for name, runs in (("serial", serial), ("plain", plain)):
        if all(each.state == GOOD for each in runs) and len({each.text for each in runs}) == 1:
            study.reference, measuring.reference = name, text_of(runs[0].run)
            return
    study.reference = "exit"
    study.limits.append("equal runs do not print the same, so only how the command ends is judged")


def _gather(study: Study, measuring: Measuring) -> None:
    """Values that threads share without a lock, in some runs with pauses between lines."""
    runs = [measuring.noisy(LINE, seed, gather=True) for seed in range(_GATHER)]
    threads = max((int(each.result.get("threads", 0)) for each in runs), default=0)
    broken = next((each.why for each in runs if each.state == BROKEN), "")
    if broken:
        study.stopped = f"its threads could not be observed: {broken}"
    elif not any(each.run.results for each in runs):
        study.stopped = "it starts no Python that could be observed"
    elif threads < 2:
        study.stopped = "only one thread runs the repository's code: there is nothing to race with"
    for each in runs:
        for unit in each.result.get("units", ()):
            known = study.units.setdefault(unit["unit"], [])
            known += [row for row in unit["accesses"] if row not in known]
        study.ran += [(file, line) for file, line in each.result.get("ran", ()) if (file, line) not in study.ran]
    for rows in study.units.values():
        rows.sort()
    study.windows = _windows(study)
    if study.by_itself and not study.windows and not study.stopped:
        study.stopped = _nothing_shared(study)


def _windows(study: Study) -> List[Window]:
    """For each function, the statements around all its uses of a value; where that cannot be, each statement."""
    found: Dict[Tuple[str, int, int], Window] = {}
    for unit, rows in sorted(study.units.items()):
        for (file, _), lines in _by_function(study, rows).items():
            for first, last in _ranges(study, file, sorted(lines)):
                inside = [line for line in lines if first <= line <= last]
                written = [line for line in inside if lines[line]] or inside
                known = found.get((file, first, last))
                units = (*known.units, unit) if known else (unit,)
                named = known.named if known else min(written)
                found[file, first, last] = Window(file, first, last, named, units)
    return sorted(found.values(), key=lambda each: (not _writes(study, each), str(each)))[:_MOST_WINDOWS]


def _writes(study: Study, window: Window) -> bool:
    rows = [row for unit in window.units for row in study.units[unit]]
    return any(write and file == window.file and window.line <= line <= window.last for file, line, write, _ in rows)


def _by_function(study: Study, rows: Sequence[Any]) -> Dict[Tuple[str, str], Dict[int, bool]]:
    """Lines of each function, and whether they write."""
    found: Dict[Tuple[str, str], Dict[int, bool]] = {}
    for file, line, write, _ in rows:
        lines = found.setdefault((file, study.source.function_at(file, line)), {})
        lines[line] = lines.get(line, False) or write
    return found


def _ranges(study: Study, file: str, lines: Sequence[int]) -> List[Tuple[int, int]]:
    tree = study.source.tree(file)
    whole = around(tree, lines)
    each = [around(tree, [line]) for line in lines]
    return [whole] if whole else sorted({window for window in each if window})


def _noise(study: Study, measuring: Measuring) -> None:
    """Pauses anywhere: between lines, then between instructions."""
    if study.by_itself:
        return
    for level, name in ((LINE, "pauses between lines"), (INSTRUCTION, "pauses between instructions")):
        runs: List[Outcome] = []
        while len(runs) < _NOISE and not failing(runs) and measuring.has_time_for(RUNS):
            runs.append(measuring.noisy(level, len(runs)))
        study.trials.append(Trial(name, runs, "noise"))
        if sum(each.state == HUNG for each in runs) > len(runs) // 2:
            study.stopped = "with pauses it does not end any more; the recipe hang looks into that"
            return
    if not study.windows:
        study.stopped = _nothing_shared(study)


def _nothing_shared(study: Study) -> str:
    what = "all that was seen of values that threads share is used under a common lock"
    if any(trial.share != "none" for trial in study.trials):
        return (
            f"it fails, but not with its threads one after another; yet {what}: it may depend on the time, or on order"
        )
    return f"{what}, and no run with pauses failed"


def _slow_down(study: Study, measuring: Measuring) -> None:
    """The same pauses, but nobody is let in: who fails now depends on the time, not on other threads."""
    if study.by_itself:
        return
    runs = [measuring.noisy(INSTRUCTION, seed, spin=True) for seed in range(_SLOWED)]
    study.trials.append(Trial("slowed down, nobody let in", runs, "slowed"))
    if failing(runs) > len(runs) // 2:
        study.stopped = (
            "it fails as well when it is only slowed down and no other thread is let in between: it depends on the"
            " time that something takes, not on what threads do at the same time"
        )


def _inject(study: Study, measuring: Measuring) -> None:
    """Pauses in all windows; where most runs do not fail then, in each alone: they may be in each other's way."""
    if study.by_itself:
        study.failing = study.trial("plain")[0]
        return
    if _settled(study, _paused(study, measuring, study.windows), study.windows):
        return
    for window in study.windows if len(study.windows) > 1 else ():
        if not measuring.has_time_for(4 * RUNS):
            study.limits.append("no time was left to pause in every window")
            break
        if _settled(study, _paused(study, measuring, [window]), [window]):
            return
    study.stopped = _not_brought_about(study)


def _settled(study: Study, trial: Trial, windows: List[Window]) -> bool:
    """Whether it can be judged by pauses in these windows: most runs fail then."""
    if trial.share != "most":
        return False
    study.noisy, study.failing = list(windows), trial
    study.message = _common([each.why for each in trial.outcomes if each.state == FAILED])
    return True


def _common(messages: Sequence[str]) -> str:
    """What all failures say, or how all begin (an exception's name), or nothing."""
    for said in (messages, [_NAME.split(each)[0] for each in messages]):
        if len(set(said)) == 1:
            return said[0]
    return ""


def _paused(study: Study, measuring: Measuring, windows: List[Window]) -> Trial:
    places = study.places(windows)
    outcomes = measuring.several(places, runs=_FIRST)
    if failing(outcomes):
        outcomes = [*outcomes, *measuring.several(places)[: RUNS - len(outcomes)]]
    study.trials.append(Trial(f"pauses in {together(windows)}", outcomes, "window"))
    return study.trials[-1]


def _not_brought_about(study: Study) -> str:
    names = ", ".join(sorted(study.units)[:4])
    seen = f"threads use {names} without a common lock"
    if any(trial.share != "none" for trial in study.trial("noise") + study.trial("window")):
        return f"{seen}, and some runs with pauses fail, but no window was found in which pauses make most runs fail"
    return f"{seen}, but no run with pauses failed: nothing shows that it matters"


def _lock(study: Study, measuring: Measuring) -> None:
    """One lock around the windows: the fewest with which no run fails."""
    for windows in (study.windows, _narrow(study, study.windows)):
        if not measuring.has_time_for(RUNS):
            _give_up(study, "no time was left to see whether a lock makes it end well")
            return
        if _cured(study, measuring, windows):
            break
    else:
        _give_up(study, "no lock around the windows makes it end well, so none is shown to be the cause")
        return
    found = ddmin(windows, lambda some: bool(some) and _cured(study, measuring, some),
                  go_on=lambda: measuring.has_time_for(RUNS))  # fmt: skip
    if found is None or not found.complete:
        study.limits.append("the time was up before the fewest windows were found")
    study.locked = list(found.kept) if found is not None else list(windows)
    for window in study.locked if len(study.locked) > 1 else ():
        others = [each for each in study.locked if each is not window]
        study.needed[str(window)] = not _cured(study, measuring, others)
    _limit(study, measuring)
    if _cured(study, measuring, study.locked):
        study.proven = Trial(f"the same, locked: {together(study.locked)}", _locked_runs(study, study.locked), "locked")
        study.trials.append(study.proven)


def _give_up(study: Study, why: str) -> None:
    study.limits.append(why)
    study.stopped = why if study.by_itself else ""


def _limit(study: Study, measuring: Measuring) -> None:
    """Pauses in these windows alone: does it fail as before? Then it is judged by them."""
    if study.by_itself or len(study.noisy) == len(study.locked) or not measuring.has_time_for(2 * RUNS):
        return
    if not _settled(study, _paused(study, measuring, study.locked), study.locked):
        study.limits.append(
            "pauses in these windows alone make some runs fail, pauses in others that threads share most"
        )


def _cured(study: Study, measuring: Measuring, windows: Sequence[Window]) -> bool:
    key = _key(study, windows)
    if key not in study.locks:
        places = study.places(list(windows))
        study.locks[key] = measuring.several(study.places(study.noisy), places, until_failure=True)
    return all(each.state == GOOD for each in study.locks[key])


def _locked_runs(study: Study, windows: Sequence[Window]) -> List[Outcome]:
    return study.locks[_key(study, windows)]


def _key(study: Study, windows: Sequence[Window]) -> Tuple[str, ...]:
    return (*map(str, study.noisy), "locked", *map(str, windows))


def _narrow(study: Study, windows: List[Window]) -> List[Window]:
    """Each statement by itself: a wider one may hold what waits for another thread."""
    found: Dict[str, Window] = {}
    for window in windows:
        rows = [row for unit in window.units for row in study.units[unit] if row[0] == window.file]
        for line in sorted({row[1] for row in rows if window.line <= row[1] <= window.last}):
            one = around(study.source.tree(window.file), [line])
            if one:
                narrow = Window(window.file, one[0], one[1], line, window.units)
                found[str(narrow)] = narrow
    return list(found.values())


def _control(study: Study, measuring: Measuring) -> None:
    """A lock around other statements that threads run: it must fail as before."""
    if not study.proof:
        return
    for file, line in _elsewhere(study)[:_MOST_CONTROLS]:
        if len(study.controls) == _CONTROLS or not measuring.has_time_for(RUNS):
            break
        place = [{**study.place(file, line), "last": line}]
        outcomes = measuring.several(study.places(study.noisy), place)
        acted = all(each.result.get("entered", {}).get(f"{file}:{line}") for each in outcomes)
        if acted and share(outcomes) == "most":
            study.controls.append((file, line))
            study.trials.append(Trial(f"the same, locked: {file}:{line}", outcomes, "control"))


def _elsewhere(study: Study) -> List[Tuple[str, int]]:
    """Simple statements that threads ran outside all windows, of other functions first."""
    inside = {(each.file, line) for each in study.windows for line in range(each.line, each.last + 1)}
    known = {file: set(simple_lines(study.source.tree(file))) for file in {file for file, _ in study.ran}}
    rest = [(file, line) for file, line in sorted(set(study.ran) - inside) if line in known[file]]
    here = {(each.file, study.source.function_at(each.file, each.line)) for each in study.locked}
    return sorted(rest, key=lambda each: (each[0], study.source.function_at(*each)) in here)
