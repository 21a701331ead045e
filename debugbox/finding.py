"""The record of one investigation, and the values it is made of. Imports nothing of ours.

Notebook, page, terminal text and JSON are renderings of a `Finding`. The same classes validate
what comes back from a box: a recipe's record is hostile until `Conclusion.of_recipe_record` took it.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Literal, Self

SCHEMA = 1

Verdict = Literal["confirmed", "supported", "suspected", "refuted", "inconclusive"]
CheckResult = Literal["passed", "failed", "cannot measure", "not run"]
CellStatus = Literal["ok", "error", "timeout", "died"]
OutputKind = Literal["text", "error", "image", "table", "record"]
SymptomState = Literal["present", "absent", "cannot measure"]

# pydantic reads this on each class: bytes travel as base64, unknown keys are an error.
_STRICT: Any = {"ser_json_bytes": "base64", "val_json_bytes": "base64", "extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """A line in the snapshot. `quote` is the source text claimed to stand there, stripped."""

    file: str
    line: int
    function: str = ""
    quote: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Suspect(Place):
    """A ranked place. `score` is in 0..1 and comparable within one finding only."""

    score: float = 0.0
    why: str = ""
    cells: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Output:
    """One piece of what a cell gave back.

    `text` is the text, the cleaned traceback, or the plain stand-in of an image or a table.
    `data` holds a table's rows, a figure's audit, or a record (symptom, recipe, measurement).
    `dropped` counts the characters that were cut out of the middle, in the box.
    """

    kind: OutputKind
    name: str = ""  # stdout, stderr, result, display, background; for a record its kind; for an error its class
    text: str = ""
    png: bytes = b""
    data: dict[str, Any] = field(default_factory=dict)
    dropped: int = 0

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell, frozen when it ended: what was asked, what came back. Never its code."""

    id: int
    purpose: str
    code_sha256: str
    code_lines: int
    started: str
    duration_s: float
    status: CellStatus
    outputs: tuple[Output, ...] = ()
    setup: bool = False
    dropped_outputs: int = 0
    cpu_s: float = 0.0
    memory_bytes: int = 0
    cause: str = ""  # why the kernel died or the cell was stopped, in words
    outputs_sha256: tuple[str, ...] = ()  # of each output as it is kept, in order

    def records(self, name: str) -> list[dict[str, Any]]:
        return [o.data for o in self.outputs if o.kind == "record" and o.name == name]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the symptom's code answered in one run."""

    state: SymptomState
    measured: float | None = None
    expected: float | None = None
    unit: str = ""
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def effect(self) -> float | None:
        """|measured - expected|, or None where one of them is missing."""
        if self.measured is None or self.expected is None:
            return None
        return abs(self.measured - self.expected)


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """Executable: `code` runs as one cell of a fresh box and answers with one symptom record."""

    code: str = ""
    metric: str = ""
    unit: str = ""
    runs: tuple[Measurement, ...] = ()
    noise: float | None = None  # from the A/A control, in `unit`


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """A change to a snapshot copy, re-applied by the tool: a run-time one, named by kind and sites."""

    kind: str
    sites: tuple[Place, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    describe: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of the verdict table, with its result in words."""

    name: Literal["symptom", "claim lint", "but-for", "placebo", "no collateral"]
    result: CheckResult
    why: str
    duration_s: float = 0.0
    runs: tuple[Measurement, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A cited cell: the caption, and the outputs that are kept. Its code is gone, but for `--keep-code`."""

    cell: int
    caption: str
    purpose: str
    code_sha256: str
    code_lines: int
    outputs: tuple[Output, ...]
    code: str = ""
    # As the cell was frozen with: a picture that a rendering leaves out can still be told by its hash.
    started: str = ""
    duration_s: float = 0.0
    cpu_s: float = 0.0
    memory_bytes: int = 0
    dropped_outputs: int = 0
    outputs_sha256: tuple[str, ...] = ()

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    text: str
    status: Literal["open", "supported", "refuted"] = "open"
    evidence: str = ""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the run took. `cost_usd` is None where no price is known: then tokens count."""

    duration_s: float = 0.0
    model: str = ""
    endpoint: str = ""
    turns: int = 0
    cost_usd: float | None = None
    tokens: dict[str, int] = field(default_factory=dict)
    cells: int = 0


@dataclass(frozen=True, kw_only=True)
class Discarded:
    cells: int = 0
    lines: int = 0
    sha256: str = ""  # over the cells' hashes, in order


@dataclass(frozen=True, kw_only=True)
class Quote:
    """Words that one of these cells printed, as a claim quotes them."""

    text: str
    cells: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What an agent or a recipe says. It is checked before anybody believes it."""

    answer: str
    by: str  # "agent", "recipe drift", ...
    suspects: tuple[Suspect, ...] = ()
    symptom: Symptom = Symptom()
    intervention: Intervention | None = None
    placebo_sites: tuple[Place, ...] = ()  # what the intervention's kind could also be applied to; the tool chooses
    exact: bool = False  # an exact measurement of the tool's own recipe points to suspects[0]
    captions: dict[int, str] = field(default_factory=dict)  # cited cell -> what it shows
    quotes: tuple[Quote, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    limits: tuple[str, ...] = ()  # what could not be seen
    premise_refuted: bool = False
    disputed: str = ""  # another agent's conclusion that the checks took as far, and that names another place
    stopped: str = ""  # why it ended without an answer: a spent limit, Ctrl-C, a dead box, ...


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The record. Its JSON keys are stable; `schema` changes when they do."""

    schema: int = SCHEMA
    id: str
    created: str
    question: str
    run: str | None
    verdict: Verdict
    answer: str
    suspects: tuple[Suspect, ...]
    symptom: Symptom
    checks: tuple[Check, ...]
    evidence: tuple[Evidence, ...]
    hypotheses: tuple[Hypothesis, ...]
    intervention: Intervention | None
    limits: tuple[str, ...]
    by: str
    provenance: dict[str, Any]
    cost: Cost
    discarded: Discarded

    __pydantic_config__ = _STRICT

    def to_json(self, *, indent: int | None = 2) -> str:
        text: str = _adapter(type(self)).dump_json(self, indent=indent).decode()
        return text

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Raises ValueError (pydantic's) with the field that is wrong."""
        finding: Self = _adapter(cls).validate_json(text)
        return finding


def _adapter(shape: type) -> Any:
    if shape not in _adapters:
        from pydantic import TypeAdapter  # late: a quarter second that `--help` must not pay

        _adapters[shape] = TypeAdapter(shape)
    return _adapters[shape]


_adapters: dict[type, Any] = {}


def parse(shape: type, value: object) -> Any:
    """`value` (from JSON, hostile) as a `shape`. Raises ValueError with the field that is wrong."""
    return _adapter(shape).validate_json(json.dumps(value))


def to_plain(value: Any) -> Any:
    """Any of the values above as plain JSON data."""
    return _adapter(type(value)).dump_python(value, mode="json")
