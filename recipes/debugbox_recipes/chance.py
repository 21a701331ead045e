"""What a program takes from chance: hash order, entropy, clock, directory order, addresses. In the program's process.

Calls, set displays and set comprehensions of the user's modules pass through here; what a line is about is known from
the object that is called, under whatever name. A line may be *pinned*: then it gives the same in every run. With a
*level* each other line gives what that level says, so that a run can be repeated to the bit: factors in `vary` follow
the level, all others stay at level 0. Without a level nothing but the pinned lines is changed.

Hash order follows PYTHONHASHSEED, the time zone TZ: both are set from outside.
"""

import ast
import builtins
import os
import sys
from types import BuiltinMethodType, MethodType
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Tuple

from . import entropy
from .mutations import place_in
from .ordered import OrderedFrozenSet, OrderedSet, either, left_over, shared, united
from .sites import PREFIX

# Callees that take nothing from chance, left as they are for speed and because some look at their caller's frame.
_NEVER = frozenset(
    """super print len range isinstance issubclass hasattr getattr setattr enumerate zip iter next locals globals vars
    dir eval exec compile open list dict tuple str repr bytes input property classmethod staticmethod append extend
    items keys values join split format strip startswith endswith get""".split()  # noqa: SIM905  # a word list
)
_CLASS_TESTS = {"isinstance", "issubclass", "cast", "type"}
_VIEWS: Tuple[type, ...] = (type({}.keys()), type({}.items()))
_OPERATIONS = {ast.BitOr: united, ast.BitAnd: shared, ast.Sub: left_over, ast.BitXor: either}
_NAMES = {operation: kind.__name__ for kind, operation in _OPERATIONS.items()}
SETS = {set: OrderedSet, frozenset: OrderedFrozenSet}


class Site:
    """One line: what it was about, whether it is pinned, how often it ran and how often another value came out."""

    def __init__(self, file: str, line: int, function: str, pin: str) -> None:
        self.file, self.line, self.function, self.pin = file, line, function, pin
        self.factors: Dict[str, int] = {}
        self.changed = 0
        self.stream = entropy.Stream(f"{file}:{line}")

    def seen(self, differs: bool) -> None:
        self.changed += differs

    def count(self, factor: str) -> None:
        self.factors[factor] = self.factors.get(factor, 0) + 1


class Chance:
    """The part of a plan that is called `chance`: `level`, `vary`, `pins` (places)."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.level: Optional[int] = plan.get("level")
        self.vary: FrozenSet[str] = frozenset(plan.get("vary") or ())
        self.pins: List[Mapping[str, Any]] = list(plan.get("pins") or ())
        self.sites: List[Site] = []
        self.found: List[str] = []
        self._known: Dict[int, Tuple[Any, str]] = {}
        self._modules = 0
        self._numbers: Dict[Tuple[str, int, str], int] = {}
        self.supply = entropy.Supply(self)

    def install(self) -> None:
        """Before the user's code: the names that rewritten code calls, and the entropy of the whole process."""
        for name in ("called", "made", "combined"):
            setattr(builtins, PREFIX + name, getattr(self, name))
        if self.level is not None or self.pins:
            self.supply.install()

    def level_of(self, factor: str) -> Optional[int]:
        """None: as nature gives it."""
        if self.level is None:
            return None
        return self.level if factor in self.vary else 0

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        """See `importing.Transform`."""
        pins: Dict[int, str] = {}
        for place in self.pins:
            line = place_in(place, lines) if place["file"] == file else None
            if line is not None:
                pins[line] = f"{file}:{place['line']}"
                self.found.append(pins[line])
        changed: ast.Module = ast.fix_missing_locations(_Rewriter(self, file, pins).visit(tree))
        return changed

    def number(self, file: str, line: int, function: str, pin: str) -> int:
        key = (file, line, function)
        if key not in self._numbers:
            self._numbers[key] = len(self.sites)
            self.sites.append(Site(file, line, function, pin))
        return self._numbers[key]

    def rows(self) -> List[Dict[str, Any]]:
        """The sites that ran."""
        return [
            {"file": site.file, "line": site.line, "function": site.function, "factors": site.factors,
             "pin": site.pin, "changed": site.changed}
            for site in self.sites
            if site.factors
        ]  # fmt: skip

    # --- what rewritten code calls

    def called(self, number: int, callee: Any) -> Any:
        """The callee, or what stands in for it at this line."""
        if len(sys.modules) != self._modules:  # modules are imported late: what they offer is looked up again
            self._modules = len(sys.modules)
            self._known = {id(function): (function, factor) for function, factor in entropy.functions()}
        found = self._known.get(id(callee))
        factor = found[1] if found is not None else ""
        if found is None and type(callee) in (BuiltinMethodType, MethodType):
            factor = entropy.factor_of_method(callee)
        if not factor:
            return callee
        site = self.sites[number]
        if callee is set or callee is frozenset:
            return self._set_class(site, callee)
        return self.supply.instead_of(callee, factor, site)

    def _set_class(self, site: Site, kind: Any) -> Any:
        site.count(entropy.HASH_ORDER)
        if not site.pin:
            return kind
        return lambda members=(): SETS[kind](members, site.seen)

    def made(self, number: int, members: List[Any]) -> Any:
        """A set display or comprehension."""
        site = self.sites[number]
        site.count(entropy.HASH_ORDER)
        return OrderedSet(members, site.seen) if site.pin else set(members)

    def combined(self, number: int, operation: str, left: Any, right: Any) -> Any:
        """`|`, `&`, `-` or `^` where one side may be a view of a dictionary: that makes a set."""
        result = _PLAIN[operation](left, right)
        if type(result) is not set or not isinstance(left, _VIEWS):
            return result
        site = self.sites[number]
        site.count(entropy.HASH_ORDER)
        return OrderedSet(_ORDERED[operation](left, right), site.seen) if site.pin else result


_PLAIN = {
    "BitOr": lambda a, b: a | b, "BitAnd": lambda a, b: a & b, "Sub": lambda a, b: a - b, "BitXor": lambda a, b: a ^ b,
}  # fmt: skip
_ORDERED: Dict[str, Any] = {name: operation for operation, name in _NAMES.items()}


class _Rewriter(ast.NodeTransformer):
    def __init__(self, chance: Chance, file: str, pins: Mapping[int, str]) -> None:
        self.chance, self.file, self.pins = chance, file, pins
        self.scope: List[str] = []
        self.statement: Optional[ast.stmt] = None

    def visit(self, node: ast.AST) -> Any:
        outer = self.statement
        if isinstance(node, ast.stmt):
            self.statement = node
        new = super().visit(node)
        self.statement = outer
        return new

    def _site(self, node: Any) -> ast.expr:
        line, statement = node.lineno, self.statement
        # Before 3.12 a node inside an f-string may claim a line outside its statement.
        if statement is not None and not statement.lineno <= line <= (statement.end_lineno or line):
            line = statement.lineno
        return _constant(self.chance.number(self.file, line, ".".join(self.scope), self.pins.get(line, "")))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name not in _CLASS_TESTS:
            node.args = [self._class(each) for each in node.args]
            for keyword in node.keywords:
                keyword.value = self._class(keyword.value)
        # Only the callee is wrapped: the call itself stays in the user's frame (tracebacks, super, warnings).
        hashes = name == "hash" and self.scope[-1:] == ["__hash__"]  # there it is no use of the order, but its source
        if name and name not in _NEVER and not name.startswith(PREFIX) and not hashes:
            node.func = _call("called", [self._site(node), node.func], node.func)
        return node

    def _class(self, node: ast.expr) -> ast.expr:
        """`set` handed on, as in `defaultdict(set)`."""
        if isinstance(node, ast.Name) and node.id in ("set", "frozenset"):
            return _call("called", [self._site(node), node], node)
        return node

    def visit_Set(self, node: ast.Set) -> ast.expr:
        self.generic_visit(node)
        members = ast.copy_location(ast.List(elts=node.elts, ctx=ast.Load()), node)
        return _call("made", [self._site(node), members], node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.expr:
        self.generic_visit(node)
        members = ast.copy_location(ast.ListComp(elt=node.elt, generators=node.generators), node)
        return _call("made", [self._site(node), members], node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """`x in {1, 2}` asks for no order, and is a constant to the compiler."""
        kept = [each if _constants_only(each) else self.visit(each) for each in node.comparators]
        node.left, node.comparators = self.visit(node.left), kept
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        operation = type(node.op).__name__
        if operation in _PLAIN and (_may_be_view(node.left) or _may_be_view(node.right)):
            return _call("combined", [self._site(node), _constant(operation), node.left, node.right], node)
        return node

    def _scoped(self, node: Any) -> Any:
        self.scope.append(node.name)
        for field in ("decorator_list", "bases", "keywords", "args", "body"):
            self._visit_field(node, field, getattr(node, field, None))
        self.scope.pop()
        return node

    def _visit_field(self, node: Any, field: str, value: Any) -> None:
        if isinstance(value, list):
            value[:] = [new for old in value for new in [self.visit(old)] if new is not None]
        elif isinstance(value, ast.AST):
            setattr(node, field, self.visit(value))

    # Return annotations and type parameters are left out: they are no calls that matter.
    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _scoped

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def _untouched(self, node: ast.AST) -> ast.AST:
        return node

    # Annotations, patterns and type aliases are no places for calls.
    visit_arg = visit_MatchValue = visit_MatchClass = visit_TypeAlias = _untouched


def _constants_only(node: ast.expr) -> bool:
    return isinstance(node, ast.Set) and all(isinstance(each, ast.Constant) for each in node.elts)


def _may_be_view(node: ast.expr) -> bool:
    """`d.keys()`, also once its callee was wrapped."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")


def _call(name: str, arguments: List[ast.expr], at: ast.AST) -> ast.Call:
    call = ast.Call(func=ast.Name(id=PREFIX + name, ctx=ast.Load()), args=arguments, keywords=[])
    return ast.copy_location(call, at)


def _constant(value: object) -> ast.expr:
    return ast.Constant(value=value)  # type: ignore[arg-type]  # a str or an int


def start(plan: Mapping[str, Any]) -> None:
    """The observer by itself: put it in force and write down at the end what was seen."""
    import atexit

    from . import importing
    from .growth import write_result

    chance, pid = Chance(plan.get("chance") or {}), os.getpid()
    user_code = importing.UserCode(plan["repo"], chance.transform)

    def dump() -> None:
        if os.getpid() == pid:
            said = {"chance": chance.rows(), "places_found": chance.found, "modules": user_code.loaded}
            write_result(dict(plan), said)

    chance.install()
    importing.install(user_code, builtins)
    atexit.register(dump)
