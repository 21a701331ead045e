"""Starts observation inside the program's process, from a plan file. Called by the hook's sitecustomize.

The plan is JSON: `mode` (native, shadow), `repo`, `tools`, `result`, `watches`, `keep` (places), `index`, `deadline_s`.
"""

import ast
import atexit
import builtins
import importlib
import json
import sys
from typing import Any, Dict, FrozenSet, List

from . import functions, importing
from .recorder import Recorder
from .sites import PREFIX, RewritePlan, SiteTable, rewrite


class Observation:
    """The plan at work: rewrites modules as they come and says at the end what was seen."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan = plan
        self.shadow = plan["mode"] == "shadow"
        self.evaluates = self.shadow or bool(plan["keep"])  # else mpmath's import is spared
        self.mpmath = False
        self.table = SiteTable()
        self.recorder = Recorder(plan)
        self.recorder.describe = self.describe
        self.watches = {watch: number for number, watch in enumerate(plan["watches"])}
        self.found_places: List[str] = []
        self.user_code = importing.UserCode(plan["repo"], self.transform)
        self.runtime = self._runtime()

    def _runtime(self) -> Any:
        if self.shadow:
            from .shadow_run import ShadowRun

            return ShadowRun(self.recorder, self.table, self.user_code.relative)
        from .exact import KeepExact

        return KeepExact(self.recorder)

    def transform(self, tree: ast.Module, file: str, lines: List[str]) -> ast.Module:
        kept = self.kept_lines(file, lines)
        plan = RewritePlan(everything=self.shadow, watches=self.watches, kept_lines=kept, calls=self.evaluates)
        return rewrite(tree, file, plan, self.table)

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
            "mpmath": self.mpmath,
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
