"""Runs the command in versions of the repository, two at a time. In the kernel."""

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, Optional, Sequence

from debugbox_recipes.endings import Ending, ending_of
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.trees import Trees, moved_to

_SIDE_BY_SIDE = 2
_LONGEST_S = 60.0
_CLOCKED = 4

Changes = Dict[str, Optional[bytes]]


class Measuring:
    """Runs within `time_limit_s` in all. Endings of a commit are kept: none is run more often than it must be."""

    def __init__(self, program: Program, trees: Optional[Trees], time_limit_s: float) -> None:
        self.program, self.trees = program, trees
        self.ends = time.monotonic() + time_limit_s
        self.run_s = 0.0
        self.asked = 0
        self.counted = False  # whether work is counted too
        self._kept: Dict[Optional[str], List[Ending]] = {}

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()

    def has_time_for(self, runs: int) -> bool:
        return self.left_s > runs * self.run_s / _SIDE_BY_SIDE + 1.0

    def forget(self) -> None:
        self._kept.clear()

    def endings(self, version: Optional[str], times: int = 1) -> List[Ending]:
        """How a commit (None: the snapshot) ends, so many times."""
        known = self._kept.setdefault(version, [])
        missing = times - len(known)
        if missing > 0:
            with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
                known += list(pool.map(lambda _: self.changed(version), range(missing)))
        return known[:times]

    def side_by_side(self, versions: Sequence[str]) -> List[Ending]:
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            return list(pool.map(lambda version: self.endings(version)[0], versions))

    def changed(self, version: Optional[str], changes: Optional[Changes] = None) -> Ending:
        """One run of a version, some files changed."""
        assert self.trees is not None
        with self.trees.folder(version, changes) as folder:
            return self.run(moved_to(folder, self.program))

    def cpu_s(self, version: Optional[str]) -> float:
        """The least CPU time of a few plain runs, one after another: a busy machine does not add to it."""
        assert self.trees is not None
        took: List[float] = []
        for _ in range(_CLOCKED):
            with self.trees.folder(version) as folder:
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                run_program(moved_to(folder, self.program), timeout_s=max(2.0, min(_LONGEST_S, self.left_s)))
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(took)

    def run(self, program: Program) -> Ending:
        limit_s = max(2.0, min(_LONGEST_S, self.left_s))
        plan = {"observer": "counts"} if self.counted else None
        run = run_program(program, timeout_s=limit_s, plan=plan)
        self.asked += 1
        self.run_s = max(self.run_s, run.duration_s)
        return ending_of(run)
