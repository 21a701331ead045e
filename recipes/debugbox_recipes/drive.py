"""Calls a function of the user's again and again; each call is a step. Runs as a program, in the repository.

`python drive.py module:function [steps]`. Without an observer it just calls.
"""

import builtins
import importlib
import sys
from typing import Any


def main(name: str, steps: int) -> None:
    here = sys.path.pop(0)  # this folder: the user's modules are looked up as if there were no driver
    sys.path.insert(0, "")
    assert here not in ("", None)
    module, _, attribute = name.partition(":")
    function: Any = importlib.import_module(module)
    for part in attribute.split("."):
        function = getattr(function, part)
    step = getattr(builtins, "_dbx_step", None)
    for _ in range(steps):
        if step:
            step(0)
        function()
    if step:
        builtins._dbx_exit(0)  # type: ignore[attr-defined]  # beside `_dbx_step`


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
