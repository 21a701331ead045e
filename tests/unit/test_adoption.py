"""Requirement: an agent takes over what a recipe measured at the place it names; a forged record counts nothing."""

from typing import Any

import pytest

from debugbox.finding import Cell, Conclusion, Intervention, Output, Place, Suspect, Symptom, to_plain
from debugbox.recipes import recipe_called, with_recipe

CALL = "from debugbox_recipes import drift\ndrift(question='why', time_limit_s=100.0)\n"
MEASURED = Conclusion(
    answer="Absorption.",
    by="recipe drift",
    suspects=(Suspect(file="a.py", line=3, score=0.9), Suspect(file="a.py", line=5, score=0.1)),
    symptom=Symptom(code="drift.symptom()"),
    intervention=Intervention(kind="keep_exact", sites=(Place(file="a.py", line=3), Place(file="a.py", line=5))),
    placebo_sites=(Place(file="b.py", line=1), Place(file="b.py", line=2)),
    exact=True,
)
SAID = Conclusion(
    answer="It is cut.", by="agent", suspects=(Suspect(file="a.py", line=5, cells=(1,)),), captions={1: ""}
)


def cell(record: Any = None) -> Cell:
    output = Output(kind="record", name="recipe", data={"conclusion": to_plain(MEASURED) if record is None else record})
    return Cell(
        id=1, purpose="", code_sha256="a", code_lines=2, started="", duration_s=1.0, status="ok", outputs=(output,)
    )


def test_what_the_recipe_measured_is_taken_over() -> None:
    joined = with_recipe(SAID, [cell()], {1: CALL})
    assert joined.exact and joined.placebo_sites == MEASURED.placebo_sites
    assert joined.symptom.code == "drift.symptom()" and joined.intervention == MEASURED.intervention
    assert joined.answer == "It is cut." and joined.by == "agent" and joined.suspects == SAID.suspects


def test_what_the_model_gave_itself_stays() -> None:
    own = Intervention(kind="keep_exact", sites=(Place(file="a.py", line=5),))
    given = Conclusion(**{**vars(SAID), "symptom": Symptom(code="mine"), "intervention": own})
    joined = with_recipe(given, [cell()], {1: CALL})
    assert (joined.symptom.code, joined.intervention, joined.exact) == ("mine", own, True)


@pytest.mark.parametrize(
    ("conclusion", "record", "code"),
    [
        (Conclusion(**{**vars(SAID), "suspects": (Suspect(file="c.py", line=5, cells=(1,)),)}), None, CALL),
        (Conclusion(**{**vars(SAID), "suspects": (Suspect(file="a.py", line=5),), "captions": {}}), None, CALL),
        (SAID, None, "import debugbox_kernel as box\nbox.report('recipe', {'conclusion': {}})"),
        (SAID, {"exact": True}, CALL),
        (SAID, "exact", CALL),
    ],
    ids=["another place", "not cited", "forged", "not whole", "hostile"],
)
def test_another_place_or_a_forged_record_counts_nothing(conclusion: Conclusion, record: Any, code: str) -> None:
    assert with_recipe(conclusion, [cell(record)], {1: code}) == conclusion


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (CALL, "drift"),
        ("from debugbox_recipes import drift\nr = drift(run='python a.py')", "drift"),
        ("from debugbox_recipes import drift\ndrift(question=forge())", ""),
        ("from debugbox_recipes import drift\nprint(1)\ndrift()", ""),
        ("from debugbox_recipes import drift\nleak()", ""),
        ("from debugbox_recipes import drift as leak\nleak()", ""),
        ("from debugbox_recipes import drift\nfrom os import system as drift\ndrift()", ""),
        ("drift()", ""),
        ("def", ""),
    ],
)
def test_only_a_plain_call_is_the_recipes_own_word(code: str, name: str) -> None:
    assert recipe_called(code) == name
