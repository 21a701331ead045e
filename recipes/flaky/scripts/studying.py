"""The investigation: which test is flaky, by order or by chance, and what lets it. In the kernel.

The result is a `Study`; `concluding` puts it into words and `picture` draws it.
"""

import os
import shlex
from dataclasses import replace
from typing import Any, List, Optional, Sequence, Tuple

import debugbox_recipes
from debugbox_recipes.harness import Program
from debugbox_recipes.sinks import words_of

from .measuring import Measuring
from .study import CHANCE, CONTROL, NEEDY, POLLUTED, Study, Unit

_LEVELS, _TIMES, _PUT_BACK = 6, 10, 20
_INNOCENT = 8  # other tests that are left before the victim, as a control
_EVERYTHING = ["hash order", "random numbers", "clock", "time zone", "directory order", "process id", "addresses"]


def carry_out(program: Program, question: str, limit_s: float) -> Study:
    """Run everything that the time allows."""
    study = Study(program, question)
    measuring = Measuring(program, limit_s)
    for step in (_survey, _choose, _by_chance, _search, _state, _rates):
        step(study, measuring)
        if study.stopped:
            break
    return study


def _survey(study: Study, measuring: Measuring) -> None:
    said = measuring.ask({"survey": {}}, share=0.4)
    study.stopped = said["trouble"]
    if study.stopped:
        return
    study.tests, study.folder = said["tests"], said.get("folder", "")
    study.runs, study.alone = said.get("runs") or [], said.get("alone") or {}
    if not study.runs or not study.runs[0]["ended"]:
        study.stopped = "the tests did not end in the time there was"
    if len(study.alone) < len(study.tests):
        study.limits.append(f"only {len(study.alone)} of {len(study.tests)} tests were run alone: the time was up")


def _choose(study: Study, measuring: Measuring) -> None:
    """The test with more than one ending that the question means; else the one it names."""
    mixed = [test for test in study.tests if study.is_mixed(test)]
    asked = words_of(study.question)

    def weight(test: str) -> Tuple[int, int]:
        return len(asked & words_of(test)), -study.tests.index(test)

    if mixed:
        study.victim = max(mixed, key=weight)
        study.kind = _kind(study)
        if len(mixed) > 1:
            study.limits.append(f"{len(mixed) - 1} other tests are flaky too, as {_other(mixed, study.victim)}")


def _other(tests: Sequence[str], chosen: str) -> str:
    return next(test for test in tests if test != chosen)


def _kind(study: Study) -> str:
    outcomes = study.outcomes(study.victim)
    if any({"passed", "failed"} <= set(ended) for name, ended in outcomes.items() if name == "in order"):
        return CHANCE
    alone = outcomes.get("alone") or [""]
    return NEEDY if alone[0] == "failed" else POLLUTED if alone[0] == "passed" else CHANCE


def _by_chance(study: Study, measuring: Measuring) -> None:
    """No order tells anything: the suite at other levels of chance, then the factor and the lines, as `nondet` does."""
    if study.kind not in ("", CHANCE):
        return
    if not study.victim and not _at_levels(study, measuring):
        study.stopped = _never(study)
        return
    study.kind = CHANCE
    nondet = debugbox_recipes.Recipe("nondet")._module()
    where = os.path.join(study.folder, study.victim) if study.folder else study.victim
    command = f"python -m pytest -q -p no:cacheprovider {shlex.quote(where)}"
    program = replace(study.program, command=command)
    study.chance = nondet.carry_out(program, study.question, nondet.EXIT, max(20.0, measuring.left_s))
    runs = {"plain": study.chance.natural, "all held": study.chance.held}
    runs.update({f"{factor.name} varied": factor.outcomes for factor in study.chance.factors})
    runs.update({"lines pinned": study.chance.proven} if study.chance.proven else {})
    study.rates = {name: (sum(o.run.exit_code != 0 for o in some), len(some)) for name, some in runs.items() if some}
    study.rates.pop("plain")  # it is another number each time


def _at_levels(study: Study, measuring: Measuring) -> bool:
    """Whether a test ends otherwise when hash seed, entropy, clock, zone and directory order are varied together."""
    ended: List[Any] = []
    for level in range(_LEVELS):
        if level > 1 and measuring.left_s < 100:
            break
        variables = {"PYTHONHASHSEED": str(level), "TZ": ("UTC0", "IST-5:30", "PST8")[level % 3]}
        chance = {"level": level, "vary": _EVERYTHING}
        plan = {"chance": chance, "only": study.tests}
        variables["PYTEST_ADDOPTS"] = f"{os.environ.get('PYTEST_ADDOPTS', '')} --assert=plain -p no:randomly"
        said = measuring.ask(plan, share=0.3, variables=variables)
        ended.append({each["id"]: each["outcome"] for each in said.get("ended") or ()})
    mixed = [t for t in study.tests if {"passed", "failed"} <= {run.get(t) for run in ended}]
    asked = words_of(study.question)
    study.victim = max(mixed, key=lambda test: len(asked & words_of(test)), default="")
    return bool(mixed)


def _never(study: Study) -> str:
    failing = [test for test in study.tests if "failed" in str(study.outcomes(test))]
    runs = len(study.runs) + 1 + _LEVELS
    if failing:
        return (
            f"no test is flaky here: {len(failing)} fail in every order and alone, as {failing[0]}, and that in {runs}"
            " runs (the recipe suspects explains a test that always fails)"
        )
    return (
        f"no test failed in {runs} runs (in order, reversed, shuffled, alone, with hash seed, random numbers, clock and"
        f" time zone varied): a test that is flaky fails in less than {min(1.0, 3 / runs):.0%} of runs like these"
    )


def _search(study: Study, measuring: Measuring) -> None:
    """The fewest tests before the victim that make it end so."""
    if study.kind == CHANCE:
        return
    wanted = "failed" if study.kind == POLLUTED else "passed"
    for run in study.runs:
        ended = {each["id"]: each for each in run["ended"]}
        if study.victim in ended and ended[study.victim]["outcome"] == wanted:
            study.before = run["ids"][: run["ids"].index(study.victim)]
            study.message = ended[study.victim].get("message", "")
            break
    plan = {"victim": study.victim, "before": study.before, "outcome": wanted}
    said = measuring.ask({"search": plan}, share=0.4)
    study.matter, study.complete = said.get("kept") or [], bool(said.get("complete"))
    if study.matter and not study.complete:
        study.limits.append("the time was up before the fewest tests were found: not all that are named need matter")
    if study.kind == NEEDY:
        study.message = (study.alone.get(study.victim) or {}).get("message", "")
    if not study.matter:
        _not_the_order(study, measuring, wanted)


def _not_the_order(study: Study, measuring: Measuring, wanted: str) -> None:
    """In another order it ended otherwise, and again in that order it does not: was that chance?"""
    study.kind = CHANCE
    _by_chance(study, measuring)
    if study.chance is None or not any(factor.guilty for factor in study.chance.factors):
        study.stopped = (
            f"{study.victim} ends otherwise in another order, but the tests before it do not make it {wanted} again in"
            " a process of their own: threads, time or something outside the process"
        )


def _state(study: Study, measuring: Measuring) -> None:
    """What those tests leave behind, and what of it the victim sees."""
    if study.kind == CHANCE:
        return
    innocent = [test for test in study.before if test not in study.matter][:_INNOCENT]
    chosen = {*study.matter, *innocent}
    for before in ([test for test in study.before if test in chosen], study.matter):
        study.around = list(before)
        said = measuring.ask({"state": {"victim": study.victim, "before": study.around}}, share=0.5)
        if said.get("plain") == ("failed" if study.kind == POLLUTED else "passed"):
            break
    rows = {row["path"]: row for row in said.get("left_behind") or ()}
    writers, needed = said.get("writers") or {}, said.get("needed") or []
    units = [Unit(p, row["before"], row["after"], tuple(writers.get(p) or ())) for p, row in rows.items()]
    study.needed = [unit for unit in units if unit.path in needed]
    study.others = [unit for unit in units if unit.path not in needed and unit.stack]
    study.complete = study.complete and bool(said.get("complete"))
    if not rows:
        why = said.get("trouble") or "the time was up, or they leave nothing behind that a module holds"
        study.limits.append(f"what those tests leave behind was not seen: {why}")
    elif not study.needed:
        study.limits.append(
            f"of {len(units)} pieces of state that those tests leave behind, none put back changes how the test ends:"
            " files, C code, threads, or objects that no module holds"
        )


def _rates(study: Study, measuring: Measuring) -> None:
    """How often it fails, many times each."""
    if study.kind == CHANCE:
        return
    order = [*study.around, study.victim]
    wanted: List[Any] = [
        {"name": "alone", "order": [study.victim], "times": _TIMES},
        {"name": study.after, "order": order, "times": _TIMES},
    ]
    if study.needed:
        paths = [unit.path for unit in study.needed]
        wanted.append({"name": study.restored, "order": order, "times": _PUT_BACK, "restore": paths})
    if study.others:
        paths = [unit.path for unit in study.others]
        wanted.append({"name": CONTROL, "order": order, "times": _TIMES, "restore": paths})
    for name, ended in measuring.repeat(wanted).items():
        study.rates[name] = (ended.count("failed"), len(ended))
    if study.any_helps:
        study.limits.append(
            "other state put back helps as well: it may be how much is left behind that matters, not this piece"
        )


def line_of_test(test: str) -> Optional[Tuple[str, str]]:
    """File and function of a test's id."""
    file, _, rest = test.partition("::")
    return (file, rest.split("[")[0].replace("::", ".")) if rest else None
