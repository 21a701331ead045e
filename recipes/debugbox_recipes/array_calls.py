"""Which calls on arrays can be repeated in a wider type, and their arguments there. In the program's process.

Repeated are NumPy's own functions and methods that only compute. Random numbers, files and what changes its arguments
are left alone: a second call would change the program.
"""

import math
import sys
from types import FunctionType
from typing import Any, Callable, Dict, List, Optional, Tuple

# ndarray's and its scalars' methods that compute something and leave the array as it is.
_METHODS = frozenset(
    """sum mean var std prod cumsum cumprod dot copy astype reshape flatten ravel transpose squeeze swapaxes take repeat
    clip round min max item trace diagonal conj conjugate ptp compress choose reduce accumulate outer
    reduceat""".split()  # noqa: SIM905  # a word list
)
_NEVER = frozenset(
    """save savez savez_compressed savetxt load loadtxt genfromtxt fromfile copyto put place putmask fill_diagonal
    put_along_axis seterr errstate printoptions array2string array_repr array_str shares_memory may_share_memory
    vectorize apply_along_axis fromiter frompyfunc fromfunction piecewise at empty empty_like""".split()  # noqa: SIM905
)
# What gives its operands' elements back as they are: no rounding of its own.
MOVES = frozenset(
    """item store copy reshape flatten ravel transpose squeeze swapaxes take repeat neg abs absolute negative array
    asarray asanyarray ascontiguousarray concatenate stack vstack hstack column_stack where sort min max amin amax
    minimum maximum clip diag diagonal tile roll flip float tolist""".split()  # noqa: SIM905
)
_IN_NUMPY = {
    "atan2": "arctan2", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "pow": "power",
}  # fmt: skip
_SAME_NAME = """sqrt exp expm1 log log10 log2 log1p sin cos tan sinh cosh tanh hypot fabs degrees radians copysign
    fmod""".split()  # noqa: SIM905
# A function's name where another one's is what readers of a trail know.
_KNOWN_AS = {
    "subtract": "sub",
    "add": "add",
    "sum": "sum",
    "mean": "sum",
    "dot": "sum",
    "matmul": "sum",
    "einsum": "sum",
}
WIDER = {
    "float16": "float64", "float32": "float64", "float64": "longdouble", "complex64": "complex128",
    "complex128": "clongdouble",
}  # fmt: skip


def name_of(callee: Any) -> str:
    return str(getattr(callee, "__name__", type(callee).__name__))


def known_as(name: str) -> str:
    return _KNOWN_AS.get(name, name)


def in_numpy(numpy: Any) -> Dict[int, Any]:
    """`math`'s functions as NumPy has them, which knows wider types."""
    names = {**_IN_NUMPY, **{name: name for name in _SAME_NAME}}
    return {id(getattr(math, name)): getattr(numpy, other) for name, other in names.items()}


def computes(callee: Any, numpy: Any) -> bool:
    """Whether a call can be repeated: it is NumPy's, and only computes."""
    if isinstance(callee, numpy.ufunc):
        return True
    name = name_of(callee)
    owner = getattr(callee, "__self__", None)
    if isinstance(owner, (numpy.ndarray, numpy.generic, numpy.ufunc)):
        return name in _METHODS
    if isinstance(callee, type):
        return issubclass(callee, numpy.floating)
    module = str(getattr(callee, "__module__", None) or "")
    return module.partition(".")[0] == "numpy" and "random" not in module and name not in _NEVER


def foreign(callee: Any, user_file: Callable[[str], Any]) -> bool:
    """Whether it is an installed library's function, or compiled, so that its inside is not rewritten."""
    if isinstance(callee, type):
        return False
    if type(getattr(callee, "__self__", None)).__module__.startswith("numpy.random"):
        return False  # a random number has no error
    if isinstance(callee, FunctionType):
        path = callee.__code__.co_filename
        return user_file(path) is None and _installed(path)
    module = sys.modules.get(str(getattr(callee, "__module__", None) or ""))
    path = str(getattr(module, "__file__", None) or "")
    return _installed(path) or (path.endswith((".so", ".pyd")) and "lib-dynload" not in path)


def _installed(path: str) -> bool:
    return "site-packages" in path or "dist-packages" in path


class Wider:
    """Values of a call in a wider type. `numpy` is the program's."""

    def __init__(self, numpy: Any) -> None:
        self.numpy = numpy
        self.arrays = (numpy.ndarray, numpy.memmap)
        self.types = {numpy.dtype(one): getattr(numpy, other) for one, other in WIDER.items()}
        better = numpy.finfo(numpy.longdouble).eps < numpy.finfo(numpy.float64).eps
        self.usable = frozenset(self.types if better else [d for d in self.types if d.itemsize <= 4])

    def type_for(self, value: Any) -> Optional[Any]:
        """The wider type for a computed result; None where it is no number that rounds, or no wider type exists."""
        dtype = self.dtype_of(value)
        return self.types[dtype] if dtype in self.usable else None

    def dtype_of(self, value: Any) -> Any:
        """The dtype of a floating-point array or scalar, None for all else."""
        if type(value) is float:
            return self.numpy.dtype(float)
        # Subclasses (masked arrays, matrices) have a meaning of their own for what we would do with them.
        if (type(value) in self.arrays or isinstance(value, self.numpy.inexact)) and value.dtype.kind in "fc":
            return value.dtype
        return None

    def operands(self, arguments: Any, found: List[Any]) -> List[Any]:
        """All floating-point numbers and arrays among the arguments, those in lists and tuples too."""
        for each in arguments:
            if type(each) in (list, tuple):
                self.operands(each, found)
            elif self.dtype_of(each) is not None:
                found.append(each)
        return found

    def rebuilt(self, argument: Any, change: Callable[[Any], Any], wide: Any, *, whole: bool) -> Any:
        """An argument with every number through `change`, every narrower type exchanged; `whole` numbers too."""
        kind = type(argument)
        if kind in (list, tuple):
            return kind([self.rebuilt(each, change, wide, whole=whole) for each in argument])
        if self.dtype_of(argument) is not None:
            return change(argument)
        if whole and isinstance(argument, (self.numpy.ndarray, self.numpy.integer)) and argument.dtype.kind in "iu":
            return argument.astype(wide)
        return self._type(argument, wide)

    def _type(self, argument: Any, wide: Any) -> Any:
        """`np.float32`, `float` and dtypes name the type of a result: the wider one instead."""
        if argument is float or isinstance(argument, self.numpy.dtype):
            return wide if self.numpy.dtype(argument).kind in "fc" else argument
        if isinstance(argument, type) and issubclass(argument, self.numpy.inexact):
            return wide
        return argument

    def options(self, given: Dict[str, Any], change: Callable[[Any], Any], wide: Any, *, whole: bool) -> Dict[str, Any]:
        options = {k: self.rebuilt(v, change, wide, whole=whole) for k, v in given.items() if k != "out"}
        if isinstance(options.get("dtype"), str) and self.numpy.dtype(options["dtype"]).kind in "fc":
            options["dtype"] = wide
        return options


def arguments_of(args: Tuple[Any, ...], options: Dict[str, Any]) -> List[Any]:
    return [*args, *(value for name, value in options.items() if name != "out")]
