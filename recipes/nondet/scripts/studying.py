"""The investigation: do runs differ, by which factor, and which lines let it in. In the kernel.

The result is a `Study`; `concluding` puts it into words and `picture` draws it.
"""

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set

from debugbox_recipes.ddmin import ddmin
from debugbox_recipes.entropy import CLOCK, ZONE
from debugbox_recipes.harness import Program

from .measuring import ALWAYS, EXIT, FACTORS, LEVELS, Measuring, Outcome, distinct, joined
from .study import Factor, Rows, Study, place

_NATURAL, _HELD = 6, 3
_QUICK = 4  # levels of a factor at least, where two outputs differ
_FIRST = 5  # levels of each factor before any gets more
_CONTROLS = 4
_FEW = 8  # lines that are worth naming where the search had no time to leave out more


def carry_out(program: Program, question: Optional[str], output: str, limit_s: float) -> Study:
    """Run everything that the time allows."""
    study = Study(program, question, output)
    measuring = Measuring(program, limit_s, output)
    for step in (_natural, _hold, _vary, _locate, _prove, _control):
        step(study, measuring)
        if study.stopped:
            break
    return study


def source_line(repo: Any, file: str, line: int) -> str:
    """The stripped text of a line of the repository, or '' where it is not there."""
    try:
        lines = (Path(repo) / file).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def _natural(study: Study, measuring: Measuring) -> None:
    """Plain runs until two differ."""
    for _ in range(_NATURAL):
        study.natural.append(measuring.natural())
        if study.natural[-1].trouble:
            study.stopped = f"`{study.program.command}` was {study.natural[-1].trouble}"
            return
        if study.differs_by_itself or not measuring.has_time_for(4 * LEVELS):
            return


def _hold(study: Study, measuring: Measuring) -> None:
    """Everything at level 0: what comes out must be the same each time, or nothing can be said about a factor."""
    study.held = [measuring.at(0, ()) for _ in range(_HELD)]
    ended = {each.run.exit_code for each in (*study.held, study.natural[0])}
    if study.output != EXIT and len(ended) > 1:
        why = study.held[0].run.failure or "it ended otherwise"
        study.limits.append(f"with everything held the program ends otherwise than by itself: {why}")
    if study.repeatable:
        return
    if len({each.without_addresses() for each in study.held}) == 1:
        study.stopped = (
            "runs differ only by memory addresses in the output, as in `<... object at 0x...>`: objects are printed"
            " that say nothing better of themselves"
        )
        return
    _by_address(study, measuring)


def _by_address(study: Study, measuring: Measuring) -> None:
    """Held runs differ: by addresses, where lines pinned at level 0 help, else by what is not seen here."""
    sites = joined(study.held)
    pinned = [measuring.at(0, (), sites) for _ in range(_HELD)]
    if sites and distinct(pinned) == 1:
        study.by_address, study.sites, study.levels = True, list(sites), study.held
        return
    study.stopped = (
        "runs differ even with hash seed, random numbers, clock, time zone and directory order held: threads, timing,"
        " other processes, C code, or a library that the repository's lines do not call directly"
    )


def _vary(study: Study, measuring: Measuring) -> None:
    """Each factor alone, all others held."""
    if study.by_address:
        return
    seen = {factor for row in joined(study.held) for factor in row["factors"]}
    study.factors = [Factor(name, [study.held[0]]) for name in FACTORS if name in ALWAYS or name in seen]
    for levels in (_FIRST, LEVELS):
        for factor in study.factors:
            _vary_one(study, measuring, factor, levels)
        if study.guilty:
            break
    if not study.guilty:
        _say_nothing_varies(study)
        return
    study.levels = [study.held[0], *(measuring.at(level, study.guilty) for level in range(1, LEVELS))]


def _vary_one(study: Study, measuring: Measuring, factor: Factor, levels: int) -> None:
    while len(factor.outcomes) < levels and not (factor.guilty and len(factor.outcomes) >= _QUICK):
        if not measuring.has_time_for(2 * LEVELS):
            study.limits.append(f"no time was left to vary {factor.name} more than {len(factor.outcomes)} times")
            return
        factor.outcomes.append(measuring.at(len(factor.outcomes), (factor.name,)))


def _say_nothing_varies(study: Study) -> None:
    runs = sum(len(factor.outcomes) for factor in study.factors)
    if study.differs_by_itself and len({each.without_addresses() for each in study.natural}) == 1:
        study.stopped = "runs differ only by memory addresses in the output"
    elif study.differs_by_itself:
        study.stopped = (
            "plain runs differ, but no factor that can be varied changes the output: threads, timing, or something"
            " outside the process"
        )
    else:
        study.stopped = f"no two runs differ: {len(study.natural)} plain ones and {runs} with factors varied"


def _locate(study: Study, measuring: Measuring) -> None:
    """The fewest lines that, pinned, make the output one."""
    if not study.by_address:
        everything = joined([*study.held, *study.levels, *(o for f in study.factors for o in f.outcomes)])
        study.sites = [row for row in everything if set(row["factors"]) & _letting_in(study)]
        study.others = [row for row in everything if not set(row["factors"]) & _letting_in(study)]
    study.all_pinned = distinct([_measure(study, measuring, level, study.sites) for level in range(_QUICK)])
    if not study.sites or study.all_pinned > 1:
        study.stopped = ""
        study.limits.append(_why_no_lines(study))
        return
    agree = Agreement(study, measuring)
    found = ddmin(study.sites, agree, go_on=lambda: measuring.has_time_for(4 * LEVELS))
    if found is not None:
        few = found.complete or len(found.kept) <= _FEW
        study.minimal, study.complete = list(found.kept) if few else [], found.complete
    if found is None or not found.complete:
        study.limits.append("the time was up before the fewest lines were found")


def _letting_in(study: Study) -> Set[str]:
    """The guilty factors; what reads the clock may depend on the time zone."""
    return {*study.guilty, CLOCK} if ZONE in study.guilty else set(study.guilty)


class Agreement:
    """Whether all levels give the same output with these lines pinned."""

    def __init__(self, study: Study, measuring: Measuring) -> None:
        self.study, self.measuring = study, measuring
        self.order = list(range(1, LEVELS))

    def __call__(self, pins: Sequence[Mapping[str, Any]]) -> bool:
        first = _measure(self.study, self.measuring, 0, pins)
        if self.study.output != EXIT and first.run.exit_code != self.study.held[0].run.exit_code:
            return False
        for level in list(self.order):
            if _measure(self.study, self.measuring, level, pins).differs_from(first):
                self.order.remove(level)
                self.order.insert(0, level)  # a level that told once tells again
                return False
        return True


def _why_no_lines(study: Study) -> str:
    named = ", ".join(study.guilty)
    if not study.sites:
        return f"{named}: no line of the repository takes from it directly; a library does"
    return (
        f"with all {len(study.sites)} lines pinned that take from {named}, outputs still differ: part of it comes in"
        " through a library, or through sets that C code makes"
    )


def _measure(study: Study, measuring: Measuring, level: int, pins: Sequence[Mapping[str, Any]]) -> Outcome:
    return measuring.at(0 if study.by_address else level, study.guilty, quoted(study, pins))


def quoted(study: Study, rows: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """Rows as places."""
    repo = study.program.repo
    return [
        {"file": row["file"], "line": row["line"], "function": row.get("function", ""),
         "quote": source_line(repo, row["file"], row["line"])}
        for row in rows
    ]  # fmt: skip


def _prove(study: Study, measuring: Measuring) -> None:
    """The minimal lines at all levels, and all of them but one."""
    if not study.minimal:
        return
    study.proven = [_measure(study, measuring, level, study.minimal) for level in range(LEVELS)]
    if len(study.minimal) == 1:
        study.without[place(study.minimal[0])] = distinct(study.levels)
        return
    for row in study.minimal:
        rest = [other for other in study.minimal if other is not row]
        if not measuring.has_time_for(LEVELS):
            study.limits.append("no time was left to try each line's part in it")
            return
        study.without[place(row)] = distinct([_measure(study, measuring, level, rest) for level in range(LEVELS)])


def _control(study: Study, measuring: Measuring) -> None:
    """Other lines that take from chance, pinned: nothing must change."""
    if not study.minimal:
        return
    chosen = {place(row) for row in study.minimal}
    rest: Rows = [row for row in [*study.sites, *study.others] if place(row) not in chosen]
    acting = {row["pin"] for row in _measure(study, measuring, 1, rest).sites if row["pin"] and row["changed"]}
    rest = [row for row in rest if place(row) in acting]
    agree = Agreement(study, measuring)
    for row in rest if len(study.minimal) == 1 else []:
        if not measuring.has_time_for(4 * LEVELS):
            study.limits.append("no time was left to see whether other lines would do as well")
            break
        if set(row["factors"]) & _letting_in(study) and agree([row]):
            study.as_well.append(row)
    study.others = [row for row in rest if row not in study.as_well]
    for row in study.others[:_CONTROLS]:
        if not measuring.has_time_for(2 * LEVELS):
            return
        outcomes = [_measure(study, measuring, level, [row]) for level in range(_QUICK)]
        changed = sum(each["changed"] for outcome in outcomes for each in outcome.sites if each["pin"])
        study.controls[place(row)] = (distinct(outcomes), changed)
