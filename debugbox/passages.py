"""The words of a finding, each with where it stands, and which of them hold what somebody looks for."""

from collections.abc import Iterator

from debugbox.finding import Finding
from debugbox.foreign import clean_line

_EXCERPT, _BEFORE = 62, 25  # characters of a passage, and of these before the hit: a line of a terminal in all


def passages(finding: Finding) -> Iterator[tuple[str, str]]:
    """(where, text) for everything in words, what is read first coming first."""
    yield "question", finding.question
    yield "answer", finding.answer
    for suspect in finding.suspects:
        yield "place", f"{suspect} in {suspect.function}: {suspect.quote} ({suspect.why})"
    for check in finding.checks:
        yield check.name, check.why
    for hypothesis in finding.hypotheses:
        yield f"hypothesis {hypothesis.status}", f"{hypothesis.text} ({hypothesis.evidence})"
    for evidence in finding.evidence:
        yield f"cell {evidence.cell}", f"{evidence.purpose}: {evidence.caption}"
        for output in evidence.outputs:
            if output.kind == "record":  # said in words elsewhere
                continue
            yield f"output of cell {evidence.cell}", output.text
    yield "symptom", f"{finding.symptom.metric}\n{finding.symptom.code}"
    yield "command", finding.run or ""
    for limit in finding.limits:
        yield "not seen", limit


def hits(finding: Finding, text: str) -> list[tuple[str, str]]:
    """(where, excerpt) of each passage that holds all words of `text`, whatever their case."""
    wanted = text.casefold().split()
    found = []
    for where, passage in passages(finding):
        line = clean_line(passage)
        folded = line.casefold()
        if wanted and all(word in folded for word in wanted):
            found.append((where, _excerpt(line, folded.find(wanted[0]))))
    return found


def _excerpt(line: str, at: int) -> str:
    """The line, or the part of it around the hit."""
    start = max(0, min(at - _BEFORE, len(line) - _EXCERPT))
    end = start + _EXCERPT
    return f"{'…' if start else ''}{line[start:end]}{'…' if end < len(line) else ''}"
