"""What a run under observation writes down: watched series, sites, things not followed. In the program's process."""

import hashlib
import json
import math
import os
import sys
import time
from array import array
from collections import Counter
from typing import Any, Callable, Dict, List, Optional, Tuple

from .trail import NOWHERE, Trail, as_json

MAX_POINTS = 2000

# a watched object -> its error (computed - exact), the error's split by site, and where it grew on its way
Reader = Callable[[float], Tuple[float, Dict[int, float], Trail]]


def no_error(value: float) -> Tuple[float, Dict[int, float], Trail]:
    """The reader of a native run, where nothing is known of errors."""
    return 0.0, {}, NOWHERE


class Series:
    """The values that passed one watch, in order; at most MAX_POINTS are kept, evenly, and the last."""

    def __init__(self, wanted_index: Optional[int] = None) -> None:
        self.count = 0
        self.stride = 1
        self.digest = hashlib.sha256()
        self.points: List[Tuple[int, float]] = []
        self.last: Optional[Tuple[int, float]] = None
        self.wanted_index = wanted_index
        self.wanted: Optional[float] = None
        self.not_finite = 0
        self.foreign = 0

    def add(self, value: float) -> None:
        index, plain = self.count, float(value)
        self.count += 1
        self.digest.update(array("d", (plain,)).tobytes())
        if not math.isfinite(plain):
            self.not_finite += 1
            return
        if type(value).__module__ == "numpy":
            self.foreign += 1
        if index == self.wanted_index:
            self.wanted = plain
        self.last = (index, value)
        if index % self.stride == 0:
            self.points.append((index, value))
            if len(self.points) > MAX_POINTS:
                self.stride *= 2
                self.points = [point for point in self.points if point[0] % self.stride == 0]

    def as_json(self, reader: Reader) -> Dict[str, Any]:
        points = list(self.points)
        if self.last and points[-1:] != [self.last]:
            points.append(self.last)
        read = [(index, float(value), *reader(value)) for index, value in points]
        return {
            "count": self.count,
            "sha256": self.digest.hexdigest(),
            "points": [point[:3] for point in read],
            "chosen": _chosen(read),
            "wanted": self.wanted,
            "not_finite": self.not_finite,
            "foreign": self.foreign,
        }


Read = Tuple[int, float, float, Dict[int, float], Trail]  # index, value, error, split, where it grew


def _chosen(points: List[Read]) -> Optional[Dict[str, Any]]:
    """The point a symptom is measured at, with its error's split.

    The last one, what the program ends with; unless another deviates more than twice as much (a series that is
    called for several objects in turn ends with any of them). Deviation is relative to the exact value, or to the
    median one where that is larger: near a zero crossing a relative error means nothing, and the largest absolute
    error is often a harmless one, at a moment when the value itself is huge.
    """
    if not points:
        return None
    exact = sorted(abs(point[1] - point[2]) for point in points)
    typical = exact[len(exact) // 2]

    def deviation(point: Read) -> float:
        scale = max(abs(point[1] - point[2]), typical)
        return abs(point[2]) / scale if scale else abs(point[2])

    chosen = points[-1]
    worst = max(points, key=deviation)
    if deviation(worst) > 2 * deviation(chosen):
        chosen = worst
    index, value, error, split, trail = chosen
    finite = {str(site): part for site, part in split.items() if math.isfinite(part)}
    scale = max(abs(value - error), typical)
    grew = as_json(trail)
    return {"index": index, "value": value, "error": error, "scale": scale, "split": finite, "grew": grew}


class Recorder:
    """One per process. `dump` writes the result; the harness finds it by the process id in its name."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan = plan
        self.pid = os.getpid()
        self.started = time.perf_counter()
        self.deadline = self.started + (plan.get("deadline_s") or math.inf)
        self.series = [Series(plan.get("index")) for _ in plan["watches"]]
        self.reader: Reader = no_error
        self.describe: Callable[[], Dict[str, Any]] = dict
        self.flips: Counter = Counter()  # type: ignore[type-arg]  # 3.9 at run time; str -> int
        self.unfollowed: Counter = Counter()  # type: ignore[type-arg]
        self.foreign: Counter = Counter()  # type: ignore[type-arg]
        self._clock = time.perf_counter
        self._dumps = json.dumps

    def watch(self, number: int, value: Any) -> Any:
        """Record `value` where it is a number, and hand it on."""
        if isinstance(value, float) or (type(value) is int and abs(value) < 2**53):
            self.series[number].add(value)
        return value

    def check_deadline(self) -> None:
        """End the process, with what is known so far, when its time is up."""
        if self._clock() > self.deadline and os.getpid() == self.pid:
            self.dump(partial=True)
            sys.stdout.flush()
            os._exit(0)

    def dump(self, partial: bool = False) -> None:
        """Write the result file. In a forked child: nothing, its parent's counts are not its own."""
        if os.getpid() != self.pid:
            return
        result = {
            "partial": partial,
            "seconds": self._clock() - self.started,
            "python": ".".join(map(str, sys.version_info[:3])),
            "series": {w: self.series[n].as_json(self.reader) for n, w in enumerate(self.plan["watches"])},
            "flips": dict(self.flips),
            "unfollowed": dict(self.unfollowed),
            "foreign": dict(self.foreign),
            **self.describe(),
        }
        path = f"{self.plan['result']}.{self.pid}.json"
        with open(path + ".part", "w", encoding="utf-8") as file:
            file.write(self._dumps(result, allow_nan=False))
        os.replace(path + ".part", path)
