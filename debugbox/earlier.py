"""What earlier findings of a repository say, for who investigates it again: by their commit, marked where stale.

It is data for the agent, not instruction: much of it was said by a model, about a tree that may have changed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from debugbox.archive import Archive
from debugbox.errors import NoSuchFinding
from debugbox.finding import Evidence, Finding, Hypothesis, Suspect
from debugbox.foreign import clean_line, clean_text
from debugbox.places import site_now
from debugbox.snapshot import Snapshot

MAX_LOOKED_AT = 40  # of the newest: each is a notebook to be read
MAX_FINDINGS = 5
MAX_CHARS = 4_000  # of all together: about a thousand tokens, paid for on every turn
MAX_FOLLOWED_CHARS = 8_000  # of the one that a question follows
_ANSWER_CHARS = 300
_OUTPUT_CHARS = 1_500  # of one cited cell
_ABOUT_A_RECIPE = re.compile(r"the recipe \S+ fits")


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the agent is told of earlier findings, and which they are."""

    text: str = ""
    ids: tuple[str, ...] = ()


def known_before(archive: Archive, snapshot: Snapshot, followed: Finding | None = None) -> Known:
    """The finding that the question follows, whole, then the newest others about files of this snapshot, in short."""
    try:
        entries = archive.list_findings(newest=MAX_LOOKED_AT).entries
    except NoSuchFinding:  # an archive that cannot be read has nothing to say
        entries = ()
    others = [entry.finding for entry in entries if followed is None or entry.finding.id != followed.id]
    useful = useful_findings(others, snapshot)
    parts = [followed_ledger(followed, snapshot)] if followed else []
    parts += [earlier_findings(useful, snapshot)] if useful else []
    ids = ([followed.id] if followed else []) + [each.id for each in useful]
    return Known(text="\n\n".join(parts), ids=tuple(ids))


def earlier_findings(findings: Sequence[Finding], snapshot: Snapshot) -> str:
    """The newest few that are about files of this snapshot, a paragraph each; empty where there are none.

    `findings` are newest first, as the archive lists them. Inconclusive ones are left out, but for what they refuted.
    """
    return "\n\n".join(ledger_of(each, snapshot) for each in useful_findings(findings, snapshot))[:MAX_CHARS]


def useful_findings(findings: Sequence[Finding], snapshot: Snapshot) -> list[Finding]:
    """Those that `earlier_findings` tells of."""
    return [each for each in findings if _is_useful(each, snapshot)][:MAX_FINDINGS]


def ledger_of(finding: Finding, snapshot: Snapshot, answer_chars: int = _ANSWER_CHARS) -> str:
    """One finding: question, verdict, answer, its places as they stand now, and what was refuted."""
    commit = str(finding.provenance.get("commit") or "no commit")[:10]
    lines = [
        f"Finding {finding.id} ({finding.verdict}, {clean_line(finding.created)[:10]}, at {clean_line(commit)}): "
        f"{clean_line(finding.question)}",
        f"  answer: {clean_line(finding.answer)[:answer_chars]}",
    ]
    lines += [f"  place: {clean_line(str(each))} ({_state(each, snapshot)})" for each in finding.suspects[:3]]
    refuted = _refuted(finding)
    lines += [f"  refuted then: {clean_line(each.text)} ({clean_line(each.evidence)})"[:400] for each in refuted[:5]]
    return "\n".join(lines)


def followed_ledger(finding: Finding, snapshot: Snapshot) -> str:
    """The finding that a question follows: its ledger, its checks, its symptom and its evidence."""
    kept = [each for each in finding.hypotheses if each.status != "refuted"]
    lines = [ledger_of(finding, snapshot, answer_chars=2_000)]
    lines += [
        f"  {each.status} then: {clean_line(each.text)} ({clean_line(each.evidence)})"[:400] for each in kept[:10]
    ]
    lines += [f"  check {each.name}, {each.result}: {clean_line(each.why)}"[:400] for each in finding.checks]
    if finding.intervention:
        lines.append(f"  changed in the checks: {clean_text(finding.intervention.describe)[:1_500]}")
    if finding.symptom.code:
        lines.append(f"  its symptom's code:\n{clean_text(finding.symptom.code)[:2_000]}")
    lines += [_evidence(each) for each in finding.evidence]
    return "\n".join(lines)[:MAX_FOLLOWED_CHARS]


def _evidence(evidence: Evidence) -> str:
    """A cited cell of then: what it showed, in text. Its number means nothing in a new run."""
    texts = "\n".join(each.text for each in evidence.outputs if each.kind != "record")
    return f"  evidence then: {clean_line(evidence.caption)}\n{clean_text(texts)[:_OUTPUT_CHARS]}"


def _is_useful(finding: Finding, snapshot: Snapshot) -> bool:
    known = any(snapshot.read(suspect.file) is not None for suspect in finding.suspects)
    return (known and finding.verdict != "inconclusive") or bool(_refuted(finding))


def _refuted(finding: Finding) -> list[Hypothesis]:
    """What was ruled out; which recipe did not fit says nothing of the program."""
    ruled_out = [each for each in finding.hypotheses if each.status == "refuted"]
    return [each for each in ruled_out if not _ABOUT_A_RECIPE.fullmatch(each.text)]


def _state(suspect: Suspect, snapshot: Snapshot) -> str:
    """Whether the line is still what it was: what was found about one that changed may not hold any more."""
    if not suspect.quote:
        return "whether it has changed is not known"
    now = site_now(suspect, snapshot)
    if now is None:
        return "stale: the line has changed since"
    return "unchanged since" if now.line == suspect.line else f"unchanged since, now at line {now.line}"
