"""A real Chromium, the system's own, driven over its debugging protocol; without one these tests are not run."""

import shutil
from collections.abc import Iterator

import pytest

from tests.conftest import REQUIRE_ALL

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    """Playwright's handle on the browser. Nothing is downloaded: only the system's program is used.

    A module long and no longer: while it is open, an event loop runs in this thread.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        (pytest.fail if REQUIRE_ALL else pytest.skip)("no chromium on this machine")
    quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-gpu"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet, chromium_sandbox=False)
        yield browser
        browser.close()
