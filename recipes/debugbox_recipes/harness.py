"""Runs the user's program as a child: its own session, a hard timeout, output with a cap, a result file. In the box.

A plan (see `target`) puts the program under observation; without one it runs as it is. Needs no box itself.
"""

import contextlib
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import IO, Any, Dict, List, Mapping, Optional, Sequence, Tuple

KEPT_OUTPUT_BYTES = 1 << 18  # of each stream: the first and the last half
HOOK = Path(__file__).parent / "hook"
_SHELL = re.compile(r"[|&;<>()$`\n*?]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PYTHON = re.compile(r"python(3(\.\d+)?)?$")


@dataclass(frozen=True)
class Program:
    """What is run: `command` as a user types it, from the folder `repo`."""

    command: str
    repo: PurePath
    python: str
    import_roots: Tuple[str, ...] = ()
    tools: str = "/opt/box/tools"


@dataclass(frozen=True)
class ProgramRun:
    """One run. `results` are what observed processes wrote down, the main one and its Python children."""

    exit_code: Optional[int]  # None after a timeout
    stdout: str
    stderr: str
    stdout_sha256: str
    duration_s: float
    timed_out: bool = False
    dropped_bytes: int = 0  # of stdout, out of its middle
    results: Tuple[Dict[str, Any], ...] = field(default=())

    @property
    def failure(self) -> str:
        """The last line of stderr where the run failed, else ''."""
        if self.timed_out:
            return f"still running after {self.duration_s:.0f} s"
        if self.exit_code == 0:
            return ""
        last = self.stderr.strip().splitlines()[-1:] or ["no message"]
        return f"exit code {self.exit_code}: {last[0][:300]}"

    def result_with(self, watch: Optional[str]) -> Optional[Dict[str, Any]]:
        """The result of the process that saw most of `watch` (None: that loaded most of the user's modules)."""

        def weight(result: Dict[str, Any]) -> Tuple[int, int]:
            series = result["series"].get(watch) if watch else None
            return (series["count"] if series else 0, len(result["modules"]))

        return max(self.results, key=weight, default=None)


def run_program(
    program: Program,
    *,
    timeout_s: float,
    plan: Optional[Mapping[str, Any]] = None,
    variables: Optional[Mapping[str, str]] = None,
    kept_bytes: int = KEPT_OUTPUT_BYTES,
) -> ProgramRun:
    """Run to the end or to the timeout; then the whole process group is killed, what it left behind included.

    `variables` are of the program's environment (a hash seed, a time zone); `kept_bytes` are kept of each stream.
    """
    with tempfile.TemporaryDirectory(prefix="debugbox-") as scratch:
        environment = {**_environment(program, observed=plan is not None), **(variables or {})}
        if plan is not None:
            whole = {
                "repo": str(program.repo), "tools": program.tools, "result": f"{scratch}/result",
                "watches": [], "keep": [], "mode": "native", **plan,
            }  # fmt: skip
            (Path(scratch) / "plan.json").write_text(json.dumps(whole), encoding="utf-8")
            environment["DEBUGBOX_PLAN"] = f"{scratch}/plan.json"
        run = _run(program, environment, timeout_s, kept_bytes)
        results = [json.loads(path.read_text("utf-8")) for path in sorted(Path(scratch).glob("result.*.json"))]
        return ProgramRun(**run, results=tuple(results))


def _environment(program: Program, *, observed: bool) -> Dict[str, str]:
    environment = dict(os.environ)
    paths = [str(HOOK)] if observed else []
    paths += [str(root) for root in program.import_roots]
    paths += [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    if paths:
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment["PATH"] = os.path.dirname(program.python) + os.pathsep + environment.get("PATH", os.defpath)
    environment.setdefault("PYTHONHASHSEED", "0")  # runs are compared bit by bit
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # the repository stays as it is
    environment.pop("DEBUGBOX_PLAN", None)
    return environment


def command_line(program: Program) -> Tuple[List[str], Dict[str, str]]:
    """Arguments and extra environment. A word `python` means the repository's interpreter.

    Raises ValueError for unbalanced quotes.
    """
    if _SHELL.search(program.command):
        return ["/bin/sh", "-c", program.command], {}
    words = shlex.split(program.command)
    extra: Dict[str, str] = {}
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        extra[name] = value
    if words and _PYTHON.match(words[0]):
        words[0] = program.python
    elif words and words[0].endswith(".py"):
        words.insert(0, program.python)
    return words, extra


def _run(program: Program, environment: Dict[str, str], timeout_s: float, kept_bytes: int) -> Dict[str, Any]:
    started = time.monotonic()
    try:
        words, extra = command_line(program)
        process = subprocess.Popen(
            words, cwd=str(program.repo), env={**environment, **extra}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except (OSError, ValueError, IndexError) as error:
        return _not_started(f"{program.command}: {error}")
    assert process.stdout is not None and process.stderr is not None
    streams = [_Stream(process.stdout, kept_bytes), _Stream(process.stderr, kept_bytes)]
    timed_out = False
    try:
        process.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        _kill_group(process)
    for stream in streams:
        stream.finish()
    return {
        "exit_code": None if timed_out else process.returncode,
        "stdout": streams[0].text(),
        "stderr": streams[1].text(),
        "stdout_sha256": streams[0].digest.hexdigest(),
        "duration_s": time.monotonic() - started,
        "timed_out": timed_out,
        "dropped_bytes": streams[0].dropped,
    }


def _not_started(reason: str) -> Dict[str, Any]:
    empty = hashlib.sha256().hexdigest()
    return {"exit_code": 127, "stdout": "", "stderr": reason, "stdout_sha256": empty, "duration_s": 0.0}


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Stream:
    """Reads a pipe to its end in a thread; hashes all, keeps head and tail."""

    def __init__(self, pipe: IO[bytes], kept_bytes: int) -> None:
        self._half = kept_bytes // 2
        self.digest = hashlib.sha256()
        self.head, self.tail, self.dropped = b"", b"", 0
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        half = self._half
        for chunk in iter(lambda: os.read(self._pipe.fileno(), 1 << 16), b""):
            self.digest.update(chunk)
            room = half - len(self.head)
            self.head, rest = self.head + chunk[:room], chunk[room:]
            tail = self.tail + rest
            self.dropped += max(0, len(tail) - half)
            self.tail = tail[-half:]

    def finish(self) -> None:
        # A process that left the group (setsid) may hold the pipe open: it is not waited for.
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._pipe.close()

    def text(self) -> str:
        gap = f"\n[{self.dropped} bytes left out]\n".encode() if self.dropped else b""
        return (self.head + gap + self.tail).decode("utf-8", "replace")


def places(sites: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """Sites of interventions as a plan wants them."""
    return [{"file": s["file"], "line": s["line"], "quote": s.get("quote", "")} for s in sites]
