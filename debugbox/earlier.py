"""What earlier findings of a repository say, for who investigates it again: tied to its commit, and marked where stale.

It is data for the agent, not instruction: much of it was said by a model, about a tree that may have changed.
"""

from collections.abc import Sequence

from debugbox.finding import Finding, Suspect
from debugbox.foreign import clean_line
from debugbox.snapshot import Snapshot
from debugbox.verification import site_now

MAX_FINDINGS = 5
MAX_CHARS = 4_000  # of all together: about a thousand tokens, paid for on every turn
_ANSWER_CHARS = 300


def earlier_findings(findings: Sequence[Finding], snapshot: Snapshot) -> str:
    """The newest few that are about files of this snapshot, a paragraph each; empty where there are none.

    `findings` are newest first, as the archive lists them. Inconclusive ones are left out, but for what they refuted.
    """
    useful = [each for each in findings if _is_useful(each, snapshot)][:MAX_FINDINGS]
    return "\n\n".join(ledger_of(each, snapshot) for each in useful)[:MAX_CHARS]


def ledger_of(finding: Finding, snapshot: Snapshot) -> str:
    """One finding: question, verdict, answer, its places as they stand now, and what was refuted."""
    commit = str(finding.provenance.get("commit") or "no commit")[:10]
    lines = [
        f"Finding {finding.id} ({finding.verdict}, {clean_line(finding.created)[:10]}, at {clean_line(commit)}): "
        f"{clean_line(finding.question)}",
        f"  answer: {clean_line(finding.answer)[:_ANSWER_CHARS]}",
    ]
    lines += [f"  place: {clean_line(str(each))} ({_state(each, snapshot)})" for each in finding.suspects[:3]]
    refuted = [each for each in finding.hypotheses if each.status == "refuted"]
    lines += [f"  refuted then: {clean_line(each.text)} ({clean_line(each.evidence)})"[:400] for each in refuted[:5]]
    return "\n".join(lines)


def _is_useful(finding: Finding, snapshot: Snapshot) -> bool:
    known = any(snapshot.read(suspect.file) is not None for suspect in finding.suspects)
    refuted = any(each.status == "refuted" for each in finding.hypotheses)
    return (known and finding.verdict != "inconclusive") or refuted


def _state(suspect: Suspect, snapshot: Snapshot) -> str:
    """Whether the line is still what it was: what was found about one that changed may not hold any more."""
    if not suspect.quote:
        return "whether it has changed is not known"
    now = site_now(suspect, snapshot)
    if now is None:
        return "stale: the line has changed since"
    return "unchanged since" if now.line == suspect.line else f"unchanged since, now at line {now.line}"
