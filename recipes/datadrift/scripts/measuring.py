"""Reads the two data sets: from files, or from what the program prints, as it is or changed. In the kernel."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.harness import Program, ProgramRun, run_program
from debugbox_recipes.shifts import UNITS, effect_of, kinds_of
from debugbox_recipes.tables import Table, kind_of, read_table, table_of

METRIC = "difference of a column between the reference and the current rows, beyond what halves of the reference show"
_KEPT_BYTES = 4 << 20  # of what the program prints
SCHEMA = "schema"  # the kind of difference: a column gone, new, or of another type
DROP = "drop_rows"  # the intervention on data


@dataclass(frozen=True)
class Spec:
    """Where the rows come from: `reference` and `current` files; or one file, or what is printed, parted at a row."""

    reference: Tuple[str, ...] = ()
    current: str = ""
    output: str = ""  # a file that the program writes
    split: int = 0  # rows of the reference, where one table is parted

    @property
    def printed(self) -> bool:
        return not self.current

    @property
    def files(self) -> Tuple[str, ...]:
        return (*self.reference, self.current) if self.reference else (self.current,)


@dataclass(frozen=True)
class Pair:
    """Both sets. `trouble` says why nothing follows from them."""

    reference: Optional[Table]
    current: Optional[Table]
    trouble: str = ""
    run: Optional[ProgramRun] = None
    changed: Dict[str, int] = field(default_factory=dict)

    @property
    def result(self) -> Mapping[str, Any]:
        """What the process that saw most wrote down."""
        runs = self.run.results if self.run else ()
        return max(runs, key=lambda each: len(each.get("modules", ())), default={})

    def counts(self, key: str) -> Dict[str, int]:
        total = dict(self.changed)
        for result in self.run.results if self.run else ():
            for place, count in result.get(key, {}).items():
                total[place] = total.get(place, 0) + int(count)
        return total

    def sides(self, column: str) -> Tuple[List[Any], List[Any]]:
        tables = [each for each in (self.reference, self.current) if each is not None]
        one, other = (list(table.columns.get(column, ())) for table in tables)
        return one, other


class Measuring:
    """All runs within `time_limit_s`."""

    def __init__(self, program: Program, time_limit_s: float, spec: Spec) -> None:
        self.program, self.spec, self.limit_s = program, spec, time_limit_s
        self._ends = time.monotonic() + time_limit_s

    @property
    def left_s(self) -> float:
        return self._ends - time.monotonic()

    def native(self) -> Pair:
        return self._printed(None) if self.spec.printed else self._of_files()

    def looked_at(self, rows: int, detail: Sequence[Sequence[Any]] = ()) -> Pair:
        plan = {"observer": "passing", "rows": rows, "detail": [list(each) for each in detail]}
        return self._printed(plan)

    def repeated(self, places: Sequence[Mapping[str, Any]]) -> Pair:
        return self._printed({"observer": "passing", "repeat": list(places)})

    def _of_files(self) -> Pair:
        tables = [read_table(self.program.repo, file) for file in self.spec.files]
        missing = [file for file, table in zip(self.spec.files, tables) if table is None]  # noqa: B905  # 3.9
        if missing:
            return Pair(None, None, f"{', '.join(missing)}: no table of at least 40 rows with a heading")
        known = [table for table in tables if table is not None]
        if self.spec.reference:
            return Pair(joined(known[:-1]), known[-1])
        return self._parted(known[0])

    def _parted(self, table: Table, run: Optional[ProgramRun] = None) -> Pair:
        at = self.spec.split or len(table) // 2
        rows = range(len(table))
        return Pair(table.only(rows[:at]), table.only(rows[at:]), "", run)

    def _printed(self, plan: Optional[Dict[str, Any]]) -> Pair:
        if self.left_s < 2:
            return Pair(None, None, "no time was left")
        limit_s = self.left_s * (0.3 if plan is None else 0.6)
        run = run_program(self.program, timeout_s=limit_s, plan=plan, kept_bytes=_KEPT_BYTES)
        trouble = run.failure
        if run.dropped_bytes and not trouble:
            trouble = f"it prints more than the {_KEPT_BYTES >> 20} MiB that are read"
        if plan is not None and not run.results and not trouble:
            trouble = "the program cannot be looked at (it starts Python with -I, -E or -S, or it is no Python)"
        table = None if trouble else self._output() if self.spec.output else table_of(run.stdout)
        if table is None and not trouble:
            trouble = f"{self.spec.output or 'what it prints'} is no table of at least 40 rows"
        return Pair(None, None, trouble, run) if trouble or table is None else self._parted(table, run)

    def _output(self) -> Optional[Table]:
        path = Path(self.program.repo) / self.spec.output
        return table_of(path.read_text("utf-8", "replace"), self.spec.output) if path.is_file() else None


def joined(tables: Sequence[Table]) -> Table:
    """Rows of several files one after the other; columns that all of them have."""
    names = [name for name in tables[0].columns if all(name in table.columns for table in tables)]
    columns = {name: [value for table in tables for value in table.columns[name]] for name in names}
    files = tuple(table.file for table in tables for _ in range(len(table)))
    return Table(tables[0].file, columns, [line for table in tables for line in table.lines], files)


def dropped(pair: Pair, interventions: Sequence[Mapping[str, Any]]) -> Pair:
    """Both sets without the rows of the segments named by `drop_rows`; `changed` counts them by place."""
    if pair.reference is None or pair.current is None:
        return pair
    changed: Dict[str, int] = {}
    tables = [pair.reference, pair.current]
    for one in interventions:
        for site in one["sites"]:
            place = f"{site['file']}:{site['line']}"
            segment = (one.get("parameters") or {}).get("at", {}).get(place)
            if segment is None:
                continue
            left = [without(table, segment["column"], segment["value"]) for table in tables]
            changed[place] = sum(map(len, tables)) - sum(map(len, left))
            tables = left
    return replace(pair, reference=tables[0], current=tables[1], changed=changed)


def without(table: Table, column: str, value: Any) -> Table:
    values = table.columns.get(column)
    return table if values is None else table.only([row for row, each in enumerate(values) if each != value])


def effect(pair: Pair, column: str, kind: str) -> Optional[float]:
    """The size of one kind of difference of one column; None where it cannot be said."""
    if pair.reference is None or pair.current is None:
        return None
    if kind == SCHEMA:
        return float(differs_in_schema(pair, column) != "")
    one, other = pair.sides(column)
    if kind not in kinds_of(one, other):
        return None
    return effect_of(kind, one)(one, other)


def differs_in_schema(pair: Pair, column: str) -> str:
    """In words; '' where it does not."""
    assert pair.reference is not None and pair.current is not None
    if column not in pair.current.columns:
        return "is gone"
    if column not in pair.reference.columns:
        return "is new"
    before, after = (kind_of(values) for values in pair.sides(column))
    return f"holds {before} in the reference, {after} now" if before != after else ""


def measurement(pair: Pair, column: str, kind: str, floor: float, noted: Sequence[str] = ()) -> Dict[str, Any]:
    """The symptom record of one run."""
    details = {"applied": pair.counts("applied"), "changed": pair.counts("changed")}
    record = {"expected": 0.0, "unit": unit_of(kind), "details": details}
    size = None if pair.trouble else effect(pair, column, kind)
    if size is None:
        why = pair.trouble or f"the column {column!r} cannot be compared"
        return {**record, "measured": None, "state": "cannot measure", "note": why}
    beyond = float(f"{max(0.0, size - floor):.6g}")
    note = "; ".join([f"{column}: a difference of {size:.4g}, of which {floor:.4g} would be usual", *noted])
    return {**record, "measured": beyond, "state": "present" if beyond else "absent", "note": note}


def unit_of(kind: str) -> str:
    return UNITS.get(kind, "columns")
