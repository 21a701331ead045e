"""The picture of a study: the way of the bad value from its origin to the crash. Runs in the box."""

from typing import Any, List, Tuple

from debugbox_recipes import plots

from .study import Study

_MOST = 8


def draw(study: Study) -> Any:
    """A matplotlib figure: the way of the value; below what was tried."""
    drawn, axes = plots.panels(title(study), (2.6, 1.0) if study.trials else (1.0,))
    _way(study, axes[0])
    if study.trials:
        _trials(study, axes[1])
    return drawn


def title(study: Study) -> str:
    if study.stopped:
        return f"No origin is named: {study.stopped}"[:170]
    value = study.bad.get("value") or f"the {study.bad.get('type')}"
    if not study.bad:
        return f"{study.exception} at {study.chain[0]}: where it comes from is not known"
    if len(study.chain) == 1:
        return f"{study.exception} at {study.chain[0]}: {value} comes up in the same line"
    return f"{study.exception} at {study.chain[0]}, but {value} comes from {study.origin}"


def _way(study: Study, axes: Any) -> None:
    """From the top: origin, what it came through, crash. A mark: the traceback shows that line."""
    shown = study.chain[::-1]
    if len(shown) > _MOST:
        shown = [*shown[: _MOST - 1], shown[-1]]
    lines = {(frame[0], frame[1]) for frame in study.crash.get("frames", ())}
    for row, hop in enumerate(shown):
        role = "origin" if row == 0 and len(shown) > 1 else "crash" if row == len(shown) - 1 else ""
        colour = {"origin": plots.SUSPECT, "crash": "black"}.get(role, plots.OTHER)
        text = f"{plots.shorten(str(hop), 34):34} {study.source.quote(hop.file, hop.line)[:62]}"
        axes.text(0.09, row, text, fontsize=10, family="monospace", va="center", parse_math=False,
                  fontweight="bold" if role == "origin" else "normal",
                  bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": colour, "linewidth": 2})  # fmt: skip
        axes.text(0.0, row, role, fontsize=10, va="center", color=colour, fontweight="bold")
        if (hop.file, hop.line) in lines:
            axes.text(0.995, row, "in the traceback", fontsize=9, va="center", ha="right", color="#666666")
        if row:
            style = {"arrowstyle": "-|>", "color": plots.SUSPECT, "linewidth": 2}
            axes.annotate("", xy=(0.11, row - 0.22), xytext=(0.11, row - 0.78), arrowprops=style)
    axes.set(xlim=(0, 1), ylim=(max(len(shown), 3) - 0.4, -0.6))
    axes.set_axis_off()


def _trials(study: Study, axes: Any) -> None:
    rows: List[Tuple[str, float, str, str]] = [("as it is", 1.0, f"{study.exception} in 2 of 2 runs", "suspect")]
    for trial in study.trials[:5]:
        what = "value moved (control)" if trial.control else f"{trial.literal!r} there"
        ends = "ends well" if trial.done.well else "crashes"
        rows.append((plots.shorten(str(trial.hop), 30), 0.0 if trial.done.well else 1.0, f"{what}: {ends}", "other"))
    plots.bars(axes, rows, "crashes (1) or ends well (0)")
    axes.set_xticks([0, 1])
