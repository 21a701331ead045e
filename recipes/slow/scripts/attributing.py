"""From the outermost call to the line that causes the work: what is entered how often, with how much work each. In the
box, in the kernel.
"""

import ast
import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .measuring import Counted
from .study import Level

_MAJOR = 0.5  # of the work that must lie below a call for it to belong to the chain
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


def descend(sites: Sequence[Level]) -> List[Level]:
    """From the outermost call inwards: at each step the call with most work below.

    It ends in the function in which the work is spread: none of its calls has half of it. A recursion is not followed.
    """
    by_function: Dict[str, List[Level]] = {}
    for site in sites:
        by_function.setdefault(f"{site.file}:{site.function}", []).append(site)
    best = max(sites, key=_weight, default=None)
    most = _weight(best) if best is not None else (0.0, "")
    chain: List[Level] = []
    seen = set()
    while best is not None and _weight(best)[0] >= _MAJOR * most[0] and len(chain) < _DEEPEST:
        chain.append(best)
        seen |= {f"{best.file}:{best.function}", _plain(best.callee)}
        inner = by_function.get(_plain(best.callee), [])
        best = max((one for one in inner if _plain(one.callee) not in seen), key=_weight, default=None)
    return chain


def _weight(level: Level) -> Tuple[float, str]:
    """Its work at the largest size, and a name to settle ties."""
    return level.below[-1], str(level)


def reached(chain: Sequence[Level]) -> str:
    """`file:function` of the innermost function."""
    return _plain(chain[-1].callee) if chain else ""


def is_dispatcher(level: Level, sites: Sequence[Level], repo: Any) -> bool:
    """Whether its line calls more functions than are written there: then the one called says more than the line."""
    called = {site.callee for site in sites if str(site) == str(level) and not _IMPLICIT.search(site.callee)}
    try:
        tree = ast.parse((Path(repo) / level.file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    written = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _spans(node, level.line)]
    return len(called) > max(1, len(written))


def _spans(node: ast.Call, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


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
