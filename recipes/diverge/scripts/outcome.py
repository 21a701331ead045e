"""What the two runs end with, and how much of that is left in a third: as the one asked about (1), as the other (0). In
the kernel.
"""

import os
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from debugbox_recipes.endings import Ending

FAILS, PRINTS = "how it ends", "what it prints"
FOLLOWS, STAYS = 0.1, 0.9  # of what differs: at most, at least
_MOST_LINES = 40
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
_TOKEN = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?|\w+|[^\w\s]", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """`mine` and `theirs`: lines that differ; `at`: their numbers, where both print as many lines. `echo`: words that
    differ because the commands do."""

    kind: str
    error: str = ""
    exit_code: Optional[int] = 0
    failing: Tuple[str, ...] = ()
    at: Tuple[int, ...] = ()
    mine: Tuple[str, ...] = ()
    theirs: Tuple[str, ...] = ()
    echo: Tuple[str, ...] = ()

    def share(self, ending: Ending) -> Optional[float]:
        """1.0: as mine, 0.0: as the other; None where it is neither's way to end."""
        if self.kind == FAILS:
            if not ending.failed:
                return 0.0
            alike = (ending.error, ending.exit_code) == (self.error, self.exit_code)
            return 1.0 if alike and set(self.failing) == set(ending.failing) else None
        if ending.failed:
            return None
        return self._by_line(ending.lines) if self.at else self._by_set(ending.lines)

    def _by_line(self, lines: Sequence[str]) -> Optional[float]:
        if len(lines) <= max(self.at):
            return None
        shares = [_of_line(lines[n], one, other, self.echo) for n, one, other in zip(self.at, self.mine, self.theirs)]  # noqa: B905
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if known else None

    def _by_set(self, lines: Sequence[str]) -> float:
        still = sum(line in lines for line in self.mine) + sum(line not in lines for line in self.theirs)
        return still / max(1, len(self.mine) + len(self.theirs))

    def arguments(self) -> Dict[str, Any]:
        """For the symptom's call."""
        given = {
            name: getattr(self, name) for name in ("error", "exit_code", "failing", "at", "mine", "theirs", "echo")
        }
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
        return {"kind": self.kind, **{name: value for name, value in plain.items() if value}}


def outcome_from(given: Mapping[str, Any]) -> Outcome:
    """The other way round."""
    plain: Dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
    return Outcome(**plain)


def _of_line(now: str, mine: str, theirs: str, echo: Sequence[str]) -> Optional[float]:
    parts = [_TOKEN.findall(text) for text in (now, mine, theirs)]
    if len({len(each) for each in parts}) > 1:
        return 1.0 if now == mine else 0.0 if now == theirs else 0.5
    shares = [_of_token(*three) for three in zip(*parts) if three[1] != three[2] and three[1] not in echo]  # noqa: B905
    return sum(shares) / len(shares) if shares else None


def _of_token(now: str, mine: str, theirs: str) -> float:
    if now in (mine, theirs):
        return float(now == mine)
    if not all(_NUMBER.fullmatch(each) for each in (now, mine, theirs)):
        return 1.0
    return min(1.0, abs(float(now) - float(theirs)) / abs(float(mine) - float(theirs)))


def outcome_of(mine: Ending, theirs: Ending, about: str, echo: Sequence[str]) -> Optional[Outcome]:
    """What tells the two apart; None where nothing does, or where both fail."""
    if mine.failed and not theirs.failed:
        return Outcome(FAILS, mine.error, mine.exit_code, mine.failing)
    if mine.failed or theirs.failed or mine.lines == theirs.lines:
        return None
    if len(mine.lines) == len(theirs.lines):
        differing = [n for n, line in enumerate(mine.lines) if _differ(line, theirs.lines[n], echo)]
        at = tuple(_about(differing, [mine.lines[n] for n in differing], about)[:_MOST_LINES])
        rows = [tuple(lines[n] for n in at) for lines in (mine.lines, theirs.lines)]
        return Outcome(PRINTS, at=at, mine=rows[0], theirs=rows[1], echo=tuple(echo)) if at else None
    only = [[line for line in one if line not in other] for one, other in
            ((mine.lines, theirs.lines), (theirs.lines, mine.lines))]  # fmt: skip
    chosen = [tuple(_about(lines, lines, about)[:_MOST_LINES]) for lines in only]
    return Outcome(PRINTS, mine=chosen[0], theirs=chosen[1], echo=tuple(echo)) if any(chosen) else None


def _differ(mine: str, theirs: str, echo: Sequence[str]) -> bool:
    return mine != theirs and _of_line(mine, mine, theirs, echo) is not None


def _about(items: Sequence[Any], texts: Sequence[str], question: str) -> List[Any]:
    """Those of which the question speaks, if it speaks of some."""
    asked = set(re.findall(r"[a-z]{4,}", question.lower()))
    spoken = [item for item, text in zip(items, texts) if asked & set(re.findall(r"[a-z]{4,}", text.lower()))]  # noqa: B905
    return spoken or list(items)


def echo_of(mine: str, theirs: str) -> List[str]:
    """Words that stand in one command and not in the other, with the names of files without their folders and ends."""
    words = [set(_words(command)) for command in (mine, theirs)]
    return sorted(words[0] ^ words[1])


def _words(command: str) -> List[str]:
    found = command.split()
    found += [os.path.basename(word) for word in found]
    return [*found, *(part for word in found for part in _TOKEN.findall(word) if len(part) > 1)]
