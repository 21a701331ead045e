"""The series that a program prints: numbers that stand at the same place of lines of the same form. In the kernel.

Lines belong together where they are alike but for their numbers, or (tables) where they have as many fields. A series
is named by the words before its numbers, or by the heading of its field: a run with other values has the same names.
"""

import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

# A word is taken whole: a pattern that asks for a digit in it would look at each letter again and again.
_TOKEN = re.compile(r"(\d{4}-\d\d(?:-\d\d)?(?:[T ]\d\d:\d\d(?::\d\d)?)?|\d\d:\d\d(?::\d\d)?)|([^\W\d_][\w.]*)|"
                    r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w])")  # fmt: skip
_DIGIT = re.compile(r"\d")
_LONGEST = 2000  # characters of a line
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$")
_FIELDS = re.compile(r"\s*[,;\t|]\s*")
_WORD = re.compile(r"[^\W\d]\w*")
_CLAUSE = re.compile(r"[,;|]")
_UNIT = re.compile(r"\s*([^\W\d][\w/]*)")


@dataclass(frozen=True)
class Series:
    """One series; `lines` are the numbers of the lines it stands in, from 1."""

    name: str
    values: Tuple[float, ...]
    lines: Tuple[int, ...]


def series_in(text: str, least: int) -> List[Series]:
    """All series of at least so many values that are no constants and no plain counters; names are unique."""
    lines = [line if len(line) <= _LONGEST else "" for line in text.splitlines()]
    found = _of_alike(lines, least) or _of_tables(lines, least)
    told: Dict[str, Series] = {}
    for name, rows in found:
        values = tuple(value for _, value in rows)
        if len(set(values)) > 1 and not _counts(values):
            unique = next(each for each in (name, *(f"{name} ({n})" for n in range(2, 99))) if each not in told)
            told[unique] = Series(unique, values, tuple(line for line, _ in rows))
    return list(told.values())


Rows = List[Tuple[int, float]]


def _of_alike(lines: Sequence[str], least: int) -> List[Tuple[str, Rows]]:
    """Lines of one form, numbers and times left open; those without words are rows of a table."""
    groups: Dict[str, List[Tuple[int, List[str]]]] = {}
    for number, line in enumerate(lines, 1):
        form, tokens = _form(" ".join(line.split()))
        if tokens:
            groups.setdefault(form, []).append((number, tokens))
    found = []
    for form, rows in groups.items():
        if len(rows) < least or not _WORD.search(form):
            continue
        before = form.split("\0")
        for position in range(len(rows[0][1])):
            numbers = _numbers([(line, tokens[position]) for line, tokens in rows])
            if numbers is not None:
                found.append((_name(before, position), numbers))
    return found


def _form(line: str) -> Tuple[str, List[str]]:
    """The line with its numbers, times and names with digits left open; and these."""
    parts, tokens, at = [], [], 0
    for match in _TOKEN.finditer(line):
        if match[2] is None or _DIGIT.search(match[2]):
            parts.append(line[at : match.start()])
            tokens.append(match[0])
            at = match.end()
    return "\0".join([*parts, line[at:]]), tokens


def _name(around: Sequence[str], position: int) -> str:
    """The last words before a number; where there are none, its unit."""
    words, unit = _WORD.findall(_CLAUSE.split(around[position])[-1]), _UNIT.match(around[position + 1])
    return " ".join(words[-2:]) or (unit[1] if unit else f"number {position + 1}")


def _of_tables(lines: Sequence[str], least: int) -> List[Tuple[str, Rows]]:
    """Lines with as many fields; a first line without numbers names them."""
    groups: Dict[int, List[Tuple[int, List[str]]]] = {}
    for number, line in enumerate(lines, 1):
        fields = _FIELDS.split(line.strip())
        fields = fields if len(fields) > 1 else line.split()
        groups.setdefault(len(fields), []).append((number, fields))
    found = []
    for count, rows in groups.items():
        heading = rows[0][1] if not any(map(_NUMBER.match, rows[0][1])) else None
        body = rows[1:] if heading else rows
        for position in range(count if len(body) >= least else 0):
            numbers = _numbers([(line, fields[position]) for line, fields in body])
            if numbers is not None:
                found.append((heading[position] if heading else f"field {position + 1}", numbers))
    return found


def _numbers(rows: Sequence[Tuple[int, str]]) -> Optional[Rows]:
    return [(line, float(text)) for line, text in rows] if all(_NUMBER.match(text) for _, text in rows) else None


def _counts(values: Sequence[float]) -> bool:
    """A number that goes on by the same step each time says which line it is."""
    step = values[1] - values[0]
    return all(abs(after - before - step) <= 1e-9 * abs(after) for before, after in zip(values, values[1:]))  # noqa: B905, RUF007  # both are newer than 3.9
