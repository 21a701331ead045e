"""The words of a question find the value that is meant, and the command that shows it."""

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
from debugbox_recipes import drift
from debugbox_recipes.sinks import find_sinks, words_of

drift._module()
choosing: Any = sys.modules["debugbox_recipe_drift.choosing"]

SOURCE = """
class Tank:
    def level(self):
        mean_level = self.sum / self.n
        return mean_level
    def pressure(self):
        self.hPa = self.raw * 0.1
        return self.hPa
def show(t):
    print("level", t.level(), "pressure", t.pressure())
    print(f"temperature {t.kelvin:.1f} K, humidity {t.wet} %")
    print("wind %5.1f gust %g" % (t.wind, t.gust))
    print("rain {:.2f} hail {}".format(t.rain, t.hail))
    totals["energy"] += t.power
    means.append(t.level() / 2)
    x, velocity = x + velocity, velocity - x
"""


def best(question: str) -> set[str]:
    sinks = [sink for _, sink in find_sinks(ast.parse(SOURCE), "tank.py")]
    found = choosing.candidates(sinks, question, None).scores
    top = max(found.values())
    return {watch.split(":", 1)[1] for watch, score in found.items() if score == top}


@pytest.mark.parametrize(
    ("question", "watches"),
    [
        ("why does the mean level drift", {"4:mean_level", "5:level()"}),
        ("why does the temperature drift", {"11:{t/kelvin}"}),
        ("why is the humidity wrong", {"11:{t/wet}"}),
        ("why does the gust drift", {"12:{t/gust}"}),
        ("why does hail drift", {"13:{t/hail}"}),
        ("why does the energy drift", {"14:totals.energy"}),
        ("why does velocity drift", {"16:velocity"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_question_finds_the_value(question: str, watches: set[str]) -> None:
    assert watches & best(question)
    assert not {"11:{t/kelvin}", "11:{t/wet}", "12:{t/wind}", "12:{t/gust}", "13:{t/hail}"} - watches & best(question)


def test_no_match_falls_back_to_what_is_printed() -> None:
    assert all("{" in watch for watch in best("why is it odd"))


def test_words_of_identifiers() -> None:
    assert words_of("meanTemp_K2 HTTPServer") >= {"mean", "temp", "k", "server"}


def test_command_is_the_script_the_question_names(tmp_path: Path) -> None:
    for name in ("main.py", "tide.py", "tests/test_tide.py", "lib.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('if __name__ == "__main__": pass\n' if name != "lib.py" else "x = 1\n")
    assert choosing.choose_command(tmp_path, "why does the tide drift")[0] == "python tide.py"
    assert choosing.choose_command(tmp_path, "why does it drift")[0] == "python main.py"


def test_no_command_has_a_reason(tmp_path: Path) -> None:
    command, why = choosing.choose_command(tmp_path, "why")
    assert command is None
    assert "no script" in why
