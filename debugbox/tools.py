"""What the model may call: `run_code` and `conclude`. Used by `agent`; results are written by `shown`.

There is no path on the host, no URL and no engine option among the parameters: a cell in the box, and the
conclusion, are all there is.
"""

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from debugbox.conversation import Block, Reply, ToolCall
from debugbox.finding import Conclusion, Hypothesis, Intervention, Place, Suspect, Symptom, parse


def _object(required: str, **properties: Block) -> Block:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def _text(description: str) -> Block:
    return {"type": "string", "description": description}


def _list(items: Block, description: str) -> Block:
    return {"type": "array", "items": items, "description": description}


_FILE = _text("path in the repository, from its root")
_LINE = {"type": "integer", "description": "line number, from 1"}
_CELLS = _list({"type": "integer"}, "numbers of the cells whose outputs show it")
_CAUSE = _object(
    "file line quote claim cells",
    file=_FILE,
    line=_LINE,
    quote=_text("the source text of that line, byte for byte, without its indentation"),
    claim=_text("what is wrong there and how the cells show it, in one or two sentences"),
    cells=_CELLS,
)
_INTERVENTION = _object(
    "kind sites",
    kind=_text("a run-time intervention by name, as in the recipe that offers it, e.g. keep_exact"),
    sites=_list(_object("file line", file=_FILE, line=_LINE), "where it is applied"),
    parameters=_text('a JSON object as text, e.g. {"digits": 50}'),
)
_HYPOTHESIS = _object(
    "text status evidence",
    text=_text("what might have been the cause"),
    status={"type": "string", "enum": ["open", "supported", "refuted"]},
    evidence=_text("what supported or refuted it, with cell numbers"),
)

RUN_CODE: Block = {
    "name": "run_code",
    "description": "Run one cell of Python in the box's kernel, which keeps its state between cells. "
    "Returns text (head and tail), plots, tables and the cell's number, by which it is cited.",
    "input_schema": _object(
        "code purpose",
        code=_text("the cell"),
        purpose=_text("what this cell is to find out, in one line; a person reads it while it runs"),
        setup={"type": "boolean", "description": "true for imports and helpers that later cells need"},
        timeout_s={"type": "number", "description": "only for recipes and slow programs: seconds, up to the limit"},
    ),
}
CONCLUDE: Block = {
    "name": "conclude",
    "description": "End the investigation. Places and quotes are checked against the repository, cells against "
    "the outputs, and the symptom is run again in fresh boxes, with and without the intervention.",
    "input_schema": _object(
        "answer causes",
        answer=_text("the answer to the question, in a short paragraph"),
        causes=_list(_CAUSE, "the places, the most likely first; empty if no place could be shown"),
        symptom_code=_text(
            "a self-contained cell for a fresh box, ending in one box.symptom(...) or a recipe's .symptom(...)"
        ),
        intervention=_INTERVENTION,
        hypotheses=_list(_HYPOTHESIS, "what was considered, the refuted ones too"),
        limits=_list(_text("one sentence"), "what could not be seen or tried"),
        premise_refuted={
            "type": "boolean",
            "description": "true if what the question takes for granted does not happen here, "
            "although the symptom's code was shown to be able to fire",
        },
    ),
}
TOOLS = (RUN_CODE, CONCLUDE)


@dataclass(frozen=True, kw_only=True)
class RunCode:
    code: str
    purpose: str
    setup: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Cause:
    file: str
    line: int
    quote: str
    claim: str
    cells: list[int]


@dataclass(frozen=True, kw_only=True)
class Site:
    file: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Change:
    """An intervention as it is written down by the model."""

    kind: str
    sites: list[Site]
    parameters: str | dict[str, Any] = "{}"


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A hypothesis as it is written down by the model."""

    text: str
    status: Literal["open", "supported", "refuted"]
    evidence: str


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
            intervention=_intervention(self.intervention) if self.intervention else None,
            captions={cell: cause.claim for cause in reversed(self.causes) for cell in cause.cells},
            hypotheses=tuple(_hypothesis(tried) for tried in self.hypotheses),
            limits=tuple(self.limits),
            premise_refuted=self.premise_refuted,
        )


def read_call(call: ToolCall) -> RunCode | Conclusion:
    """The call as a value. Raises ValueError in words for the model: no such tool, or what is wrong with it."""
    if call.name == "run_code":
        asked: RunCode = _parse(RunCode, call.input)
        if not asked.code.strip():
            raise ValueError("code: it is empty")
        return asked
    if call.name == "conclude":
        written: Conclude = _parse(Conclude, call.input)
        if not written.answer.strip():
            raise ValueError("answer: it is empty")
        return written.as_conclusion()
    raise ValueError(f"there is no tool {call.name}; there are run_code and conclude")


def conclusion_of(reply: Reply) -> Conclusion | None:
    """The first usable conclusion in a reply. One that was cut is none: what is missing cannot be seen."""
    for call in () if reply.stop == "max_tokens" else reply.calls:
        with contextlib.suppress(ValueError):
            asked = read_call(call)
            if isinstance(asked, Conclusion):
                return asked
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


def _intervention(change: Change) -> Intervention:
    given = change.parameters
    parameters = json.loads(given or "{}") if isinstance(given, str) else given
    if not isinstance(parameters, dict):
        raise ValueError("intervention.parameters: it must be a JSON object")
    sites = tuple(Place(file=_from_root(site.file), line=site.line) for site in change.sites)
    return Intervention(kind=change.kind, sites=sites, parameters=parameters)


def _hypothesis(tried: Tried) -> Hypothesis:
    return Hypothesis(text=tried.text, status=tried.status, evidence=tried.evidence)


def _from_root(path: str) -> str:
    """Tracebacks show where the snapshot lies in the box; places are named from the repository's root."""
    return path.removeprefix("/srv/repo/").removeprefix("./")
