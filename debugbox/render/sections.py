"""The Markdown sections of the notebook: each function gives one cell's text from the finding.

Foreign text goes through `prose`; what stands here in plain Markdown is ours.
"""

from collections.abc import Iterable

from debugbox.finding import Check, Evidence, Finding, Suspect
from debugbox.foreign import clean_text
from debugbox.render import words
from debugbox.render.prose import code_block, code_span, line_markdown, markdown


def answer(finding: Finding) -> str:
    """Title, verdict, answer, places, what it took: enough for who reads no further."""
    parts = [
        f"# {line_markdown(finding.question) or 'A question without words'}",
        *([f"Follows {code_span(link[0])}: {line_markdown(link[1])}"] if (link := words.followed(finding)) else []),
        f"**{finding.verdict.capitalize()}.** {line_markdown(words.headline(finding))}{_check_line(finding)}",
        markdown(finding.answer) or "*No answer was given.*",
    ]
    if finding.suspects:
        parts.append(f"## Where\n\n{_places(finding)}")
    if finding.limits:
        parts.append(f"## What could not be seen\n\n{_items(map(line_markdown, finding.limits))}")
    parts.append(line_markdown(words.effort(finding)))
    return "\n\n".join(parts)


def _check_line(finding: Finding) -> str:
    marks = " · ".join(f"{words.MARK[check.result]} {check.name}" for check in finding.checks)
    return f"\n\nChecks: {marks}" if marks else ""


def _places(finding: Finding) -> str:
    commit = _commit(finding)
    head = f"At commit {code_span(commit[:12])}{_dirty(finding)}:\n\n" if commit else ""
    return head + "\n".join(f"{rank}. {_suspect(each)}" for rank, each in enumerate(finding.suspects[:10], start=1))


def _suspect(suspect: Suspect) -> str:
    at = code_span(f"{suspect.file}:{suspect.line}")
    inside = f" in {code_span(suspect.function)}" if suspect.function else ""
    why = f": {line_markdown(suspect.why)}" if suspect.why else ""
    quote = f"\n\n{_indented(code_block(suspect.quote, 'python'))}\n" if suspect.quote.strip() else ""
    return f"{at}{inside} (score {suspect.score:.2f}){why}{quote}"


def _commit(finding: Finding) -> str:
    return clean_text(str(finding.provenance.get("commit") or ""))


def _dirty(finding: Finding) -> str:
    dirty = finding.provenance.get("dirty")
    return f", with {words.counted(len(dirty), 'changed file')} on top" if isinstance(dirty, list) and dirty else ""


def evidence_title(finding: Finding) -> str:
    if not finding.evidence:
        return "## Evidence\n\nNo output was cited."
    return (
        "## Evidence\n\nEach picture, table or text below came out of a piece of throwaway code. "
        "The code is gone; its length and hash remain, and the outputs are as they were."
    )


def caption(index: int, evidence: Evidence) -> str:
    purpose = f"\n\n*Cell {evidence.cell}:* {line_markdown(evidence.purpose)}" if evidence.purpose.strip() else ""
    return f"### {index}. {_first_sentence(evidence)}{purpose}{_rest(evidence)}"


def _first_sentence(evidence: Evidence) -> str:
    return line_markdown(_split(evidence)[0]) or f"Cell {evidence.cell}"


def _rest(evidence: Evidence) -> str:
    rest = _split(evidence)[1]
    return f"\n\n{markdown(rest)}" if rest.strip() else ""


def _split(evidence: Evidence) -> tuple[str, str]:
    """The caption's first line and the rest, if it has more than one paragraph or line."""
    first, _, rest = clean_text(evidence.caption).strip().partition("\n")
    return first, rest


def discarded(evidence: Evidence) -> str:
    return f"# discarded: {words.counted(evidence.code_lines, 'line')}, sha256 {evidence.code_sha256[:16]}"


def hypotheses(finding: Finding) -> str:
    lines = (
        f"**{each.status}:** {line_markdown(each.text)}"
        + (f" — {line_markdown(each.evidence)}" if each.evidence.strip() else "")
        for each in finding.hypotheses
    )
    return f"## Hypotheses considered\n\n{_items(lines)}"


def symptom(finding: Finding) -> str:
    metric = f" It measures {line_markdown(finding.symptom.metric)}." if finding.symptom.metric.strip() else ""
    noise = finding.symptom.noise
    floor = f" The same run twice differs by {words.number(noise, finding.symptom.unit)}." if noise is not None else ""
    again = (
        f" `debugbox verify {finding.id}` runs it again on the repository as it is then."
        if finding.symptom.code
        else ""
    )
    return (
        "## The symptom, as code\n\nThe one piece of code that is kept: it answers *present*, *absent* or "
        f"*cannot measure*, and the table shows what it said in fresh boxes.{metric}{floor}{again}"
    )


def checks(finding: Finding) -> str:
    parts = ["## Checks", _intervention(finding)]
    if finding.checks:
        parts.append(_items(map(_check, finding.checks)))
    else:
        parts.append("No check was run.")
    return "\n\n".join(part for part in parts if part)


def _check(check: Check) -> str:
    took = f" ({words.duration(check.duration_s)})" if check.duration_s else ""
    why = f" — {line_markdown(check.why)}" if check.why.strip() else ""
    return f"{words.MARK[check.result]} **{check.name}: {check.result}**{why}{took}"


def _intervention(finding: Finding) -> str:
    done = finding.intervention
    if done is None:
        return "No change was tried."
    places = ", ".join(code_span(str(site)) for site in done.sites) or "no place"
    described = _diff_or_words(done.describe)
    settings = f"\n\nWith {code_span(words.parameters(done.parameters))}." if done.parameters else ""
    return f"The change that was tried, on copies only: {code_span(done.kind)} at {places}.{settings}{described}"


def _diff_or_words(text: str) -> str:
    if not text.strip():
        return ""
    if text.lstrip().startswith(("--- ", "diff ", "@@")):
        return f"\n\n{code_block(text.strip(), 'diff')}"
    return f"\n\n{markdown(text)}"


def provenance(finding: Finding) -> str:
    facts = [("finding", finding.id), ("created", finding.created), ("concluded by", finding.by)]
    facts += [("command", finding.run)] if finding.run else []
    facts += words.facts(finding.provenance)
    facts += [(f"tokens {kind}", f"{count:,}") for kind, count in finding.cost.tokens.items()]
    facts += [("endpoint", finding.cost.endpoint)] if finding.cost.endpoint else []
    lines = (f"{line_markdown(name)}: {code_span(value)}" for name, value in facts)
    return f"## Where this comes from\n\n{_items(lines)}\n\n{words.thrown_away(finding)}"


def _items(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.split("\n"))
