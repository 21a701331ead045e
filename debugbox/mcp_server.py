"""`debugbox mcp`: what a coding agent may ask over the Model Context Protocol (stdio). Needs the extra `mcp`.

stdout is the protocol: nothing here prints. Every answer is text, up to two plots, and structured data.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ContentBlock, TextContent, ToolAnnotations
from pydantic import BaseModel, Field

from debugbox import __version__
from debugbox.api import NewestLine, Progress, findings, keep_investigated
from debugbox.api import verify as verify_kept
from debugbox.errors import DebugboxError
from debugbox.finding import Finding
from debugbox.foreign import clean_line, clean_text, shrink_png
from debugbox.render import words
from debugbox.render.terminal import report
from debugbox.settings import Settings, resolve_settings

MAX_TEXT_CHARS = 12_000  # clients cut tool output, so ours is cut where it can be said
MAX_PLOTS = 2
PLOT_SIZE = (1000, 700)  # pixels at most
PROGRESS_EVERY_S = 2.0
DEFAULT_MAX_TIME_S = 900.0

Answer = TypeVar("Answer")
Repository = Annotated[str, Field(description="Folder of the repository; the server's own by default.")]
READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)


class FindingSummary(BaseModel):
    """One finding, short."""

    id: str
    verdict: str
    question: str
    places: list[str]
    created: str


class FindingDetails(FindingSummary):
    """One finding with its answer, its checks and where its notebook is."""

    answer: str
    checks: dict[str, str]
    notebook: str


class Findings(BaseModel):
    findings: list[FindingSummary]


class VerificationDetails(BaseModel):
    """Whether a finding is still so: `present`, `gone` or `cannot run`."""

    id: str
    outcome: str
    tree: str
    why: str


def build_server(repository: Path) -> MCPServer:
    """The server with its four tools; `repository` is where they look unless another path is named."""
    server = MCPServer(
        "debugbox",
        version=__version__,
        instructions="Finds out why a Python program misbehaves: throwaway diagnostic code runs in a closed box on a "
        "copy of the repository; what comes back is a checked finding with file:line and plots. It changes no file.",
    )

    @server.tool(annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=True))
    async def investigate(
        ctx: Context,
        question: Annotated[str, Field(description="What to find out, in plain words: why does X drift?")],
        run: Annotated[
            str | None, Field(description="A shell command that shows it, as typed in the repository.")
        ] = None,
        follows: Annotated[str, Field(description="The id of a finding that the question starts from.")] = "",
        path: Repository = "",
        max_time_s: Annotated[
            float, Field(description="Limit in seconds, the checks included.", gt=0)
        ] = DEFAULT_MAX_TIME_S,
        use_model: Annotated[bool, Field(description="False: recipes only; nothing leaves the machine.")] = True,
    ) -> Annotated[CallToolResult, FindingDetails]:
        """Investigate one question about a repository; takes minutes. The verdict is computed from checks."""
        options = {"run": run, "max_time_s": max_time_s, **({} if use_model else {"use_model": False})}
        with _explained():
            settings = _settings(path or repository, options)
            before = findings(path or repository).load(follows) if follows else None
            kept = await _told(ctx, lambda tell: keep_investigated(question, settings, tell, before))
            return _found(kept.finding, kept.path, kept.note)

    @server.tool(annotations=READ_ONLY)
    def list_findings(
        path: Repository = "",
        text: Annotated[str, Field(description="Only those with all these words in one passage.")] = "",
    ) -> Findings:
        """What is already known of a repository: its findings, newest first. Ask before you investigate again."""
        with _explained():
            entries = findings(path or repository).list_findings(text=text).entries
        return Findings(findings=[_summary(entry.finding) for entry in entries[:100]])

    @server.tool(annotations=READ_ONLY)
    def show_finding(id: str, path: Repository = "") -> Annotated[CallToolResult, FindingDetails]:
        """One finding with its plots; the id may be shortened."""
        with _explained():
            kept = findings(path or repository)
            return _found(kept.load(id), kept.path_of(id))

    @server.tool(annotations=READ_ONLY)
    async def verify_finding(
        ctx: Context,
        id: str,
        path: Repository = "",
        revision: Annotated[str | None, Field(description="A commit; the working tree by default.")] = None,
    ) -> VerificationDetails:
        """Run a finding's symptom again in fresh boxes: is it still present, or gone? Use it after a fix."""
        where = path or repository
        with _explained():
            finding = findings(where).load(id)
            done = await _told(
                ctx, lambda tell: verify_kept(finding, repository=where, revision=revision, on_progress=tell)
            )
        return VerificationDetails(id=finding.id, outcome=done.outcome, tree=done.tree, why=clean_line(done.why))

    return server


def _settings(repository: Path | str, options: dict[str, Any]) -> Settings:
    given = {name: value for name, value in options.items() if value is not None}
    return resolve_settings(given, Path(repository).resolve())


async def _told(ctx: Context, work: Callable[[Progress], Answer]) -> Answer:
    """Run `work` in a thread and report its newest line as progress, so that no client takes silence for death."""
    newest = NewestLine()
    task = asyncio.create_task(asyncio.to_thread(work, newest))
    told = -1
    while not task.done():
        await asyncio.wait([task], timeout=PROGRESS_EVERY_S)
        count, line = newest.get()
        told = max(told + 1, count)  # it must grow with each report
        await ctx.report_progress(told, message=clean_line(line)[:200])
    return task.result()


@contextmanager
def _explained() -> Iterator[None]:
    """Our errors become results that the model can read; anything else is a bug, and the SDK hides its words."""
    try:
        yield
    except DebugboxError as error:
        raise ToolError(f"{clean_text(str(error))} ({error.slug})") from error


def _found(finding: Finding, path: Path | None, note: str = "") -> CallToolResult:
    text = report(finding, path=path, note=note)
    if len(text) > MAX_TEXT_CHARS:
        text = f"{text[:MAX_TEXT_CHARS]}\n[… cut; the notebook has all of it: {path}]"
    details = FindingDetails(
        **_summary(finding).model_dump(),
        answer=clean_text(finding.answer),
        checks={check.name: check.result for check in finding.checks},
        notebook=str(path or ""),
    )
    content: list[ContentBlock] = [TextContent(type="text", text=text), *_plots(finding)]
    return CallToolResult(content=content, structured_content=details.model_dump())


def _summary(finding: Finding) -> FindingSummary:
    return FindingSummary(
        id=finding.id,
        verdict=finding.verdict,
        question=clean_line(finding.question),
        places=[words.place(each) for each in words.ranked_places(finding)[:5]],
        created=finding.created,
    )


def _plots(finding: Finding) -> list[ContentBlock]:
    """The first plots, made small; one that cannot be decoded is left out."""
    shown: list[ContentBlock] = []
    for output in [output for evidence in finding.evidence for output in evidence.outputs if output.png]:
        try:
            shown.append(Image(data=shrink_png(output.png, *PLOT_SIZE), format="png").to_image_content())
        except ValueError:
            continue
        if len(shown) == MAX_PLOTS:
            break
    return shown
