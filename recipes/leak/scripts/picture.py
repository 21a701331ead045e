"""The picture of a study: what is left over step by step, which containers grow, what truncating them does. In the box.

Counts only: a picture drawn again in another box must be the same.
"""

from typing import Any, List, Tuple

from debugbox_recipes import plots

from .concluding import entries, share
from .concluding import figure as number
from .measuring import ROUNDS, Growing
from .placing import filling_line
from .study import CONTROL, Study, Trial

_MOST_BARS = 6


def draw(study: Study) -> Any:
    """A matplotlib figure of two panels, or three where containers were truncated."""
    heights = (1.3, 1.0, 1.0) if study.trials else (1.3, 1.0)
    drawn, axes = plots.panels(title(study), heights)
    _growth(study, axes[0])
    _containers(study, axes[1])
    if study.trials:
        _trials(study, axes[2])
    return drawn


def title(study: Study) -> str:
    if not study.grows:
        return f"No leak: {study.step.words()} leaves nothing behind"
    if study.stopped == "it is still filling":
        return f"A bounded cache is still filling: {study.filling[0]}"
    said = f"{number(study.per_step)} memory blocks stay behind with each step"
    if not study.suspects:
        return f"{said}; what holds them was not found"
    line = filling_line(study, study.suspects[0])
    return f"{said}: held by {study.suspects[0]}" + (f", filled at {line}" if line else "")


def _rounded(study: Study, growing: Growing) -> List[float]:
    """Growth since the first round, added up from rounds: one within a tenth of the program's own growth, or of
    nothing, counts as that. The few blocks more or less that a round has are no news."""
    total, points = 0.0, [0.0]
    for difference in growing.differences:
        ratio = difference / study.step.per_round / study.per_step if study.grows else 0.0
        near = [whole for whole in (0.0, 1.0) if abs(ratio - whole) <= 0.1]
        total += float(number(study.per_step)) * study.step.per_round * (near or [round(ratio, 1)])[0]
        points.append(round(total, 1))
    return points


def _growth(study: Study, axes: Any) -> None:
    steps = [study.step.per_round * (n + 1) for n in range(ROUNDS)]
    own = _rounded(study, study.native[0])
    axes.plot(steps, own, color=plots.COMPUTED, marker="o", linewidth=1.8, label="as it is")
    for trial, colour, marker, remark in _compared(study):
        label = f"− {_short(str(trial.holders[0]), 22)}{remark}"
        axes.plot(steps, _rounded(study, trial.growing), color=colour, marker=marker, linestyle="--", label=label)
    plots.noise_floor(axes, 8.0, "noise")
    axes.set_ylabel("blocks since round 1", fontsize=10)
    axes.set_ylim(-0.06 * max([*own, 100.0]), 1.08 * max([*own, 100.0]))
    axes.set_xlabel(f"steps ({study.step.words()}); − : truncated after each step", fontsize=10)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 0.98), ncols=3, fontsize=9, frameon=False)


def _compared(study: Study) -> List[Tuple[Trial, str, str, str]]:
    """The run with the suspects truncated, and one control: each with its colour, marker and remark."""
    shown = [(study.proof, plots.EXPECTED, "s", "")] if study.proof is not None else []
    control = next((trial for trial in study.trials if trial.name == CONTROL and trial.acted), None)
    return shown + ([(control, plots.OTHER, "^", " (control)")] if control is not None else [])


def _short(text: str, length: int = 30) -> str:
    return text if len(text) <= length else "…" + text[-(length - 1) :]


def _containers(study: Study, axes: Any) -> None:
    """Entries per step of what grows."""
    suspects = {holder.show for holder in study.suspects}
    rows: List[Tuple[str, float, str, str]] = []
    for holder in [*study.suspects, *(h for h in study.holders if h.show not in suspects)][:_MOST_BARS]:
        line = filling_line(study, holder)
        remark = entries(holder).replace(holder.entry, holder.entry.rpartition(".")[-1][:20]) + (
            f" at {plots.shorten(str(line), 22)}" if line else ""
        )
        remark += f" (declares at most {holder.bound})" if holder.filling else ""
        role = "suspect" if holder.show in suspects else "other"
        rows.append((_short(str(holder)), round(holder.per_step, 3), remark, role))
    if not rows:
        axes.annotate("no container grows in every round", (0.02, 0.5), xycoords="axes fraction", fontsize=11)
        axes.set_yticks([])
        return
    plots.bars(axes, rows, "entries that a container gains with each step")


def _trials(study: Study, axes: Any) -> None:
    """Blocks per step, as it is and with containers truncated."""
    rows = [("as it is", float(number(study.per_step)), number(study.per_step), "suspect")]
    told = [trial for trial in study.trials if trial.removed is not None]
    rows += [_trial_row(trial) for trial in told[: _MOST_BARS - 1]]
    plots.bars(axes, rows, "memory blocks left over by one step")


def _trial_row(trial: Trial) -> Tuple[str, float, str, str]:
    name = _short(str(trial.holders[0])) + (f" +{len(trial.holders) - 1}" if len(trial.holders) > 1 else "")
    if trial.removed is None:
        return (f"− {name}", 0.0, "the program fails without it", "other")
    left = trial.growing.per_step if trial.removed < 0.95 else 0.0
    return (f"− {name}", float(number(left)), f"{number(left)}: {share(trial.removed)} gone", "other")
