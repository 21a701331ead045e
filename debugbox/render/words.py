"""The words that every rendering of a finding shares: verdicts, amounts, tables, places."""

from collections.abc import Iterable, Sequence
from typing import Any

from debugbox.finding import Cost, Finding, Measurement, Output, Place, Verdict
from debugbox.foreign import PngLimits, clean_line, clean_text, png_size

MEANING: dict[Verdict, str] = {
    "confirmed": "The symptom was reproduced in fresh boxes, went away when this place was changed, "
    "and stayed when the same kind of change was made elsewhere.",
    "supported": "The symptom was reproduced, and an exact measurement points to this place. "
    "No change could be tried to see whether it goes away.",
    "suspected": "This is the best candidate, not a proven cause. Which check is missing or failed is listed below.",
    "refuted": "The question's premise does not hold: the check is able to find this symptom, and here it finds none.",
    "inconclusive": "No answer that can be relied on. What was learnt on the way is below.",
}

MARK = {"passed": "✔", "failed": "✘", "cannot measure": "?", "not run": "–"}
CELL_CHARS = 60  # of one field of a table
SHOWN_LINES, SHOWN_CHARS = 120, 12_000  # of one output in a document; the record has all of it


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 days`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} days"


def age(seconds: float) -> str:
    """How long ago, roughly: `5 min`, `3 h`, `12 days`."""
    if seconds < 3600:
        return f"{max(0, int(seconds // 60))} min"
    return f"{int(seconds // 3600)} h" if seconds < 48 * 3600 else f"{int(seconds // 86400)} days"


def money(cost: Cost) -> str:
    """`0.42 USD`, or tokens where no price is known, or nothing where no model took part."""
    if cost.cost_usd is not None and cost.model:
        return f"{cost.cost_usd:.2f} USD"
    if cost.tokens:
        return f"{sum(cost.tokens.values()):,} tokens"
    return "" if cost.model else "no model"


def effort(finding: Finding) -> str:
    """One sentence: time, model, money, what was written and thrown away."""
    cost = finding.cost
    turns = f"{counted(cost.turns, 'turn')} of {clean_line(cost.model)}" if cost.model else "no model involved"
    took = [duration(cost.duration_s), turns]
    if cost.model and money(cost):
        took.append(money(cost))
    return f"{', '.join(took)}. {thrown_away(finding)}"


def thrown_away(finding: Finding) -> str:
    lines, cells = counted(finding.discarded.lines, "line"), counted(finding.discarded.cells, "cell")
    return f"{lines} of throwaway code in {cells} written, run and discarded."


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def number(value: float | None, unit: str = "") -> str:
    if value is None:
        return "–"
    return f"{value:.6g} {clean_line(unit)}".strip()


def place(where: Place) -> str:
    """`file:line in function`."""
    at = f"{clean_line(where.file)}:{where.line}"
    return f"{at} in {clean_line(where.function)}" if where.function else at


def measured(runs: Sequence[Measurement]) -> str:
    """A table of a symptom's runs."""
    rows = [
        [index, run.state, run.measured, run.expected, run.effect, run.unit, run.note]
        for index, run in enumerate(runs, start=1)
    ]
    return table(["run", "symptom", "measured", "expected", "effect", "unit", "note"], rows)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Typed rows as plain text: numbers to the right, text to the left, a column that is empty left out."""
    values = [list(row)[: len(columns)] + [""] * (len(columns) - len(row)) for row in rows]
    shown = [[_field(name) for name in columns], *([_field(value) for value in row] for row in values)]
    used = [i for i in range(len(columns)) if not values or any(row[i] for row in shown[1:])]
    width = {i: max(len(row[i]) for row in shown) for i in used}
    right = {i for i in used if values and all(_is_number(row[i]) for row in values)}
    lines = [
        "  ".join(row[i].rjust(width[i]) if i in right else row[i].ljust(width[i]) for i in used).rstrip()
        for row in shown
    ]
    return "\n".join([lines[0], "  ".join("─" * width[i] for i in used), *lines[1:]])


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _field(value: Any) -> str:
    if value is None:
        return "–"
    text = f"{value:.6g}" if isinstance(value, float) else clean_line(str(value))
    return text if len(text) <= CELL_CHARS else f"{text[: CELL_CHARS - 1]}…"


def data_table(output: Output) -> str:
    """A box's table (`shape`, `columns`, `rows`, `index`, all hostile) as plain text; its text if it has none."""
    columns, rows = output.data.get("columns"), output.data.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return clean_text(output.text)
    index = output.data.get("index")
    good = [row for row in rows if isinstance(row, list)]
    if isinstance(index, list) and len(index) == len(rows) == len(good):
        columns, good = ["", *columns], [[key, *row] for key, row in zip(index, good, strict=True)]
    return table([str(name) for name in columns], good) + _shape_note(output.data.get("shape"), len(good))


def _shape_note(shape: Any, shown: int) -> str:
    if not isinstance(shape, list) or not shape or not all(isinstance(size, int) for size in shape):
        return ""
    whole = " x ".join(f"{size:,}" for size in shape)
    return f"\n({whole}; the first {shown} rows are shown)" if shape[0] > shown else f"\n({whole})"


def is_picture(png: bytes) -> bool:
    """Whether these bytes begin like a PNG of a size that a viewer can be given."""
    limits = PngLimits()
    try:
        width, height = png_size(png)
    except ValueError:
        return False
    return 0 < width * height <= limits.max_pixels and len(png) <= 2 * limits.max_bytes


def shortened(text: str) -> str:
    """Head and tail of a long text, with what was left out between them."""
    lines = clean_text(text).split("\n")
    if len(lines) > SHOWN_LINES:
        half, left_out = SHOWN_LINES // 2, len(lines) - SHOWN_LINES
        lines = [*lines[:half], f"[… {left_out:,} lines left out here, the record has them …]", *lines[-half:]]
    whole = "\n".join(lines)
    if len(whole) <= SHOWN_CHARS:
        return whole
    half, over = SHOWN_CHARS // 2, len(whole) - SHOWN_CHARS
    return f"{whole[:half]}\n[… {over:,} characters left out here, the record has them …]\n{whole[-half:]}"


def facts(provenance: dict[str, Any]) -> list[tuple[str, str]]:
    """Provenance as (name, value) in words: nested names joined, long lists cut with their count."""
    found: list[tuple[str, str]] = []
    for name, value in provenance.items():
        if isinstance(value, dict) and 0 < len(value) <= 8:
            found.extend((f"{clean_line(str(name))} {inner}", words) for inner, words in facts(value))
        else:
            found.append((clean_line(str(name)).replace("_", " "), _fact(value)))
    return found


def parameters(given: dict[str, Any]) -> str:
    """An intervention's parameters on one line."""
    return ", ".join(f"{clean_line(str(name))} = {_fact(value)}" for name, value in given.items())


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        value = [f"{key} {_fact(item)}" for key, item in value.items()]
    if isinstance(value, list | tuple):
        some = ", ".join(_fact(item) for item in value[:12])
        return f"{some} and {len(value) - 12:,} more" if len(value) > 12 else some or "none"
    text = "–" if value is None or value == "" else clean_line(str(value))
    return text if len(text) <= 300 else f"{text[:299]}…"
