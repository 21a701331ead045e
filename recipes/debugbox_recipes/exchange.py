"""The observer `exchange`: values of named expressions are replaced by others. In the program's process.

Plan: `exchange`, places with `nth` and, where another value is known, `literal` and `instead_of` (`nonfinite`, `any`,
or the name of a type), or `written` (which time the place is passed -> the value there, as Python writes it). A place
without either has its numbers moved a little: that is how other places are changed as a control.
"""

import ast
import atexit
import builtins
import os
from typing import Any, Dict, List, Mapping, Tuple

from . import canonical, importing
from .finiteness import Look, finite_instead, moved
from .growth import write_result
from .mutations import place_in
from .sites import PREFIX
from .values import Expression, Table

KINDS = ("BinOp", "Call", "Subscript", "Attribute", "AugAssign")
KIND = "other_value"  # of the intervention


def places_of(one: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The places of an intervention of this kind, as the plan wants them."""
    known = (one.get("parameters") or {}).get("at", {})
    return [
        {"file": site["file"], "line": site["line"], "quote": site.get("quote", ""), "kinds": list(KINDS),
         **known.get(f"{site['file']}:{site['line']}", {})}
        for site in one["sites"]
    ]  # fmt: skip


class Exchange:
    """The plan at work; `applied` and `changed` count by place."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan, self.pid = plan, os.getpid()
        self.places: List[Dict[str, Any]] = list(plan["exchange"])
        self.table = Table(self.places[0].get("kinds") or KINDS if self.places else KINDS)
        self.by_number: Dict[int, int] = {}
        self.applied = [0] * len(self.places)
        self.changed = [0] * len(self.places)
        self.found: List[str] = []
        self.look = Look()
        self.error = ""
        self.user_code = importing.UserCode(plan["repo"], self.transform)

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        wanted = self.wanted_in(file, lines)

        def meant(expression: Expression, node: Any) -> bool:
            return self.note(wanted, expression)

        return self.table.rewrite(tree, file, meant) if wanted else tree

    def wanted_in(self, file: str, lines: List[str]) -> Dict[Tuple[int, int], int]:
        """The places of this file: line and nth -> number."""
        wanted = {}
        for number, place in enumerate(self.places):
            line = place_in(place, lines) if place["file"] == file else None
            if line is not None:
                wanted[line, int(place.get("nth", 0))] = number
        return wanted

    def note(self, wanted: Mapping[Tuple[int, int], int], expression: Expression) -> bool:
        """Whether it is one of the places; if so, the next number of the table is that place's."""
        number = wanted.get((expression.line, expression.nth))
        if number is None:
            return False
        self.by_number[len(self.table.all)] = number
        self.found.append(_name(self.places[number]))
        return True

    def value(self, number: int, value: Any) -> Any:
        where = self.by_number[number]
        place = self.places[where]
        place["passed"] = self.applied[where] = self.applied[where] + 1
        if place.get("only") is not None and self.applied[where] not in place["only"]:
            return value
        try:
            new = self._other(place, value)
        except Exception as error:  # noqa: BLE001  # it would go on into the user's program
            self.error = f"{type(error).__name__}: {error}"
            return value
        self.changed[where] += new is not value or self._in_place
        return new

    _in_place = False

    def _other(self, place: Mapping[str, Any], value: Any) -> Any:
        self._in_place = False
        if "written" in place:
            text = place["written"].get(str(place["passed"]))
            return value if text is None else canonical.read(text)
        if "literal" not in place:
            return moved(value)
        instead_of = place.get("instead_of", "any")
        if instead_of == "nonfinite":
            self._in_place = self.look(value) != (0, 0)
            return finite_instead(value, place["literal"]) if self._in_place else value
        return place["literal"] if instead_of in ("any", type(value).__name__) else value

    def dump(self) -> None:
        if os.getpid() != self.pid:
            return
        counts: Dict[str, Dict[str, int]] = {"applied": {}, "changed": {}}
        for number, place in enumerate(self.places):
            for name, values in (("applied", self.applied), ("changed", self.changed)):
                counts[name][_name(place)] = counts[name].get(_name(place), 0) + values[number]
        write_result(
            self.plan,
            {"modules": self.user_code.loaded, "places_found": self.found, "error": self.error, **counts,
             **self.described()},
        )  # fmt: skip

    def described(self) -> Dict[str, Any]:
        """What else there is to say."""
        return {}


def _name(place: Mapping[str, Any]) -> str:
    return f"{place['file']}:{place['line']}"


def start(plan: Dict[str, Any]) -> None:
    """Put the observer into this process."""
    observer = Exchange(plan)
    setattr(builtins, PREFIX + "value", observer.value)
    importing.install(observer.user_code, builtins)
    atexit.register(observer.dump)
