"""Random rounding: results are moved by about their own rounding error, at random. In the program's process.

Where the inside of a call is not seen, its operands are moved by a last place too: what it does with them is then
shaken as a whole. The plan's `noise`: `seed`, and `only`, the places to be shaken (None: all).
"""

from collections import Counter
from typing import Any, Callable, Dict, Mapping, Optional, Set

from .array_calls import MOVES, arguments_of, name_of
from .array_run import ArrayRun
from .array_step import Step
from .recorder import Recorder
from .sites import SiteTable


class Noise(ArrayRun):
    def __init__(
        self, recorder: Recorder, table: SiteTable, relative: Callable[[str], Any], plan: Mapping[str, Any]
    ) -> None:
        super().__init__(recorder, table, relative)
        self.seed = int(plan["seed"])
        self.only: Optional[Set[str]] = set(plan["only"]) if plan.get("only") is not None else None
        self.random: Any = None  # a generator of our own: the program's are left alone
        self.shaken: Counter = Counter()  # type: ignore[type-arg]  # int -> int
        self.hidden: Counter = Counter()  # type: ignore[type-arg]  # of these, calls whose inside is not seen

    def totals(self) -> Dict[str, int]:
        return {"followed": self.followed}

    def site_counts(self, number: int) -> Dict[str, int]:
        return {"shaken": self.shaken[number], "hidden": self.hidden[number]}

    def rounds(self, site: int) -> bool:
        at = self.table.sites[site]
        return self.only is None or f"{at.file}:{at.line}" in self.only

    def treat(self, step: Step, result: Any) -> Any:
        """A result that was rounded, moved by as much as it was, and by a last place at least."""
        local = abs(step.local)
        if step.name in MOVES or not local.any():
            return result
        self.shaken[step.site] += 1
        wide = self.widened(result, step.wide)
        size = self.numpy.where(local > 0, self.numpy.maximum(local, abs(wide) * self._unit(result)), 0)
        return self._moved(result, wide, size)

    def not_followed(self, step: Step, result: Any) -> Any:
        self.shaken[step.site] += 1
        self.hidden[step.site] += 1
        return self._shaken(result)

    def function(self, site: int, callee: Any) -> Any:
        """Linear algebra and transforms too, whose roundings are inside and for which no wider type may exist."""
        inside = str(getattr(callee, "__module__", None) or "").startswith(("numpy.linalg", "numpy.fft"))
        if inside and self.ready():
            return lambda *args, **options: self.opaque(site, name_of(callee), callee, args, options)
        return super().function(site, callee)

    def opaque(self, site: int, name: str, call: Callable[..., Any], args: Any, options: Dict[str, Any]) -> Any:
        if not self.rounds(site) or not self.wider.operands(arguments_of(args, options), []):
            return call(*args, **options)
        fresh = [self._shaken(each) if type(each) is not list else each for each in args]
        result = call(*fresh, **options)
        if self.wider.dtype_of(result) is None:
            return result
        self.shaken[site] += 1
        self.hidden[site] += 1
        return self._shaken(result)

    def _shaken(self, value: Any) -> Any:
        """A copy with each number that is not whole moved by about a last place."""
        if self.wider.type_for(value) is None:
            return value
        wide = self.widened(value, self.wider.type_for(value))
        with self.numpy.errstate(all="ignore"):
            size = self.numpy.where(wide == self.numpy.rint(wide), 0, abs(wide) * self._unit(value))
        copy = value.copy() if isinstance(value, self.numpy.ndarray) else value
        return self._moved(copy, wide, size)

    def _unit(self, value: Any) -> float:
        return float(self.numpy.finfo(self.wider.dtype_of(value)).eps)

    def _moved(self, result: Any, wide: Any, size: Any) -> Any:
        if self.random is None:
            self.random = self.numpy.random.RandomState(self.seed)
        signs = self.random.uniform(-1.0, 1.0, self.numpy.shape(wide))
        new = (wide + size * signs).astype(self.wider.dtype_of(result))
        if isinstance(result, self.numpy.ndarray):
            result[...] = new
            return result
        return float(new) if type(result) is float else result.dtype.type(new)
