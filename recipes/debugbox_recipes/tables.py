"""Data sets as columns: comma-separated files, JSON lines, JSON, and what a program prints. In the kernel.

Numbers become floats, what stands for nothing becomes None, everything else stays text. Each row keeps the line where
it stands, so that a row can be a place of a finding.
"""

import csv
import importlib
import io
import json
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .printed import series_in

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
LEAST = 40  # rows of a table
_MOST_BYTES = 32 << 20
_MOST_FILES = 60
_NOTHING = frozenset(("", "na", "n/a", "nan", "null", "none", "-"))
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Table:
    """Columns by name, all as long as `lines`: where each row begins, from 1. `file` is empty for what is printed."""

    file: str
    columns: Mapping[str, List[Any]]
    lines: List[int]
    files: Tuple[str, ...] = ()  # of each row, where rows come from several

    def __len__(self) -> int:
        return len(self.lines)

    def place(self, row: int) -> Tuple[str, int]:
        return (self.files[row] if self.files else self.file), self.lines[row]

    def only(self, rows: Sequence[int]) -> "Table":
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        files = tuple(self.files[row] for row in rows) if self.files else ()
        return Table(self.file, columns, [self.lines[row] for row in rows], files)


def has_lines(file: str) -> bool:
    """Whether rows of such a file can be places of a finding."""
    return not file.endswith(".parquet")


def read_table(repo: PurePath, file: str) -> Optional[Table]:
    """None where there is no table of enough rows in it."""
    path = Path(repo) / file
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        if path.suffix.lower() == ".parquet":
            return _of_frame(path, file)
        text = path.read_text("utf-8-sig", "replace")
    except OSError:
        return None
    return table_of(text, file)


def _of_frame(path: Path, file: str) -> Optional[Table]:
    """By pandas, where the repository brings it into the kernel. Such a file has no lines: all rows are at line 1."""
    try:
        frame = importlib.import_module("pandas").read_parquet(path)
    except (ImportError, ValueError, OSError):
        return None
    columns = {str(name): _of_one_kind([plain(each) for each in frame[name].tolist()]) for name in frame.columns}
    return Table(file, columns, [1] * len(frame)) if len(frame) >= LEAST else None


def table_of(text: str, file: str = "") -> Optional[Table]:
    """JSON, JSON lines, or fields with a heading; of printed text also numbers in lines of one form."""
    found = _of_json(text) or _of_json_lines(text) or _of_fields(text)
    if found is None and not file:
        found = _of_printed(text)
    if found is None or len(found[1]) < LEAST:
        return None
    names = list(dict.fromkeys(name for record in found[0] for name in record))
    columns = {str(name): [plain(record.get(name)) for record in found[0]] for name in names}
    return Table(file, {name: _of_one_kind(values) for name, values in columns.items()}, found[1])


Records = Tuple[List[Dict[str, Any]], List[int]]


def _of_json(text: str) -> Optional[Records]:
    if not text.lstrip().startswith("["):
        return None
    try:
        rows = json.loads(text)
    except ValueError:
        return None
    if not rows or not all(isinstance(row, dict) for row in rows):
        return None
    starts = [number for number, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith(("{", "[{"))]
    return rows, starts if len(starts) == len(rows) else [1] * len(rows)


def _of_json_lines(text: str) -> Optional[Records]:
    rows, lines = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("{"):
            try:
                rows.append(json.loads(line))
            except ValueError:
                return None
            lines.append(number)
    return (rows, lines) if len(rows) >= LEAST else None


def _of_fields(text: str) -> Optional[Records]:
    """Most lines have as many fields as the first that has that many, which names them."""
    sample = [line for line in text.splitlines()[:200] if line.strip()]
    counts = {each: sorted(line.count(each) for line in sample)[len(sample) // 2] for each in _DELIMITERS if sample}
    delimiter = max(counts, key=lambda each: counts[each], default=",")
    if not counts.get(delimiter):
        return None
    width, heading = counts[delimiter] + 1, None  # type: int, Optional[List[str]]
    rows: List[Dict[str, Any]] = []
    lines: List[int] = []
    reader, began = csv.reader(io.StringIO(text), delimiter=delimiter), 1
    try:
        for fields in reader:
            at, began = began, reader.line_num + 1
            if len(fields) == width:
                if heading is None:
                    heading = [name.strip() for name in fields]
                else:
                    rows.append(dict(zip(heading, fields)))  # noqa: B905  # strict= came with 3.10
                    lines.append(at)
    except csv.Error:
        return None
    if heading is None or any(isinstance(plain(name), float) for name in heading) or len(set(heading)) < width:
        return None
    return rows, lines


def _of_printed(text: str) -> Optional[Records]:
    """Numbers of lines of one form: the form with most lines."""
    series = series_in(text, LEAST)
    if not series:
        return None
    lines = max({each.lines for each in series}, key=lambda each: (len(each), each))
    mine = {each.name: each.values for each in series if each.lines == lines}
    rows = [{name: values[row] for name, values in mine.items()} for row in range(len(lines))]
    return rows, list(lines)


def plain(value: Any) -> Any:
    """A float, a text, or None."""
    if value is None or isinstance(value, bool):
        return None if value is None else str(value)
    if isinstance(value, (int, float)):
        number = float(value) if abs(value) < 1e300 else None
        return number if number == number else None
    text = str(value).strip()
    if text.lower() in _NOTHING:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return number if abs(number) < 1e300 else text


def _of_one_kind(values: List[Any]) -> List[Any]:
    """Numbers among texts are texts; the other way round, a few texts in a column of numbers make it one of texts."""
    if any(isinstance(each, str) for each in values):
        return [f"{each:g}" if isinstance(each, float) else each for each in values]
    return values


def kind_of(values: Sequence[Any]) -> str:
    """`numbers`, `texts`, or `nothing` where no row has a value."""
    known = [each for each in values if each is not None]
    if not known:
        return "nothing"
    return "texts" if any(isinstance(each, str) for each in known) else "numbers"


def is_label(values: Sequence[Any]) -> bool:
    """A column that names its row: a counter or a time that only goes up, or another text in nearly each row."""
    known = [each for each in values if each is not None]
    if kind_of(values) == "numbers":
        return len(known) > 1 and all(a < b for a, b in zip(known, known[1:]))  # noqa: B905, RUF007  # both newer than 3.9
    return len(set(known)) > max(12, len(known) // 4)


def data_files(repo: PurePath) -> List[str]:
    """The files of the repository that may hold tables."""
    found = [path.relative_to(repo) for path in sorted(Path(repo).rglob("*")) if path.suffix.lower() in SUFFIXES]
    shown = [path for path in found if not any(part.startswith(".") for part in path.parts)]
    return [path.as_posix() for path in shown if (Path(repo) / path).is_file()][:_MOST_FILES]
