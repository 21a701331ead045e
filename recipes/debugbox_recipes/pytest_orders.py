"""The pytest plugin of `orders`: hands it the tests, and tells how each ended. In the program's process.

PYTEST_DONT_REWRITE
"""

import re
from typing import Any, Iterator, Optional

import pytest  # type: ignore[import-not-found,unused-ignore]  # the program's own: only pytest imports this module

from . import orders
from .words import said_by

_MESSAGE = 300
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: Any) -> None:
    orders.running().only(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: Any) -> Optional[bool]:
    """In place of the usual run, where the plan has something to try."""
    return True if orders.running().collected(session.items) else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: Any) -> Iterator[None]:
    item.debugbox_ended = ("passed", "", "")
    yield
    orders.running().note(item.nodeid, *item.debugbox_ended)
    orders.running().after_test()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.skipped and item.debugbox_ended[0] == "passed":
        item.debugbox_ended = ("skipped", "", "")
    if report.failed and item.debugbox_ended[0] != "failed":
        excinfo = call.excinfo
        text = said_by(excinfo.value) if excinfo else str(report.longrepr)
        message = _ADDRESS.sub("", text)[:_MESSAGE]  # it is another in each process
        item.debugbox_ended = ("failed", excinfo.typename if excinfo else "", message)
