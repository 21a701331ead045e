"""How one run of a command ended, in words that can be compared: error, failing tests, lines printed. In the kernel."""

import re
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

from .harness import ProgramRun

_ERROR = re.compile(
    r"^(?:E\s+)?((?:\w+\.)*[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|Failed|Fault))\b(?::\s*(.*))?$", re.M
)
_RAISED = re.compile(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)*((?:\w+\.)*\w+)(?::[ ]?(.*))?$", re.M)
_FRAME = re.compile(r'^\s*(?:File ".+", line \d+, in (\w+)|\S+\.py:\d+: in (\w+))', re.M)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.M)
_PASSING = re.compile(r"0x[0-9a-f]{6,}|\b\d+(?:\.\d+)?\s?(?:ms|s|seconds)\b|debugbox-\w+", re.I)


@dataclass(frozen=True)
class Ending:
    """How one run ended: the error's class and message, the failing tests, the lines it printed, the work counted."""

    exit_code: Optional[int]
    error: str
    message: str
    failing: Tuple[str, ...]
    lines: Tuple[str, ...]
    work: float = 0.0
    frames: Tuple[str, ...] = ()  # functions that a traceback names

    @property
    def failed(self) -> bool:
        return self.exit_code != 0

    @property
    def words(self) -> str:
        if not self.failed:
            return f"ends well{', printing ' + self.lines[-1][:60] if self.lines else ''}"
        what = f"{self.error}: {self.message[:100]}".strip(": ") or f"exit code {self.exit_code}"
        return "does not end" if self.exit_code is None else f"fails with {what}"


def ending_of(run: ProgramRun) -> Ending:
    text = f"{run.stdout}\n{run.stderr}"
    errors: List[Any] = _RAISED.findall(run.stderr) or _ERROR.findall(text) if run.exit_code else []
    error, message = errors[-1] if errors else ("", "")
    frames = tuple(dict.fromkeys(first or second for first, second in _FRAME.findall(text)))
    lines = tuple(_PASSING.sub("", line).rstrip() for line in run.stdout.splitlines()[-400:])
    work = sum(float(result.get("work") or 0) for result in run.results)
    failing = tuple(sorted(_FAILED.findall(run.stdout)))
    return Ending(run.exit_code, error, message, failing, lines, work, frames)
