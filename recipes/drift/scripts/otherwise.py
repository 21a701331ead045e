"""Words for what was tried where the shadow shows no rounding problem: a halved step, random rounding. In the box."""

from typing import Any, Dict, List

from .shaking import SAMPLES
from .stepping import Halved
from .study import Study

_ENOUGH = 3  # runs with a value: a matrix may turn out singular in one of them
SPREAD = "spread of the watched value under random rounding (standard deviation)"


def method_error(study: Study) -> bool:
    """Whether a smaller step changes the value, and in a way that converges."""
    found = study.halved
    return bool(found and found.converges and abs(found.changes[0]) > study.allowed * study.chosen["scale"])


def about_the_method(study: Study) -> str:
    """Method error, not rounding; or what can be said of the method."""
    found = study.halved
    if found is None:
        return (
            "If it is off what you expect, that is an error of the method, the model or the input, not rounding (no"
            " step to halve was found in the source)."
        )
    change = f"with the step `{found.step.name}` ({found.step.place}) halved twice it is {_values(found)}"
    if method_error(study):
        return (
            f"Method error, not rounding: {change}. That converges to about {found.limit:.9g} with the order"
            f" {found.order:.1f}, so the step alone puts it off by {found.error:.3g}."
        )
    if abs(found.changes[0]) <= study.allowed * study.chosen["scale"]:
        return (
            f"The step is not to blame either: {change}. If it is off what you expect, the model or the input does it."
        )
    return f"It is not rounding but {change}, which does not converge: the method is not fit for this step, or chaotic."


def _values(found: Halved) -> str:
    return " and ".join(f"{value:.9g}" for value in found.values[1:]) + f" instead of {found.values[0]:.9g}"


def unstable(study: Study) -> bool:
    """Whether random rounding moves the value beyond the tolerance."""
    return bool(study.shaken and study.shaken.whole.size > study.allowed * study.chosen["scale"])


def about_shaking(study: Study) -> str:
    """What random rounding showed, where part of the arithmetic is not seen."""
    found = study.shaken
    if found is None:
        return ""
    runs = f"in {len(found.whole.values)} runs with random rounding at {len(found.functions)} lines"
    if not unstable(study):
        return f"It stands random rounding: {runs} it kept {found.whole.digits:.0f} digits."
    left = f"{found.whole.digits:.1f} digits are left"
    said = f"It does not stand random rounding: {runs} it spread by {found.whole.size:.2g}, {left}."
    if not found.suspects or found.others is None:
        return f"{said} No few lines do it."
    if any(place in found.hidden for place in found.suspects):
        named = " and ".join(found.suspects)
        return f"{said} At {named} alone, whose inside is not seen, operands a last place off are enough for that."
    named = " and ".join(f"{place} (alone {found.alone[place]:.2g})" for place in found.suspects)
    return f"{said} It does so by {named}; with all others shaken but not these, by {found.others.size:.2g}."


def shaken_suspects(study: Study) -> List[Dict[str, Any]]:
    found = study.shaken
    if found is None or not unstable(study):
        return []
    rows = []
    for place in found.suspects:
        file, line = place.rsplit(":", 1)
        inside = ", a call whose inside is not seen" if place in found.hidden else ""
        why = f"random rounding of this line alone{inside} spreads the value by {found.alone[place]:.2g}"
        score = min(1.0, found.alone[place] / found.whole.size)
        rows.append({"file": file, "line": int(line), "function": found.functions[place], "score": score, "why": why})
    return rows


def spread_measured(study: Study) -> Dict[str, Any]:
    assert study.shaken is not None
    return spread_record(study.shaken.whole.values, study.shaken.whole.size, study.allowed * study.chosen["scale"])


def spread_record(values: Any, size: float, allowed: float) -> Dict[str, Any]:
    """A symptom record: how far the value spreads."""
    details: Dict[str, Any] = {"applied": {}, "changed": {}, "values": list(values)}
    record = {"measured": size, "expected": 0.0, "unit": "", "details": details}
    if len(values) < _ENOUGH:
        return {**record, "state": "cannot measure", "note": f"only {len(values)} of {SAMPLES} runs gave the value"}
    state = "present" if size > allowed else "absent"
    return {**record, "state": state, "note": f"{len(values)} runs with random rounding spread by {size:.3g}"}


def details(study: Study) -> Dict[str, Any]:
    """For the record: what was tried and came out."""
    said: Dict[str, Any] = {}
    if study.halved is not None:
        found = study.halved
        said["halved"] = {"step": found.step.place, "name": found.step.name, "values": list(found.values)}
        if found.converges:
            said["halved"].update(order=found.order, limit=found.limit, error=found.error)
    if study.shaken is not None:
        whole = study.shaken.whole
        said["shaken"] = {"values": list(whole.values), "spread": whole.size, "alone": study.shaken.alone}
    return said
