"""The investigation step by step: is there a change, what changes with it, where does that begin. In the kernel."""

from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from debugbox_recipes.flow import Flow, Spot, repeat_place
from debugbox_recipes.harness import Program
from debugbox_recipes.levels import LEAST, Change, changes_in, strength_near, wander
from debugbox_recipes.printed import Series, series_in
from debugbox_recipes.repeats import Trial
from debugbox_recipes.sinks import words_of
from debugbox_recipes.source import Source

from .measuring import Measuring, Printed, shift
from .study import Study

_SERIES = 12  # printed series that are tested
_STRONG = 15.0  # F at a time that is known already: chance 1e-4, for some tens of expressions
_LARGE = 0.5  # of the spread
_DETAILED = 60
_DATA = (".csv", ".tsv", ".txt", ".dat")
_MOST_DATA_BYTES = 20 << 20


def carry_out(program: Program, question: Optional[str], limit_s: float, series: str = "", file: str = "") -> Study:
    """See and try all that the time allows."""
    study = Study(program, question, Source(program.repo), file)
    measuring = Measuring(program, limit_s, file)
    steps = [_reproduce, _find, *([] if file else [_look, _look_closely, _to_data, _intervene, _control])]
    study.name = series
    for step in steps:
        step(study, measuring)
        if study.stopped:
            break
    if file and study.change is not None and not study.stopped:
        study.row = (file, study.series.lines[study.change.index])
    return study


def _reproduce(study: Study, measuring: Measuring) -> None:
    study.native = [measuring.native(), measuring.native()]
    trouble = next((each.trouble for each in study.native if each.trouble), "")
    if trouble:
        study.stopped = f"the command cannot be measured: {trouble}"
    elif not study.native[0].series:
        study.stopped = (
            f"no series of at least {LEAST} numbers is {'in the file' if study.file else 'printed'}: lines of one form,"
            " each with a number at the same place"
        )


def _find(study: Study, measuring: Measuring) -> None:
    """The change to be explained: of the series that was named, else of the question's, else the clearest."""
    there = study.native[0].series
    if study.name and study.name not in there:
        study.stopped = f"there is no series {study.name!r}; there are {', '.join(sorted(there))}"
        return
    asked = words_of(study.question or "")
    order = sorted(there, key=lambda name: (name != study.name, not (words_of(name) & asked)))
    for name in order[:_SERIES]:
        study.changes[name] = changes_in(there[name].values)
    if len(order) > _SERIES:
        study.limits.append(f"{len(order) - _SERIES} more series were not looked at")
    wanted = [study.name] if study.name else [n for n in order if words_of(n) & asked and study.changes.get(n)]
    named = wanted or list(study.changes)
    candidates = [(abs(each.size) / (each.spread or 1e-300), name, each) for name in named
                  for each in study.changes[name]]  # fmt: skip
    if not candidates:
        study.stopped = _no_change(study, named)
        return
    _, study.name, study.change = max(candidates, key=lambda one: one[0])
    _compare(study)


def _no_change(study: Study, names: Sequence[str]) -> str:
    counts = ", ".join(f"{name} ({len(study.native[0].series[name].values)} values)" for name in names[:6])
    return f"no change beyond what the series' own memory makes by itself: {counts}"


def _compare(study: Study) -> None:
    """A/A: the second run must show the same."""
    assert study.change is not None
    other = study.native[1].series.get(study.name)
    if other is None or len(other.values) != len(study.series.values):
        study.stopped = "two runs of the same command print series of other lengths: they cannot be compared row by row"
        return
    study.shifts = (shift(study.series, study.change.index), shift(other, study.change.index))
    if not all(study.shifts):
        study.stopped = "the means before and after lie no further apart than the series' own memory can bring them"
    elif other.values != study.series.values:
        study.limits.append("two runs print other numbers: what was measured holds for these runs")


def _look(study: Study, measuring: Measuring) -> None:
    """Every expression of the user's code, row by row."""
    rows = len(study.series.values)
    done = measuring.looked_at(rows)
    if _is_another(study, done):
        return
    study.spots, study.steady = _flow(study).spots(done.result.get("told", ()))
    if done.result.get("error"):
        study.limits.append(f"a value could not be looked at ({done.result['error'][:120]})")
    if not study.spots:
        study.limits.append(
            f"of {len(study.steady)} expressions whose values can be put to rows none changes there: it comes up inside"
            " a library, in another process, or in values that are no numbers"
        )


def _is_another(study: Study, done: Printed) -> bool:
    """Looked at, the program must print what it prints by itself."""
    series = done.series.get(study.name)
    if done.trouble or series is None or len(series.values) != len(study.series.values):
        study.limits.append(f"the program could not be looked at: {done.trouble or 'it prints another series then'}")
        return True
    return False


def _look_closely(study: Study, measuring: Measuring) -> None:
    """Once more, with the operands of what changes."""
    if not study.spots or measuring.left_s < 5:
        return
    done = measuring.looked_at(len(study.series.values), [spot.key for spot in study.spots[:_DETAILED]])
    if _is_another(study, done):
        return
    wanted = {spot.key for spot in study.spots}
    told = [row for row in done.result.get("told", ()) if (row["file"], row["line"], row["nth"]) in wanted]
    study.spots, _ = _flow(study).spots(told, detailed=True)


def _flow(study: Study) -> Flow:
    change = study.change
    assert change is not None
    return Flow(study.source, lambda numbers: moved(numbers, change), change.low, change.index, change.high)


def moved(numbers: Sequence[float], change: Change) -> Tuple[bool, float, float]:
    """Whether this series changes within the same rows too; by how much, and its spread."""
    before, after = numbers[: change.index], numbers[change.index :]
    means = [sum(part) / len(part) for part in (before, after)]
    squares = sum((v - means[0]) ** 2 for v in before) + sum((v - means[1]) ** 2 for v in after)
    size, spread = means[1] - means[0], float((squares / len(numbers)) ** 0.5)
    enough = abs(size) > max(_LARGE * spread, wander(numbers, change.index))
    return enough and strength_near(numbers, change.low, change.high) >= _STRONG, size, spread


def _to_data(study: Study, measuring: Measuring) -> None:
    """Where a data file of the repository holds the numbers of what changes first: its first changed row."""
    first = next(iter(study.spots), None)
    if first is None or study.change is None or study.births[:1] == [first]:
        return
    for file in _data_files(study):
        for series in series_in((Path(study.program.repo) / file).read_text("utf-8", "replace"), LEAST):
            if len(series.values) == len(study.series.values) and _is_read(series, first, study.change):
                study.row = (file, series.lines[study.change.index])
                return


def _is_read(series: Series, spot: Spot, change: Change) -> bool:
    changed, size, spread = moved(series.values, change)
    return changed and abs(size - spot.size) <= 1e-6 * abs(size) and abs(spread - spot.spread) <= 1e-6 * abs(spread)


def _data_files(study: Study) -> List[str]:
    repo = Path(study.program.repo)
    found = [path for path in sorted(repo.rglob("*")) if path.suffix in _DATA and path.is_file()]
    kept = [path for path in found if path.stat().st_size <= _MOST_DATA_BYTES]
    return [path.relative_to(repo).as_posix() for path in kept if not any(p.startswith(".") for p in path.parts)][:40]


def _intervene(study: Study, measuring: Measuring) -> None:
    """What came before the change comes again after it: at one expression after the other."""
    study.intervene(lambda spot: _try(study, measuring, spot), lambda: measuring.left_s)


def _try(study: Study, measuring: Measuring, spot: Spot) -> Trial:
    assert study.change is not None
    done = measuring.repeated([repeat_place(study.source, spot)])
    series = done.series.get(study.name)
    if done.trouble or series is None or len(series.values) != len(study.series.values):
        trouble = done.trouble or "it prints another series then"
        return Trial(spot, Printed(done.run, done.series, trouble), None)
    return Trial(spot, done, 1.0 - shift(series, study.change.index) / study.shifts[0])


def _control(study: Study, measuring: Measuring) -> None:
    """Other values repeated in the same way: the change must stay."""
    study.control(lambda spot: _try(study, measuring, spot), lambda: measuring.left_s)
