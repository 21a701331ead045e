"""A shadow run over arrays: the error of each element and its split by source line. In the program's process.

Nothing the program computes is changed. Beside each result stand exact - computed, and the contributions of the lines
that rounded on the way to it; where they grew is kept for each array as a whole.
"""

from typing import Any, Callable, Dict, List, Tuple

from .array_calls import known_as
from .array_memory import EXACT, Fields, Known
from .array_run import ArrayRun
from .array_step import Step
from .recorder import Recorder
from .shadow import OTHERS, SiteStatistics
from .sites import SiteTable
from .trail import NOWHERE, Trail, extended, joined

_MOST_LANES = 10  # lines told apart in one array; the small ones are put together
_LARGE = 1_000_000  # elements; arrays beyond have fewer
_FEW_LANES = 3


class Seen(float):
    """A recorded number with its error."""

    __slots__ = ("error", "parts", "trail")
    error: float
    parts: Dict[int, float]
    trail: Trail


def read(value: float) -> Tuple[float, Dict[int, float], Trail]:
    """The recorder's reader."""
    return (value.error, value.parts, value.trail) if isinstance(value, Seen) else (0.0, {}, NOWHERE)


class ArrayShadow(ArrayRun):
    def __init__(self, recorder: Recorder, table: SiteTable, relative: Callable[[str], Any]) -> None:
        super().__init__(recorder, table, relative)
        self.statistics = SiteStatistics(table, recorder)
        self.coarsest: Dict[int, float] = {}
        recorder.reader = read

    def totals(self) -> Dict[str, Any]:
        unknown = self.memory.unknown + self.memory.forgotten if self.memory else 0
        return {"lost": unknown, "followed": self.followed}

    def site_counts(self, number: int) -> Dict[str, Any]:
        said = self.statistics.of(number)
        if len(self.table.sites[number].operations - {"item", "store"}) > 1:
            said["usual_magnitude"] = said["magnitude"]  # operations of several kinds have no usual operands
        return {**said, "unit": self.coarsest.get(number, 0.0)}

    def treat(self, step: Step, result: Any) -> Any:
        local = step.local
        self.statistics.count(step.site)
        self.recorder.check_deadline()  # one operation on large arrays may take long
        if local.any():
            self._count(step, local)
        if not step.known and not local.any():
            self.memory.keep(result, Known({}, NOWHERE))  # what was written over is forgotten
            return result
        fields, trail = self._propagated(step, result)
        if local.any():
            fields[step.site] = fields.get(step.site, 0) + local
        self.memory.keep(result, Known(self._fewer(fields, local.size), trail))
        return result

    def _count(self, step: Step, local: Any) -> None:
        numpy, site, counts = self.numpy, step.site, self.statistics
        sizes = [self._largest(each) for each in step.operands if numpy.size(each)]
        elements = int(numpy.count_nonzero(local))
        counts.rounding(site, float(numpy.max(numpy.abs(local))), max(sizes, default=0.0), min(sizes, default=0.0))
        counts.rounded[site] += elements - 1
        counts.exponents[site] += (elements - 1) * float(numpy.frexp(max(sizes, default=0.0))[1])
        counts.introduced[site] += float(numpy.sum(numpy.abs(local))) - float(numpy.max(numpy.abs(local)))
        unit = float(numpy.finfo(self.wider.dtype_of(step.result)).eps) / 2
        self.coarsest[site] = max(unit, self.coarsest.get(site, 0.0))

    def _largest(self, value: Any) -> float:
        """The largest of its finite elements."""
        sizes = self.numpy.abs(value)
        return float(self.numpy.max(self.numpy.where(self.numpy.isfinite(sizes), sizes, 0)))

    def _propagated(self, step: Step, result: Any) -> Tuple[Fields, Trail]:
        """The operands' errors and their split, after this operation."""
        known = list(step.known.values())
        computed = self.widened(result, step.wide)
        exact = step.in_wider((EXACT,)) if known else step.base
        fields: Fields = {EXACT: exact - computed}
        lanes = self.memory.lanes(known)
        for lane in lanes:
            alone = step.base - exact if len(lanes) == 1 else step.in_wider((EXACT, lane)) - exact
            fields[lane] = self.numpy.where(self.numpy.isfinite(alone), alone, 0)
        fields[EXACT] = self.numpy.where(self.numpy.isfinite(fields[EXACT]), fields[EXACT], 0)
        return fields, self._trail(step, step.base - exact) if known else NOWHERE

    def _trail(self, step: Step, inherited: Any) -> Trail:
        """Where the error grew: relative to the operands before, and to the result where most of it is, after."""
        numpy = self.numpy
        grown = [
            (known.trail, float(numpy.max(numpy.abs(known.fields.get(EXACT, 0))))) for known in step.known.values()
        ]
        trail = joined(grown)
        sizes = numpy.abs(inherited).reshape(-1)
        if not sizes.size or not float(numpy.max(sizes)) > 0.0:
            return trail
        place = int(numpy.nanargmax(sizes))
        size = max(float(abs(step.base.reshape(-1)[place])), float(abs((step.base - inherited).reshape(-1)[place])))
        after = float(sizes[place]) / size if size else 0.0
        before = max(
            (self._relative(each, step.known[id(each)]) for each in step.operands if id(each) in step.known),
            default=0.0,
        )
        operands = tuple(float(numpy.max(numpy.abs(each))) for each in step.operands[:2] if numpy.size(each))
        return extended(trail, step.site, (before, after, known_as(step.name), operands))

    def _relative(self, value: Any, known: Known) -> float:
        """The largest relative error of an operand."""
        numpy = self.numpy
        error = numpy.abs(known.fields.get(EXACT, 0))
        size = numpy.abs(self.widened(value, error.dtype))
        with numpy.errstate(all="ignore"):
            ratios = numpy.where(size > 0, error / numpy.maximum(size, error), 0)
        return float(numpy.max(ratios)) if numpy.size(ratios) else 0.0

    def _fewer(self, fields: Fields, elements: int) -> Fields:
        """The largest contributions told apart, the others in one."""
        lanes: List[int] = [lane for lane in fields if lane not in (EXACT, OTHERS)]
        most = _MOST_LANES if elements <= _LARGE else _FEW_LANES
        if len(lanes) <= most:
            return fields
        lanes.sort(key=lambda lane: -float(self.numpy.sum(self.numpy.abs(fields[lane]))))
        for lane in lanes[most:]:
            fields[OTHERS] = fields.get(OTHERS, 0) + fields.pop(lane)
        return fields

    def seen(self, value: Any, fields: Any, position: Any, trail: Trail) -> float:
        number = Seen(float(value))
        number.error = -float(fields[EXACT][position]) if fields and EXACT in fields else 0.0
        parts = {lane: float(field[position]) for lane, field in (fields or {}).items() if lane != EXACT}
        number.parts, number.trail = {lane: part for lane, part in parts.items() if part}, trail
        return number
