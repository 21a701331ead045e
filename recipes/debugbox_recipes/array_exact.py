"""The intervention `keep_exact` for arrays: results of the named lines are computed and carried in the wider type.

Operations on other lines use what is carried, and round their own result as before, so that the rounding of the named
lines alone is gone. What only moves elements (a slice, a store, a copy) carries on. Runs in the program's process.
"""

from collections import Counter
from typing import Any, Callable, Dict, Set, Tuple

from .array_calls import MOVES
from .array_memory import EXACT, Known
from .array_run import ArrayRun
from .array_step import Step
from .recorder import Recorder
from .sites import SiteTable
from .trail import NOWHERE


class KeepWide(ArrayRun):
    """`kept` has the places, file and line, that were asked for; it may grow as modules load."""

    def __init__(
        self,
        recorder: Recorder,
        table: SiteTable,
        relative: Callable[[str], Any],
        kept: Set[Tuple[str, int]],
    ) -> None:
        super().__init__(recorder, table, relative)
        self.kept = kept
        self.applied: Counter = Counter()  # type: ignore[type-arg]  # int -> int
        self.changed: Counter = Counter()  # type: ignore[type-arg]

        self.dropped: Counter = Counter()  # type: ignore[type-arg]  # what other lines rounded off of what was carried

    def totals(self) -> Dict[str, int]:
        return {"followed": self.followed}

    def site_counts(self, number: int) -> Dict[str, int]:
        return {"applied": self.applied[number], "changed": self.changed[number], "dropped": self.dropped[number]}

    def rounds(self, site: int) -> bool:
        return self._kept(site)

    def _kept(self, site: int) -> bool:
        at = self.table.sites[site]
        return (at.file, at.line) in self.kept

    def treat(self, step: Step, result: Any) -> Any:
        exact = step.in_wider((EXACT,)) if step.known else step.base
        kept = self._kept(step.site)
        if kept or (step.name in MOVES and not step.local.any()):
            return self._carried(step, result, exact, kept)
        if step.known:
            corrected = self.widened(result, step.wide) + (exact - step.base)
            new = corrected.astype(self.wider.dtype_of(result))
            self.dropped[step.site] += bool((new.astype(step.wide) != corrected).any())
            result = self._written(result, new)
        self.memory.keep(result, Known({}, NOWHERE))  # what was written over is forgotten
        return result

    def _carried(self, step: Step, result: Any, exact: Any, kept: bool) -> Any:
        dtype = self.wider.dtype_of(result)
        new = exact.astype(dtype)
        rest = exact - new.astype(step.wide)
        rest = self.numpy.where(self.numpy.isfinite(rest), rest, 0)
        changed = bool(rest.any() or not self.numpy.array_equal(new, result))
        written = self._written(result, new)
        self.memory.keep(written, Known({EXACT: rest} if rest.any() else {}, NOWHERE))
        if kept:
            self.applied[step.site] += 1
            self.changed[step.site] += changed
        return written

    def _written(self, result: Any, new: Any) -> Any:
        if isinstance(result, self.numpy.ndarray):
            result[...] = new
            return result
        return float(new) if type(result) is float else result.dtype.type(new)
