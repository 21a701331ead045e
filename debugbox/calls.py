"""The model's calls as values: validated, and refused in words where they are wrong. Between `tools` and `agent`."""

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from debugbox.conversation import Reply, ToolCall
from debugbox.finding import Conclusion, Hypothesis, Intervention, Place, Quote, Suspect, Symptom, parse
from debugbox.tools import TOOLS


@dataclass(frozen=True, kw_only=True)
class RunCode:
    code: str
    purpose: str
    setup: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class SetSymptom:
    code: str


@dataclass(frozen=True, kw_only=True)
class Cause:
    file: str
    line: int
    quote: str
    claim: str
    cells: list[int]
    shown: str = ""


@dataclass(frozen=True, kw_only=True)
class Site:
    file: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Change:
    """An intervention as it is written down by the model: a diff, or a run-time one."""

    diff: str = ""
    kind: str = ""
    sites: list[Site] = field(default_factory=list)
    parameters: str | dict[str, Any] = "{}"

    def as_intervention(self) -> Intervention | None:
        """The record's shape of it, a diff's places still open; None where nothing is said. Raises ValueError."""
        if self.diff.strip() and self.kind not in ("", "diff"):
            raise ValueError("give a diff, or a run-time intervention by kind and sites, not both")
        if self.diff.strip():
            return Intervention(kind="diff", sites=(), describe=self.diff)
        if not self.kind:
            return None
        given = self.parameters
        parameters = json.loads(given or "{}") if isinstance(given, str) else given
        if not isinstance(parameters, dict):
            raise ValueError("intervention.parameters: it must be a JSON object")
        sites = tuple(Place(file=_from_root(site.file), line=site.line) for site in self.sites)
        return Intervention(kind=self.kind, sites=sites, parameters=parameters)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A hypothesis as it is written down by the model."""

    text: str
    status: Literal["open", "supported", "refuted"]
    evidence: str

    def as_hypothesis(self) -> Hypothesis:
        return Hypothesis(text=self.text, status=self.status, evidence=self.evidence)


@dataclass(frozen=True, kw_only=True)
class Conclude:
    answer: str
    causes: list[Cause]
    symptom_code: str = ""
    intervention: Change | None = None
    hypotheses: list[Tried] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    premise_refuted: bool = False

    def as_conclusion(self) -> Conclusion:
        """The record's shape of it. Raises ValueError where the intervention's parameters are no object."""
        return Conclusion(
            answer=self.answer.strip(),
            by="agent",
            suspects=tuple(_suspect(cause, rank) for rank, cause in enumerate(self.causes, 1)),
            symptom=Symptom(code=self.symptom_code),
            intervention=self.intervention.as_intervention() if self.intervention else None,
            captions={cell: cause.claim for cause in reversed(self.causes) for cell in cause.cells},
            quotes=tuple(
                Quote(text=cause.shown, cells=tuple(cause.cells)) for cause in self.causes if cause.shown.strip()
            ),
            hypotheses=tuple(tried.as_hypothesis() for tried in self.hypotheses),
            limits=tuple(self.limits),
            premise_refuted=self.premise_refuted,
        )


Asked = RunCode | SetSymptom | Change | Tried | Conclude
_SHAPES: dict[str, type] = {
    "run_code": RunCode,
    "set_symptom": SetSymptom,
    "try_intervention": Change,
    "note": Tried,
    "conclude": Conclude,
}
_FILLED = {"run_code": "code", "set_symptom": "code", "note": "text", "conclude": "answer"}


def read_call(call: ToolCall) -> Asked:
    """The call as a value. Raises ValueError in words for the model: no such tool, or what is wrong with it."""
    if call.name not in _SHAPES:
        raise ValueError(f"there is no tool {call.name}; there are {', '.join(tool['name'] for tool in TOOLS)}")
    asked: Asked = _parse(_SHAPES[call.name], call.input)
    needed = _FILLED.get(call.name)
    if needed and not getattr(asked, needed).strip():
        raise ValueError(f"{needed}: it is empty")
    if isinstance(asked, Change) and asked.as_intervention() is None:
        raise ValueError("diff: it is empty, and no run-time intervention is named either")
    if isinstance(asked, Conclude):
        asked.as_conclusion()
    return asked


def conclusion_of(reply: Reply) -> Conclusion | None:
    """The first usable conclusion in a reply. One that was cut is none: what is missing cannot be seen."""
    for call in () if reply.stop == "max_tokens" else reply.calls:
        with contextlib.suppress(ValueError):
            asked = read_call(call)
            if isinstance(asked, Conclude):
                return asked.as_conclusion()
    return None


def _parse(shape: type, value: object) -> Any:
    try:
        return parse(shape, value)
    except ValueError as err:
        lines = (line for line in str(err).splitlines() if "errors.pydantic.dev" not in line)
        raise ValueError("\n".join(lines)) from err


def _suspect(cause: Cause, rank: int) -> Suspect:
    return Suspect(
        file=_from_root(cause.file),
        line=cause.line,
        quote=cause.quote.strip(),
        score=1 / rank,
        why=cause.claim,
        cells=tuple(cause.cells),
    )


def _from_root(path: str) -> str:
    """Tracebacks show where the snapshot lies in the box; places are named from the repository's root."""
    return path.removeprefix("/srv/repo/").removeprefix("./")
