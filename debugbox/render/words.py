"""The words that every rendering of a finding shares: verdicts, amounts, tables, places."""

from collections.abc import Iterable, Sequence
from typing import Any

from debugbox.finding import Check, Cost, Finding, Measurement, Output, Place
from debugbox.foreign import PngLimits, clean_line, clean_text, png_size

MARK = {"passed": "✔", "failed": "✘", "cannot measure": "?", "not run": "–"}
CELL_CHARS = 60  # of one field of a table
SHOWN_LINES, SHOWN_CHARS = 120, 12_000  # of one output in a document; the record has all of it


_MISSING = {
    "symptom": "that it happens each time",
    "claim lint": "that every quote and place holds",
    "but-for": "that it goes away when this place is changed",
    "placebo": "that changing other places the same way does not help",
    "no collateral": "that the repository's tests still pass with the change",
}
_RECORD_KEY = {"recipe": "recipe", "symptom": "state", "probe": "exit_code", "measurement": "name"}


def headline(finding: Finding) -> str:
    """The verdict in one or two sentences for somebody who has never seen a finding, with the place it is about."""
    where = _headline_places(finding)
    if finding.verdict == "confirmed":
        return f"{_shown_by(finding, where)}, and stays when other places are changed the same way."
    if finding.verdict == "supported":
        return (
            f"An exact measurement leads to {where}, and what you asked about happens in fresh copies of the "
            "repository each time. That it goes away when this place is changed was not shown."
        )
    if finding.verdict == "suspected":
        return f"The best candidate is {where}; it is not proven.{_missing(finding.checks)}"
    if finding.verdict == "refuted":
        return "What you asked about does not happen here: the check is able to find it, and finds none."
    return "There is no answer here that can be relied on. What was learnt on the way is below."


def followed(finding: Finding) -> tuple[str, str] | None:
    """Id and question of the finding that this one's question starts from."""
    link = finding.provenance.get("follows")
    if not isinstance(link, dict) or not link.get("id"):
        return None
    return clean_line(str(link["id"])), clean_line(str(link.get("question", "")))


def first_place(finding: Finding) -> str:
    """Where to look first, as file:line."""
    return next((f"{clean_line(each.file)}:{each.line}" for each in _leading(finding)), "")


def ranked_places(finding: Finding) -> list[Place]:
    """Where to look first, then the other suspects and what was changed; each line once."""
    known: dict[str, Place] = {str(each): each for each in _leading(finding)}
    for each in (*finding.suspects, *_proven(finding)):
        if not (there := known.get(str(each))) or not there.function:
            known[str(each)] = each
    return list(known.values())


def _leading(finding: Finding) -> Sequence[Place]:
    """The first suspect, with the other lines that were changed where it is one of those."""
    sites = _proven(finding)
    among = {str(each) for each in sites}
    return sites if not finding.suspects or str(finding.suspects[0]) in among else finding.suspects[:1]


def _proven(finding: Finding) -> Sequence[Place]:
    """The lines that were changed, where that helped."""
    return finding.intervention.sites if finding.verdict == "confirmed" and finding.intervention else ()


def _shown_by(finding: Finding, where: str) -> str:
    """Which place, and by what change. A recipe may change the lines that feed a place, which is then only pointed to.

    A diff may begin a line or two before the place; the checks see to it that it changes that place.
    """
    tested = "Tested in fresh copies of the repository: what you asked about happens each time, goes away"
    changed = _proven(finding)
    diff = finding.intervention is not None and finding.intervention.kind == "diff"
    if diff or _leading(finding) == changed:
        return f"The cause is at {where}. {tested} when only this is changed"
    return f"Look at {where} first. {tested} with a change at {_listed(changed)} alone"


def _headline_places(finding: Finding) -> str:
    return _listed(_leading(finding)) or "no place"


def _listed(places: Sequence[Place]) -> str:
    named = [f"{clean_line(each.file)}:{each.line}" for each in places[:3]]
    if len(places) > 3:
        return f"{', '.join(named)} and {counted(len(places) - 3, 'more place')}"
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def _missing(checks: Sequence[Check]) -> str:
    """What is not shown, in plain words: of the first check that did not pass."""
    for check in checks:
        if check.result != "passed":
            return f" Not shown: {_MISSING[check.name]}."
    return ""


def tally(checks: Sequence[Check]) -> str:
    """`3 passed, but-for failed, no collateral not run`: what did not pass is named."""
    passed = sum(check.result == "passed" for check in checks)
    others = [f"{check.name} {check.result}" for check in checks if check.result != "passed"]
    return ", ".join([f"{passed} passed", *others])


def recorded(output: Output) -> str:
    """One line for a record: the data itself stands in the finding, not in the document."""
    value = output.data.get(_RECORD_KEY.get(output.name, ""))
    said = f" {_fact(value)}" if isinstance(value, str | int) else ""
    return f"recorded as data: {clean_line(output.name)}{said}"


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


RUN_COLUMNS = ("run", "symptom", "measured", "expected", "effect", "unit", "note")


def run_rows(runs: Sequence[Measurement]) -> list[list[Any]]:
    """A symptom's runs as typed rows."""
    return [
        [index, run.state, run.measured, run.expected, run.effect, run.unit, run.note]
        for index, run in enumerate(runs, start=1)
    ]


def measured(runs: Sequence[Measurement]) -> str:
    """A symptom's runs as a text table."""
    return table(RUN_COLUMNS, run_rows(runs))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, numeric: Sequence[bool] | None = None) -> str:
    """Rows as plain text: numbers to the right, text to the left, a column that is empty left out.

    `numeric` says which columns hold numbers where the rows are texts already.
    """
    values = [list(row)[: len(columns)] + [""] * (len(columns) - len(row)) for row in rows]
    shown = [[field_text(name) for name in columns], *([field_text(value) for value in row] for row in values)]
    used = [i for i in range(len(columns)) if not values or any(row[i] for row in shown[1:])]
    width = {i: max(len(row[i]) for row in shown) for i in used}
    right = {i for i in used if (numeric[i] if numeric else values and all(is_number(row[i]) for row in values))}
    lines = [
        "  ".join(row[i].rjust(width[i]) if i in right else row[i].ljust(width[i]) for i in used).rstrip()
        for row in shown
    ]
    return "\n".join([lines[0], "  ".join("─" * width[i] for i in used), *lines[1:]])


def is_number(value: Any) -> bool:
    """A number, or one that is missing."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def field_text(value: Any) -> str:
    """One field of a table: a number with six digits, text on one line and cut."""
    if value is None:
        return "–"
    text = f"{value:.6g}" if isinstance(value, float) else clean_line(str(value))
    return text if len(text) <= CELL_CHARS else f"{text[: CELL_CHARS - 1]}…"


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
