"""The investigation itself, step by step: size knob, counts, caller attribution, the clock, memoising. In the box.

The result is a `Study`; `concluding` puts it into words and `picture` draws it.
"""

import ast
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.fitting import exponent, shares
from debugbox_recipes.harness import Program
from debugbox_recipes.knob import Knob, candidates

from .attributing import cause_of, descend, functions_below, is_dispatcher, levels, reached
from .measuring import Counted, Measuring
from .study import Study, Trial

_MEMOISED = 4
_CONTROLS, _CONTROLS_FOUND = 12, 4
_CLOCK_EVENTS = 8e7  # of the longest plain run: about a second, where the work is Python's
_CLOCK_LONGEST_S = 6.0
_CLOCK_S = 0.4  # seconds from which the clock means something
_CLOCK_DOUBLINGS = 8
_LEAST_HOT = 0.03  # of the work at ten times the size
_FASTER = 2.6  # at double the size: linear work takes twice as long


def carry_out(program: Program, question: Optional[str], size: Optional[int], limit_s: float) -> Study:
    """Run everything that the time allows."""
    study = Study(program, question)
    measuring = Measuring(program, limit_s)
    for part in (_choose_knob, _climb, _clock, _attribute, _memoise):
        part(study, measuring, size)
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


def _choose_knob(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    """The candidate that changes the work most when it is halved."""
    found = candidates(study.program.command, study.program.repo, size)
    if len(found) <= 1:
        study.knob = found[0] if found else None
    else:
        effects = [(_effect(measuring, knob), -knob.rank, -n) for n, knob in enumerate(found)]
        best = max(effects)
        study.knob = found[-best[2]] if best[0] > 0.02 else None
    if study.knob is None:
        _fixed_size(study, measuring)


def _effect(measuring: Measuring, knob: Knob) -> float:
    """How much less work a quarter of an eighth is than an eighth, as a share, to one digit."""
    large = measuring.count(knob, max(2, knob.base // 8))
    small = measuring.count(knob, max(1, knob.base // 32))
    if large.trouble or small.trouble or not large.work:
        return -1.0
    return round(1.0 - small.work / large.work, 1)


def _fixed_size(study: Study, measuring: Measuring) -> None:
    """Nothing to turn: where the time goes at the size there is."""
    study.stopped = "no size knob was found: no number in the command or the script changes the work"
    run = measuring.count(None, 0, timed=True, most=20_000_000)
    if run.result is None or (run.trouble and not run.result["partial"]):
        study.stopped = f"`{study.program.command}` cannot be counted: {run.trouble}"
        return
    study.rungs = [run]
    study.slow_lines = _by_time([run])


def _by_time(rungs: Sequence[Counted]) -> List[Tuple[str, float]]:
    seconds = rungs[-1].by_line("seconds")
    return shares({place: [value] * 3 for place, value in seconds.items()})[:10]


def _climb(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    assert study.knob is not None
    study.rungs, why = measuring.ladder(study.knob)
    if why:
        study.stopped = f"cannot measure: {why} ({study.knob.words})"
        return
    study.rungs = study.rungs[-5:]
    again = measuring.count(study.knob, study.rungs[0].size)
    if again.work != study.rungs[0].work:
        study.limits.append("two runs at the same size differ in their counts: the program is not deterministic")


def _clock(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    """Do plain runs, at sizes large enough for the clock, grow as the counts do?"""
    assert study.knob is not None
    now = study.rungs[-3].size
    while study.superlinear and not study.exponential and _events(study, 4 * now) < _CLOCK_EVENTS:
        now *= 2
    seconds: List[float] = []
    while measuring.left_s > 40 and len(seconds) < (3 if study.superlinear else _CLOCK_DOUBLINGS):
        took = measuring.seconds(study.knob, now)
        if took is None:
            break
        seconds.append(took)
        study.clock_size = now
        if took > _CLOCK_LONGEST_S or (took > 3 * _CLOCK_S and len(seconds) >= 3):
            break
        now *= 2
    study.clock = _compared(study, seconds)
    if study.clock == "disagrees":
        study.limits.append("the clock does not grow as the counts do: most of the time is spent elsewhere")


def _events(study: Study, size: int) -> float:
    return float(study.work[-1] * (size / study.rungs[-1].size) ** max(1.0, study.power))


def _compared(study: Study, seconds: Sequence[float]) -> str:
    """In classes with room between them, for the clock is never twice the same."""
    if len(seconds) < 3 or seconds[-1] - seconds[-3] < _CLOCK_S / 2:
        return "unknown"
    power = exponent(seconds)
    if study.superlinear:
        return "agrees" if power >= 1 + 0.4 * (study.power - 1) else "disagrees"
    return "more" if power >= study.power + 0.4 and power >= 1.5 else "agrees"


def _attribute(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    if study.superlinear:
        sites = levels(study.rungs)
        study.chain = descend(sites)
        study.hot = _hot_line(study)
        study.cause = cause_of(study.chain, study.power)
        study.dispatched = study.cause is not None and is_dispatcher(study.cause, sites, study.program.repo)
    elif study.by_clock:
        assert study.knob is not None
        sizes = (max(1, study.clock_size // 2), study.clock_size)  # where plain runs were seen to grow
        rungs = [measuring.count(study.knob, size, timed=True, most=10**8) for size in sizes]
        timed = [rung.by_line("seconds") for rung in rungs if not rung.trouble]
        study.slow_lines = _growing_lines(timed) if len(timed) == 2 else []


def _hot_line(study: Study) -> str:
    """The line with most work at ten times the size, of the function that the chain leads to.

    Where that function leaves nearly all of it to what it calls, a line of those.
    """
    function = reached(study.chain)
    for line, share in study.ahead:
        if share >= _LEAST_HOT and f"{line.rpartition(':')[0]}:{study.functions.get(line)}" == function:
            return line
    return study.ahead[0][0]


def _growing_lines(timed: Sequence[Mapping[str, float]]) -> List[Tuple[str, float]]:
    """Lines whose time grows faster than the size, by their share of the time at the largest."""
    whole = sum(timed[-1].values()) or 1.0
    rows = {line: [row.get(line, 0.0) for row in timed] for line in timed[-1]}
    growing = [(line, values[-1] / whole) for line, values in rows.items() if values[-1] > _FASTER * values[-2]]
    return sorted((one for one in growing if one[1] > 0.1), key=lambda item: -item[1])[:5]


def _memoise(study: Study, measuring: Measuring, size: Optional[int]) -> None:
    """Keep the results of the functions with most work below; where that helps, of others as controls."""
    if not study.superlinear:
        return
    functions = [_function_place(study, *one[:3]) for one in functions_below(study.rungs)]
    places = [place for place in functions if place is not None]  # those entered once gain nothing
    for place in places[:_MEMOISED]:
        if measuring.left_s < 40:
            break
        trial = _try(study, measuring, place, study.rungs[-3:])
        study.trials.append(trial)
        if trial.enough:
            _controls(study, measuring, [other for other in places if other is not place])
            return


def _controls(study: Study, measuring: Measuring, places: Sequence[Dict[str, Any]]) -> None:
    """Functions whose kept results are used, and leave the output as it is: the tool may choose among them."""
    for place in places[:_CONTROLS]:
        if len(study.controls) == _CONTROLS_FOUND or measuring.left_s < 40:
            return
        trial = _try(study, measuring, place, study.rungs[-3:])
        if trial.hits and trial.removed is not None:
            study.controls.append(trial)


def _try(study: Study, measuring: Measuring, place: Dict[str, Any], rungs: Sequence[Counted]) -> Trial:
    """The exponent with this function's results kept; none where the output is another."""
    work, hits = [], 0
    for rung in rungs:
        memo = measuring.count(study.knob, rung.size, memoise=[{**place, "place": f"{place['file']}:{place['line']}"}])
        if memo.trouble or memo.run.stdout_sha256 != rung.run.stdout_sha256:
            return Trial(place, None, None, hits)
        work.append(float(memo.work))
        hits += sum(memo.counts("changed").values())
        if not hits:
            return Trial(place, study.power, 0.0, 0)
    power = exponent(work)
    return Trial(place, power, 1.0 - max(0.0, power - 1.0) / (study.power - 1.0), hits)


def _function_place(study: Study, file: str, first_line: int, name: str) -> Optional[Dict[str, Any]]:
    """The `def` line of a function, whose code may begin at a decorator; None for anything else, and generators."""
    try:
        tree = ast.parse((Path(study.program.repo) / file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name.rpartition(".")[2]:
            begins = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if begins == first_line:
                quote = source_line(study.program.repo, file, node.lineno)
                return {"file": file, "line": node.lineno, "function": name, "quote": quote}
    return None
