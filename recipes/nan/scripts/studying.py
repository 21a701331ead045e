"""The investigation step by step: is it printed, where does it come up, from what, does it go away. In the kernel."""

import ast
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from debugbox_recipes.ddmin import ddmin
from debugbox_recipes.harness import Program
from debugbox_recipes.nonfinite import KINDS
from debugbox_recipes.source import Source
from debugbox_recipes.values import source_of

from .measuring import Measuring, Printed
from .study import Spot, Study, Trial, spot_of

_DETAILED, _TRIED = 60, 8
_STAND_INS = (0.0, 1.0)
_CONTROLS = 2


def carry_out(program: Program, question: Optional[str], limit_s: float) -> Study:
    """See and try all that the time allows."""
    study = Study(program, question, Source(program.repo))
    measuring = Measuring(program, limit_s)
    for step in (_reproduce, _look, _look_closely, _intervene, _control):
        step(study, measuring)
        if study.stopped:
            break
    return study


def _reproduce(study: Study, measuring: Measuring) -> None:
    study.native = [measuring.native(), measuring.native()]
    trouble = next((each.trouble for each in study.native if each.trouble), "")
    if trouble:
        study.native, study.stopped = [], f"the command cannot be measured: {trouble}"
    elif study.noise >= max(study.count, 1):
        counts = " and ".join(str(each.count) for each in study.native)
        study.stopped = f"two runs of the same command print {counts} numbers that are not finite: it depends on chance"


def _look(study: Study, measuring: Measuring) -> None:
    """Every expression of the user's code; only which gave such numbers."""
    done = measuring.looked_at()
    if done.trouble:
        study.stopped = f"the program could not be looked at: {done.trouble}"
        return
    _take(study, done)
    alike = done.run.exit_code == study.native[0].run.exit_code
    if done.count != study.count or not alike:
        ended = done.run.failure or "it ends well"
        study.stopped = (
            f"looked at, the program does something else: it prints {done.count} such numbers and {ended}; by itself"
            f" {study.count} and {study.native[0].run.failure or 'it ends well'}"
        )
    elif not study.count:
        study.stopped = "no number that is not finite is printed"
    elif not study.spots:
        study.stopped = (
            "what is printed as not finite is the value of no expression of the repository that was looked at: it is"
            " text, or it comes up inside a library or another process"
        )


def _take(study: Study, done: Printed) -> None:
    rows = done.result.get("bad", ())
    study.seen = int(done.result.get("seen", 0))
    study.spots = [spot_of(row, _text(study.source, row["file"], row["line"], row["nth"])) for row in rows]
    study.finite = [
        Spot(file, line, nth, function, "", 0, 0, 0, evaluated, evaluated, 0, 0)
        for file, line, nth, function, evaluated in done.result.get("finite", ())
    ]
    if done.result.get("error"):
        study.limits.append(f"a value could not be looked at ({done.result['error'][:120]})")
    if done.result.get("not_rewritten"):
        study.limits.append(f"not looked at: {', '.join(done.result['not_rewritten'][:3])}")


def _text(source: Source, file: str, line: int, nth: int) -> str:
    node = source.node(file, line, nth, KINDS)
    return source_of(node) if node is not None else source.quote(file, line)


def _look_closely(study: Study, measuring: Measuring) -> None:
    """Once more, with the operands of the expressions that were first."""
    done = measuring.looked_at([spot.key for spot in study.spots[:_DETAILED]])
    if done.trouble:
        study.stopped = f"the program could not be looked at closely: {done.trouble}"
        return
    finite = study.finite
    _take(study, done)
    study.finite = finite
    if done.count != study.count or not study.spots:
        study.stopped = (
            f"run once more, it prints {done.count} such numbers, before {study.count}: it depends on chance"
        )
    elif not study.births:
        study.limits.append(
            "no expression was seen that makes such a number from finite ones: they come in with arguments or data from"
            " outside the repository's code"
        )


def _intervene(study: Study, measuring: Measuring) -> None:
    """Finite numbers at one birth after the other; then at all of them."""
    candidates = (study.births or study.spots)[:_TRIED]
    unasked = [spot for spot in candidates if not spot.meant]
    by_name = [spot for spot in candidates if spot.meant]
    for spot in unasked:
        if any(_try(study, measuring, (spot,), stand_in) for stand_in in _STAND_INS):
            return
    together = any(_together(study, measuring, unasked, stand_in) for stand_in in _STAND_INS)
    if not together and not any(_try(study, measuring, (spot,), 0.0) for spot in by_name):
        study.limits.append(f"finite numbers at {len(candidates)} places did not make the printed ones finite")


def _together(study: Study, measuring: Measuring, spots: Sequence[Spot], stand_in: float) -> bool:
    """All at once; then the fewest of them that are needed."""
    if len(spots) < 2:
        return False

    def enough(some: Sequence[Spot]) -> bool:
        return _try(study, measuring, tuple(some), stand_in)

    return ddmin(spots, enough, go_on=lambda: measuring.left_s > 30) is not None


def _try(study: Study, measuring: Measuring, spots: Tuple[Spot, ...], stand_in: float) -> bool:
    if measuring.left_s < 5 or not spots:
        return False
    places = [exchange_place(study, spot, {"literal": stand_in, "instead_of": "nonfinite"}) for spot in spots]
    done = measuring.exchanged(places, study.native[0])
    gone = None if done.trouble else 1.0 - done.count / study.count
    study.trials.append(Trial(spots, stand_in, done, gone))
    return study.trials[-1].enough


def exchange_place(study: Study, spot: Spot, how: Mapping[str, Any]) -> Dict[str, Any]:
    quote = study.source.quote(spot.file, spot.line)
    return {"file": spot.file, "line": spot.line, "quote": quote, "nth": spot.nth, "kinds": list(KINDS), **how}


def _control(study: Study, measuring: Measuring) -> None:
    """Other values moved a little: what is printed must stay as it is."""
    for spot in controls(study)[: 4 * _CONTROLS]:
        if len(study.controls) == _CONTROLS or measuring.left_s < 5:
            return
        done = measuring.exchanged([exchange_place(study, spot, {})], study.native[0])
        if not done.trouble and any(done.counts("changed").values()):
            study.controls.append(Trial((spot,), None, done, 1.0 - done.count / study.count))


def controls(study: Study) -> List[Spot]:
    """Finite expressions that the causes are not computed from, as far as names tell; other functions first."""
    lines: Set[Tuple[str, int]] = set()
    for cause in study.causes:
        lines |= {(cause.file, line) for line in _lines_before(study.source, cause)}
    functions = {(cause.file, cause.function) for cause in study.causes}
    found = [spot for spot in study.finite if (spot.file, spot.line) not in lines]
    seen: Dict[Tuple[str, int], Spot] = {}
    for spot in found:
        seen.setdefault((spot.file, spot.line), spot)
    return sorted(seen.values(), key=lambda spot: ((spot.file, spot.function) in functions, spot.file, spot.line))


def _lines_before(source: Source, cause: Spot) -> Set[int]:
    """Lines of the same function that assign what the cause is computed from, directly or through other names."""
    scope = _function(source.tree(cause.file), cause.line)
    statements = [node for node in ast.walk(scope) if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign))]
    at = source.node(cause.file, cause.line, cause.nth, KINDS)
    wanted, lines = _names([at] if at is not None else []), {cause.line}
    for _ in statements:
        more = [node for node in statements if node.lineno not in lines and _names(_targets(node)) & wanted]
        lines |= {node.lineno for node in more}
        wanted |= _names(more)
        if not more:
            break
    return lines


def _function(tree: ast.Module, line: int) -> ast.AST:
    scopes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    return max(scopes, key=lambda node: node.lineno, default=tree)


def _targets(node: Any) -> List[ast.AST]:
    return list(node.targets) if isinstance(node, ast.Assign) else [node.target]


def _names(nodes: Sequence[ast.AST]) -> Set[str]:
    return {each.id for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name)}
