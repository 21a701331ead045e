"""The claim lint: does what a conclusion points to exist, and does it say what is quoted?

Reads only the snapshot and the frozen record; never believes a number or a place.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from debugbox.finding import Cell, Conclusion, Place, Quote, Suspect
from debugbox.foreign import clean_text
from debugbox.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A citation that does not hold, and which one: a place, a cell, a quoted output; none where all of it stays."""

    why: str
    place: Place | None = None
    cell: int | None = None
    quote: Quote | None = None

    def __str__(self) -> str:
        return self.why


def lint(conclusion: Conclusion, snapshot: Snapshot, cells: Sequence[Cell]) -> list[str]:
    """What is wrong with a conclusion, a sentence each; empty when every citation holds."""
    return list(dict.fromkeys(map(str, faults(conclusion, snapshot, cells))))


def faults(conclusion: Conclusion, snapshot: Snapshot, cells: Sequence[Cell]) -> list[Fault]:
    """The same, with what each of them is about."""
    found = [fault for suspect in conclusion.suspects for fault in _place_faults(suspect, snapshot)]
    sites = conclusion.intervention.sites if conclusion.intervention else ()
    found += [fault for site in sites for fault in _place_faults(site, snapshot)]
    known = {cell.id for cell in cells}
    cited = set(conclusion.captions).union(*[suspect.cells for suspect in conclusion.suspects])
    for number in sorted(cited - known):
        found.append(Fault(why=f"cell {number} is cited, but there is no such cell", cell=number))
    found += [fault for suspect in conclusion.suspects for fault in _citation_faults(suspect)]
    found += [fault for quote in conclusion.quotes for fault in _quote_faults(quote, cells)]
    return list(dict.fromkeys(found))


def _place_faults(place: Place, snapshot: Snapshot) -> list[Fault]:
    if snapshot.read(place.file) is None:
        return [Fault(why=f"{place}: there is no file {place.file} in the snapshot", place=place)]
    there = snapshot.source_line(place.file, place.line)
    if there is None:
        return [Fault(why=f"{place}: the file has no line {place.line}", place=place)]
    if place.quote and " ".join(place.quote.split()) != " ".join(there.split()):
        return [Fault(why=f"{place}: the quoted source is not what stands there ({there!r})", place=place)]
    return []


def _citation_faults(suspect: Suspect) -> list[Fault]:
    """The place is there all the same: it stays as what somebody suspects."""
    found = [] if suspect.cells else [Fault(why=f"{suspect}: no cell is cited as evidence for it")]
    return found if suspect.quote else [*found, Fault(why=f"{suspect}: the source of that line is not quoted")]


def _quote_faults(quote: Quote, cells: Sequence[Cell]) -> list[Fault]:
    """The quoted output must be in one of the cells, both cleaned alike; white space does not count."""
    wanted = _flat(quote.text)
    said = [_flat(text) for cell in cells if cell.id in quote.cells for text in _texts(cell)]
    if any(wanted in text for text in said):
        return []
    why = f"{quote.text.strip()[:80]!r} is not in the output of {_numbered(quote.cells)}"
    return [Fault(why=why, quote=quote)]


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
