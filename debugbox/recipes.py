"""Recipe cards, which recipe fits a question, and a run without a model.

Recipes are proven diagnostic procedures that live in the box (recipes/NAME/). Here only their cards are
read; what they measured comes back as a record, which is hostile until it was parsed.
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from debugbox.bench import Bench
from debugbox.boxfiles import RECIPES
from debugbox.errors import BoxGone, CellInterrupted, NoSuchRecipe
from debugbox.finding import Cell, Conclusion, parse

CTRL_C = "Ctrl-C"  # a conclusion's `stopped`
_SMALL_WORDS = {"what", "when", "doe", "with", "that", "thi"}
_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Card:
    """A recipe's card: `description` says when to use it, `body` how to read what it shows.

    `origin` says whose recipe it is; empty for ours. Only ours are the tool's own word.
    """

    name: str
    description: str
    body: str
    origin: str = ""

    @property
    def module(self) -> str:
        """What a cell calls it."""
        return self.name.replace("-", "_")

    @property
    def by(self) -> str:
        return f"recipe {self.name} ({self.origin})" if self.origin else f"recipe {self.name}"

    @property
    def one_line(self) -> str:
        """How the model is told of it: the call, and when to use it."""
        return f"`from debugbox_recipes import {self.module}; {self.module}(question=...)`: {self.description}"


def read_cards(folder: Path = RECIPES) -> tuple[Card, ...]:
    """The cards of our own recipes, by name; `recipefolders` knows the others."""
    return tuple(parse_card(path.parent.name, path.read_text("utf-8")) for path in sorted(folder.glob("*/SKILL.md")))


def parse_card(name: str, text: str, origin: str = "") -> Card:
    match = _FRONT.match(text)
    front = dict(re.findall(r"^(\w+):\s*(.*)$", match[1], re.MULTILINE)) if match else {}
    body = text[match.end() if match else 0 :]
    return Card(name=name, description=front.get("description", ""), body=body, origin=origin)


def choose_recipe(question: str, wanted: str | None = None, cards: tuple[Card, ...] | None = None) -> tuple[Card, str]:
    """The card to use and the reason in words: the one asked for, else the one whose description shares most words.

    Raises:
        NoSuchRecipe: the one asked for does not exist.
    """
    known = {card.name: card for card in cards or read_cards()}
    if wanted is not None:
        if wanted not in known:
            raise NoSuchRecipe(wanted, ", ".join(known))
        return known[wanted], "asked for by name"
    words = _words(question)
    best = max(known.values(), key=lambda card: (len(words & _words(card.description + " " + card.name)), card.name))
    shared = sorted(words & _words(best.description + " " + best.name))
    reason = (
        f"the question shares words with its card ({', '.join(shared)})"
        if shared
        else "no card shares a word with the question"
    )
    return best, reason if len(known) > 1 else f"{reason}; it is the only recipe there is"


def _words(text: str) -> set[str]:
    return {word.rstrip("s") for word in re.findall(r"[a-z]{4,}", text.lower())} - _SMALL_WORDS


class RecipeInvestigator:
    """Runs one recipe as one cell and takes its record as the conclusion. No model is involved."""

    def __init__(self, card: Card, reason: str, bench: Bench, *, timeout_s: float, note: Callable[[str], None]) -> None:
        self._card, self._reason, self._bench, self._timeout_s, self._note = card, reason, bench, timeout_s, note

    def run(self, question: str, run: str | None) -> Conclusion:
        """The recipe's conclusion; whatever the box or the recipe does, there is one."""
        self._note(f"recipe {self._card.name}: {self._reason}")
        limit_s = self._timeout_s - 20  # so that the recipe ends by itself, with partial results
        name = self._card.module
        call = f"{name}(question={question!r}, run={run!r}, time_limit_s={limit_s!r})"
        code = f"from debugbox_recipes import {name}\n{call}\n"
        try:
            cell = self._bench.run_cell(code, purpose=self._card.by, timeout_s=self._timeout_s)
        except BoxGone as gone:
            return self._stopped(f"the box could not be kept: {gone.cause}")
        except CellInterrupted as stop:
            return self._stopped(CTRL_C, stop.cell)
        except KeyboardInterrupt:
            return self._stopped(CTRL_C)
        return self._conclusion_of(cell)

    def _conclusion_of(self, cell: Cell) -> Conclusion:
        records = cell.records("recipe")
        if not records:
            return self._stopped(_why_nothing(cell), cell)
        try:
            conclusion: Conclusion = parse(Conclusion, records[-1].get("conclusion"))
        except ValueError as error:
            return self._stopped(f"the recipe's record cannot be read: {error}"[:500], cell)
        suspects = tuple(replace(suspect, cells=(cell.id,)) for suspect in conclusion.suspects)
        captions = {cell.id: f"The recipe {self._card.name}, run on this snapshot: what it measured, and its picture."}
        said = replace(conclusion, by=self._card.by, suspects=suspects, captions=captions)
        return as_a_foreign_word(said) if self._card.origin else said

    def _stopped(self, why: str, cell: Cell | None = None) -> Conclusion:
        captions = {cell.id: f"What the recipe {self._card.name} gave back before it stopped."} if cell else {}
        return Conclusion(
            answer=f"The recipe {self._card.name} did not come to a conclusion: {why}.",
            by=self._card.by,
            captions=captions,
            stopped=why,
        )


def as_a_foreign_word(conclusion: Conclusion) -> Conclusion:
    """A recipe that is not ours is not believed to be exact: what it names is a suspect until the checks have it."""
    limit = "the recipe is not one of debugbox's own: that its measurement is exact is not taken for granted"
    return replace(
        conclusion, exact=False, limits=(*conclusion.limits, limit) if conclusion.exact else conclusion.limits
    )


def recipe_called(code: str) -> str:
    """The recipe that a cell calls and does nothing else, or ''. Only such a cell's record is the recipe's own word."""
    try:
        statements = ast.parse(code).body
    except (SyntaxError, ValueError):
        return ""
    imported = {
        alias.name
        for each in statements
        if isinstance(each, ast.ImportFrom) and each.module == "debugbox_recipes"
        for alias in each.names
        if alias.asname is None
    }
    rest = [each for each in statements if not isinstance(each, ast.ImportFrom)]
    value = getattr(rest[0], "value", None) if len(rest) == 1 else None
    if len(statements) - len(rest) != 1 or not isinstance(value, ast.Call) or not isinstance(value.func, ast.Name):
        return ""
    given = [*value.args, *(keyword.value for keyword in value.keywords)]
    return value.func.id if value.func.id in imported and all(map(_is_plain, given)) else ""


def _is_plain(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def with_recipe(conclusion: Conclusion, cells: Sequence[Cell], code: Mapping[int, str]) -> Conclusion:
    """An agent's conclusion with what a recipe it cites has measured at the same place.

    The recipe's word counts where the cell only called it: exactness, the symptom and the intervention where the
    model gave none, and the places where the same intervention could be applied otherwise.
    """
    cited = set(conclusion.captions).union(*(suspect.cells for suspect in conclusion.suspects))
    ours = {card.module for card in read_cards()}
    for cell in cells:
        if cell.id in cited and conclusion.suspects and recipe_called(code.get(cell.id, "")) in ours:
            measured = _measured(cell)
            places = {(each.file, each.line) for each in measured.suspects} if measured else set()
            if measured and (conclusion.suspects[0].file, conclusion.suspects[0].line) in places:
                return _joined(conclusion, measured)
    return conclusion


def _measured(cell: Cell) -> Conclusion | None:
    records = cell.records("recipe")
    try:
        measured: Conclusion | None = parse(Conclusion, records[-1].get("conclusion")) if records else None
    except ValueError:
        return None
    return measured


def _joined(conclusion: Conclusion, measured: Conclusion) -> Conclusion:
    symptom = conclusion.symptom if conclusion.symptom.code else measured.symptom
    intervention = conclusion.intervention or measured.intervention
    return replace(
        conclusion,
        exact=measured.exact,
        symptom=symptom,
        intervention=intervention,
        placebo_sites=measured.placebo_sites,
    )


def _why_nothing(cell: Cell) -> str:
    errors = [
        output.text.strip().splitlines()[-1]
        for output in cell.outputs
        if output.kind == "error" and output.text.strip()
    ]
    reasons = {"timeout": cell.cause, "died": cell.cause}
    return reasons.get(cell.status) or (f"it failed with {errors[-1]}" if errors else "it reported nothing")
