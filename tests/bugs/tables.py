"""The results as tables: each case, each recipe, the baselines beside it, and whether the bars are met."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.bugs.cases import Case
from tests.bugs.scoring import TOP, ranks

Entries = Sequence[Mapping[str, Any]]


def case_lines(entries: Entries) -> Iterator[str]:
    yield "| case | recipe that ran | function | file | verdict | s |\n|---|---|---|---|---|---|"
    for entry in entries:
        score = entry.get("score")
        if score is None:
            yield f"| {entry['case']} | | | | error: {entry['error'][:80]} | {entry.get('seconds', '')} |"
            continue
        mark = " **wrong**" if score["wrong"] else ""
        place = f"{_shown(score['function'])} | {_shown(score['file'])}"
        by = score["by"].removeprefix("recipe ")
        yield f"| {entry['case']} | {by} | {place} | {score['verdict']}{mark} | {entry['seconds']:.0f} |"


def _shown(rank: float | None) -> str:
    return "not named" if rank is None else f"{rank:g}"


def recipe_lines(entries: Entries, cases: Mapping[str, Case]) -> Iterator[str]:
    """One row a recipe, then all; baselines below the recipes that they are for."""
    columns = [f"function top {k}" for k in TOP] + [f"file top {k}" for k in TOP]
    yield f"| recipe | cases | {' | '.join(columns)} | confirmed | wrong | median s |"
    yield "|---" * (len(columns) + 5) + "|"
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in entries:
        groups[entry["recipe"]].append(entry)
    for recipe, mine in sorted(groups.items()):
        yield _row(recipe, mine)
        yield from _baseline_rows(mine, cases)
    yield _row("**all**", entries)


def _row(name: str, entries: Entries) -> str:
    scores = [entry.get("score") or {} for entry in entries]
    confirmed = sum(score.get("verdict") == "confirmed" for score in scores)
    wrong = sum(bool(score.get("wrong")) for score in scores)
    middle = _median(entries, "seconds")
    shares = _shares([score.get("function") for score in scores], [score.get("file") for score in scores])
    return f"| {name} | {len(scores)} | {shares} | {confirmed} | {wrong} | {middle} |"


def _median(entries: Entries, key: str) -> str:
    values = [entry[key] for entry in entries if "score" in entry]
    return f"{statistics.median(values):.0f}" if values else ""


def _baseline_rows(entries: Entries, cases: Mapping[str, Case]) -> Iterator[str]:
    kinds = dict.fromkeys(kind for entry in entries for kind in entry.get("baselines", {}) if kind != "error")
    for kind in kinds:
        found = [_baseline_ranks(entry, kind, cases[entry["case"]]) for entry in entries]
        shares = _shares([each[0] for each in found], [each[1] for each in found])
        yield f"| · {kind} | {len(found)} | {shares} | | | |"


def _baseline_ranks(entry: Mapping[str, Any], kind: str, case: Case) -> tuple[float | None, float | None]:
    groups = entry.get("baselines", {}).get(kind)
    return ranks(case.truth, groups) if isinstance(groups, list) else (None, None)


def _shares(functions: Sequence[float | None], files: Sequence[float | None]) -> str:
    return " | ".join(_share(each, k) for each in (functions, files) for k in TOP)


def _share(found: Sequence[float | None], k: int) -> str:
    hits = sum(rank is not None and rank <= k for rank in found)
    return f"{100 * hits / len(found):.0f} % ({hits})" if found else ""


def failures(entries: Entries) -> list[str]:
    """The bars that are missed, in words; a wrong `confirmed` first."""
    scores = [entry.get("score") or {} for entry in entries]
    missed = [f"wrong confirmed: {entry['case']}" for entry in entries if (entry.get("score") or {}).get("wrong")]
    for k, bar in ((1, 50), (3, 70)):
        hits = sum(score.get("function") is not None and score["function"] <= k for score in scores)
        if scores and 100 * hits / len(scores) < bar:
            missed.append(f"function top {k}: {100 * hits / len(scores):.0f} %, the bar is {bar} %")
    times = [entry["seconds"] for entry in entries if "score" in entry]
    if times and statistics.median(times) > 60:
        missed.append(f"median {statistics.median(times):.0f} s a case, the bar is 60 s")
    return missed
