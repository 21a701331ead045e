"""The picture of a study: how often it fails under which condition, and who uses the value. Runs in the box.

No counts: a picture drawn again in another box must be the same.
"""

from typing import Any, Dict, List, Tuple

from debugbox_recipes import plots

from .concluding import steady
from .study import Study

_LENGTHS = {"none": 0.0, "some": 0.5, "most": 1.0}
_MOST_BARS, _MOST_ROWS = 12, 6


def draw(study: Study) -> Any:
    """A matplotlib figure: bars of the trials; below, the table of accesses."""
    figure, axes = plots.panels(title(study), (2.0, 1.1) if study.units else (1.0,))
    _trials(study, axes[0])
    if study.units:
        _accesses(study, axes[1])
    return figure


def title(study: Study) -> str:
    if study.stopped:
        return f"No race is shown: {study.stopped}"[:170]
    window = (study.locked or study.noisy)[0]
    units = ", ".join(window.units[:2])
    end = "with a lock there no run fails" if study.proof else "no lock was found that removes it"
    return f"Race at {window.file}:{window.named}: threads use {units} at once without a lock; {end}"


def _trials(study: Study, axes: Any) -> None:
    natural = "most runs fail" if study.trial("plain")[0].share == "most" else "seldom or never fails"
    rows = [("as it is", float(natural[0] == "m"), natural, "other")]
    for trial in [each for each in study.trials if steady(study, each)][:_MOST_BARS]:
        role = "suspect" if trial.kind == "window" and trial.share == "most" else "other"
        remark = {"none": "no run fails", "some": "some runs fail", "most": "most runs fail"}[trial.share]
        remark += {"control": " (control)", "slowed": " (control)", "locked": " (the lock)"}.get(trial.kind, "")
        rows.append((plots.shorten(trial.name, 44), _LENGTHS[trial.share], remark, role))
    plots.bars(axes, rows, "runs that fail")
    axes.set_xticks([0.0, 0.5, 1.0], ["none", "some", "most"])


def _accesses(study: Study, axes: Any) -> None:
    """Who uses the values without a common lock."""
    chosen = {unit for window in study.locked or study.noisy for unit in window.units} or set(study.units)
    texts = [f"{'value':24} {'':14} {'at':30} lock held"]
    for (unit, place, quote, held), what in list(_rows(study, sorted(chosen)).items())[:_MOST_ROWS]:
        texts.append(f"{unit[:24]:24} {what:14} {plots.shorten(place, 30):30} {held}")
        texts.append(f"    {quote[:80]}")
    for number, text in enumerate(texts):
        weight = "bold" if number == 0 else "normal"
        axes.text(0.0, number, text, fontsize=9.5, family="monospace", va="center", fontweight=weight, parse_math=False)
    axes.set(xlim=(0, 1), ylim=(max(len(texts), 5) - 0.3, -0.7))
    axes.set_axis_off()


def _rows(study: Study, units: List[str]) -> Dict[Tuple[str, str, str, str], str]:
    """(value, place, source, lock) -> read, written or both."""
    found: Dict[Tuple[str, str, str, str], str] = {}
    for unit in units:
        for file, line, write, locks in study.units.get(unit, ()):
            held = f"made at {', '.join(locks)}" if locks else "none"
            key, what = (unit, f"{file}:{line}", study.source.quote(file, line), held), "written" if write else "read"
            found[key] = f"{found[key]}, {what}" if key in found else what
    return found
