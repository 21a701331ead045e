"""The runtime of programs with NumPy: what rewritten modules call. Runs in the program's process.

Each operation is computed as the program does, and again in a wider type: on the computed operands, which gives its
own rounding, and on what the operands would be in exact arithmetic, and with each line's error alone, which gives the
split. What becomes of the computed result is decided by `array_shadow`, `array_exact` or `array_noise`.
"""

import operator
import sys
from threading import get_ident
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Set

from . import array_calls
from .array_calls import Wider, arguments_of, name_of
from .array_items import Items
from .array_memory import Fields, Memory
from .array_step import CannotFollow, Step
from .carrier import assignment_functions
from .recorder import Recorder
from .shadow_run import OTHER_NUMBERS
from .sites import OPERATORS, SiteTable
from .trail import NOWHERE, Trail

_IN_BUILTINS = (float, sum, abs, pow, round, min, max)
_ELEMENTS = 1000  # of a watched array that are recorded, evenly


class ArrayRun(Items):
    """Dispatches operations; `treat` is what the kinds of run differ in."""

    def __init__(self, recorder: Recorder, table: SiteTable, relative: Callable[[str], Any]) -> None:
        self.recorder, self.table, self.relative = recorder, table, relative
        self.numpy: Any = None
        self.memory: Any = None
        self.wider: Any = None
        self.twins: Dict[int, Any] = {}
        self.followed = 0
        self.busy: Set[int] = set()  # threads that are inside: what they do there is not followed

    # --- what the kinds of run do

    def treat(self, step: Step, result: Any) -> Any:
        """The result the program goes on with, the step's computed result being `result`."""
        raise NotImplementedError

    def opaque(self, site: int, name: str, call: Callable[..., Any], args: Any, options: Dict[str, Any]) -> Any:
        """A call whose inside is not seen: a function of numbers, or a method of an object that may hold some."""
        result = call(*args, **options)
        owner = getattr(call, "__self__", None)
        given = self.wider.operands(arguments_of(args, options), []) or not isinstance(owner, (type(None), ModuleType))
        if given and self.wider.operands([result], []):
            self.recorder.unfollowed[name] += 1
        return result

    def seen(self, value: Any, fields: Optional[Fields], position: Any, trail: Trail) -> float:
        """A recorded number; `position` is its place in the fields."""
        return float(value)

    def rounds(self, site: int) -> bool:
        """Whether anything has to be done at this site when no operand is known."""
        return True

    # --- one operation

    def ready(self) -> bool:
        """Whether the program has loaded NumPy; the first time, take hold of it."""
        if self.numpy is None:
            numpy = sys.modules.get("numpy")
            if numpy is None or not hasattr(numpy, "linalg") or not hasattr(numpy, "finfo"):
                return False
            self.numpy, self.memory, self.wider = numpy, Memory(numpy), Wider(numpy)
            self.twins = array_calls.in_numpy(numpy)
        return get_ident() not in self.busy

    def _guarded(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """`work`, whose own arithmetic is not followed. Raises CannotFollow, and nothing of our own making."""
        self.busy.add(get_ident())
        try:
            with self.numpy.errstate(all="ignore"):
                return work(*arguments)
        except CannotFollow:
            raise
        except Exception as error:  # it would go on into the user's program
            raise CannotFollow(type(error).__name__) from error
        finally:
            self.busy.discard(get_ident())

    def apply(
        self,
        site: int,
        name: str,
        call: Any,
        args: Any,
        options: Dict[str, Any],
        repeat: Any = None,
        target: Any = None,
    ) -> Any:
        """Run `call` as the program would, then see to the result; `repeat` is the call in the wider type.

        `target` is an array that the call writes to.
        """
        if name.startswith("i") and name[1:] in _OPERATIONS:
            name = name[1:]
            target = args[0] if isinstance(args[0], self.numpy.ndarray) else None
        elif isinstance(options.get("out"), self.numpy.ndarray):
            target = options["out"]
        try:
            step: Step = self._guarded(self._step, site, name, repeat or call, args, options, target)
        except CannotFollow:
            self.recorder.unfollowed[name] += 1
            return call(*args, **options)
        result = call(*args, **options)
        if not step.operands:
            self._count_others(*args)
        if self.wider.dtype_of(result) is None or not (step.operands or target is not None):
            return result
        if target is None and any(self._same(result, operand) for operand in step.operands):
            return result  # a view, or the operand itself: its memory is known already
        if not step.known and not self.rounds(site):
            return result
        try:
            return self._guarded(self._treated, step, result)
        except CannotFollow:
            return self.not_followed(step, result)

    def _step(self, site: int, name: str, function: Any, args: Any, options: Dict[str, Any], target: Any) -> Step:
        step = Step(self, site, name, function, args, options)
        if target is not None:
            step.args = tuple(self._before(each, target, step) for each in args)
            step.operands = self.wider.operands(arguments_of(step.args, options), [])
        return step

    def _before(self, argument: Any, target: Any, step: Step) -> Any:
        """An argument as it is now, where the call is about to write over it."""
        if not isinstance(argument, self.numpy.ndarray) or not self.numpy.may_share_memory(argument, target):
            return argument
        copied = argument.copy()
        if id(argument) in step.known:
            step.known[id(copied)] = step.known[id(argument)]
        return copied

    def _treated(self, step: Step, result: Any) -> Any:
        step.evaluate(result)
        self.followed += 1
        return self.treat(step, result)

    def not_followed(self, step: Step, result: Any) -> Any:
        """A result that has no counterpart in a wider type is taken for exact."""
        self.recorder.unfollowed[step.name] += 1
        return result

    def _same(self, result: Any, operand: Any) -> bool:
        if result is operand:
            return True
        kind = self.numpy.ndarray
        return (
            isinstance(result, kind)
            and isinstance(operand, kind)
            and bool(self.numpy.may_share_memory(result, operand))
        )

    def widened(self, value: Any, wide: Any) -> Any:
        return self.numpy.asarray(value).astype(wide)

    # --- what rewritten modules call

    def names(self) -> Dict[str, Any]:
        operations = {name: self._operation(name, function) for name, function in _OPERATIONS.items()}
        operations.update(
            {f"i{n}": self._operation(f"i{n}", getattr(operator, f"i{n}"), f) for n, f in _OPERATIONS.items()}
        )
        return {
            **operations,
            **assignment_functions(operations, self.watch),
            "watch": self.watch,
            "function": self.function,
            "item": self.item,
            "stored": self.stored,
            "each": self.each,
            "negated": self._unary("neg", operator.neg),
            "slice": slice,
        }

    def _operation(self, name: str, call: Callable[[Any, Any], Any], repeat: Any = None) -> Callable[..., Any]:
        def operate(site: int, a: Any, b: Any) -> Any:
            if not self.ready():
                return call(a, b)
            # By identity: the dtype of a double equals None.
            others = [self.wider.dtype_of(each) is None for each in (a, b)]
            if any(others):
                self._count_others(a, b)
            if all(others):
                return call(a, b)
            return self.apply(site, name, call, (a, b), {}, repeat)

        return operate

    def _count_others(self, *operands: Any) -> None:
        """Numbers of other libraries, and arrays of other kinds (masked, of objects), are not followed."""
        for kind in map(type, operands):
            library = kind.__module__.partition(".")[0]
            plain = kind is self.numpy.ndarray or issubclass(kind, self.numpy.generic)
            if library in OTHER_NUMBERS and not plain:
                self.recorder.foreign[f"{library}.{kind.__name__}"] += 1

    def _unary(self, name: str, call: Callable[[Any], Any]) -> Callable[[int, Any], Any]:
        def operate(site: int, a: Any) -> Any:
            if not self.ready() or self.wider.dtype_of(a) is None:
                return call(a)
            return self.apply(site, name, call, (a,), {})

        return operate

    def function(self, site: int, callee: Any) -> Any:
        """What is called instead of `callee`: itself, or a call that is followed."""
        if not self.ready():
            return callee
        if any(callee is one for one in _IN_BUILTINS) or id(callee) in self.twins:
            return lambda *args, **options: self._called(site, callee, args, options)
        if array_calls.computes(callee, self.numpy):
            return lambda *args, **options: self._method(site, callee, args, options)
        if array_calls.foreign(callee, self.relative):
            return lambda *args, **options: self._foreign(site, callee, args, options)
        return callee

    def _foreign(self, site: int, callee: Any, args: Any, options: Dict[str, Any]) -> Any:
        return self.opaque(site, name_of(callee), callee, args, options)

    def _called(self, site: int, callee: Any, args: Any, options: Dict[str, Any]) -> Any:
        """A builtin, or a function of `math`."""
        if callee is sum and args:
            args = (list(self.each(args[0])), *args[1:])
        repeat = self.twins.get(id(callee)) or (self.wide_float if callee is float else None)
        return self.apply(site, name_of(callee), callee, args, options, repeat)

    @staticmethod
    def wide_float(value: Any = 0.0) -> Any:
        return value

    def _method(self, site: int, callee: Any, args: Any, options: Dict[str, Any]) -> Any:
        """NumPy's functions; a method as a function of its array."""
        name, owner = name_of(callee), getattr(callee, "__self__", None)
        if isinstance(callee, type):
            return self.apply(site, "float", callee, args, options, self.wide_float)
        if isinstance(owner, (self.numpy.ndarray, self.numpy.generic)):
            if name == "item":  # the same in each type, but not a method that keeps it
                repeat: Any = lambda value, *key: self.numpy.asarray(value)[key[0] if key else ()]  # noqa: E731
            else:
                repeat = lambda value, *rest, **more: getattr(value, name)(*rest, **more)  # noqa: E731
            call = lambda value, *rest, **more: getattr(value, name)(*rest, **more)  # noqa: E731
            return self.apply(site, name, call, (owner, *args), options, repeat)
        return self.apply(site, name, callee, args, options)

    # --- watched values

    def watch(self, number: int, value: Any) -> Any:
        """Record a number, or the elements of an array, and hand it on."""
        if not self.ready():
            return self.recorder.watch(number, value)
        whole = isinstance(value, (self.numpy.ndarray, self.numpy.integer)) and value.dtype.kind in "iu"
        if self.wider.dtype_of(value) is None and not whole:
            return self.recorder.watch(number, value)
        if getattr(getattr(value, "dtype", None), "kind", "f") == "c":
            return value
        try:
            for one in self._guarded(self._recorded, value):
                self.recorder.watch(number, one)
        except CannotFollow:
            self.recorder.unfollowed["watch"] += 1
        return value

    def _recorded(self, value: Any) -> List[float]:
        known = self.memory.look(value)
        fields, trail = (known.fields, known.trail) if known else (None, NOWHERE)
        if not isinstance(value, self.numpy.ndarray):
            return [self.seen(value, fields, (), trail)]
        flat = value.reshape(-1)
        ravelled = {lane: field.reshape(-1) for lane, field in fields.items()} if fields else None
        step = max(1, -(-flat.size // _ELEMENTS))
        return [self.seen(flat[n], ravelled, n, trail) for n in range(0, flat.size, step)]


_OPERATIONS: Dict[str, Callable[[Any, Any], Any]] = {
    **{name: getattr(operator, name) for name in OPERATORS.values()},
    "matmul": operator.matmul,
}
