"""First on PYTHONPATH of a program under observation: starts the hook, then makes way for the real sitecustomize.

Runs in the box, in the program's process and its Python children. Without DEBUGBOX_PLAN it does nothing of its own.
"""

import os
import sys


def _start() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    plan = os.environ.get("DEBUGBOX_PLAN")
    if plan:
        recipes = os.path.dirname(os.path.dirname(here))
        sys.path.append(recipes)
        from debugbox_recipes import target

        target.start(plan)
        sys.path.remove(recipes)
    this = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # type: ignore[import-not-found,unused-ignore]  # noqa: F401  # the next one, if any
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = this  # the import machinery wants back what it is loading


_start()
