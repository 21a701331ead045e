"""What the model may call, as it is told: names, words and schemas. Calls are read by `calls`, answered by `agent`.

There is no path on the host, no URL and no engine option among the parameters: cells in a box, diffs of the
snapshot's copy, and words are all there is.
"""

from debugbox.conversation import Block


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
    "file line quote claim cells shown",
    file=_FILE,
    line=_LINE,
    quote=_text("the source text of that line, byte for byte, without its indentation"),
    claim=_text("what is wrong there and how the cells show it, in one or two sentences"),
    cells=_CELLS,
    shown=_text("words or numbers that show it, byte for byte from the output of one of these cells: a line"),
)
_CHANGE: dict[str, Block] = {
    "diff": _text("a unified diff (---, +++, @@ lines) of a few lines; paths from the repository's root"),
    "kind": _text("instead of a diff: a run-time intervention by name, as in the recipe that offers it (keep_exact)"),
    "sites": _list(_object("file line", file=_FILE, line=_LINE), "where a run-time intervention is applied"),
    "parameters": _text('of a run-time intervention: a JSON object as text, e.g. {"digits": 50}'),
}
_INTERVENTION = _object("", **_CHANGE)
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
SET_SYMPTOM: Block = {
    "name": "set_symptom",
    "description": "Set the symptom that the checks will measure. The code runs twice at once, each time in a fresh "
    "box on the clean repository, and you get what it answered. It is needed before try_intervention.",
    "input_schema": _object(
        "code",
        code=_text(
            "a self-contained cell: it imports all it needs and ends in exactly one box.symptom(...), or one recipe's "
            ".symptom(...)"
        ),
    ),
}
TRY_INTERVENTION: Block = {
    "name": "try_intervention",
    "description": "Measure the symptom in a fresh box whose copy of the repository has this change, and nothing else. "
    "Answers with before and after. Change the cause, not what the symptom reads.",
    "input_schema": _object("", **_CHANGE),
}
NOTE: Block = {
    "name": "note",
    "description": "Keep a hypothesis in the ledger: when you state it, and when its status changes. "
    "The ledger goes into the finding and survives a loss of this conversation.",
    "input_schema": _HYPOTHESIS,
}
CONCLUDE: Block = {
    "name": "conclude",
    "description": "End the investigation. Places and quotes are checked against the repository, cells against "
    "the outputs, and the symptom is run again in fresh boxes, with and without the intervention.",
    "input_schema": _object(
        "answer causes",
        answer=_text("the answer to the question, in a short paragraph"),
        causes=_list(_CAUSE, "the places, the most likely first; empty if no place could be shown"),
        symptom_code=_text("only to replace the code that was given to set_symptom"),
        intervention={**_INTERVENTION, "description": "only to replace the last one tried that worked"},
        hypotheses=_list(_HYPOTHESIS, "what was considered and is not in the ledger yet"),
        limits=_list(_text("one sentence"), "what could not be seen or tried"),
        premise_refuted={
            "type": "boolean",
            "description": "true if what the question takes for granted does not happen here. The intervention is then "
            "a diff that seeds the fault: with it, the symptom must be present",
        },
    ),
}
TOOLS = (RUN_CODE, SET_SYMPTOM, TRY_INTERVENTION, NOTE, CONCLUDE)
