"""A finding as a notebook, and back. The notebook is the document a user gets; it has no active content.

Every output is built here from the record: `stream`, `error`, and `display_data` of exactly `text/plain` and
`image/png`. The same finding gives the same bytes. `metadata.debugbox` holds the finding; its pictures stand
there as the hash of the output that has them, so that they are in the file once.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from debugbox.finding import Evidence, Finding, Output
from debugbox.foreign import clean_text, cleaned
from debugbox.render import sections
from debugbox.render.tables import shown_table
from debugbox.render.words import is_picture, measured, recorded, shortened, table

MAX_BYTES = 20 * 1024**2
MAX_READ_BYTES = 64 * 1024**2
_HASH = "sha256:"

Node = dict[str, Any]


def to_notebook(finding: Finding, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The notebook's bytes: nbformat 4.5.

    Over `max_bytes` the largest pictures are left out, then the middle of long texts; each says so in its place.
    """
    finding = cleaned(finding)
    data = _encoded(finding)
    if len(data) > max_bytes:
        finding = _without_largest_pictures(finding, len(data) - max_bytes)
        data = _encoded(finding)
    for room in (100_000, 10_000, 1_000):
        if len(data) <= max_bytes:
            break
        data = _encoded(_changed(finding, partial(_with_less_text, room=room)))
    return data


def from_notebook(data: bytes) -> Finding:
    """The finding in a notebook's metadata, its pictures put back from the outputs, all text cleaned.

    Raises ValueError: not JSON, not a notebook with a finding, or a finding of another schema.
    """
    if len(data) > MAX_READ_BYTES:
        raise ValueError(f"it has {len(data):,} bytes, the limit is {MAX_READ_BYTES:,}")
    try:
        notebook = json.loads(data)
        record = notebook["metadata"]["debugbox"]
        pictures = {_HASH + hashlib.sha256(png).hexdigest(): png for png in _pictures(notebook)}
        _put_back(record, pictures)
    except (KeyError, TypeError, AttributeError, RecursionError) as err:
        raise ValueError("it holds no finding") from err
    return cleaned(Finding.from_json(json.dumps(record)))


def _encoded(finding: Finding) -> bytes:
    notebook = {"cells": list(_cells(finding)), "metadata": _metadata(finding), "nbformat": 4, "nbformat_minor": 5}
    text = json.dumps(notebook, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode() + b"\n"


def _metadata(finding: Finding) -> Node:
    record = json.loads(finding.to_json(indent=None))  # through its JSON, where NaN has become null
    for kept, evidence in zip(record["evidence"], finding.evidence, strict=True):
        for plain, output in zip(kept["outputs"], evidence.outputs, strict=True):
            plain["png"] = _HASH + hashlib.sha256(output.png).hexdigest() if output.png else ""
    return {
        "debugbox": record,
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def _pictures(notebook: Node) -> Iterator[bytes]:
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            png = base64.b64decode(output.get("data", {}).get("image/png", ""))
            if is_picture(png):
                yield png


def _put_back(record: Node, pictures: dict[str, bytes]) -> None:
    for evidence in record["evidence"]:
        for output in evidence["outputs"]:
            png = pictures.get(output["png"], b"")
            output["png"] = base64.urlsafe_b64encode(png).decode()


def _cells(finding: Finding) -> Iterator[Node]:
    """The document, in the order it is read."""
    yield _markdown("answer", sections.answer(finding))
    yield _markdown("evidence", sections.evidence_title(finding))
    for index, evidence in enumerate(finding.evidence, start=1):
        yield _markdown(f"evidence-{index}", sections.caption(index, evidence))
        yield _code(f"evidence-{index}-outputs", evidence.code or sections.discarded(evidence), _outputs(evidence))
    if finding.hypotheses:
        yield _markdown("hypotheses", sections.hypotheses(finding))
    yield from _symptom_cells(finding)
    yield _markdown("checks", sections.checks(finding))
    if any(check.runs for check in finding.checks):
        yield _code("checks-measured", "# what each check measured", [_plain(_checks_table(finding))])
    yield _markdown("provenance", sections.provenance(finding))


def _symptom_cells(finding: Finding) -> Iterator[Node]:
    symptom = finding.symptom
    if not symptom.code and not symptom.runs:
        return
    yield _markdown("symptom", sections.symptom(finding))
    source = symptom.code or "# the symptom's code was discarded"
    yield _code("symptom-code", source, [_plain(measured(symptom.runs))] if symptom.runs else [])


def _checks_table(finding: Finding) -> str:
    rows = [
        [check.name, index, run.state, run.measured, run.expected, run.effect, run.unit, run.note]
        for check in finding.checks
        for index, run in enumerate(check.runs, start=1)
    ]
    return table(["check", "run", "symptom", "measured", "expected", "effect", "unit", "note"], rows)


def _outputs(evidence: Evidence) -> list[Node]:
    return [_output(output) for output in evidence.outputs]


def _output(output: Output) -> Node:
    if output.kind == "error":
        return _error(output)
    if output.kind == "image":
        return _image(output)
    if output.kind == "table":
        return _plain(_table_text(output))
    if output.kind == "record":
        return _plain(recorded(output))
    text = shortened(_with_dropped(output))
    if output.name in ("result", "display"):
        return _plain(text)
    if output.name not in ("stdout", "stderr"):  # a hint, or what earlier cells went on to say
        return _plain(f"[{output.name}] {text}")
    return {"output_type": "stream", "name": output.name, "text": text}


def _table_text(output: Output) -> str:
    """A box's table as plain text; its own text where it has no rows."""
    shown = shown_table(output)
    if shown is None:
        return output.text
    note = f"\n({shown.note})" if shown.note else ""
    return table(shown.columns, shown.rows, numeric=shown.numeric) + note


def _with_dropped(output: Output) -> str:
    if not output.dropped:
        return output.text
    return f"[… {output.dropped:,} characters were cut out in the box …]\n{output.text}"


def _error(output: Output) -> Node:
    return {
        "output_type": "error",
        "ename": str(output.data.get("ename", output.name)),
        "evalue": str(output.data.get("evalue", "")),
        "traceback": shortened(output.text).split("\n"),
    }


def _image(output: Output) -> Node:
    text = output.text or "a picture"
    if not is_picture(output.png):
        return _plain(text)
    png = base64.b64encode(output.png).decode()
    return {"output_type": "display_data", "data": {"image/png": png, "text/plain": shortened(text)}, "metadata": {}}


def _plain(text: str) -> Node:
    return {"output_type": "display_data", "data": {"text/plain": clean_text(text)}, "metadata": {}}


def _markdown(id: str, source: str) -> Node:
    return {"cell_type": "markdown", "id": id, "metadata": {}, "source": source}


def _code(id: str, source: str, outputs: list[Node]) -> Node:
    return {
        "cell_type": "code",
        "id": id,
        "metadata": {},
        "execution_count": None,
        "source": source,
        "outputs": outputs,
    }


def _without_largest_pictures(finding: Finding, over_bytes: int) -> Finding:
    sizes = sorted((len(o.png) for evidence in finding.evidence for o in evidence.outputs if o.png), reverse=True)
    kept_below, saved = MAX_BYTES, 0
    for size in sizes:
        if saved >= over_bytes:
            break
        kept_below, saved = size, saved + size * 4 // 3
    return _changed(finding, partial(_without_large_picture, kept_below=kept_below))


def _changed(finding: Finding, change: Callable[[Output], Output]) -> Finding:
    changed = (replace(each, outputs=tuple(change(output) for output in each.outputs)) for each in finding.evidence)
    return replace(finding, evidence=tuple(changed))


def _without_large_picture(output: Output, kept_below: int) -> Output:
    if len(output.png) < kept_below:
        return output
    note = f"[picture of {len(output.png):,} bytes left out: the notebook has a limit of {MAX_BYTES // 1024**2} MiB]"
    return replace(output, png=b"", text=f"{output.text}\n{note}".strip())


def _with_less_text(output: Output, room: int) -> Output:
    data = output.data if len(json.dumps(output.data, default=str)) <= room else {"left_out": "too large"}
    over = len(output.text) - room
    if over <= 0:
        return replace(output, data=data)
    text = f"{output.text[: room // 2]}\n[… {over:,} characters left out …]\n{output.text[-room // 2 :]}"
    return replace(output, text=text, data=data)
