"""The claim lint: does what a conclusion points to exist, and does it say what is quoted?

Reads only the snapshot and the frozen record; never believes a number or a place.
"""

import json
from collections.abc import Iterator, Sequence

from debugbox.finding import Cell, Conclusion, Place, Quote, Suspect
from debugbox.foreign import clean_text
from debugbox.snapshot import Snapshot


def lint(conclusion: Conclusion, snapshot: Snapshot, cells: Sequence[Cell]) -> list[str]:
    """What is wrong with a conclusion, a sentence each; empty when every citation holds."""
    problems = [problem for suspect in conclusion.suspects for problem in _place_problems(suspect, snapshot)]
    sites = conclusion.intervention.sites if conclusion.intervention else ()
    problems += [problem for site in sites for problem in _place_problems(site, snapshot)]
    known = {cell.id for cell in cells}
    cited = set(conclusion.captions).union(*[suspect.cells for suspect in conclusion.suspects])
    problems += [f"cell {number} is cited, but there is no such cell" for number in sorted(cited - known)]
    problems += [problem for suspect in conclusion.suspects for problem in _citation_problems(suspect)]
    problems += [problem for quote in conclusion.quotes for problem in _quote_problems(quote, cells)]
    return list(dict.fromkeys(problems))


def _place_problems(place: Place, snapshot: Snapshot) -> list[str]:
    if snapshot.read(place.file) is None:
        return [f"{place}: there is no file {place.file} in the snapshot"]
    there = snapshot.source_line(place.file, place.line)
    if there is None:
        return [f"{place}: the file has no line {place.line}"]
    if place.quote and " ".join(place.quote.split()) != " ".join(there.split()):
        return [f"{place}: the quoted source is not what stands there ({there!r})"]
    return []


def _citation_problems(suspect: Suspect) -> list[str]:
    problems = [] if suspect.cells else [f"{suspect}: no cell is cited as evidence for it"]
    return problems if suspect.quote else [*problems, f"{suspect}: the source of that line is not quoted"]


def _quote_problems(quote: Quote, cells: Sequence[Cell]) -> list[str]:
    """The quoted output must be in one of the cells, both cleaned alike; white space does not count."""
    wanted = _flat(quote.text)
    said = [_flat(text) for cell in cells if cell.id in quote.cells for text in _texts(cell)]
    if any(wanted in text for text in said):
        return []
    return [f"{quote.text.strip()[:80]!r} is not in the output of {_numbered(quote.cells)}"]


def _texts(cell: Cell) -> Iterator[str]:
    """All that a cell gave back in words; a record as the model was shown it."""
    yield "\n".join(output.text for output in cell.outputs)
    for output in cell.outputs:
        if output.data:
            yield json.dumps(output.data, ensure_ascii=False)


def _flat(text: str) -> str:
    return " ".join(clean_text(text).split())


def _numbered(cells: Sequence[int]) -> str:
    return f"cell {' or '.join(map(str, cells))}" if cells else "any cell: none is cited"
