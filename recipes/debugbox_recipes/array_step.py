"""One operation of a program with NumPy, and how to have its result in a wider type. In the program's process."""

from typing import Any, Dict, Tuple

from .array_calls import arguments_of
from .array_memory import Known


class CannotFollow(Exception):
    """The call cannot be repeated in a wider type."""


class Step:
    """One operation as it ran: the computed result, and how to have it in the wider type."""

    def __init__(self, run: Any, site: int, name: str, function: Any, args: Any, options: Dict[str, Any]) -> None:
        self.run, self.site, self.name = run, site, name
        self.function, self.args, self.options = function, args, options
        self.result: Any = None
        self.wide: Any = None
        self.whole = False  # whole numbers are widened too
        self.operands: Any = run.wider.operands(arguments_of(args, options), [])
        self.known: Dict[int, Known] = {}
        for operand in self.operands:
            found = run.memory.look(operand)
            if found is not None:
                self.known[id(operand)] = found
        self.base: Any = None

    def in_wider(self, lanes: Tuple[int, ...] = ()) -> Any:
        """The result in the wider type, its operands as computed and, added to them, these fields of what is known."""
        changed: Dict[int, Any] = {}

        def change(value: Any) -> Any:
            if id(value) not in changed:
                changed[id(value)] = self._widened(value, lanes)
            return changed[id(value)]

        wider = self.run.wider
        args = [wider.rebuilt(each, change, self.wide, whole=self.whole) for each in self.args]
        options = wider.options(self.options, change, self.wide, whole=self.whole)
        with self.run.numpy.errstate(all="ignore"):
            result = self.run.numpy.asarray(self.function(*args, **options))
        if result.dtype != self.wide or result.shape != self.run.numpy.shape(self.result):
            raise CannotFollow(self.name)
        return result

    def _widened(self, value: Any, lanes: Tuple[int, ...]) -> Any:
        known = self.known.get(id(value))
        # Not asarray: a 0-d array is no scalar to round(), float() and the like.
        dtype = self.run.numpy.dtype(self.wide)
        complex_value = isinstance(value, (self.run.numpy.ndarray, self.run.numpy.generic)) and value.dtype.kind == "c"
        if complex_value and dtype.kind != "c":  # abs(z), z.real
            dtype = self.run.numpy.dtype(self.run.numpy.clongdouble)
        elif not complex_value and dtype.kind == "c":
            dtype = self.run.numpy.dtype(self.run.numpy.longdouble)
        wide = value.astype(dtype) if hasattr(value, "astype") else dtype.type(value)
        for lane in lanes:
            if known is not None and lane in known.fields:
                wide = wide + known.fields[lane].astype(dtype)
        return wide if isinstance(value, self.run.numpy.ndarray) else dtype.type(wide)

    def evaluate(self, result: Any) -> None:
        """Compute the base value in the wider type. Raises CannotFollow."""
        self.result, self.wide = result, self.run.wider.type_for(result)
        if self.wide is None:
            raise CannotFollow(self.name)
        try:
            try:
                self.base = self.in_wider()
            except CannotFollow:
                self.whole = True
                self.base = self.in_wider()
        except CannotFollow:
            raise
        except Exception as error:  # it would go on into the user's program
            raise CannotFollow(self.name) from error

    @property
    def local(self) -> Any:
        """The operation's own rounding: computed - exact, on the computed operands."""
        numpy = self.run.numpy
        with numpy.errstate(all="ignore"):
            local = self.run.widened(self.result, self.wide) - self.base
        return numpy.where(numpy.isfinite(local), local, 0)
