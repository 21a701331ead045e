"""The picture of a study: the value computed and exact, its error, and who introduced it. Runs in the box."""

from typing import Any, List, Tuple

from debugbox_recipes import plots

from . import otherwise
from .explaining import amplifying_lines, kind_of_error, type_of
from .study import Study

_MAX_BARS = 7


def draw(study: Study) -> Any:
    """A matplotlib figure of three panels. The study must have a watch."""
    figure, (values, errors, shares) = plots.panels(title(study), (1.0, 1.0, 1.1))
    _values(study, values)
    if study.halved is not None and otherwise.method_error(study):
        _steps(study, errors)
    elif otherwise.unstable(study):
        _runs(study, errors)
    elif study.to_change is not None:
        _way(study, errors)
    else:
        _errors(study, errors)
    if otherwise.unstable(study):
        _spreads(study, shares)
    else:
        _shares(study, shares)
    return figure


def title(study: Study) -> str:
    name = watch_name(study)
    if not study.present:
        if otherwise.unstable(study):
            return f"{name} does not stand random rounding{_where_shaken(study)}"
        if otherwise.method_error(study):
            assert study.halved is not None
            step = study.halved.step
            return f"{name}: method error, not rounding: the step {step.name} at {step.place} is too long"
        if study.blind or not study.checks["complete"]:
            return f"{name}: its rounding cannot be judged, part of its arithmetic is not seen"
        return f"{name}: no rounding problem, exact arithmetic gives the same"
    if not study.suspects:
        return f"{name} is off by {study.error:.3g}: rounding, at many lines"
    where = " and ".join(str(line) for line in study.suspects[:2])
    kind = kind_of_error(study)
    if study.to_change is not None:
        return f"{name} is off by {study.error:.3g}: {kind} at {study.to_change}, of roundings at {where}"
    return f"{name} is off by {study.error:.3g}: {kind} at {where}"


def _where_shaken(study: Study) -> str:
    places = study.shaken.suspects if study.shaken else ()
    return f": {' and '.join(places[:2])}" if places else ", at many lines"


def watch_name(study: Study) -> str:
    """The watch without its place: `mean`, `self.total`, `mean()`."""
    return study.watch.split(":", 2)[-1].strip("{}")[:40]


def _values(study: Study, axes: Any) -> None:
    points = study.series["points"]
    index = [point[0] for point in points]
    marker = "o" if len(points) <= 60 else None
    computed = [point[1] for point in points]
    exact = [point[1] - point[2] for point in points]
    axes.plot(index, computed, color=plots.COMPUTED, marker=marker, markersize=4, linewidth=1.8, label="computed")
    if otherwise.unstable(study):  # nothing is known of the exact value
        exact = []
    axes.plot(
        index[: len(exact)],
        exact,
        color=plots.EXPECTED,
        marker=marker and "s",
        markersize=4,
        linewidth=1.4,
        linestyle="--",
        label="exact" if exact else None,
    )
    axes.set_ylabel(plots.shorten(watch_name(study), 24), fontsize=10)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.97), ncols=2, fontsize=10, frameon=False)
    axes.set_xlabel(f"value number of {watch_name(study)} (of {study.series['count']})", fontsize=10)
    if len(points) == 1:
        axes.set(xlim=(-1, 1), xticks=[0])
        if not study.present:  # else an axis of nothing but last places
            axes.set_ylim(*sorted((0.0, 2.0 * computed[0] or 1.0)))
    _leave_out_spikes(axes, exact + computed)


def _leave_out_spikes(axes: Any, values: List[float]) -> None:
    """A few values of another order of magnitude would flatten all others: they are cut off, and it is said."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 50], ordered[-1 - len(ordered) // 50]
    span = (high - low) or abs(high) or 1.0
    outside = sum(not low - 20 * span <= value <= high + 20 * span for value in values)
    if outside:
        axes.set_ylim(low - 0.3 * span, high + 0.3 * span)
        axes.annotate(
            f"{outside} values beyond the axis",
            (0.01, 0.97),
            xycoords="axes fraction",
            va="top",
            fontsize=9,
            color="#666666",
        )


def _errors(study: Study, axes: Any) -> None:
    series = study.trace or study.series
    points = series["points"]
    size = max(series["chosen"]["scale"], abs(series["chosen"]["value"]), 1e-280)
    floor = max(study.noise, study.unit * size)
    index = [point[0] for point in points]
    error = [max(abs(point[2]), floor / 10) for point in points]
    marker = "o" if len(points) <= 60 else None
    axes.plot(index, error, color="black", marker=marker, markersize=4, linewidth=1.2)
    axes.set_yscale("log")
    axes.set_ylim(floor / 20, max(max(error) * 300, floor * 100))
    plots.noise_floor(axes, floor, f"rounding of one {type_of(study)} of this size")
    if study.present and not study.trace:
        plots.mark_point(axes, study.chosen["index"], abs(study.error), f"{abs(study.error):.2g}")
    name = study.trace_watch.split(":", 2)[-1] if study.trace else watch_name(study)
    name = name.strip("{}")
    axes.set_ylabel(plots.shorten(f"error of {name}", 26), fontsize=10)
    axes.set_xlabel(f"value number of {name} (of {series['count']})", fontsize=10)


def _steps(study: Study, axes: Any) -> None:
    """How far the value is from where a shrinking step leads, and the rounding far below."""
    found = study.halved
    assert found is not None
    off = [abs(value - found.limit) for value in found.values]
    axes.plot(range(3), off, color="black", marker="o", markersize=6, linewidth=1.4)
    axes.set_yscale("log")
    floor = max(abs(study.error), study.unit * study.chosen["scale"], 1e-280)
    axes.set(ylim=(floor / 30, max(off) * 30), xlim=(-0.4, 2.4))
    axes.set_xticks(range(3), [f"{found.step.name} as it is", "halved", "a quarter"], fontsize=9)
    axes.set_ylabel("error of the method", fontsize=10)
    axes.set_xlabel(f"distance from {found.limit:.6g}, to which it converges with order {found.order:.1f}", fontsize=10)
    plots.noise_floor(axes, floor, "rounding, all of it")


def _runs(study: Study, axes: Any) -> None:
    """The value in each run with random rounding."""
    found = study.shaken
    assert found is not None
    values = found.whole.values
    axes.plot(range(1, len(values) + 1), values, color="black", marker="o", markersize=6, linewidth=0)
    axes.axhline(study.chosen["value"], color=plots.COMPUTED, linewidth=1.4)
    axes.set(xlim=(0.5, len(values) + 0.5), xticks=range(1, len(values) + 1))
    axes.set_ylabel(plots.shorten(watch_name(study), 24), fontsize=10)
    axes.set_xlabel(
        f"run with random rounding (line: as computed); {found.whole.digits:.1f} digits are left", fontsize=10
    )


def _spreads(study: Study, axes: Any) -> None:
    """How far each line alone spreads the value."""
    found = study.shaken
    assert found is not None
    ranked = sorted(found.alone, key=lambda place: (place not in found.suspects, -found.alone[place]))[:_MAX_BARS]
    rows = []
    for place in ranked:
        share = 100.0 * found.alone[place] / found.whole.size
        inside = ", its inside is not seen" if place in found.hidden else ""
        role = "suspect" if place in found.suspects else "other"
        rows.append((plots.shorten(place), share, f"{found.alone[place]:.2g}{inside}", role))
    plots.bars(axes, rows, "spread by random rounding of this line alone, % of all lines' spread")


def _way(study: Study, axes: Any) -> None:
    """The relative error on its way: from a double's rounding through each amplifier to the watched value."""
    steps = sorted(study.amplifiers, key=lambda each: each.before)[:4]
    whole = abs(study.error) / (study.chosen["scale"] or 1.0)
    levels = [steps[0].before, *(each.after for each in steps), whole]
    names = [
        "where it comes in",
        *(f"after {plots.shorten(str(each), 28)}" for each in steps),
        plots.shorten(watch_name(study), 24),
    ]
    axes.plot(range(len(levels)), levels, color="black", marker="o", markersize=6, linewidth=1.4)
    for position, (low, each) in enumerate(zip(levels, steps)):  # noqa: B905  # strict= came with 3.10
        label = f"x {each.factor:.0e}"
        axes.annotate(label, (position + 0.5, (low * each.after) ** 0.5), ha="right", va="bottom", fontsize=11)
    axes.set_yscale("log")
    axes.set(ylim=(study.unit / 30, max(levels) * 30), xlim=(-0.4, len(levels) - 0.6))
    axes.set_xticks(range(len(levels)), names, fontsize=9)
    axes.set_ylabel("relative error", fontsize=10)
    plots.noise_floor(axes, study.unit, f"rounding of one {type_of(study)}")


def _shares(study: Study, axes: Any) -> None:
    rows = bar_rows(study)
    plots.bars(axes, rows, "share of the error introduced at this line, %  (hatched: made it larger on its way)")


def bar_rows(study: Study) -> List[Tuple[str, float, str, str]]:
    """Suspects and other large shares, then amplifiers, at most seven in all."""
    suspects = {str(line) for line in study.suspects}
    strong = {str(each): each for each in amplifying_lines(study)[:2]} if study.present else {}
    others = [line for line in study.lines if line.contribution and str(line) not in suspects | set(strong)]
    shown = study.suspects + others[: max(0, _MAX_BARS - len(study.suspects) - len(strong))]
    rows = []
    for line in [*shown[:_MAX_BARS], *(each.line for each in strong.values())]:
        role = "suspect" if str(line) in suspects else "amplifier" if str(line) in strong else "other"
        share = _percent(line.share)
        remark = f"{share}: {line.contribution:.2g} by {line.rounded} roundings"
        if role == "amplifier":
            each = strong[str(line)]
            remark = f"makes {each.before:.0e} relative {each.after:.0e}; introduces {share}"
        width = 100.0 * line.share if study.present else 0.0
        rows.append((plots.shorten(str(line)), width, remark, role))
    return rows


def _percent(share: float) -> str:
    return f"{share:.1%}" if abs(share) >= 0.0005 else "< 0.1%"
