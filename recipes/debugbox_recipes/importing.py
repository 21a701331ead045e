"""Import hook: the user's modules, and nothing else, are rewritten as they are loaded. Runs in the program's process.

`__main__` scripts are read by the interpreter itself, past all import hooks; but it first asks `sys.path_hooks` whether
the script is a package (as for `python some.zip`). Answering yes for a script of the user's makes it load through us,
in the real `__main__`, with no second process and no wrapper.
"""

import ast
import itertools
import os
import re
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import decode_source, spec_from_file_location
from types import CodeType, ModuleType
from typing import Any, Callable, List, Optional, Sequence

Transform = Callable[[ast.Module, str, List[str]], ast.Module]  # tree, file in the repository, source lines -> tree

_TEST = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_tests?|conftest)\.py$")


def is_test(path: str) -> bool:
    """Whether a file of the repository is part of its tests, by its name."""
    return bool(_TEST.search(path))


class UserCode:
    """Which files are the user's, and how they are rewritten."""

    def __init__(self, repo: str, transform: Transform) -> None:
        self.repo = os.path.realpath(repo)
        self.transform = transform
        self.loaded: List[str] = []
        self.failed: List[str] = []
        self.prefixes = [os.path.realpath(prefix) + os.sep for prefix in {sys.prefix, sys.base_prefix}]

    def relative(self, path: Optional[str]) -> Optional[str]:
        """`path` relative to the repository with forward slashes, or None where it is not the user's source."""
        if not path or not path.endswith(".py"):
            return None
        real = os.path.realpath(path)
        if not real.startswith(self.repo + os.sep):
            return None
        parts = os.path.relpath(real, self.repo).split(os.sep)
        if any(part.startswith(".") or part in ("site-packages", "dist-packages") for part in parts):
            return None
        inside = [p for p in self.prefixes if p.startswith(self.repo + os.sep)]
        return None if any(real.startswith(p) for p in inside) else "/".join(parts)

    def compile(self, source: bytes, path: str, shown_as: str, *, script: bool = False) -> CodeType:
        """The rewritten module; the module as it is where rewriting fails (counted in `failed`)."""
        file = self.relative(path) or path
        tree = ast.parse(source, shown_as)
        self.loaded.append(file)
        try:
            tree = self.transform(tree, file, decode_source(source).splitlines())
            if script:
                _insert_prologue(tree)
            return compile(tree, shown_as, "exec", dont_inherit=True)
        except RecursionError:
            self.failed.append(file)
            return compile(source, shown_as, "exec", dont_inherit=True)


def _insert_prologue(tree: ast.Module) -> None:
    """Call `_dbx_main()` before the script's first real statement."""

    def must_stay_first(statement: ast.stmt) -> bool:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        return docstring or (isinstance(statement, ast.ImportFrom) and statement.module == "__future__")

    position = sum(1 for _ in itertools.takewhile(must_stay_first, tree.body))
    call = ast.parse("_dbx_main()").body[0]
    tree.body.insert(position, call)


class RewritingLoader(SourceFileLoader):
    """Compiles from source always: a cached .pyc would hold the code as it was."""

    def __init__(self, name: str, path: str, user_code: UserCode) -> None:
        super().__init__(name, path)
        self.user_code = user_code

    def get_code(self, fullname: str) -> CodeType:
        return self.user_code.compile(self.get_data(self.path), self.path, self.path)


class Finder(MetaPathFinder):
    """Asks all other finders (editable installs have their own) and takes over the loading of the user's files."""

    def __init__(self, user_code: UserCode) -> None:
        self.user_code = user_code

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if type(spec.loader) is SourceFileLoader and self.user_code.relative(spec.origin):
                    spec.loader = RewritingLoader(fullname, spec.loader.path, self.user_code)
                return spec
        return None


class _ScriptLoader(SourceFileLoader):
    def __init__(self, script: str, user_code: UserCode) -> None:
        super().__init__("__main__", os.path.abspath(script))
        self.script = script
        self.user_code = user_code

    def get_code(self, fullname: str) -> CodeType:
        data = self.get_data(self.path)
        return self.user_code.compile(data, self.path, self.script, script=True)


class ScriptImporter:
    """A path entry finder for one script; knows `__main__` only."""

    def __init__(self, script: str, user_code: UserCode) -> None:
        self.script = script
        self.user_code = user_code

    def find_spec(self, name: str, target: Any = None) -> Optional[ModuleSpec]:
        if name != "__main__":
            return None
        loader = _ScriptLoader(self.script, self.user_code)
        return spec_from_file_location(name, loader.path, loader=loader)

    def restore_main(self) -> None:
        """Make `__main__` look as for a plain script: multiprocessing, pickle and `sys.path[0]` depend on it."""
        main = sys.modules["__main__"]
        main.__dict__.update(__spec__=None, __package__=None)
        if sys.path and os.path.abspath(sys.path[0]) == os.path.abspath(self.script):
            if getattr(sys.flags, "safe_path", False):
                del sys.path[0]
            else:
                sys.path[0] = os.path.dirname(os.path.realpath(self.script))
        sys.path_importer_cache.pop(self.script, None)


def install(user_code: UserCode, builtins: Any) -> None:
    """From here on the user's modules are rewritten."""
    sys.meta_path.insert(0, Finder(user_code))

    def script_hook(path: str) -> ScriptImporter:
        if not os.path.isfile(path) or user_code.relative(os.path.abspath(path)) is None:
            raise ImportError(path)
        importer = ScriptImporter(path, user_code)
        builtins._dbx_main = importer.restore_main
        return importer

    sys.path_hooks.insert(0, script_hook)
