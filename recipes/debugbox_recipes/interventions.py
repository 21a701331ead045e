"""Run-time interventions by kind, as plans for a program under observation. Runs in the kernel.

What the checks put into `box.context["interventions"]` acts on any program that is run with such a plan: through the
harness, or through `box.run`, which asks `environment` for it.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from . import exchange, lazily, passing, races, waits_plan
from .harness import HOOK, places
from .mutations import KINDS


def plan_of(interventions: Sequence[Mapping[str, Any]]) -> Tuple[Dict[str, Any], List[str]]:
    """The plan that applies them, and the kinds nobody knows. An empty plan where there is nothing to apply.

    The kinds are of different observers: they are not applied together, the first kind wins.
    """
    keep: List[Dict[str, Any]] = []
    mutations: List[Dict[str, Any]] = []
    memoise: List[Dict[str, Any]] = []
    truncate: List[Mapping[str, Any]] = []
    other: List[Dict[str, Any]] = []
    lazy: List[Dict[str, Any]] = []
    waits: List[Mapping[str, Any]] = []
    locked: List[Dict[str, Any]] = []
    pins: List[Dict[str, Any]] = []
    restore: List[str] = []
    repeat: List[Dict[str, Any]] = []
    arrays = False
    unknown = []
    for one in interventions:
        kind, sites = str(one["kind"]), one.get("sites") or ()
        if kind == "keep_exact":
            keep += places(sites)
            arrays = arrays or bool((one.get("parameters") or {}).get("arrays"))
        elif kind in KINDS:
            nth = int((one.get("parameters") or {}).get("nth", 0))
            mutations += [{**place, "kind": kind, "nth": nth} for place in places(sites)]
        elif kind == "memoise":
            memoise += [{**place, "place": f"{place['file']}:{place['line']}"} for place in places(sites)]
        elif kind == "truncate":
            truncate.append(one)
        elif kind == "pin":
            pins += places(sites)
        elif kind == "restore_state":
            restore += units_of(one)
        elif kind == exchange.KIND:
            other += exchange.places_of(one)
        elif kind == passing.KIND:
            repeat += passing.places_of(one)
        elif kind == lazily.KIND:
            lazy += lazily.places_of(one)
        elif kind in waits_plan.KINDS:
            waits += [one]
        elif kind == races.KIND:
            locked += races.places_of(one)
        else:
            unknown.append(kind)
    if keep:
        return {"mode": "native", "keep": keep, **({"arrays": True} if arrays else {})}, unknown
    if memoise:
        return {"observer": "counts", "count": False, "memoise": memoise}, unknown
    if truncate:
        return _truncating(truncate[0]), unknown
    if waits:
        return waits_plan.unwatched(waits), unknown
    if locked:
        return {"observer": "races", "locked": locked}, unknown
    if other:
        return {"observer": "exchange", "exchange": other}, unknown
    if repeat:
        return {"observer": "passing", "repeat": repeat}, unknown
    if lazy:
        return {"observer": "peaks", "look": "", "lazily": lazy}, unknown
    if restore:
        return {"observer": "orders", "restore": restore}, unknown
    if pins:
        return {"observer": "chance", "chance": {"pins": pins}}, unknown
    return ({"observer": "spectrum", "mutations": mutations} if mutations else {}), unknown


def units_of(one: Mapping[str, Any]) -> List[str]:
    """The units of shared state that `restore_state` puts back after each test, for the sites it has."""
    units = one["parameters"]["units"]
    return [unit for site in one["sites"] for unit in units.get(f"{site['file']}:{site['line']}", [])]


def _truncating(one: Mapping[str, Any]) -> Dict[str, Any]:
    """Containers cut back after each step, in a program whose steps nobody counts."""
    parameters = one["parameters"]
    truncate = [
        {"place": f"{site['file']}:{site['line']}", "path": path}
        for site in one["sites"]
        for path in parameters["containers"].get(f"{site['file']}:{site['line']}", [])
    ]
    never = {"rounds": 1, "per_round": 10**12, "factor": 1}
    return {"observer": "growth", "step": parameters["step"], "truncate": truncate, **never}


def environment(context: Mapping[str, Any], repo: str, python_path: Sequence[str]) -> Dict[str, str]:
    """Variables that put the context's interventions in force in every Python a command starts; {} where none is.

    The plan lies in a folder of its own that lives as long as the box.
    """
    plan, _ = plan_of(context.get("interventions") or ())
    if not plan:
        return {}
    folder = Path(tempfile.mkdtemp(prefix="debugbox-"))
    fixed = {"mode": "native", "repo": repo, "tools": "/opt/box/tools", "result": str(folder / "result")}
    (folder / "plan.json").write_text(json.dumps({**fixed, "watches": [], "keep": [], **plan}), encoding="utf-8")
    paths = os.pathsep.join([str(HOOK), *python_path])
    return {"DEBUGBOX_PLAN": str(folder / "plan.json"), "PYTHONPATH": paths}
