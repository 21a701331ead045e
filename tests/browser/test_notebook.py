"""The notebook in other people's tools: nbconvert takes it, and JupyterLab in a browser opens it without complaint."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from debugbox.render.notebook import to_notebook
from tests.unit.test_notebook import FINDING, HOSTILE, hostile_finding

# JupyterLab is large, so it is no dependency of ours: the test runs where its program is found or named.
LAB = os.environ.get("DEBUGBOX_JUPYTER") or shutil.which("jupyter-lab")


@pytest.mark.parametrize("form", ["html", "markdown"])
def test_nbconvert_takes_it(tmp_path: Path, form: str) -> None:
    (tmp_path / "finding.ipynb").write_bytes(to_notebook(FINDING))
    command = [sys.executable, "-m", "nbconvert", "--to", form, "finding.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    converted = next(path for path in tmp_path.iterdir() if path.suffix in (".html", ".md")).read_text()
    assert FINDING.question in converted and FINDING.symptom.code.splitlines()[0] in re.sub("<[^>]*>", "", converted)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """JupyterLab on a folder with a finding's notebook and a hostile one; its address."""
    if LAB is None:
        pytest.skip("no jupyter-lab on this machine; DEBUGBOX_JUPYTER names one")
    (tmp_path / "finding.ipynb").write_bytes(to_notebook(FINDING))
    (tmp_path / "hostile.ipynb").write_bytes(to_notebook(hostile_finding(HOSTILE)))
    variables = {**os.environ, "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        "--port=0",
        "--LabApp.news_url=",
        "--expose-app-in-browser",
    ]
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen([LAB, *options], cwd=tmp_path, env=variables, stderr=log, stdout=log)
        try:
            yield _address(tmp_path / "log")
        finally:
            process.terminate()
            process.wait(20)


def _address(log: Path) -> str:
    for _ in range(120):
        if found := re.search(r"http://127\.0\.0\.1:\d+/lab\?token=\w+", log.read_text()):
            return found.group()
        time.sleep(0.5)
    raise AssertionError(log.read_text())


@pytest.mark.parametrize("name", ["finding", "hostile"])
def test_jupyterlab_opens_it(chromium: Any, lab: str, name: str) -> None:
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(lab.replace("/lab?", f"/lab/tree/{name}.ipynb?"))
    page.locator(".jp-MarkdownOutput h1").first.wait_for(timeout=90_000)
    page.wait_for_timeout(3000)
    dialogs = page.locator(".jp-Dialog").all_inner_texts()
    assert not [words for words in dialogs if "rror" in words or "rust" in words], dialogs
    if name == "finding":
        assert FINDING.question in page.locator("h1").first.inner_text()
    if shot := os.environ.get("DEBUGBOX_SHOTS"):
        page.screenshot(path=f"{shot}/lab-{name}.png")
    page.close()
    assert not [url for url in requests if not url.startswith((lab.partition("/lab")[0], "data:", "blob:"))]
