"""Which commit introduced a finding? A search over the first-parent line, asked through one function.

A commit on which the symptom cannot run is passed over for its neighbours; what could not be told apart is said.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from debugbox.verification import Outcome

Ask = Callable[[str], Outcome]


@dataclass(frozen=True, kw_only=True)
class Bisected:
    """`first` is the oldest commit known to show it, `last_good` the newest known not to, before it.

    `between` are the commits in the middle on which it cannot be run: the culprit may be one of them.
    `first` is None when `newest` does not show it, `last_good` when no older commit is known to be without it.
    """

    first: str | None
    last_good: str | None
    between: tuple[str, ...] = ()
    asked: int = 0


def bisect(commits: Sequence[str], ask: Ask) -> Bisected:
    """Search `commits`, oldest first, whose last is expected to show the symptom and whose first may not."""
    asked: dict[int, Outcome] = {}

    def outcome(index: int) -> Outcome:
        if index not in asked:
            asked[index] = ask(commits[index])
        return asked[index]

    bad = len(commits) - 1
    if bad < 0 or outcome(bad) != "present":
        return Bisected(first=None, last_good=None, asked=len(asked))
    good = _good_before(bad, outcome)
    while (middle := _middle(good, bad, outcome)) is not None:
        if outcome(middle) == "present":
            bad = middle
        else:
            good = middle
    last_good = commits[good] if good >= 0 else None
    return Bisected(first=commits[bad], last_good=last_good, between=tuple(commits[good + 1 : bad]), asked=len(asked))


def _good_before(bad: int, outcome: Callable[[int], Outcome]) -> int:
    """The index of a commit without the symptom, found in steps that double; -1 when there is none."""
    step = 1
    while bad - step > 0:
        if outcome(bad - step) == "gone":
            return bad - step
        step *= 2
    return 0 if bad > 0 and outcome(0) == "gone" else -1


def _middle(good: int, bad: int, outcome: Callable[[int], Outcome]) -> int | None:
    """The index nearest to the middle of the open span on which the symptom can be run."""
    half = (good + bad) // 2
    for index in sorted(range(good + 1, bad), key=lambda index: abs(index - half)):
        if outcome(index) != "cannot run":
            return index
    return None
