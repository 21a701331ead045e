"""Which source line stands for a container: the line that fills it, else the one that defines it. In the box, in the
kernel.
"""

import ast
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from .study import Holder, Line, Study


def definition(repo: Any, owner: Optional[Mapping[str, Any]]) -> Optional[Line]:
    """The first assignment to the container's name in its module, class or function; a library's: its import."""
    if owner is None:
        return None
    try:
        tree = ast.parse((Path(repo) / owner["file"]).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    scope = _scope(tree, owner["scope"])
    for node in _in_order(scope) if scope is not None else ():
        if _names(node, owner["name"]):
            return Line(owner["file"], node.lineno, owner["scope"])
    return None


def _in_order(scope: ast.AST) -> List[ast.stmt]:
    found = [node for node in ast.walk(scope) if isinstance(node, ast.stmt) and node is not scope]
    return sorted(found, key=lambda node: node.lineno)


def _scope(tree: ast.Module, qualified: str) -> Optional[ast.AST]:
    """The class or function of this name; a local function's is told by its last part."""
    name = qualified.rpartition(".")[-1]
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if not name:
        return tree
    return next((node for node in ast.walk(tree) if isinstance(node, kinds) and node.name == name), None)


def _names(node: ast.stmt, name: str) -> bool:
    """Whether the statement assigns to the name, or imports it."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return any((alias.asname or alias.name.partition(".")[0]) == name for alias in node.names)
    if not isinstance(node, (ast.Assign, ast.AnnAssign)):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(getattr(target, "id", getattr(target, "attr", None)) == name for target in targets)


def filling_line(study: Study, holder: Holder) -> Optional[Line]:
    """The user's line that puts entries in (innermost), else the cached function, else the definition."""
    if holder.cached is not None:
        return holder.cached
    stacks = study.stacks.get(holder.show)
    if stacks:
        return stacks[0][0]
    return definition(study.program.repo, holder.owner)


def callers(study: Study, holder: Holder) -> List[Line]:
    """The user's other lines at which it is filled, then those that lead there."""
    stacks = study.stacks.get(holder.show, [])
    lines = [stack[0] for stack in stacks[1:]] + [line for stack in stacks[:1] for line in stack[1:]]
    first = filling_line(study, holder)
    unique: Dict[str, Line] = {str(line): line for line in lines if first is None or str(line) != str(first)}
    return [line for line in unique.values() if line.function != "<module>"]
