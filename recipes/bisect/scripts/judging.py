"""Good, bad, or neither: what one run of the command says about one version. In the kernel.

What to compare is chosen once, from runs of the version that is known to be good and of the one at hand.
"""

import math
import re
from collections import Counter
from typing import List, Optional, Sequence, Tuple

from debugbox_recipes.endings import Ending

FAILS, PRINTS, WORKS = "how it ends", "what it prints", "how much it works"
_NOT_RUN = ("ModuleNotFoundError", "ImportError", "SyntaxError", "IndentationError")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.I)
_WORK_MORE = 1.25


class Judge:
    """Compares endings with the good one and with the bad one."""

    def __init__(self, kind: str, good: Ending, bad: Ending) -> None:
        self.kind, self.good, self.bad = kind, good, bad
        self._more = Counter(bad.lines) - Counter(good.lines)
        self._less = Counter(good.lines) - Counter(bad.lines)

    @property
    def telling(self) -> Tuple[List[str], List[str]]:
        """Lines that only the bad version prints, and lines that only the good one prints."""
        return list(self._more), list(self._less)

    def says(self, ending: Ending) -> Optional[bool]:
        """True: bad, False: good, None: neither."""
        if self.kind == FAILS:
            return self._by_failure(ending)
        if ending.failed != self.bad.failed:
            return None
        return self._by_work(ending) if self.kind == WORKS else self._by_output(ending)

    def value(self, ending: Ending) -> float:
        """A number for the picture: 0 is good, 1 is bad."""
        if self.kind == WORKS:
            return ending.work
        return {True: 1.0, False: 0.0, None: math.nan}[self.says(ending)]

    def _by_failure(self, ending: Ending) -> Optional[bool]:
        if not ending.failed:
            return False
        if self.bad.failing and ending.failing:
            return True if set(ending.failing) & set(self.bad.failing) and ending.error == self.bad.error else None
        return True if (ending.error, ending.exit_code) == (self.bad.error, self.bad.exit_code) else None

    def agrees(self, ending: Ending) -> bool:
        """A second look: the same message as at hand, numbers and quoted names aside. For work the clock had it."""
        if self.kind == WORKS:
            return True
        if self.kind == PRINTS:
            return not self._less or not all(line in ending.lines for line in self._less)
        return _plain(ending.message) == _plain(self.bad.message) or bool(set(ending.failing) & set(self.bad.failing))

    def _by_output(self, ending: Ending) -> Optional[bool]:
        if ending.lines == self.bad.lines:
            return True
        if ending.lines == self.good.lines:
            return False
        lines = Counter(ending.lines)
        bad = sum((self._more & lines).values()) / max(1, sum(self._more.values()))
        good = sum((self._less & lines).values()) / max(1, sum(self._less.values()))
        if bad != good:
            return bad > good
        return self._by_number(ending)

    def _by_number(self, ending: Ending) -> Optional[bool]:
        """The first number that differs between good and bad: nearer to which?"""
        texts = [_NUMBER.findall("\n".join(each.lines)) for each in (self.good, self.bad, ending)]
        if len({len(each) for each in texts}) != 1:
            return None
        for good, bad, now in zip(*texts):  # noqa: B905  # strict= came with 3.10
            if good != bad:
                near = abs(float(now) - float(bad)) - abs(float(now) - float(good))
                return None if near == 0 else near < 0
        return None

    def _by_work(self, ending: Ending) -> Optional[bool]:
        if not ending.work:
            return None
        return ending.work > math.sqrt(self.good.work * self.bad.work)


def _plain(message: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "", message)[:120]


def choose(good: Sequence[Ending], bad: Sequence[Ending]) -> Optional[str]:
    """What tells the versions apart; None where nothing does."""
    if any(each.failed for each in bad) and not any(each.failed for each in good):
        return FAILS
    if all(each.failed for each in good) and {e.error for e in good} & {e.error for e in bad}:
        return None
    if any(each.failed for each in [*good, *bad]):
        return None
    if len({each.lines for each in good}) == 1 and len({each.lines for each in bad}) == 1:
        if good[0].lines != bad[0].lines:
            return PRINTS
        if good[0].work and bad[0].work > _WORK_MORE * good[0].work:
            return WORKS
    return None


def could_not_run(ending: Ending) -> bool:
    return ending.error in _NOT_RUN
