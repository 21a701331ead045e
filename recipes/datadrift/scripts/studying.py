"""The investigation step by step: which column differs, which rows explain it, where it begins. In the kernel."""

import ast
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from debugbox_recipes.flow import Flow, Spot, numbers_of, repeat_place
from debugbox_recipes.harness import Program
from debugbox_recipes.repeats import Trial
from debugbox_recipes.shifts import Shift, discoveries, effect_of, kinds_of, moves, shifts_of
from debugbox_recipes.source import Source
from debugbox_recipes.tables import Table, data_files, is_label, kind_of, read_table

from .choosing import choose, question_order
from .measuring import Measuring, Pair, Spec, differs_in_schema, effect
from .study import Drift, Segment, Study

_DETAILED = 60
_MOST_VALUES, _LEAST_SHARE, _MUST_STAY = 50, 0.02, 30  # of a segment's column; of the rows; rows on each side
_MOST_READERS = 5
_RESERVED = 0.5  # of the time, for what comes after the columns


def carry_out(program: Program, question: Optional[str], limit_s: float, spec: Spec = Spec()) -> Study:  # noqa: B008  # frozen
    """Compare and try all that the time allows."""
    study = Study(program, question, Source(program.repo), spec)
    measuring = Measuring(program, limit_s, spec)
    for step in (
        choose,
        _reproduce,
        _compare,
        _look,
        _look_closely,
        _part,
        _to_data,
        _intervene,
        _control,
        _find_readers,
    ):
        step(study, measuring)
        if study.stopped:
            break
    return study


def _reproduce(study: Study, measuring: Measuring) -> None:
    study.native = [measuring.native(), measuring.native()]
    trouble = next((each.trouble for each in study.native if each.trouble), "")
    if trouble:
        study.native, study.stopped = [], f"the data cannot be read: {trouble}"
        return
    lengths = {(len(pair.reference or ()), len(pair.current or ())) for pair in study.native}
    if len(lengths) > 1:
        study.stopped = "two runs of the same command give tables of other lengths: they cannot be compared row by row"


def _compare(study: Study, measuring: Measuring) -> None:
    """Schema first; then nulls, range, unseen values and the distribution of each column."""
    pair = study.pair
    assert pair.reference is not None and pair.current is not None
    names = list(dict.fromkeys([*pair.reference.columns, *pair.current.columns]))
    found: List[Drift] = []
    late: List[str] = []
    asked = question_order(study.question or "", names)
    for name in sorted(names, key=lambda name: asked[name]):
        words = differs_in_schema(pair, name)
        one, other = pair.sides(name)
        if words:
            found.append(Drift(name, Shift("unseen", 1.0, 0.0, 1.0, 1.0, 0.0), words))
        elif measuring.left_s < _RESERVED * measuring.limit_s:
            late.append(name)
        elif not is_label([*one, *other]):
            study.compared += len(kinds_of(one, other))
            study.shifts[name] = shifts_of(one, other)
    found += _standing(study)
    if late:
        study.limits.append(f"no time was left to compare {len(late)} columns: {', '.join(late[:5])}")
    followed = [each for each in found if study.spec.printed and each.shift.kind in ("numbers", "range")]
    study.drifts = sorted(
        found,
        key=lambda each: (asked[each.column], not each.words, each not in followed, -each.shift.rank),
    )
    few = [name for name, shifts in study.shifts.items() if any(not shift.enough for shift in shifts)]
    if few:
        study.limits.append(f"neighbouring rows are so alike that too few independent ones are left: {', '.join(few)}")
    if not study.drifts:
        study.stopped = _nothing(study, pair)


def _standing(study: Study) -> List[Drift]:
    every = [(name, shift) for name, shifts in study.shifts.items() for shift in shifts]
    stands = discoveries([shift for _, shift in every], study.compared)
    return [Drift(name, shift) for (name, shift), kept in zip(every, stands) if kept]  # noqa: B905  # 3.9


def _nothing(study: Study, pair: Pair) -> str:
    counts = f"{len(pair.reference or ())} and {len(pair.current or ())} rows"
    return (
        f"no column of {len(study.shifts)} differs by more than matters and than halves of the reference do ({counts},"
        f" {study.compared} comparisons)"
    )


def _flow(study: Study) -> Flow:
    at = len(study.pair.reference or ())

    def judge(numbers: List[float]) -> Tuple[bool, float, float]:
        if is_label(list(numbers)):
            return False, 0.0, 1.0
        moved, size = moves(numbers[:at], numbers[at:])
        return moved, size, 1.0

    return Flow(study.source, judge, at, at, at)


def _rows(study: Study) -> int:
    return len(study.pair.reference or ()) + len(study.pair.current or ())


def _look(study: Study, measuring: Measuring) -> None:
    """Every expression of the user's code, row by row: intermediate values are tables too."""
    main = study.main
    if not study.spec.printed or main is None:
        return
    if main.shift.kind not in ("numbers", "range") or main.words:
        study.limits.append(f"where {main.column} begins to differ was not followed: only numbers are")
        return
    done = measuring.looked_at(_rows(study))
    if _is_another(study, done):
        return
    told = done.result.get("told", ())
    study.spots, study.steady = _flow(study).spots(told)
    if done.result.get("error"):
        study.limits.append(f"a value could not be looked at ({done.result['error'][:120]})")
    if not study.spots:
        study.limits.append(
            f"of {len(study.steady)} expressions whose values can be put to rows none differs: it comes up inside a"
            " library, in another process, or in values that are no numbers"
        )


def _is_another(study: Study, done: Pair) -> bool:
    """Looked at, the program must give the same table."""
    same = not done.trouble and len(done.reference or ()) + len(done.current or ()) == _rows(study)
    if not same:
        study.limits.append(f"the program could not be looked at: {done.trouble or 'it gives another table then'}")
    return not same


def _look_closely(study: Study, measuring: Measuring) -> None:
    """Once more, with the operands of what differs; texts among them part the rows."""
    if not study.spots or measuring.left_s < 5:
        return
    done = measuring.looked_at(_rows(study), [spot.key for spot in study.spots[:_DETAILED]])
    if _is_another(study, done):
        return
    wanted = {spot.key for spot in study.spots}
    told = [row for row in done.result.get("told", ()) if (row["file"], row["line"], row["nth"]) in wanted]
    study.spots, _ = _flow(study).spots(told, detailed=True)
    for row in told:
        for part in row["operands"]:
            values = part["values"]
            if part["text"].endswith("]") and None not in values and numbers_of(values) is None:
                study.categories.setdefault(part["text"], values)


def _part(study: Study, measuring: Measuring) -> None:
    """Without which rows is the column as it was?"""
    main, pair = study.main, study.pair
    if main is None or main.words or pair.reference is None or pair.current is None:
        return
    at = len(pair.reference)
    columns: Dict[str, Tuple[List[Any], List[Any]]] = {
        name: pair.sides(name) for name in pair.reference.columns if name in pair.current.columns
    }
    known = set(columns)
    for name, values in study.categories.items():
        columns.setdefault(name, (values[:at], values[at:]))
    one, other = pair.sides(main.column)
    for name, sides in columns.items():
        there = set(sides[1])
        if name != main.column and not is_label([*sides[0], *sides[1]]) and len(there) <= _MOST_VALUES:
            for value in sorted(there, key=str):
                segment = _segment(main, name, value, sides, (one, other), name in known)
                if segment is not None:
                    study.segments.append(segment)
    study.segments.sort(key=lambda each: (each.left, sum(each.rows), str(each)))


def _segment(
    main: Drift, column: str, value: Any, sides: Tuple[List[Any], List[Any]],
    values: Tuple[List[Any], List[Any]], known: bool,
) -> Optional[Segment]:  # fmt: skip
    kept = [[v for v, each in zip(its, side) if each != value] for its, side in zip(values, sides)]  # noqa: B905  # 3.9
    rows = tuple(len(side) - len(left) for side, left in zip(sides, kept))  # noqa: B905  # see above
    kind = main.shift.kind
    if rows[1] < _LEAST_SHARE * len(sides[1]) or min(map(len, kept)) < _MUST_STAY or kind not in kinds_of(*kept):
        return None
    left = effect_of(kind, values[0])(kept[0], kept[1])
    shares = (rows[0] / len(sides[0]), rows[1] / len(sides[1]))
    return Segment(column, value, (rows[0], rows[1]), shares, left, sides[1].index(value), known)


def _to_data(study: Study, measuring: Measuring) -> None:
    """Where a data file holds the numbers of the first expression that differs: the first row that explains it."""
    at = len(study.pair.reference or ())
    if not study.spots or study.births[:1] == study.spots[:1] or study.births:
        return
    for file in data_files(study.program.repo):
        table = read_table(study.program.repo, file)
        column = _column_in(study.spots[0].text, table, at) if table is not None and len(table) == _rows(study) else ""
        if table is not None and column:
            study.row = table.place(at + (study.explains.row if study.explains is not None else 0))
            return


def _column_in(text: str, table: Table, at: int) -> str:
    """The column that an expression names, where its numbers differ; '' where there is none."""
    named = [name for name, values in table.columns.items() if repr(name) in text and kind_of(values) == "numbers"]
    parts = {name: [v for v in table.columns[name] if v is not None] for name in named}
    return next((name for name, values in parts.items() if moves(values[:at], values[at:])[0]), "")


def _intervene(study: Study, measuring: Measuring) -> None:
    """The reference's values come again after it: at one expression after the other."""
    study.intervene(lambda spot: _try(study, measuring, spot), lambda: measuring.left_s)


def _try(study: Study, measuring: Measuring, spot: Spot) -> Trial:
    assert study.main is not None
    done = measuring.repeated([repeat_place(study.source, spot)])
    size = None if done.trouble else effect(done, study.main.column, study.main.shift.kind)
    if size is None or len(done.reference or ()) + len(done.current or ()) != _rows(study):
        return Trial(spot, Pair(None, None, done.trouble or "it gives another table then", done.run), None)
    return Trial(spot, done, 1.0 - max(0.0, size - study.main.shift.floor) / study.main.shift.beyond)


def _control(study: Study, measuring: Measuring) -> None:
    """Other values repeated in the same way: the difference must stay."""
    study.control(lambda spot: _try(study, measuring, spot), lambda: measuring.left_s)


def _find_readers(study: Study, measuring: Measuring) -> None:
    """Lines of the repository that name the column: they read it or write it."""
    main = study.main
    if main is None or study.spots:
        return
    for file in _modules(study):
        for node in ast.walk(study.source.tree(file)):
            if isinstance(node, ast.Constant) and node.value == main.column:
                study.readers.append(study.source.place(file, node.lineno))
    study.readers = study.readers[:_MOST_READERS]


def _modules(study: Study) -> Sequence[str]:
    repo = Path(study.program.repo)
    found = [path.relative_to(repo) for path in sorted(repo.rglob("*.py"))]
    return [path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)][:400]
