"""A finding as plain text for stdout, and the tables of `debugbox list`. Colour only where it is asked for."""

import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from debugbox.finding import Check, Finding, Suspect, Verdict
from debugbox.foreign import clean_line, clean_text, cleaned
from debugbox.render import words
from debugbox.render.live import Step, View
from debugbox.render.prose import Block, Inline, blocks

__all__ = ["InterruptedRun", "Step", "View", "as_json", "findings_table", "interrupted_table", "report"]

WIDTH = 80
_COLOUR: dict[Verdict, str] = {
    "confirmed": "\x1b[1;32m",
    "supported": "\x1b[1;32m",
    "suspected": "\x1b[1;33m",
    "refuted": "\x1b[1;36m",
    "inconclusive": "\x1b[1;35m",
}
_MARK_COLOUR = {"passed": "\x1b[32m", "failed": "\x1b[31m", "cannot measure": "\x1b[33m"}
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


def report(
    finding: Finding,
    *,
    path: Path | None = None,
    home: Path | None = None,
    note: str = "",
    colour: bool = False,
    width: int = WIDTH,
) -> str:
    """The final report: question, verdict, answer, places, checks, what it took, how to look at it.

    `path` is the notebook's, written with `~` where it is below `home`; `note` is what the archive has to say about
    it. Code and paths are never wrapped.
    """
    width = max(40, min(width, 100))
    parts = [
        _painted(_wrapped(clean_line(finding.question), width), _BOLD, colour),
        _follows(finding, width),
        _verdict(finding, width, colour),
        _answer(finding, width),
        _titled("Where", [_suspect(rank, each, width) for rank, each in _ranked(finding)], colour),
        _titled("Checks", [_check(each, width, colour) for each in finding.checks], colour),
        _titled(
            "Not seen", [_wrapped(f"- {clean_line(each)}", width, "  ", "    ") for each in finding.limits], colour
        ),
        _wrapped(words.effort(finding), width),
        _wrapped(clean_line(note), width),
        _how_to_look(finding, path, home, width),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _follows(finding: Finding, width: int) -> str:
    link = words.followed(finding)
    return _wrapped(f"Follows {link[0]}: {link[1]}", width) if link else ""


def as_json(finding: Finding) -> str:
    """The finding's JSON, safe on a terminal."""
    return cleaned(finding).to_json()


def _verdict(finding: Finding, width: int, colour: bool) -> str:
    """Painted when it is wrapped: codes have no width."""
    word = finding.verdict.upper()
    text = _wrapped(f"{word}  {words.headline(finding)}", width)
    return _painted(word, _COLOUR[finding.verdict], colour) + text.removeprefix(word)


def _painted(text: str, code: str, colour: bool) -> str:
    return f"{code}{text}{_PLAIN}" if colour and text else text


def _titled(title: str, lines: list[str], colour: bool) -> str:
    return "\n".join([_painted(title, _BOLD, colour), *lines]) if lines else ""


def _answer(finding: Finding, width: int) -> str:
    lines: list[str] = []
    before: Block | None = None
    for block in blocks(finding.answer):
        if before is not None and not (before.kind == block.kind == "item"):
            lines.append("")
        lines.append(_block(block, width))
        before = block
    return "\n".join(lines)


def _block(block: Block, width: int) -> str:
    if block.kind == "fence":
        return textwrap.indent(block.text, "    ")
    text = _plain(block.inlines)
    if block.kind == "item":
        indent = "  " * block.level
        return _wrapped(f"{block.marker} {text}", width, indent, f"{indent}{' ' * (len(block.marker) + 1)}")
    return _wrapped(text, width)


def _plain(parts: tuple[Inline, ...]) -> str:
    return "".join(_plain(part.parts) if part.parts else part.text for part in parts)


def _ranked(finding: Finding) -> list[tuple[int, Suspect]]:
    return list(enumerate(finding.suspects[:5], start=1))


def _suspect(rank: int, suspect: Suspect, width: int) -> str:
    head = f"  {rank}. {words.place(suspect)}  (score {suspect.score:.2f})"
    return f"{head}\n{_wrapped(clean_line(suspect.why), width, '     ', '     ')}" if suspect.why.strip() else head


def _check(check: Check, width: int, colour: bool) -> str:
    mark = words.MARK[check.result]
    result = "" if check.result == "passed" else f"{check.result}: "
    text = _wrapped(f"{result}{clean_line(check.why)}", width, f"  {mark} {check.name:<14} ", " " * 19)
    return text.replace(mark, _painted(mark, _MARK_COLOUR.get(check.result, ""), colour), 1)


def _how_to_look(finding: Finding, path: Path | None, home: Path | None, width: int) -> str:
    lines = [f"Finding   {finding.id}"]
    if path is None:
        return lines[0]
    shown = clean_text(_below_home(path, home))
    between = "  " if len(shown) <= width - 10 else "\n"  # a path that would be broken has a line of its own
    lines += [f"Notebook{between}{shown}", ""]
    lines += [f"  debugbox review {finding.id}    its page with the plots, in the browser"]
    if finding.symptom.code:
        lines += [f"  debugbox verify {finding.id}    is it still so, on the tree as it is then?"]
    return "\n".join([*lines, f'  debugbox ask {finding.id} "…"   a question that starts from it'])


def _below_home(path: Path, home: Path | None) -> str:
    """The path as one would paste it into a shell."""
    if home and path.is_relative_to(home):
        return f"~/{shlex.quote(str(path.relative_to(home)))}"  # a shell reads ~ only where it is not quoted
    return shlex.quote(str(path))


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> str:
    """`text` wrapped between words; a word that is too long (a path) stays whole."""
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


@dataclass(frozen=True, kw_only=True)
class InterruptedRun:
    """What `debugbox list` says about a run that was killed."""

    id: str
    age_s: float
    cells: int
    question: str


def findings_table(findings: Sequence[Finding], *, now: datetime | None = None, width: int = WIDTH) -> str:
    """One line a finding: id, age, verdict, first place, question; cut to `width`."""
    moment = now or datetime.now(UTC)
    rows = [
        [each.id, _age(each.created, moment), each.verdict, words.first_place(each), _asked(each)] for each in findings
    ]
    return _cut(words.table(["id", "age", "verdict", "place", "question"], rows), width)


def interrupted_table(runs: Sequence[InterruptedRun], *, width: int = WIDTH) -> str:
    rows = [[run.id, words.age(run.age_s), words.counted(run.cells, "cell"), run.question] for run in runs]
    return _cut(words.table(["interrupted", "age", "has", "question"], rows), width)


def _cut(table: str, width: int) -> str:
    return "\n".join(line if len(line) <= width else f"{line[: width - 1]}…" for line in table.split("\n"))


def _asked(finding: Finding) -> str:
    """The question, behind the short id of the finding that it follows."""
    link, question = words.followed(finding), clean_line(finding.question)
    return f"(after {link[0].rpartition('-')[2]}) {question}" if link else question


def _age(created: str, now: datetime) -> str:
    try:
        then = datetime.fromisoformat(created)
    except ValueError:
        return "?"
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return words.age((now - then).total_seconds())
