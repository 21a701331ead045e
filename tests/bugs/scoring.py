"""What a finding, or a baseline, says against the truth: ranks, and whether the verdict may stand."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bugs.cases import Case, Spot

TOP = (1, 3, 5)
KINDS = ("suspects", "crash")
BASELINES = {"slow": ("cprofile",), "leak": ("tracemalloc",), **dict.fromkeys(KINDS, ("traceback", "ochiai"))}


@dataclass(frozen=True, kw_only=True)
class Score:
    """Ranks are 1 for first; None: not named. `wrong` is a `confirmed` at a place that neither is nor is accepted."""

    function: float | None
    file: float | None
    verdict: str
    by: str
    wrong: bool = False

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)


def score_finding(case: Case, finding: Mapping[str, Any]) -> Score:
    """A finding as `--json` prints it."""
    named = [(each["file"], each.get("function", "")) for each in finding["suspects"]]
    groups = [[spot] for spot in dict.fromkeys(named)]
    first = named[0] if named else None
    allowed = (*case.truth, *case.accepted)
    wrong = finding["verdict"] == "confirmed" and not (first and _is_any(first, allowed))
    function, file = ranks(case.truth, groups)
    return Score(function=function, file=file, verdict=finding["verdict"], by=finding["by"], wrong=wrong)


def ranks(truth: Sequence[Spot], groups: Sequence[Sequence[Sequence[str]]]) -> tuple[float | None, float | None]:
    """(of the function, of the file) in a ranking of groups: equal ones share the middle of their ranks."""
    function = _rank(groups, lambda spot: _is_any(spot, truth))
    files: list[list[list[str]]] = []
    seen: set[str] = set()
    for group in groups:
        new = sorted({spot[0] for spot in group} - seen)
        seen.update(new)
        files.append([[name] for name in new])
    return function, _rank(files, lambda spot: any(spot[0] == each.file for each in truth))


def _rank(groups: Sequence[Sequence[Sequence[str]]], hit: Any) -> float | None:
    before = 0
    for group in groups:
        hits = sum(bool(hit(spot)) for spot in group)
        if hits:
            return before + (len(group) + 1) / (hits + 1)
        before += len(group)
    return None


def _is_any(spot: Sequence[str], truth: Sequence[Spot]) -> bool:
    return any(each.is_at(spot[0], spot[1]) for each in truth)
