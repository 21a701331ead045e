"""A pytest plugin that tells the observer `history` of the first test that fails. In the program's process.

PYTEST_DONT_REWRITE
"""

from typing import Any, Iterator

import pytest  # type: ignore[import-not-found,unused-ignore]  # the program's own: only pytest imports this module

from . import history


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    """After each phase of a test."""
    if call.excinfo is not None and not call.excinfo.errisinstance((pytest.skip.Exception, KeyboardInterrupt)):
        history.running[0].crashed(call.excinfo.value, str(item.nodeid))
    yield
