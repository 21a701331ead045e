"""A pytest plugin: the first test is called again and again, each call is a step. PYTEST_DONT_REWRITE

In the program's process. Fixtures are set up once; pytest's own bookkeeping, which grows with each report, stays out.
"""

import builtins
import logging
from typing import Any, List, Optional

_STEPS_BEFORE_GIVING_UP = 1_000_000
repeated: List[str] = []  # the test that was chosen


def pytest_pyfunc_call(pyfuncitem: Any) -> Optional[bool]:
    """Asked by pytest to call a test; None leaves the call to pytest."""
    runtime: Any = getattr(builtins._dbx_step, "__self__", None)  # type: ignore[attr-defined]  # put there by `growth`
    if runtime is None or repeated or _is_coroutine(pyfuncitem.obj):
        return None
    repeated.append(pyfuncitem.nodeid)
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    for _ in range(_STEPS_BEFORE_GIVING_UP):
        runtime.step()
        if runtime.rounds_done == len(runtime.blocks):
            break
        pyfuncitem.obj(**arguments)
        _forget_log_records()
    return True


def _forget_log_records() -> None:
    """pytest keeps every log record of a test; those of the repetitions are not the program's growth."""
    for handler in logging.root.handlers:
        if type(handler).__module__ == "_pytest.logging" and hasattr(handler, "reset"):
            handler.reset()


def _is_coroutine(function: Any) -> bool:
    return bool(getattr(getattr(function, "__code__", None), "co_flags", 0) & 0x380)
