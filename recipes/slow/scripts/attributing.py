"""From the hot line to the line that causes its work: who enters it, how often, with how much work each. In the box,
in the kernel.
"""

import re
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .measuring import Counted
from .study import Level

_MAJOR = 0.5  # of all work that must lie below a call for it to belong to the chain
_GROWS = 0.7  # exponent from which entries, or the work of each, grow with the size
_DEEPEST = 60
# Called by the interpreter on behalf of a line: that line is where somebody wrote it.
_IMPLICIT = re.compile(r"(^|\.)(__(?!init__|call__|new__|enter__|exit__)\w+__|<\w+>)$")
Key = Tuple[str, int, str, str]  # caller's file, line and function, callee


def levels(rungs: Sequence[Counted]) -> List[Level]:
    """Every call site of the user's code with its series; a line that calls several functions has one for each."""
    keys: Dict[Key, List[List[float]]] = {}
    for number, rung in enumerate(rungs):
        for file, line, name, to_file, to_line, to_name, _, entries, below in (
            rung.result["calls"] if rung.result else ()
        ):
            key = (file, line, name, f"{to_file}:{to_line}:{to_name}")
            table = keys.setdefault(key, [[0.0] * len(rungs), [0.0] * len(rungs)])
            table[0][number] += entries
            table[1][number] += below
    return [Level(*key, tuple(table[0]), tuple(table[1])) for key, table in keys.items()]


def chain_to(hot_function: str, sites: Sequence[Level], work: float) -> List[Level]:
    """The calls that lead to the hot function, outermost first: at each step the caller with most work below."""
    chain: List[Level] = []
    seen = {hot_function}
    wanted = hot_function
    while len(chain) < _DEEPEST:
        callers = [one for one in sites if _plain(one.callee) == wanted and f"{one.file}:{one.function}" not in seen]
        best = max(callers, key=lambda one: (one.below[-1], str(one)), default=None)
        if best is None or best.below[-1] < _MAJOR * work:
            break
        chain.insert(0, best)
        wanted = f"{best.file}:{best.function}"
        seen.add(wanted)
    return chain


def _plain(callee: str) -> str:
    """`file:line:name` without the line."""
    file, _, name = callee.split(":", 2)
    return f"{file}:{name}"


def cause_of(chain: Sequence[Level], power: float) -> Optional[Level]:
    """The line that repeats work which itself grows; else the outermost that is entered as often as work is done.

    None where the hot line is its own cause: loops in one function, or a recursion.
    """
    written = [level for level in chain if not _IMPLICIT.search(level.function)]
    repeated = [level for level in written if level.entered >= _GROWS and level.each >= _GROWS]
    if repeated:
        return repeated[-1]
    return next((level for level in written if level.entered >= max(power - 0.5, 1.3)), None)


def functions_below(rungs: Sequence[Counted]) -> List[Tuple[str, int, str, float]]:
    """Functions that are entered more than once, most work below them first: file, first line, name, work."""
    sums: Dict[Any, float] = {}
    entered: Dict[Any, int] = {}
    for _, _, _, file, line, name, kind, entries, below in rungs[-1].result["calls"] if rungs[-1].result else ():
        if kind == "function" and not name.endswith(">"):
            sums[(file, line, name)] = max(sums.get((file, line, name), 0.0), below)
            entered[(file, line, name)] = entered.get((file, line, name), 0) + entries
    often = [(*key, work) for key, work in sums.items() if entered[key] > 1]
    return sorted(often, key=lambda item: (-item[3], item[:2]))
