"""What of a cell is kept when its code is thrown away: cleaned outputs, a hash, a count of lines."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from debugbox.finding import Cell, Discarded, Evidence, Output
from debugbox.foreign import cleaned, without_cell_source


def kept_cell(cell: Cell) -> Cell:
    """`cell` as it may be kept: text cleaned, no line of its code in tracebacks and warnings, outputs hashed."""
    outputs = tuple(cleaned(without_cell_source(output)) for output in cell.outputs)
    # A cell that was kept before keeps its hashes: its pictures may have been left out since.
    hashes = cell.outputs_sha256 or tuple(map(_sha256, outputs))
    return replace(cleaned(cell), outputs=outputs, outputs_sha256=hashes)


def _sha256(output: Output) -> str:
    """Over all that an output says: its words and data as JSON, then its picture."""
    said = [output.kind, output.name, output.text, output.data, output.dropped]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode() + output.png).hexdigest()


def evidence_of(cell: Cell, caption: str, code: str = "") -> Evidence:
    """A cited cell as it goes into the finding; `code` is kept where its user asked for it."""
    kept = kept_cell(cell)
    return Evidence(
        cell=kept.id,
        caption=caption,
        purpose=kept.purpose,
        code_sha256=kept.code_sha256,
        code_lines=kept.code_lines,
        outputs=kept.outputs,
        code=code,
        started=kept.started,
        duration_s=kept.duration_s,
        cpu_s=kept.cpu_s,
        memory_bytes=kept.memory_bytes,
        dropped_outputs=kept.dropped_outputs,
        outputs_sha256=kept.outputs_sha256,
    )


def discarded_code(cells: Sequence[Cell]) -> Discarded:
    """What was written and thrown away: how much, and a hash over the cells' hashes in order."""
    digest = hashlib.sha256("".join(cell.code_sha256 for cell in cells).encode()).hexdigest()
    return Discarded(cells=len(cells), lines=sum(cell.code_lines for cell in cells), sha256=digest if cells else "")


def without_picture(output: Output, why: str) -> Output:
    """The output with words in the place of its picture."""
    if not output.png:
        return output
    return replace(output, png=b"", text=f"{output.text}\n[picture left out: {why}]".strip())
