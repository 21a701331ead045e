"""Two recipes at most, in a real box: the second where the first proves nothing; the one that goes further counts."""

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from debugbox.bench import Bench
from debugbox.box import Boxes
from debugbox.byrecipe import investigate_by_recipe
from debugbox.finding import Conclusion
from debugbox.settings import Settings

from .test_bench import Notes, bench, watcher

__all__ = ["bench", "watcher"]

# A command that ends with a KeyError speaks for `crash`, then for `suspects`.
_STAND_INS = """
import sys, types
import debugbox_kernel as box

def place(line):
    return {{"file": "app.py", "line": line, "function": "", "quote": "import math", "score": 1.0, "why": "w"}}

def recipe(line, proven):
    def call(**_):
        sites = [{{key: place(line)[key] for key in ("file", "line", "function", "quote")}}]
        change = {{"kind": "skip", "sites": sites, "parameters": {{}}, "describe": "without it"}}
        said = {{"answer": f"line {{line}}", "by": "", "suspects": [place(line)] if line else []}}
        box.report("recipe", {{"conclusion": {{**said, "intervention": change if proven else None}}}})
    return call

calls = {{"crash": recipe(*{crash}), "suspects": recipe(*{suspects})}}
sys.modules["debugbox_recipes"] = types.SimpleNamespace(**calls)
box.report("probe", {{"exit_code": 1, "stdout": "", "stderr": "KeyError: 7", "timed_out": False}})
"""

_AGAIN = "sys.modules['debugbox_recipes'] = types.SimpleNamespace(**calls)"


def ask(bench: Bench, boxes: Boxes, crash: tuple[int, bool], suspects: tuple[int, bool]) -> Conclusion:
    bench.run_cell(_STAND_INS.format(crash=crash, suspects=suspects), purpose="stand-ins")
    settings = replace(Settings(repository=Path()), run="python run.py")
    return investigate_by_recipe("why does it end", settings, boxes.snapshot, bench, print)


def run_too(conclusion: Conclusion) -> list[str]:
    return [f"{h.text}: {h.evidence}" for h in conclusion.hypotheses if "run too" in h.evidence]


@pytest.mark.parametrize(
    ("crash", "suspects", "by", "other"),
    [
        ((1, True), (2, True), "recipe crash", None),
        (
            (0, False),
            (2, False),
            "recipe suspects",
            "the recipe crash has a better answer: it was run too, and names nobody",
        ),
        (
            (1, False),
            (2, True),
            "recipe suspects",
            "the recipe crash has a better answer: it was run too, and names app.py:1",
        ),
        (
            (1, False),
            (2, False),
            "recipe crash",
            "the recipe suspects has a better answer: it was run too, and names app.py:2",
        ),
        ((1, False), (1, False), "recipe crash", "the recipe suspects names the same place: it was run too, and names"),
        (
            (0, False),
            (0, False),
            "recipe crash",
            "the recipe suspects has a better answer: it was run too, and names nobody",
        ),
    ],
    ids=["the first proves", "the first names nobody", "the second proves", "both name", "the same", "nobody"],
)
def test_the_recipe_that_goes_further_counts(
    bench: Bench, boxes: Boxes, crash: tuple[int, bool], suspects: tuple[int, bool], by: str, other: str | None
) -> None:
    said = ask(bench, boxes, crash, suspects)
    told = run_too(said)
    assert said.by == by and len(told) == (other is not None)
    assert all(each.startswith(other or "") for each in told)
    fits = [each.text for each in said.hypotheses if each.text.endswith(" fits") and each.status == "supported"]
    assert fits == [f"the recipe {by.removeprefix('recipe ')} fits"]


def test_what_is_said_is_of_the_recipes_own_cell(bench: Bench, boxes: Boxes, watcher: Notes) -> None:
    said = ask(bench, boxes, (1, False), (2, True))
    assert list(said.captions) == [3] and said.suspects[0].cells == (3,)


def test_ctrl_c_in_the_second_recipe_leaves_what_the_first_said(bench: Bench, boxes: Boxes) -> None:
    bench.run_cell(_STAND_INS.format(crash=(1, False), suspects=(0, False)), purpose="stand-ins")
    bench.run_cell("import time\ncalls['suspects'] = lambda **_: time.sleep(60)\n" + _AGAIN, purpose="a slow one")
    threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    settings = replace(Settings(repository=Path()), run="python run.py")
    said = investigate_by_recipe("why does it end", settings, boxes.snapshot, bench, print)
    assert (said.by, said.stopped, said.suspects[0].line) == ("recipe crash", "Ctrl-C", 1)
