"""Whether a case holds: the symptom shows at the buggy release and is gone at the fixed one, and the truth is true."""

import ast
from collections.abc import Iterator
from pathlib import Path

from debugbox.engines import Engine
from tests.bugs.boxed import box_of, measured_in
from tests.bugs.cases import Case, Spot
from tests.bugs.releases import NotFetched, lay_out

LIMIT_S = 120.0


def verify_case(case: Case, engine: Engine, scratch: Path) -> list[str]:
    """What is wrong with the case, in words; nothing where it holds."""
    try:
        folders = {which: lay_out(case, which, scratch / case.name / which) for which in ("buggy", "fixed")}
    except NotFetched as error:
        return [str(error)]
    problems = list(_untrue(case, folders["buggy"], folders["fixed"]))
    for which, folder in folders.items():
        said = _ended(case, folder, engine)
        present = said.get("exit_code") != 0 or said.get("timed_out")
        if "error" in said:
            problems.append(f"{which} {case.version(which)} could not be run: {said['error']}")
        elif present != (which == "buggy"):
            there = "shows" if present else "does not show"
            problems.append(f"the symptom {there} at {case.version(which)}: {said['tail'][-300:]!r}")
    return problems


def _ended(case: Case, folder: Path, engine: Engine) -> dict[str, object]:
    command = case.check or case.run
    with box_of(case, folder, engine) as box:
        return measured_in(box, f"check({command!r}, {LIMIT_S!r})", timeout_s=LIMIT_S + 10)


def _untrue(case: Case, buggy: Path, fixed: Path) -> Iterator[str]:
    """The functions named exist in the buggy release, and the fixed one has them otherwise."""
    for spot in case.truth:
        before = source_of(buggy, spot)
        if not before:
            yield f"there is no {spot} at {case.buggy}"
        elif before == source_of(fixed, spot):
            yield f"{spot} is the same at {case.fixed}"
    for spot in case.accepted:
        if not source_of(buggy, spot):
            yield f"there is no {spot} at {case.buggy}"


def source_of(folder: Path, spot: Spot) -> str:
    """The function's code without comments; of `<module>` what stands outside; empty where it is not."""
    path = folder / spot.file
    if not path.is_file():
        return ""
    tree = ast.parse(path.read_bytes())
    if spot.function == "<module>":
        plain = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
        return ast.unparse(ast.Module(body=plain, type_ignores=[]))
    return "\n".join(ast.unparse(node) for name, node in _functions(tree, "") if name == spot.function)


def _functions(tree: ast.AST, scope: str) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        name = scope
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{scope}.{node.name}".strip(".")
            if not isinstance(node, ast.ClassDef):
                yield name, node
        yield from _functions(node, name)
