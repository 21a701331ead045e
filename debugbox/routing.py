"""Which recipe fits, without a model: the question's words are weak evidence, a run of the command is strong.

The choice keeps its reasons, and they go into the finding. Where nothing speaks for any recipe, none is run.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from debugbox.bench import Bench
from debugbox.finding import Conclusion, Hypothesis
from debugbox.recipes import Card, choose_recipe, read_cards
from debugbox.secondrun import second_run

_TESTS = re.compile(r"(^|/)(test_[^/]*|[^/]*_tests?)\.py$")
_SUMMARY = re.compile(r"\b(\d+) (failed|errors?|passed)\b")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # a repository's pytest.ini may ask for it
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.\d+(?:e[-+]?\d+)?", re.IGNORECASE)
_NOT_FINITE = re.compile(r"(?<![\w.])[-+]?(?:nan|inf|infinity)(?![\w])", re.IGNORECASE)
# Not part of what a program says: addresses, how long something took, when it ran.
_PASSING = re.compile(
    r"0x[0-9a-f]{6,}|\b\d+(?:\.\d+)?\s?(?:ms|us|µs|s|seconds)\b|\b\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?|\b\d{4}-\d\d-\d\d",
    re.IGNORECASE,
)
_BAD_VALUE = re.compile(r"^(AttributeError|TypeError|KeyError|IndexError|ZeroDivisionError)\b", re.MULTILINE)
_DEAD_THREAD = re.compile(r"^Exception in thread ", re.MULTILINE)
_SOMETIMES = re.compile(
    r"\b(?:sometimes|now and then|at random|randomly|intermittent(?:ly)?|occasional(?:ly)?|once in a while|flaky|"
    r"(?:in|one) (?:some|of \w+) runs)\b",
    re.IGNORECASE,
)
_WORD, _MOST_WORDS = 0.5, 1.5  # a word of the question; all of them together
_STRONG = 3.0
_WORTH_IT = 1.0  # what must speak for a second recipe: more than one word
_HISTORY = {"good": (_STRONG + 2.0, "a good revision was named"), "some": (1.5, "the history was let into the box")}
_MUCH_MIB = 100  # by which memory must go up to be worth a word
_KILLED = (137, -9)
_SERIES = 5  # values in a row that rise, or fall, all the way
_TABLE = 20  # rows of a table
_LEVEL = 8  # values on each side of a jump
_COMMON = frozenset(
    "doe what when with that this does from have than they into only code python".split()  # noqa: SIM905  # a word list
)
_PROBE_TESTS = """\
import debugbox_kernel as box
command = "python -m pytest -q -x -p no:cacheprovider --continue-on-collection-errors"
box.probe(command, timeout_s={limit_s!r})
"""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What speaks for a recipe, or against it (a negative weight)."""

    recipe: str
    weight: float
    why: str


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The recipe to run, or None, with what spoke for and against each; `next`, where the first proves nothing."""

    card: Card | None
    next: Card | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def reason(self) -> str:
        """For the chosen recipe; where there is none, why none."""
        if self.card is None:
            against = "; ".join(dict.fromkeys(e.why for e in self.evidence if e.weight < 0)) or "nothing speaks for any"
            return f"no recipe fits: {against}"
        return self.reason_for(self.card)

    def reason_for(self, card: Card) -> str:
        mine = [each.why for each in self.evidence if each.recipe == card.name and each.weight > 0]
        return "; ".join(mine) or "nothing speaks for another one"

    def told_in(self, conclusion: Conclusion, card: Card) -> Conclusion:
        """The conclusion, which is that of `card`, with the choice among its hypotheses."""
        said = [Hypothesis(text=f"the recipe {card.name} fits", status="supported", evidence=self.reason_for(card))]
        said += [
            Hypothesis(text=f"the recipe {each.recipe} fits", status="refuted", evidence=each.why)
            for each in self.evidence
            if each.weight < 0 and each.recipe != card.name
        ]
        return replace(conclusion, hypotheses=(*conclusion.hypotheses, *said))

    def nothing_run(self) -> Conclusion:
        """The conclusion where no recipe fits."""
        advice = "Give a command that shows the symptom with --run, name a recipe with --recipe, or ask with a model."
        return Conclusion(
            answer=f"{self.reason[0].upper()}{self.reason[1:]}. {advice}", by="no recipe", limits=(self.reason,)
        )


def probe_tests(bench: Bench, limit_s: float) -> None:
    """Run the repository's tests up to the first that fails; the record is read by `route`. Raises BoxGone."""
    bench.run_cell(_PROBE_TESTS.format(limit_s=limit_s), purpose="do the tests pass", timeout_s=2 * limit_s + 5)


def has_tests(files: Sequence[str]) -> bool:
    return any(_TESTS.search(path) for path in files)


def probes_of(bench: Bench) -> list[dict[str, Any]]:
    """How the question's command, or the tests, ended so far."""
    return [record for cell in bench.cells for record in cell.records("probe")]


def route(
    question: str,
    wanted: str | None,
    probes: Sequence[Mapping[str, Any]],
    cards: tuple[Card, ...] | None = None,
    run: str | None = None,
) -> Choice:
    """The recipe named, else the one that most speaks for, and the next. `run` is the command that was given.

    Raises:
        NoSuchRecipe: the one named does not exist.
    """
    known = cards or read_cards()
    if wanted is not None:
        card, why = choose_recipe(question, wanted, known)
        return Choice(card=card, evidence=(Evidence(recipe=card.name, weight=_STRONG, why=why),))
    names = {card.name for card in known}
    found = [
        *_by_words(question, known),
        *_by_chance(question, probes),
        *_by_second_run(second_run(question, run)),
        *(each for probe in probes for each in _by_probe(probe)),
    ]
    evidence = tuple(each for each in found if each.recipe in names)
    weights = {card.name: sum(each.weight for each in evidence if each.recipe == card.name) for card in known}
    ranked = sorted(known, key=lambda card: (weights[card.name], card.name), reverse=True)
    best, other = ([card for card in ranked if weights[card.name] > 0] + [None, None])[:2]
    return Choice(card=best, next=other if other and weights[other.name] >= _WORTH_IT else None, evidence=evidence)


def _by_words(question: str, cards: Sequence[Card]) -> Iterator[Evidence]:
    asked = _words(question)
    for card in cards:
        shared = sorted(asked & _words(f"{card.name} {card.description}"))
        if shared:
            weight = min(_MOST_WORDS, _WORD * len(shared) + (_WORD if card.name in asked else 0.0))
            yield Evidence(recipe=card.name, weight=weight, why=f"the question says {', '.join(shared)}")


def _by_chance(question: str, probes: Sequence[Mapping[str, Any]]) -> Iterator[Evidence]:
    """The question says that it happens in some runs only: two runs that end alike do not speak against that."""
    said = _SOMETIMES.search(question)
    if said:
        tests = any(_SUMMARY.search(str(probe.get("stdout", ""))) for probe in probes)
        yield Evidence(recipe="flaky" if tests else "nondet", weight=1.5, why=f"the question says “{said[0].lower()}”")


def _by_second_run(other: str) -> Iterator[Evidence]:
    if other:
        yield Evidence(recipe="diverge", weight=_STRONG + 1.75, why=f"the question names a second run: {other}")


def _words(text: str) -> set[str]:
    found = {word.rstrip("s") for word in re.findall(r"[a-z]{4,}", text.lower().replace("_", " "))}
    return {word for word in found if word not in _COMMON}


def _by_probe(probe: Mapping[str, Any]) -> Iterator[Evidence]:
    """What one run of the command says, and the history that was let in with it."""
    if probe.get("history") in _HISTORY:
        weight, why = _HISTORY[str(probe["history"])]
        yield Evidence(recipe="bisect", weight=weight, why=why)
    output, code = _COLOUR.sub("", str(probe.get("stdout", ""))), probe.get("exit_code")
    yield from _of_memory(probe)
    if probe.get("timed_out"):
        why = "the command did not end within the probe's time"
        for recipe in ("suspects", "drift"):
            yield Evidence(recipe=recipe, weight=-1.0, why=why)
        yield Evidence(recipe="hang", weight=1.0, why=why)
        if not output.strip():
            yield Evidence(recipe="hang", weight=0.5, why="it printed nothing until then")
        return
    counts = {kind.rstrip("s"): int(number) for number, kind in _SUMMARY.findall(output[-300:])}
    yield from _of_numbers(output, code, str(probe.get("stderr", "")))
    yield from _of_repeat(probe, bool(counts))
    yield from _of_threads(probe)
    yield from _of_alone(probe)
    if code == 0:
        yield from _of_success(output, bool(counts))
    elif counts.get("failed") or counts.get("error"):
        failing = counts.get("failed", 0) + counts.get("error", 0)
        yield Evidence(recipe="suspects", weight=_STRONG, why=f"pytest reports {failing} failing")
        yield Evidence(recipe="drift", weight=-1.0, why="a test fails: that is no slow deviation")
    elif "No module named pytest" in str(probe.get("stderr", "")):
        yield Evidence(recipe="suspects", weight=-1.0, why="there is no pytest in the box (--with pytest)")
    elif code != 5:  # pytest: no test was collected
        why = f"the command ends with exit code {code}{_last_line(str(probe.get('stderr', '')))}"
        yield Evidence(recipe="suspects", weight=_STRONG, why=why)
        yield Evidence(recipe="drift", weight=-_STRONG, why=f"{why}: that is no slow deviation")
        if _BAD_VALUE.search(_last_line(str(probe.get("stderr", ""))).lstrip(" (")):
            yield Evidence(recipe="crash", weight=_STRONG + 0.5, why=f"{why}: a value that was made somewhere blew up")


def _of_numbers(output: str, code: object, stderr: str) -> Iterator[Evidence]:
    """Numbers that are not finite, printed or in the message that it ends with: stronger than that it fails."""
    found = len(_NOT_FINITE.findall(output + (_last_line(stderr) if code else "")))
    if found:
        why = f"{found} of the numbers printed are not finite" if found > 1 else "a number printed is not finite"
        yield Evidence(recipe="nan", weight=_STRONG + 0.5, why=why)
        yield Evidence(recipe="drift", weight=-1.0, why=f"{why}: that is no slow deviation")


def _of_memory(probe: Mapping[str, Any]) -> Iterator[Evidence]:
    """The way that memory went: up and no further, up to the end, or more than there is."""
    curve = probe.get("memory_mib")
    values = [int(value) for value in curve] if isinstance(curve, list) else []
    risen = max(values) - values[0] if values else 0
    if _last_line(str(probe.get("stderr", ""))).startswith(" (MemoryError"):
        yield Evidence(recipe="peak", weight=_STRONG + 1.5, why="it ends with a MemoryError")
    elif probe.get("exit_code") in _KILLED and not probe.get("timed_out") and risen >= _MUCH_MIB:
        why = f"it was killed after its memory had gone up by {risen} MiB"
        yield Evidence(recipe="peak", weight=_STRONG + 1.5, why=why)
    elif risen >= _MUCH_MIB and values[-1] - values[3 * len(values) // 4] >= risen / 10:
        why = f"its memory goes up by {risen} MiB, to the end"
        yield Evidence(recipe="leak", weight=1.5, why=why)
        yield Evidence(recipe="peak", weight=1.0, why=why)
    elif risen >= _MUCH_MIB:
        yield Evidence(recipe="peak", weight=1.5, why=f"its memory goes up by {risen} MiB, and not to the end")


def _of_repeat(probe: Mapping[str, Any], under_pytest: bool) -> Iterator[Evidence]:
    """What a second run of the same command says."""
    again = probe.get("again")
    if not isinstance(again, Mapping):
        return
    codes = [str(run.get("exit_code")) for run in (probe, again)]
    outputs = [_PASSING.sub("", _COLOUR.sub("", str(run.get("stdout", "")))) for run in (probe, again)]
    if codes[0] != codes[1]:
        why = f"run twice, it ends with exit codes {' and '.join(codes)}"
        yield Evidence(recipe="flaky" if under_pytest else "nondet", weight=_STRONG + 0.5, why=why)
    elif under_pytest and probe.get("exit_code"):
        yield Evidence(recipe="flaky", weight=-1.0, why="run twice, it fails both times")
    elif outputs[0] == outputs[1]:
        yield Evidence(recipe="nondet", weight=-_WORD, why="run twice, it prints the same")
    elif not under_pytest:
        numbers_only = _NUMBER.sub("#", outputs[0]) == _NUMBER.sub("#", outputs[1])
        why = f"run twice, it prints {'other numbers' if numbers_only else 'something else'}"
        yield Evidence(recipe="nondet", weight=1.0 if numbers_only else 2.0, why=why)


def _of_threads(probe: Mapping[str, Any]) -> Iterator[Evidence]:
    """A thread that dies in one of two runs: threads get in each other's way now and then."""
    again = probe.get("again")
    if isinstance(again, Mapping):
        died = [bool(_DEAD_THREAD.search(str(run.get("stderr", "")))) for run in (probe, again)]
        if died[0] != died[1]:
            why = "in one of two runs a thread died of an exception"
            yield Evidence(recipe="race", weight=_STRONG + 1.0, why=why)


def _of_alone(probe: Mapping[str, Any]) -> Iterator[Evidence]:
    """What the first failing test says when it runs alone."""
    alone = probe.get("alone")
    if isinstance(alone, Mapping) and alone.get("exit_code") == 0:
        why = "a test that fails among others passes alone"
        yield Evidence(recipe="flaky", weight=_STRONG + 0.5, why=why)
        yield Evidence(recipe="suspects", weight=-1.0, why=why)


def _of_success(output: str, under_pytest: bool) -> Iterator[Evidence]:
    what = "all tests pass" if under_pytest else "the command ends well"
    yield Evidence(recipe="suspects", weight=-_STRONG, why=f"nothing fails: {what}")
    if under_pytest:
        return
    if rows := _table_rows(output):
        yield Evidence(recipe="datadrift", weight=1.0, why=f"it prints a table, at the end {rows} rows of it")
    if row := _jump(output):
        why = f"a number that it prints jumps once, in the last lines at number {row}, and stays there"
        yield Evidence(recipe="changepoint", weight=2.0, why=why)
    series = _longest_series(output)
    if series >= _SERIES:
        yield Evidence(recipe="drift", weight=1.5, why=f"it prints a number that goes one way {series} times in a row")
    elif _NUMBER.search(output):
        yield Evidence(recipe="drift", weight=1.0, why="it ends well and prints numbers")


def _columns(output: str) -> list[list[float]]:
    """The numbers at each position of the lines."""
    rows = [[float(text) for text in _NUMBER.findall(line)] for line in output.splitlines()]
    width = max((len(row) for row in rows), default=0)
    return [[row[column] for row in rows if len(row) > column] for column in range(width)]


def _jump(output: str) -> int:
    """Which value in a column is the first of another level, from 1; 0 where no gap parts the column in time."""
    for values in _columns(output):
        for at in range(_LEVEL, len(values) - _LEVEL + 1):
            before, after = values[:at], values[at:]
            gap = max(min(after) - max(before), min(before) - max(after))
            steps = [abs(b - a) for part in (before, after) for a, b in itertools.pairwise(part)]
            if gap > 2 * max(steps):
                return at + 1
    return 0


def _table_rows(output: str) -> int:
    """How many of the last lines are fields with as many commas; 0 where they are few."""
    counts = [line.count(",") for line in output.splitlines()[1:]]
    rows = sum(count == counts[-1] for count in counts) if counts and counts[-1] > 1 else 0
    return rows if rows >= _TABLE and rows == len(counts) else 0


def _longest_series(output: str) -> int:
    """The longest run of lines in which the number at one position only rises or only falls."""
    longest = 0
    for values in _columns(output):
        for sign in (1, -1):
            length = 1
            for before, after in itertools.pairwise(values):
                length = length + 1 if sign * (after - before) > 0 else 1
                longest = max(longest, length)
    return longest


def _last_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    return f" ({lines[-1][:120]})" if lines else ""
