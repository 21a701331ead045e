"""The interventions `without_lock` and `end_loop` as parts of a plan for the observer `waits`. Runs in the kernel."""

from typing import Any, Dict, Mapping, Sequence

KINDS = ("without_lock", "end_loop")
TURNS = 1000  # after which a loop is left, where nobody says otherwise


def parts(interventions: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """The places of each kind; those of loops with their turns."""
    plan: Dict[str, Any] = {}
    for one in interventions:
        turns = (one.get("parameters") or {}).get("turns", {})
        plan.setdefault(one["kind"], []).extend(
            {**site, "turns": turns.get(f"{site['file']}:{site['line']}", TURNS)} for site in one["sites"]
        )
    return plan


def unwatched(interventions: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """For a program that nobody watches: samples are not taken."""
    return {"observer": "waits", "every_s": 0, "most_s": 0, **parts(interventions)}
