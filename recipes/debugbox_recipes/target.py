"""Starts observation inside the program's process, from a plan file. Called by the hook's sitecustomize.

The plan is JSON: `mode` (native, shadow, noise), `repo`, `tools`, `result`, `watches`, `keep` (places), `index`,
`deadline_s`, `numbers` (literals to exchange), `arrays` (whether NumPy's arrays are followed instead of floats alone),
`noise` (see `array_noise`).
"""

import ast
import atexit
import builtins
import importlib
import json
import sys
from typing import Any, Dict, FrozenSet, List, Set, Tuple

from . import functions, importing
from .array_sites import ArrayRewriter
from .recorder import Recorder
from .sites import PREFIX, RewritePlan, SiteTable, rewrite


class Observation:
    """The plan at work: rewrites modules as they come and says at the end what was seen."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan = plan
        self.shadow = plan["mode"] == "shadow"
        self.arrays = bool(plan.get("arrays"))
        self.evaluates = (self.shadow or bool(plan["keep"])) and not self.arrays  # else mpmath's import is spared
        self.kept: Set[Tuple[str, int]] = set()
        self.mpmath = False
        self.table = SiteTable()
        self.recorder = Recorder(plan)
        self.recorder.describe = self.describe
        self.watches = {watch: number for number, watch in enumerate(plan["watches"])}
        self.found_places: List[str] = []
        self.user_code = importing.UserCode(plan["repo"], self.transform)
        self.runtime = self._runtime()

    def _runtime(self) -> Any:
        if self.arrays:
            return self._array_runtime()
        if self.shadow:
            from .shadow_run import ShadowRun

            return ShadowRun(self.recorder, self.table, self.user_code.relative)
        from .exact import KeepExact

        return KeepExact(self.recorder)

    def _array_runtime(self) -> Any:
        given = (self.recorder, self.table, self.user_code.relative)
        if self.plan["mode"] == "noise":
            from .array_noise import Noise

            return Noise(*given, self.plan["noise"])
        if self.shadow:
            from .array_shadow import ArrayShadow

            return ArrayShadow(*given)
        from .array_exact import KeepWide

        return KeepWide(*given, self.kept)

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        kept = self.kept_lines(file, lines)
        self._with_numbers(tree, file)
        self.kept.update((file, line) for line in kept)
        if self.arrays and (self.plan["mode"] != "native" or self.plan["keep"]):
            plan = RewritePlan(everything=True, watches=self.watches, calls=True)
            return rewrite(tree, file, plan, self.table, ArrayRewriter)
        plan = RewritePlan(everything=self.shadow, watches=self.watches, kept_lines=kept, calls=self.evaluates)
        return rewrite(tree, file, plan, self.table)

    def _with_numbers(self, tree: ast.Module, file: str) -> None:
        """Exchange the literals that the plan names: {"file", "line", "column", "value"}."""
        wanted = {(n["line"], n["column"]): n["value"] for n in self.plan.get("numbers") or () if n["file"] == file}
        for node in ast.walk(tree) if wanted else ():
            if isinstance(node, ast.Constant) and (node.lineno, node.col_offset) in wanted:
                node.value = wanted[node.lineno, node.col_offset]

    def kept_lines(self, file: str, lines: List[str]) -> FrozenSet[int]:
        """The lines of `file` to keep exact: where the quote stands, or its only other place if the file moved on."""
        kept = set()
        for place in self.plan["keep"]:
            if place["file"] != file:
                continue
            quote, line = place.get("quote", "").strip(), place["line"]
            at_line = lines[line - 1].strip() if 0 < line <= len(lines) else None
            elsewhere = [n for n, text in enumerate(lines, 1) if quote and text.strip() == quote]
            if at_line is not None and (not quote or at_line == quote):
                elsewhere = [line]
            if len(elsewhere) == 1:
                kept.add(elsewhere[0])
                self.found_places.append(f"{file}:{line}")
        return frozenset(kept)

    def describe(self) -> Dict[str, Any]:
        sites = [
            {
                "file": site.file,
                "line": site.line,
                "column": site.column,
                "function": site.function,
                "operations": sorted(site.operations),
                **self.runtime.site_counts(number),
            }
            for number, site in enumerate(self.table.sites)
        ]
        return {
            "mode": self.plan["mode"],
            "modules": self.user_code.loaded,
            "not_rewritten": self.user_code.failed,
            "places_found": self.found_places,
            "mpmath": self.mpmath or self.arrays,
            "numpy": "numpy" in sys.modules,
            "sites": sites,
            **self.runtime.totals(),
        }

    def install(self) -> None:
        self.mpmath = self.evaluates and functions.prepare()
        for name, function in self.runtime.names().items():
            setattr(builtins, PREFIX + name, function)
        importing.install(self.user_code, builtins)
        atexit.register(self.recorder.dump)  # first registered: runs after the program's own


def start(plan_file: str) -> None:
    """Install the hook in this process."""
    with open(plan_file, encoding="utf-8") as file:
        plan = json.load(file)
    if plan.get("observer"):  # a module of this package with a `start` of its own
        importlib.import_module(f".{plan['observer']}", __package__).start(plan)
        return
    tools = [plan["tools"]] if plan.get("tools") else []
    sys.path.extend(tools)
    Observation(plan).install()
    for entry in tools:
        sys.path.remove(entry)
