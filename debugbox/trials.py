"""Trials of a symptom in fresh boxes: as it is, under an intervention, watched. For the agent's tools and the checks.

Every trial opens a box of its own on the clean snapshot. A diff changes the files that go into that box, never
the symptom's code, which is a cell. Whatever goes wrong is "cannot measure".
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from debugbox import watched
from debugbox.box import BoxContext, Boxes
from debugbox.errors import BoxGone, KernelDied, SettingsNotApplied
from debugbox.finding import Cell, Intervention, Measurement, Place, parse
from debugbox.hiding import is_test
from debugbox.patch import apply_diff
from debugbox.watched import Seen, Site

RUNS = 3
_SIDE_BY_SIDE = 2  # boxes at once: each has the box's CPUs, and laptops have few

NOTHING_SEEN = Seen.of_record(b"")


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One run in an instrumented copy: what the symptom said, which sites there are, and what was seen of them."""

    measurement: Measurement
    sites: Mapping[str, Site] = field(default_factory=dict)
    seen: Seen = NOTHING_SEEN


class Trials:
    """Measures one symptom's code, as often as it is asked to."""

    def __init__(self, boxes: Boxes) -> None:
        self.boxes = boxes
        self.snapshot = boxes.snapshot

    def measure(
        self, code: str, intervention: Intervention | None = None, *, expected: float | None = None
    ) -> Measurement:
        """One run, with the intervention in force. `expected` spares the symptom to compute it again."""
        try:
            changed = self.contents(intervention)
        except ValueError as misfit:
            return Measurement(state="cannot measure", note=f"the diff does not fit: {misfit}")
        return self._run(code, self._context(intervention, expected), changed).measurement

    def measure_all(
        self, code: str, intervention: Intervention | None = None, *, expected: float | None = None, runs: int = RUNS
    ) -> list[Measurement]:
        """As many runs, some side by side."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            pending = [pool.submit(self.measure, code, intervention, expected=expected) for _ in range(runs)]
            return [each.result() for each in pending]

    def read(self, path: str) -> bytes | None:
        """A file of the clean snapshot."""
        return self.snapshot.read(path)

    def contents(self, intervention: Intervention | None) -> dict[str, bytes]:
        """The files that an intervention changes: those of a diff. Raises ValueError where that does not fit."""
        if intervention is None or intervention.kind != "diff":
            return {}
        return apply_diff(intervention.describe, self.snapshot.read).contents

    def watch(self, code: str, intervention: Intervention | None = None) -> Watched:
        """One run in a copy in which every assignment and return of the repository's own code is watched."""
        paths = tuple(path for path in self.snapshot.python_files if not is_test(path))
        sources = watched.source_files(paths, self.snapshot.read) | self.contents(intervention)
        contents, sites = watched.watch_all(sources)
        return replace(self._run(code, self._watching(), contents), sites=sites)

    def change(self, code: str, site: Site, *, expected: float | None = None) -> Watched:
        """One run in which the value at `site` is a little off: a placebo for diffs."""
        content = self.snapshot.read(site.place.file) or b""
        changed = {site.place.file: watched.instrumented(content, [site], "change")}
        return self._run(code, self._watching(expected), changed)

    def _run(self, code: str, context: BoxContext, changed: Mapping[str, bytes]) -> Watched:
        try:
            with self.boxes.open(context, changed) as box:
                limit_s = self.boxes.limits.recipe_timeout_s
                cell = box.run_cell(code, id=1, purpose="symptom", timeout_s=limit_s)
                watching = watched.IMPORT_ROOT in context.import_roots
                record = box.read_file(watched.RECORD, watched.RECORD_BYTES) if watching else b""
        except (BoxGone, KernelDied, SettingsNotApplied) as gone:
            return Watched(measurement=Measurement(state="cannot measure", note=str(gone)))
        return Watched(measurement=measurement_of(cell), seen=Seen.of_record(record or b""))

    def _context(self, intervention: Intervention | None, expected: float | None) -> BoxContext:
        at_run_time = (intervention,) if intervention and intervention.kind != "diff" else ()
        known = {"value": expected} if expected is not None else None
        return replace(self.boxes.context, interventions=at_run_time, expected=known)

    def _watching(self, expected: float | None = None) -> BoxContext:
        context = self._context(None, expected)
        return replace(context, import_roots=(*context.import_roots, watched.IMPORT_ROOT))


def measurement_of(cell: Cell) -> Measurement:
    """The one symptom record of a cell; none, several, or a wrong one is "cannot measure"."""
    records = cell.records("symptom")
    if cell.status != "ok" or len(records) != 1:
        errors = [output.text.strip() for output in cell.outputs if output.kind == "error" and output.text.strip()]
        said = errors[-1].splitlines()[-1] if errors else cell.cause or f"it answered {len(records)} times"
        return Measurement(state="cannot measure", note=f"the symptom's code: {cell.status}; {said}")
    try:
        measurement: Measurement = parse(Measurement, records[0])
    except ValueError as error:
        return Measurement(state="cannot measure", note=f"the symptom's record: {error}"[:500])
    return measurement


def expected_of(runs: Sequence[Measurement]) -> float | None:
    """What the baseline runs expected, when they all agree: then it need not be computed again."""
    values = {run.expected for run in runs}
    return values.pop() if len(values) == 1 else None


def effect_of(runs: Sequence[Measurement]) -> float | None:
    """The mean effect, or None where a run has none."""
    effects = [run.effect for run in runs]
    known = [effect for effect in effects if effect is not None]
    return sum(known) / len(known) if len(known) == len(effects) and known else None


def noise_of(runs: Sequence[Measurement]) -> float | None:
    """A/A: how far the same measurement, with nothing changed, is from itself."""
    values = [run.measured for run in runs if run.measured is not None]
    return max(values) - min(values) if len(values) > 1 else None


def share_gone(run: Measurement, before: Sequence[Measurement]) -> float:
    """How much of the baseline's effect is gone in `run`; without numbers, present or absent decides."""
    effect = effect_of(before)
    if effect is None or run.effect is None:
        return 1.0 if run.state == "absent" else 0.0
    return 1.0 - max(0.0, run.effect - (noise_of(before) or 0.0)) / effect if effect else 0.0


def moved_goal(run: Measurement, before: Sequence[Measurement]) -> bool:
    """Whether the run compares with something else than the baseline did: then nothing got better."""
    goal = expected_of(before)
    if goal is None or run.expected is None:
        return False
    return abs(run.expected - goal) > max(noise_of(before) or 0.0, 1e-9 * abs(goal))


def has_acted(run: Measurement, sites: Sequence[Place]) -> bool:
    """Whether the run's own record says that a run-time intervention changed a value at each site."""
    changed: Any = run.details.get("changed", {})
    return isinstance(changed, dict) and all(_count(changed.get(str(site))) > 0 for site in sites)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def notes_of(runs: Sequence[Measurement]) -> str:
    """Why, in the words of the symptom's code."""
    said = "; ".join(dict.fromkeys(run.note for run in runs if run.note))[:1000]
    return said or "the symptom's code says so, without a reason"
