"""An investigation without a model: the recipe that fits best, and the next where the first proves nothing."""

from collections.abc import Callable
from dataclasses import replace

from debugbox.bench import Bench
from debugbox.finding import Conclusion, Hypothesis, Place
from debugbox.recipefolders import all_cards
from debugbox.recipes import CTRL_C, Card, RecipeInvestigator
from debugbox.routing import Choice, has_tests, probe_tests, probes_of, route
from debugbox.settings import Settings
from debugbox.snapshot import Snapshot


def investigate_by_recipe(
    question: str, settings: Settings, snapshot: Snapshot, bench: Bench, note: Callable[[str], None]
) -> Conclusion:
    """The conclusion of the recipe that the question, and a run of the command or of the tests, speak for."""
    wanted = settings.recipe
    if wanted is None and not settings.run and has_tests(snapshot.python_files):
        probe_tests(bench, settings.limits.probe_timeout_s)
    cards = all_cards(snapshot, settings.recipes_dir)
    choice = route(question, wanted, probes_of(bench), cards, settings.run)
    if choice.card is None:
        note(choice.reason)
        return choice.nothing_run()

    def run(card: Card) -> Conclusion:
        timeout_s = settings.limits.recipe_timeout_s
        recipe = RecipeInvestigator(card, choice.reason_for(card), bench, timeout_s=timeout_s, note=note)
        return recipe.run(question, settings.run)

    first = run(choice.card)
    if choice.next is None or proves(first) or first.stopped == CTRL_C:
        return choice.told_in(first, choice.card)
    second = run(choice.next)
    better = _better(choice, choice.card, first, choice.next, second)
    return replace(better, stopped=CTRL_C) if second.stopped == CTRL_C else better


def proves(conclusion: Conclusion) -> bool:
    """Whether it has something by which the checks can confirm it."""
    return bool(conclusion.suspects) and (conclusion.intervention is not None or conclusion.exact)


def _better(choice: Choice, card: Card, first: Conclusion, other: Card, second: Conclusion) -> Conclusion:
    """The first, but for a second that goes further. What the one left aside says stands among the hypotheses."""
    if _reach(second) > _reach(first):
        card, first, other, second = other, second, card, first
    told = Hypothesis(text=f"the recipe {other.name} has a better answer", status="refuted", evidence=_in_short(second))
    if _same_place(first, second):
        text = f"the recipe {other.name} names the same place"
        told = Hypothesis(text=text, status="supported", evidence=_in_short(second))
    return choice.told_in(replace(first, hypotheses=(*first.hypotheses, told)), card)


def _reach(conclusion: Conclusion) -> int:
    """By an intervention alone can the checks confirm what is said: that is further than to name somebody."""
    return bool(conclusion.suspects) + bool(conclusion.suspects and conclusion.intervention)


def _same_place(first: Conclusion, second: Conclusion) -> bool:
    return bool(first.suspects and second.suspects) and _where(first.suspects[0]) == _where(second.suspects[0])


def _where(place: Place) -> tuple[str, str | int]:
    return place.file, place.function or place.line


def _in_short(conclusion: Conclusion) -> str:
    if not conclusion.suspects:
        return "it was run too, and names nobody"
    first = conclusion.suspects[0]
    return f"it was run too, and names {first.file}:{first.line} first"
