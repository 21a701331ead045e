"""Programs for `test_rewrite`: each a way to write Python that a rewrite of the syntax tree may get wrong."""
# ruff: noqa: E501  # a line is a list of expressions to print

CASES = {
    "docstring and future import stay first": '''
"""The docstring."""
from __future__ import annotations
print(__doc__, __annotations__ if "__annotations__" in dir() else None)
def f(x: undefined + 1.0 = 0.1) -> nonsense * 2:
    y: also_undefined / 3 = x + 0.2
    return y
print(f(), f.__annotations__)
''',
    "main looks like a script's main": """
import sys, os
import __main__
print(__name__, __file__ == os.path.abspath("run.py"), __spec__, sys.argv, __package__, __main__.__dict__ is globals())
print(os.path.basename(sys.path[0]), os.path.isdir(sys.path[0]), any("hook" in entry for entry in sys.path))
""",
    "private names in classes": """
class Account:
    __rate = 0.1
    def __init__(self):
        self.__total = 0.1
        self.__parts = {"a": 0.1}
    def add(self, x):
        self.__total += x * self.__rate
        self.__parts["a"] -= x
        Account.__rate *= 1.1
        return self.__total, self.__parts, self.__rate
print(Account().add(0.3), sorted(k for k in vars(Account()) if "total" in k))
class _Hidden:
    def __init__(self):
        self.__x = 1 / 3
        self.__x += 0.1
print(vars(_Hidden()))
""",
    "augmented targets are evaluated once, and before the right side": """
log = []
def box(name):
    log.append(name)
    return boxes
class Boxes(list):
    value = 0.1
    def step(self):
        self.value = 100.1
        return 0.2
boxes = Boxes([0.1, 0.2])
def index():
    log.append("index")
    return 1
def right():
    log.append("right")
    return 0.7
box("a")[index()] += right()
box("b").value *= right()
boxes.value += boxes.step()
print(log, boxes, boxes.value)
""",
    "augmented assignment of other types stays in place": """
a = b = [1]
a += [2]
a *= 2
print(b is a, b)
s = "x"
s += "y"
s *= 3
t = (1,)
t += (2,)
d = {"k": [0]}
d["k"] += [1]
d["k"][0:1] += [9]
class C:
    def __iadd__(self, other):
        return ("iadd", other)
    def __mod__(self, other):
        return ("mod", other)
c = C()
c += 0.1
print(s, t, d, c, C() % 0.5, "%.3f|%s" % (0.1 + 0.2, 0.1 * 3), b"%d" % 7)
""",
    "sum is the interpreter's own": """
values = [0.1 * n for n in range(100)]
print(sum(values), sum(values, 0.5), sum(x * 0.1 for x in values), sum([1, 2, 0.5]), sum([[1], [2]], []))
print(sum(values, start=0.25), sum([]), sum([True, 0.1 * 3]), sum({0.1: 1}))
""",
    "class and type of a number": """
import numbers, copy, pickle, json, struct, decimal, fractions, functools
x = 0.1 + 0.2
print(type(x) is float, isinstance(x, float), x.__class__ is float, isinstance(x, numbers.Real), type(x).__name__)
print(json.dumps({"x": x, "l": [x / 3]}), struct.pack("d", x), hash(x) == hash(0.30000000000000004), {x: 1}[0.30000000000000004])
print(pickle.loads(pickle.dumps(x)), type(pickle.loads(pickle.dumps(x))).__name__, copy.copy(x), copy.deepcopy([x]))
print(repr(x), str(x), f"{x}", f"{x:.3f}", f"{x!r:>25}", f"{x + 0.1:{5 + 5}.{1 + 1}f}", format(x, ".2e"), "{:g}".format(x), "%r" % x)
print(decimal.Decimal(x), fractions.Fraction(x), x.hex(), x.is_integer(), x.as_integer_ratio(), (x - x) or "zero", bool(x - x))
@functools.singledispatch
def kind(v): return "other"
@kind.register(float)
def _(v): return "float"
print(kind(x), complex(x, x), x + 1j, x == 0.3, x != 0.3, x < 1, 1 < x, sorted([x, 0.1, 0.2]), max(x, 0.1), min([x, 5]), x in [0.30000000000000004])
""",
    "math by every name": """
import math, math as m
from math import sin, sqrt as root
import operator, functools, itertools
x = 0.1 + 0.2
f = math.exp
print(math.sin(x), m.cos(x), sin(x), root(x), f(x), getattr(math, "tan")(x), list(map(math.log, [x, x * 2])))
print(math.hypot(x, x), math.atan2(x, 1), math.pow(x, 0.3), math.fmod(x, 0.07), math.floor(x * 10), math.ceil(x), math.trunc(x * 9))
print(math.fsum([x] * 10), math.prod([x, x, 3]), math.dist([x], [0.1]), math.isclose(x, 0.3), math.modf(x), math.frexp(x), math.ldexp(x, 3))
print(functools.reduce(operator.add, [x, x, 0.1]), list(itertools.accumulate([x, x, 0.1])), divmod(x, 0.07), pow(x, 2), pow(3, 4, 5))
print(round(x, 2), round(x), round(x * 100, ndigits=1), int(x * 10), int("7"), float("0.25") + x, float(x), abs(-x), -x, +x)
print(x // 0.07, x % 0.07, -x % 0.07, x ** 2, x ** -1, 2 ** -1, 2 ** 0.5, (-8) ** (1 / 3), 7 // 2, 7 % 3, 7 / 2, 10 ** 400 // 3 % 7)
import statistics
print(statistics.mean([x, 0.1]), statistics.fmean([x, 0.1]), statistics.stdev([x, 0.1, 3.0]))
""",
    "errors are the same": """
import math
for f in (lambda: 1.0 / 0.0, lambda: math.sqrt(-1.0 + 0.1), lambda: math.log(0.1 - 0.1), lambda: 0.1 + "a", lambda: 2.0 ** 5000, lambda: [] + 0.1,
          lambda: math.sin(), lambda: sum(0.1), lambda: round(0.1 + 0.2, "x"), lambda: int("x"), lambda: 1 % 0, lambda: float("x")):
    try:
        print(f())
    except Exception as error:
        print(type(error).__name__, error)
print(1e308 * 10, -1e308 * 10, 1e308 * 10 - 1e308 * 10, (0.1 + 0.2) * float("inf"), min(0.1 + 0.2, float("nan")), (0.1 + 0.2) < float("inf"))
""",
    "generators, comprehensions, closures, lambdas, walrus, star": """
def running(values):
    total = 0.0
    for v in values:
        total += v
        got = yield total / 3
        if got: total *= got
g = running([0.1, 0.2, 0.3])
print(next(g), g.send(2.0), list(g))
print([x * 0.1 + y for x in range(3) for y in (0.2,) if x * 0.1 < 0.15], {x: x / 3 for x in range(3)}, {x / 7 for x in range(2)})
def outer():
    n = 0.1
    def inner():
        nonlocal n
        n += 0.2
        return (lambda k: k * n)(3)
    return inner() + n
def glob():
    global total
    total = 0.1
    total += 0.2
glob()
print(outer(), total, (w := 0.1 + 0.2), w * 3, *[x / 3 for x in (1, 2)], max(*[0.1 * 3, 0.2]), dict(**{"a": 0.1 * 3}))
async def later():
    total = 0.1
    total += await more()
    return total
async def more(): return 0.2
import asyncio
print(asyncio.run(later()))
""",
    "class bodies, decorators, super, defaults, properties": """
import functools
def scale(by):
    def wrap(f):
        @functools.wraps(f)
        def inner(*a): return f(*a) * by
        return inner
    return wrap
class Base:
    size = 0.1
    size += 0.2
    table = [size * 2]
    def area(self, k=0.1 * 3): return self.size * k
    def __init_subclass__(cls, weight=0.0, **k): cls.weight = weight + 0.1
class Square(Base, weight=0.2 + 0.1):
    @scale(0.1 + 0.2)
    def area(self): return super().area() + 0.1
    @property
    def side(self): return self._s / 3
    @side.setter
    def side(self, v): self._s = v * 0.1
s = Square()
s.side = 0.7
s.side += 0.1
print(Base.size, Base.table, s.area(), Square.weight, s.side, Square.area.__name__)
import enum, dataclasses, collections
class E(enum.Enum):
    A = 0.1 + 0.2
    B = 1 / 3
@dataclasses.dataclass
class D:
    x: float = 0.1 + 0.2
    def grow(self): self.x += 0.1
d = D(); d.grow()
print(E.A.value, E(1 / 3), d, dataclasses.asdict(d), collections.Counter({"a": 0.1 + 0.2}))
""",
    "things that look at their caller": """
import os, sys, warnings, inspect, traceback
def here(): return sys._getframe(1).f_lineno, inspect.stack()[1].function
def f():
    x = 0.1 + 0.2
    return here(), sorted(locals()), eval("x + 0.1")
print(f())
def deep(n):
    return 1 / 0.0 if n == 0 else deep(n - 1) + 0.1
try:
    deep(2)
except ZeroDivisionError as error:
    frames = [(s.name, s.lineno, s.line) for s in traceback.extract_tb(error.__traceback__) if os.path.basename(s.filename).startswith(("run", "case"))]
    print(frames)
exec("y = 0.1 + 0.2; y += 0.1; print(y)")
print(inspect.getsource(f).count("here"))
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    def warn(): warnings.warn("w", stacklevel=2)
    warn()
print(seen[0].lineno)
""",
}
