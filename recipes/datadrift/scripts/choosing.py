"""Which rows are compared: what was named, what the program prints, or tables of the repository. In the kernel."""

from pathlib import Path, PurePath
from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

from debugbox_recipes.sinks import words_of
from debugbox_recipes.tables import Table, data_files, read_table

from .measuring import Measuring, Spec
from .study import Study

_MOST_BYTES = 48 << 20  # of all tables that are looked through
_ALIKE = 0.6  # of the columns that two tables share
_FIRST = frozenset("reference ref baseline base train training before old past previous prev expected golden".split())  # noqa: SIM905
_LAST = frozenset("current cur new after test live now latest today production prod scoring serve".split())  # noqa: SIM905


def choose(study: Study, measuring: Measuring) -> None:
    """Fill in where the rows come from, where it was not named."""
    if study.spec.current or study.spec.output:
        return
    if study.program.command:
        done = measuring.native()
        if not done.trouble:
            return
        study.limits.append(f"the program was not looked into: {done.trouble}")
    found = spec_of_files(study.program.repo, study.question or "", study.program.command)
    if found is None:
        study.stopped = "there is no table of at least 40 rows: none is printed, and none is among the data files"
        return
    study.spec = measuring.spec = found


def spec_of_files(repo: PurePath, question: str, command: str) -> Optional[Spec]:
    """Two tables with the same columns: the last one against all before it; else the halves of one."""
    asked = words_of(question) | words_of(command)
    tables = _tables(repo, asked)
    order = sorted(tables, key=lambda file: (-len(words_of(PurePath(file).stem) & asked), file))
    for file in order:
        alike = [each for each in tables if _alike(tables[each], tables[file]) and _family(each) == _family(file)]
        if len(alike) > 1:
            *reference, current = sorted(alike, key=_age)
            return Spec(tuple(reference), current)
    return Spec(current=order[0]) if order else None


def _tables(repo: PurePath, asked: FrozenSet[str]) -> Dict[str, Table]:
    """Those that the question names first, as many as can be read in a short time."""
    tables, left = {}, _MOST_BYTES
    for file in sorted(data_files(repo), key=lambda file: (-len(words_of(PurePath(file).stem) & asked), file)):
        size = (Path(repo) / file).stat().st_size
        table = read_table(repo, file) if size <= left else None
        if table is not None:
            tables[file] = table
            left -= size
    return tables


def _family(file: str) -> Tuple[str, str]:
    path = PurePath(file)
    return str(path.parent), path.suffix


def _alike(one: Table, other: Table) -> bool:
    shared = set(one.columns) & set(other.columns)
    return len(shared) >= _ALIKE * max(len(one.columns), len(other.columns))


def _age(file: str) -> Tuple[int, str]:
    words = words_of(PurePath(file).stem)
    return (0 if words & _FIRST else 2 if words & _LAST else 1), file


def question_order(question: str, columns: Sequence[str]) -> Dict[str, int]:
    """0 for columns that the question names, 1 for others."""
    asked = words_of(question)
    named: List[str] = [column for column in columns if words_of(column) & asked]
    return {column: int(column not in named) for column in columns}
