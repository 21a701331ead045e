"""The investigation itself, step by step: runs, choice of the watch, self-checks, suspects, interventions. In the box.

The result is a `Study`; `concluding` puts it into words and `picture` draws it.
"""

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from debugbox_recipes.harness import Program

from .amplifying import amplifiers_of
from .choosing import Candidates, candidates, sinks_of_files
from .measuring import Line, Measuring, lines_of
from .shaking import shake
from .stepping import halved
from .study import COVER, Study, Trial

_MAX_SUSPECTS = 6
_FEW = 100  # points that make no picture of how an error grew
_MAX_GROWTH = 6  # lines added where the first choice does not hold up


def carry_out(
    program: Program, question: Optional[str], watch: Optional[str], tolerance: float, limit_s: float
) -> Study:
    """Run everything that the time allows."""
    result = Study(program, question, tolerance)
    measuring = Measuring(program, limit_s)
    for step in (_shadow, _native, _suspects, _otherwise, _intervene, _trace):
        step(result, measuring, watch)
        if result.stopped:
            break
    return result


def _shadow(study: Study, measuring: Measuring, watch: Optional[str]) -> None:
    plain = measuring.plain()
    look = measuring.look()
    if plain.timed_out or look.timed_out:
        study.stopped = f"`{study.program.command}` was {(plain if plain.timed_out else look).failure}"
        return
    if plain.failure:
        study.limits.append(f"the program itself ended with {plain.failure}")
    study.checks["same_output_when_watched"] = plain.stdout_sha256 == look.stdout_sha256
    modules = sorted({module for result in look.results for module in result["modules"]})
    if not modules:
        study.stopped = f"`{study.program.command}` loads none of the repository's modules ({plain.failure or 'hook'})"
        return
    sinks, failed = sinks_of_files(Path(study.program.repo), modules)
    if failed:
        study.limits.append(f"could not be parsed here: {', '.join(failed[:5])}")
    study.sinks = {sink.watch: sink for sink in sinks}
    tried = candidates(sinks, study.question, watch)
    _run_shadow(study, measuring, tried, look.duration_s)


def _run_shadow(study: Study, measuring: Measuring, tried: Candidates, native_s: float) -> None:
    """Floats alone, at 160 bits; where the program's numbers are NumPy's, its arrays, in the next wider type."""
    _run_one_shadow(study, measuring, tried, native_s)
    if not _numpy_matters(study):
        return
    floats = dataclasses.replace(study, limits=list(study.limits), checks=dict(study.checks))
    study.stopped, study.limits, study.arrays = "", [], True
    measuring.arrays = True
    _run_one_shadow(study, measuring, tried, native_s)
    if study.stopped or not (study.shadow["followed"] or floats.stopped):
        measuring.arrays = False
        vars(study).update(vars(floats))


def _numpy_matters(study: Study) -> bool:
    """Whether the program loaded NumPy, and what floats alone say is not the answer already."""
    result = study.shadow
    if not result.get("numpy"):
        return False
    foreign = any(kind.startswith("numpy.") for kind in result["foreign"])
    return bool(foreign or not study.watch or study.series["foreign"] or not study.present)


def _run_one_shadow(study: Study, measuring: Measuring, tried: Candidates, native_s: float) -> None:
    limit_s = max(2.0, min(measuring.left_s * 0.6, measuring.left_s - 6 * native_s))
    shadow = measuring.shadow(list(tried.scores), limit_s=limit_s)
    if shadow.result is None:
        study.stopped = f"the shadow run left no record: {shadow.run.failure or 'it was replaced by another process'}"
        return
    study.shadow = shadow.result
    study.shadow_s = shadow.run.duration_s
    study.watch = _best_watch(tried, shadow.result, study.tolerance)
    if not study.watch:
        named = ", ".join(list(tried.scores)[:5]) or "nothing"
        study.stopped = f"no float was recorded at any watched place ({named})"
        study.limits += unseen(shadow.result)
        return
    study.why_watch = tried.why
    study.checks["complete"] = not shadow.partial
    study.checks["all_seen"] = not study.blind
    study.checks["shadow_exit"] = shadow.run.exit_code
    if shadow.partial:
        study.limits.append(
            f"the shadow run was stopped after {limit_s:.0f} s ({study.series['count']} values seen): what is said"
            " holds for this part of the run"
        )
    study.limits += unseen(shadow.result)


def _best_watch(tried: Candidates, result: Dict[str, Any], tolerance: float) -> str:
    """Deviating before not, then the better match, then the larger relative deviation; printing last, as it repeats."""

    def rank(watch: str) -> Tuple[Any, ...]:
        chosen = result["series"][watch]["chosen"]
        relative = abs(chosen["error"]) / (chosen["scale"] or 1.0)
        size = round(math.log10(relative)) if relative else -400
        sink = tried.sinks.get(watch)
        return (relative > tolerance, tried.scores[watch], size, sink is not None and sink.kind != "print", watch)

    seen = [w for w in tried.scores if w in result["series"] and result["series"][w]["chosen"]]
    return max(seen, key=rank, default="")


def unseen(result: Dict[str, Any]) -> List[str]:
    """What the shadow run could not follow, in words with counts."""
    said = []
    if result["foreign"]:
        counted = ", ".join(f"{name} ({n} times)" for name, n in sorted(result["foreign"].items())[:6])
        said.append(f"arithmetic on these types is not seen, its results are taken for exact: {counted}")
    if result["unfollowed"]:
        counted = ", ".join(f"{name} ({n})" for name, n in sorted(result["unfollowed"].items())[:6])
        said.append(f"functions whose results were taken for exact: {counted}")
    if result["lost"]:
        said.append(
            f"{result['lost']} operands were computed earlier and came back without their history (through array,"
            " struct, text or C code): their error up to there is not seen"
        )
    if result["flips"]:
        total = sum(result["flips"].values())
        where = ", ".join(sorted(result["flips"], key=lambda p: -result["flips"][p])[:4])
        said.append(f"in exact arithmetic {total} comparisons or whole numbers would have come out otherwise ({where})")
    if result["not_rewritten"]:
        said.append(f"not rewritten, nested too deeply: {', '.join(result['not_rewritten'][:5])}")
    if not result["mpmath"]:
        said.append("mpmath is missing: sin, exp and the like are taken for exact")
    return said


def _native(study: Study, measuring: Measuring, watch: Optional[str]) -> None:
    index = study.chosen["index"]
    study.native = [measuring.native(study.watch, index) for _ in range(2)]
    first, second = study.native
    for native in study.native:
        if native.trouble:
            study.stopped = f"cannot measure: {native.trouble}"
            return
    assert first.series is not None and second.series is not None
    if first.series["sha256"] != second.series["sha256"]:
        study.limits.append("two runs of the unchanged program differ: it is not deterministic")
    if study.series["foreign"]:
        study.limits.append(f"{study.series['foreign']} watched values were NumPy's: their error is not known")
    complete = study.checks["complete"]
    same = first.series["sha256"] == study.series["sha256"] if complete else first.value == study.chosen["value"]
    study.checks["same_values"] = same and not study.series["foreign"]
    if not same:
        study.limits.append("the shadow run computed other values than the native run: its split is an indication only")
    whole = sum(study.chosen["split"].values())
    study.checks["split_sum"], study.checks["true_error"] = whole, study.error
    study.checks["closes"] = abs(whole - study.error) <= 0.05 * abs(study.error) or not study.present
    if not study.checks["closes"]:
        study.limits.append(f"the split adds up to {whole:.3g}, the error is {study.error:.3g}")


def _suspects(study: Study, measuring: Measuring, watch: Optional[str]) -> None:
    study.lines = lines_of(study.shadow, study.chosen)
    study.amplifiers = amplifiers_of(study.shadow, study.chosen, study.lines)
    if study.present:
        study.suspects = smallest_cover(study.lines)


def _otherwise(study: Study, measuring: Measuring, watch: Optional[str]) -> None:
    """Where no rounding problem is seen: does the unseen part round, or is it the method?"""
    if study.present or not study.checks["complete"]:
        return
    if not study.blind:
        study.halved = halved(measuring, study.watch, study.shadow["modules"])
    elif study.arrays:
        enough = study.allowed * study.chosen["scale"]
        study.shaken = shake(measuring, study.watch, study.chosen["index"], enough)


def smallest_cover(lines: Sequence[Line]) -> List[Line]:
    """The fewest lines without whose contributions at most a tenth of the error is left; of equals the closest.

    Contributions have signs: lines that cancel each other belong together. Where six lines do not do, the largest
    ones are taken until it is enough; none where even twenty are not.
    """
    usable = [line for line in lines if line.rewritten and line.contribution]
    for size in range(1, _MAX_SUSPECTS + 1):
        found = []
        for group in itertools.combinations(usable[:10], size):
            left = abs(1.0 - sum(line.share for line in group))
            if left <= 1.0 - COVER:
                found.append((left, group))
        if found:
            group = min(found, key=lambda item: item[0])[1]
            return sorted(group, key=lambda line: -abs(line.share))
    sums = itertools.accumulate(line.share for line in usable[:20])
    enough = [size for size, covered in enumerate(sums, 1) if abs(1.0 - covered) <= 1.0 - COVER]
    return usable[: enough[0]] if enough else []


def control_line(study: Study) -> Optional[Line]:
    """The busiest rounding line that is no suspect: keeping it exact must change nothing."""
    others = [line for line in placebos(study) if abs(line.share) < 0.05]
    return max(others, key=lambda line: line.rounded, default=None)


def placebos(study: Study) -> List[Line]:
    suspects = {str(line) for line in study.suspects}
    return [line for line in study.lines if line.rounded and line.rewritten and str(line) not in suspects]


def _intervene(study: Study, measuring: Measuring, watch: Optional[str]) -> None:
    """Verify the suspects natively; where that is not enough, grow the set until it is, and drop what did not help.

    First-order shares say who made the error, not what happens when one of two lines stops rounding: the other then
    sees other operands and rounds differently (a running sum's += and -= need each other's cure).
    """
    if not study.suspects:
        return
    trial = _try(study, measuring, "suspects exact", study.suspects)
    first = len(study.suspects)
    while trial is not None and not trial.enough and len(study.suspects) < first + _MAX_GROWTH:
        spare = _next_to_keep(study, trial)
        if spare is None:
            break
        study.suspects.append(spare)
        trial = _try(study, measuring, "suspects exact", study.suspects)
    for line in study.suspects[first:-1] if trial is not None and trial.enough else []:
        fewer = [other for other in study.suspects if other is not line]
        without = _try(study, measuring, "suspects exact", fewer)
        if without is not None and without.enough:
            study.suspects = fewer
    if trial is not None and not trial.enough:
        study.suspects = study.suspects[:first]
    _compare(study, measuring)


def _next_to_keep(study: Study, trial: Trial) -> Optional[Line]:
    """A line that rounded off what the kept ones had carried; of arrays those are known, with or without a share."""
    dropped = trial.native.counts("dropped")
    spare = [line for line in study.lines if line.rewritten and line not in study.suspects]
    lines = [line for line in spare if line.contribution or dropped.get(str(line))]
    return min(lines, key=lambda line: (not dropped.get(str(line)), -abs(line.contribution)), default=None)


def _compare(study: Study, measuring: Measuring) -> None:
    """A line that should not matter, and each suspect alone."""
    control = control_line(study)
    if control is not None:
        _try(study, measuring, "control line exact", [control])
    if len(study.suspects) > 1:
        for line in study.suspects[:3]:
            if not any(trial.lines == (line,) for trial in study.trials):
                _try(study, measuring, "one line exact", [line])


def _try(study: Study, measuring: Measuring, name: str, lines: Sequence[Line]) -> Optional[Trial]:
    """Run with these lines kept exact; None where the time is up."""
    if measuring.left_s < 5:
        study.limits.append(f"no time left to keep exact: {', '.join(map(str, lines))}")
        return None
    keep = [{"file": line.file, "line": line.line} for line in lines]
    native = measuring.native(study.watch, study.chosen["index"], keep)
    error = None if native.value is None else native.value - study.expected
    removed = None if error is None else 1.0 - abs(error) / abs(study.error)
    trial = Trial(name, tuple(lines), native, error, removed)
    study.trials.append(trial)
    return trial


def _trace(study: Study, measuring: Measuring, watch: Optional[str]) -> None:
    """Another shadow run for the picture: how the error grew at the first suspect, step by step."""
    if not study.suspects or study.series["count"] >= _FEW or measuring.left_s < 3 * study.shadow_s + 5:
        return
    top = study.suspects[0]
    assigned = [w for w, s in study.sinks.items() if (s.file, s.line) == (top.file, top.line) and s.kind == "assign"]
    shadow = measuring.shadow(assigned[:1], limit_s=3 * study.shadow_s + 2) if assigned else None
    if shadow and shadow.result and not shadow.partial and shadow.result["series"][assigned[0]]["count"] > _FEW:
        study.trace_watch, study.trace = assigned[0], shadow.result["series"][assigned[0]]
