"""The MCP server, driven by the SDK's own client over stdio: typed answers, plots, errors that the model can read."""

import asyncio
import base64
import io
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from debugbox.archive import Archive
from debugbox.finding import Finding
from debugbox.settings import Settings
from tests.unit.test_notebook import HOSTILE, big_png

mcp = pytest.importorskip("mcp")
GOLD = Path(__file__).parents[1] / "gold"
FINDING = Finding.from_json((GOLD / "finding.json").read_bytes())


def served(repository: Path, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """Start `debugbox mcp` for this repository, as a client does, and work with it."""

    async def talk() -> Any:
        command = ["-P", "-m", "debugbox", "mcp", "--repo", str(repository)]
        parameters = mcp.StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))
        async with mcp.Client(parameters) as client:
            return await work(client)

    return asyncio.run(talk())


@pytest.fixture
def kept(repository: Path) -> Path:
    """The repository has one finding, with a large plot and hostile text in it."""
    picture = replace(FINDING.evidence[0].outputs[1], png=big_png(1))
    finding = replace(FINDING, answer=HOSTILE, evidence=(replace(FINDING.evidence[0], outputs=(picture,) * 3),))
    Archive.of_user(Settings(repository=repository).data_dir, repository).keep(finding)
    return repository


def test_it_offers_four_tools_with_schemas(repository: Path) -> None:
    tools = {tool.name: tool for tool in served(repository, lambda client: client.list_tools()).tools}
    assert sorted(tools) == ["investigate", "list_findings", "show_finding", "verify_finding"]
    assert tools["investigate"].input_schema["required"] == ["question"]
    assert "verdict" in tools["investigate"].output_schema["properties"]
    assert all(tool.description for tool in tools.values())


def test_findings_are_listed_and_narrowed(kept: Path) -> None:
    listed = served(kept, lambda client: client.call_tool("list_findings", {}))
    (summary,) = listed.structured_content["findings"]
    assert (summary["id"], summary["verdict"]) == (FINDING.id, "confirmed")
    assert summary["places"][0] == "stats/welford.py:12 in Welford.update"
    none = served(kept, lambda client: client.call_tool("list_findings", {"text": "no such words"}))
    assert none.structured_content == {"findings": []}


def test_a_finding_comes_with_text_data_and_small_plots(kept: Path) -> None:
    shown = served(kept, lambda client: client.call_tool("show_finding", {"id": "7f3"}))
    text, *plots = shown.content
    assert "CONFIRMED" in text.text and "\x1b" not in text.text and "\u202e" not in text.text
    assert [plot.mime_type for plot in plots] == ["image/png", "image/png"], "two at most"
    assert Image.open(io.BytesIO(base64.b64decode(plots[0].data))).size == (300, 300)
    assert shown.structured_content["checks"]["placebo"] == "failed"
    assert Path(shown.structured_content["notebook"]).is_file()


def test_an_error_is_a_result_that_says_what_to_do(kept: Path) -> None:
    missing = served(kept, lambda client: client.call_tool("show_finding", {"id": "zzz"}))
    assert missing.is_error and "debugbox list" in missing.content[0].text
    follows = {"question": "and now", "follows": "zzz"}
    unknown = served(kept, lambda client: client.call_tool("investigate", follows))
    assert unknown.is_error and "no-such-finding" in unknown.content[0].text
    nowhere = served(kept, lambda client: client.call_tool("investigate", {"question": "why", "path": "/nowhere"}))
    assert nowhere.is_error and "/nowhere is not something debugbox can look at" in nowhere.content[0].text
