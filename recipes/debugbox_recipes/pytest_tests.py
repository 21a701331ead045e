"""A pytest plugin: how each test ended, where it failed, which lines it ran, and an end for a test that hangs.

In the program's process; `spectrum.start` puts it in force. PYTEST_DONT_REWRITE
"""

import functools
import signal
import threading
import traceback
from typing import Any, Dict, Iterator, List, Optional

import pytest  # type: ignore[import-not-found,unused-ignore]  # the program's own: only pytest imports this module

from . import forks, spectrum
from .words import said_by

_HARD_S = 5.0  # after its time limit, until a test that cannot be interrupted ends the process
_MESSAGE = 400


class _Alarm:
    """Ends a test at its limit: by an exception in the main thread or, where that does not help, with the process."""

    def __init__(self, limit_s: float, test: Dict[str, Any]) -> None:
        self._limit_s, self._test = limit_s, test
        self._backstop = threading.Timer(limit_s + _HARD_S, self._end_process)
        self._backstop.daemon = True
        self._before: Any = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, self._limit_s)
        self._backstop.start()

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)
        self._backstop.cancel()

    def _ring(self, number: int, frame: object) -> None:
        pytest.fail(f"debugbox: still running after {self._limit_s:g} s", pytrace=False)

    def _end_process(self) -> None:
        self._test.update(outcome="hung", phase="call", message=f"still running after {self._limit_s:g} s")
        spectrum.running().end_now(self._test)


def pytest_configure(config: Any) -> None:
    """This process is a pytest run, even where it finds no test."""
    spectrum.running().under_pytest = True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: Any) -> Iterator[None]:
    """Around one test with all its phases."""
    observer = spectrum.running()
    test: Dict[str, Any] = {"id": item.nodeid, "outcome": "passed", "phase": "", "exception": "", "message": ""}
    test.update(frames=[], file=_file(item), name=item.name)
    item.debugbox_test = test
    observer.begin()
    with _Alarm(observer.test_timeout_s, test):
        yield
    observer.end(test)
    if observer.time_is_up:
        item.session.shouldstop = "debugbox: the time for this run is up"


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: Any) -> Optional[bool]:
    """Where changes are to be tried one by one: the first test, in a fork for each, and nothing else."""
    observer = spectrum.running()
    if not observer.one_by_one or not session.items:
        return None
    for number in (None, *range(len(observer.mutations.places))):
        tried = functools.partial(_tried, session.items[0], number)
        observer.trials.append(forks.in_a_fork(tried, observer.test_timeout_s))
        if observer.time_is_up:
            break
    return True


def _tried(item: Any, number: Optional[int]) -> Dict[str, Any]:
    observer = spectrum.running()
    observer.mutations.active = set() if number is None else {number}
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    changed = 0 if number is None else observer.mutations.changed[number]
    return {**observer.tests[-1], "changed": changed}


def _file(item: Any) -> str:
    return str(item.nodeid.split("::")[0])


@pytest.hookimpl(hookwrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Iterator[None]:
    """What a fixture of a wider scope runs is not of the test that happens to come first."""
    observer = spectrum.running()
    if fixturedef.scope == "function":
        yield
        return
    kept = observer.set_aside()
    outcome = yield
    if getattr(outcome, "excinfo", None) is None:
        observer.put_back(kept)


@pytest.hookimpl(tryfirst=True)
def pytest_assertrepr_compare(op: str) -> None:
    """A comparison has failed: the values are about to be shown."""
    spectrum.running().describing()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    """After each phase of a test; what the report itself runs does not count."""
    if call.when == "call":
        spectrum.running().end_of_call(call.excinfo is not None)
    outcome: Any = yield
    report = outcome.get_result()
    test = getattr(item, "debugbox_test", None)
    if test is None:
        return
    if report.skipped and test["outcome"] == "passed":
        test["outcome"] = "skipped"  # an expected failure too: it says nothing
    if report.failed and test["outcome"] != "failed":
        test.update(outcome="failed", phase=report.when, **_failure(call.excinfo, report))


def _failure(excinfo: Optional[Any], report: Any) -> Dict[str, Any]:
    if excinfo is None:  # a test that was expected to fail, strictly, and passed
        return {"exception": "", "message": str(report.longrepr)[:_MESSAGE], "frames": []}
    message = said_by(excinfo.value)[:_MESSAGE]
    return {"exception": excinfo.typename, "message": message, "frames": frames_of(excinfo.value)}


def frames_of(error: BaseException) -> List[Dict[str, Any]]:
    """The user's frames of a traceback, innermost first; of chained errors the first cause's come first."""
    frames: List[Dict[str, Any]] = []
    seen = set()
    known: Optional[BaseException] = error
    while known is not None and id(known) not in seen:
        seen.add(id(known))
        found = [
            {"file": spectrum.running().relative(frame.filename), "line": frame.lineno, "function": frame.name}
            for frame in traceback.extract_tb(known.__traceback__, limit=200)
        ]
        frames = [frame for frame in reversed(found) if frame["file"]][:50] + frames
        known = known.__cause__ or (None if known.__suppress_context__ else known.__context__)
    return frames


def pytest_collectreport(report: Any) -> None:
    """A file that cannot be collected is one failing thing; the others go on."""
    if report.failed:
        lines = str(report.longrepr).strip().splitlines()
        spectrum.running().not_collected(report.nodeid, lines[-1][:_MESSAGE] if lines else "no reason was given")
