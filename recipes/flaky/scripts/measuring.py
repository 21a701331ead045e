"""Runs the suite under the observer `orders`, and reads what it said. In the kernel."""

import os
import time
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

from debugbox_recipes.harness import Program, ProgramRun, run_program

ALL = "python -m pytest -q -p no:cacheprovider --continue-on-collection-errors"


class Measuring:
    """Runs within `time_limit_s` in all. Plugins that order or repeat tests by themselves are left out."""

    def __init__(self, program: Program, time_limit_s: float) -> None:
        self.program = replace(program, command=program.command or ALL)
        self.ends = time.monotonic() + time_limit_s
        self.suite_s = 30.0

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()

    def ask(self, plan: Mapping[str, Any], *, share: float, variables: Optional[Mapping[str, str]] = None) -> Any:
        """The result of one run, or its trouble in words under `trouble`."""
        limit_s = max(5.0, self.left_s * share)
        whole = {
            "observer": "orders",
            "deadline_s": 0.8 * limit_s,
            "longest_s": min(0.5 * limit_s, self.suite_s),
            **plan,
        }
        options = f"{os.environ.get('PYTEST_ADDOPTS', '')} -p no:randomly -p no:random_order -p no:rerunfailures"
        given = {"PYTEST_ADDOPTS": options, **(variables or {})}
        run = run_program(self.program, timeout_s=limit_s, plan=whole, variables=given)
        result = max(run.results, key=lambda each: len(each.get("tests") or ()), default=None)
        if result is None or not result.get("tests"):
            return {"trouble": _trouble(run), "tests": []}
        return {**result, "exit_code": run.exit_code, "trouble": ""}

    def repeat(self, orders: Sequence[Mapping[str, Any]]) -> Dict[str, List[str]]:
        return dict(self.ask({"repeat": list(orders)}, share=0.5).get("repeated") or {})


def _trouble(run: ProgramRun) -> str:
    if "No module named pytest" in run.stderr:
        return "pytest is not installed in the box: ask again with --with pytest"
    if run.timed_out:
        return f"the tests were {run.failure}"
    last = (run.stdout.strip() or run.stderr.strip()).splitlines()[-1:] or [run.failure or "no test was found"]
    return f"no test could be run: {last[0][:200]}"
