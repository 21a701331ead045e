"""A coding agent's whole round over MCP: investigate without a model, see progress, fix, verify."""

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from debugbox.engines import Engine

mcp = pytest.importorskip("mcp")
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "weather-station"


def test_investigate_then_verify(tmp_path: Path, engine: Engine) -> None:
    repository = tmp_path / "station"
    shutil.copytree(EXAMPLE, repository, ignore=shutil.ignore_patterns("__pycache__"))
    told: list[str] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async def round_trip() -> tuple[Any, Any, Any]:
        command = ["-P", "-m", "debugbox", "mcp", "--repo", str(repository)]
        variables = {**os.environ, "DEBUGBOX_ENGINE": engine.name}
        parameters = mcp.StdioServerParameters(command=sys.executable, args=command, env=variables)
        async with mcp.Client(parameters) as client:
            question = {"question": "why does the mean temperature drift", "run": "python run.py", "use_model": False}
            found = await client.call_tool("investigate", question, progress_callback=progress)
            id = {"id": found.structured_content["id"]}
            still = await client.call_tool("verify_finding", id)
            (repository / "station" / "window.py").write_text(FIXED)
            fixed = await client.call_tool("verify_finding", id)
        return found, still, fixed

    found, still, fixed = asyncio.run(round_trip())
    assert found.structured_content["verdict"] == "confirmed", found
    assert found.structured_content["places"][0].startswith("station/window.py:")
    assert found.content[1].mime_type == "image/png"
    assert any("checks" in line for line in told) and len(told) > 2
    assert still.structured_content["outcome"] == "present"
    assert fixed.structured_content["outcome"] == "gone"


FIXED = """\
import math
from collections import deque


class SlidingMean:
    def __init__(self, size):
        self.values = deque(maxlen=size)

    def push(self, value):
        self.values.append(value)

    def mean(self):
        return math.fsum(self.values) / len(self.values) if self.values else 0.0
"""
