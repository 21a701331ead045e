"""`datadrift` names the column that differs, the rows that explain it and the line that makes it; else nobody.

What must not be taken for a drift: sets of 50, 100 or 500 rows from one source (the usual index of stability is 0.64 on
average at 50 rows), a shift of 0.02 deviations that a hundred thousand rows make significant, neighbouring rows that
are alike.
"""

import importlib
import json
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from debugbox_recipes import datadrift
from debugbox_recipes.harness import Program, run_program
from debugbox_recipes.interventions import plan_of
from debugbox_recipes.shifts import discoveries, effect_of, kinds_of, shifts_of
from debugbox_recipes.tables import table_of

from debugbox.finding import Conclusion, Measurement, parse

from .conftest import RECIPES, program
from .test_changepoint import line_of, wandering

SUBJECT = RECIPES / "datadrift" / "subject"
QUESTION = "why is the humidity of the later readings another"
Write = Callable[..., Program]


@pytest.fixture(scope="module")
def script() -> Any:
    return datadrift._module()


def investigate(script: Any, which: Program, question: str = QUESTION, **where: Any) -> Any:
    given = {"reference": (), "current": "", "output": "", "split": 0, **where}
    return script.carry_out(which, question, 200.0, script.spec_of(**given))


def conclusion(script: Any, study: Any) -> Any:
    record = json.loads(json.dumps(script.record(study), allow_nan=False))
    return parse(Conclusion, record["conclusion"])


def measured(script: Any, study: Any, *interventions: Any) -> Any:
    main = study.main
    what = (main.column, script.concluding.kind_of(main), main.shift.floor)
    return parse(Measurement, script.measure_symptom(study.program, study.spec, what, interventions))


@pytest.fixture(scope="module")
def subject(script: Any) -> Any:
    return investigate(script, program(SUBJECT))


def test_the_subject_differs_where_nothing_becomes_zero(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    assert str(said.suspects[0]) == line_of(SUBJECT, "weather.py", 'row["humidity"] or')
    assert said.suspects[0].function == "humidity"
    assert str(subject.explains) == "model = W3"
    assert "row['humidity'] (60.0 before, nothing after)" in said.answer


def test_a_difference_that_the_program_removes_again_is_not_to_blame(script: Any, subject: Any) -> None:
    raw = line_of(SUBJECT, "weather.py", 'float(row["temperature"])')
    assert raw in [str(spot) for spot in subject.spots]  # Fahrenheit comes in, Celsius goes out
    assert raw not in [str(suspect) for suspect in conclusion(script, subject).suspects]
    assert "temperature" not in [each.column for each in subject.drifts]


def test_values_repeated_elsewhere_leave_the_difference(subject: Any) -> None:
    assert len(subject.controls) == 2
    assert all(control.gone == 0.0 for control in subject.controls)


def test_symptom_is_present_then_absent_under_the_intervention(script: Any, subject: Any) -> None:
    written = json.loads(json.dumps(script.record(subject)["conclusion"]))
    before, after = measured(script, subject), measured(script, subject, written["intervention"])
    assert (before.state, after.state, after.measured) == ("present", "absent", 0.0)
    assert before.measured > 2.0
    assert after.details["changed"][str(subject.cause)] > 100
    assert len(written["placebo_sites"]) >= 2
    for site in written["placebo_sites"]:
        moved = measured(script, subject, {**written["intervention"], "sites": [site]})
        assert moved.state == "present"
        assert moved.details["changed"][f"{site['file']}:{site['line']}"] > 0


def test_the_intervention_acts_on_any_program_that_is_run_with_it(script: Any, subject: Any) -> None:
    plan, unknown = plan_of([json.loads(json.dumps(script.record(subject)["conclusion"]["intervention"]))])
    table = table_of(run_program(subject.program, timeout_s=60, plan=plan).stdout)
    assert unknown == []
    assert table is not None
    assert 0.0 not in table.columns["humidity"]


def test_an_unknown_intervention_place_or_column_cannot_be_measured(script: Any, subject: Any) -> None:
    nowhere = {"kind": "repeat", "sites": [{"file": "weather.py", "line": 1, "quote": "no such line"}]}
    for interventions, column in (([{"kind": "pin", "sites": []}], "wind"), ([nowhere], "wind"), ([], "foo")):
        said = script.measure_symptom(subject.program, subject.spec, (column, "numbers", 0.2), interventions)
        assert said["state"] == "cannot measure"


def test_record_comes_out_alike_when_the_cell_is_replayed(script: Any, subject: Any) -> None:
    again = investigate(script, subject.program)
    assert script.record(again) == script.record(subject)
    assert script.concluding.summary(again) == script.concluding.summary(subject)


def test_every_place_is_quoted_as_it_stands(script: Any, subject: Any) -> None:
    said = conclusion(script, subject)
    for place in (*said.suspects, *said.intervention.sites, *said.placebo_sites):
        assert (SUBJECT / place.file).read_text("utf-8").splitlines()[place.line - 1].strip() == place.quote


def test_old_and_new_interpreters_agree(script: Any, python: str) -> None:
    study = investigate(script, program(SUBJECT, python=python))
    assert str(study.cause) == line_of(SUBJECT, "weather.py", 'row["humidity"] or')
    assert study.proof is not None


def test_the_picture_says_the_conclusion(script: Any, subject: Any) -> None:
    pytest.importorskip("matplotlib")
    drawn = importlib.import_module("debugbox_recipe_datadrift.picture").draw(subject)
    assert "weather.py:12" in drawn.get_suptitle()
    assert "model = W3" in drawn.get_suptitle()
    assert len(drawn.axes) == 4


# Negative controls


def found_in(columns: Iterable[list[Any]]) -> int:
    """How many differences stand between the first and the second half of these columns."""
    halves = [(each[: len(each) // 2], each[len(each) // 2 :]) for each in columns]
    shifts = [shift for one, other in halves for shift in shifts_of(one, other)]
    return sum(discoveries(shifts, sum(len(kinds_of(*each)) for each in halves)))


@pytest.mark.parametrize("rows", [50, 100, 500])
def test_two_sets_from_one_source_do_not_differ(rows: int) -> None:
    for seed in range(20):
        chance = random.Random(seed)
        columns: list[list[Any]] = [[chance.gauss(0, 1) for _ in range(2 * rows)] for _ in range(3)]
        columns.append([chance.expovariate(1.0) if chance.random() < 0.9 else None for _ in range(2 * rows)])
        columns.append([chance.choice("abcde") for _ in range(2 * rows)])
        assert found_in(columns) == 0, seed


@pytest.mark.parametrize(("memory", "rows"), [(0.7, 100), (0.7, 400), (0.95, 100), (0.95, 400)])
def test_neighbouring_rows_that_are_alike_do_not_make_a_difference(memory: float, rows: int) -> None:
    assert [seed for seed in range(20) if found_in([wandering(memory, 2 * rows, seed)])] == []


def test_a_tiny_shift_is_not_called_practical_however_many_rows_show_it() -> None:
    chance = random.Random(1)
    one, other = ([chance.gauss(mean, 1) for _ in range(100_000)] for mean in (0.0, 0.02))
    assert 0.01 < effect_of("numbers", one)(one, other) < 0.04
    assert shifts_of(one, other) == []


def test_too_few_independent_rows_are_told(project: Write, script: Any) -> None:
    rows = "\n".join(f"{each:.4f}" for each in wandering(0.98, 200, 2))
    study = investigate(script, project({"a.csv": "level,x\n" + rows.replace("\n", ",1\n") + ",2\n"}, ""))
    said = conclusion(script, study)
    assert said.suspects == ()
    assert any("so alike" in limit for limit in said.limits)


def test_the_repaired_subject_has_no_such_difference(project: Write, script: Any) -> None:
    files = {path.name: path.read_text("utf-8") for path in SUBJECT.iterdir() if path.is_file()}
    lines = [line.replace(",,", ",61,") for line in files["readings.csv"].splitlines()]
    filled = "\n".join(line.replace("W3", "W2") if n % 2 else line.replace("W3", "W1") for n, line in enumerate(lines))
    # Fahrenheit is what told the model: leave those rows' temperature in the usual range.
    cooled = [line if n == 0 else ",".join([*line.split(",")[:2], "14.5", *line.split(",")[3:]])
              for n, line in enumerate(filled.splitlines())]  # fmt: skip
    said = conclusion(script, investigate(script, project({**files, "readings.csv": "\n".join(cooled) + "\n"}), "why"))
    assert (said.suspects, said.intervention, said.symptom.code) == ((), None, "")
    assert "no column" in said.answer


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("print('all is well')", "no table"),
        ("raise SystemExit(3)", "no table"),
        ("import random\nprint('a,b')\nfor n in range(99 + random.randrange(900)):\n    print(f'{random.random()},1')",
         "other lengths"),
    ],
    ids=["no numbers", "fails", "another each time"],
)  # fmt: skip
def test_nobody_is_named_and_the_reason_is_said(project: Write, script: Any, source: str, said: str) -> None:
    told = conclusion(script, investigate(script, project({"run.py": source})))
    assert (told.suspects, told.intervention) == ((), None)
    assert said in told.answer


# Files


def orders(seed: int, *, dear: str = "", shops: str = "ABCD", empty: str = "") -> str:
    chance = random.Random(seed)
    rows = ["order,shop,price,items"]
    for n in range(300):
        shop, price = chance.choice(shops), abs(chance.gauss(20, 4))
        price *= 100 if shop == dear else 1
        rows.append(f"{n},{shop},{'' if shop == empty else format(price, '.2f')},{chance.randrange(1, 6)}")
    return "\n".join(rows) + "\n"


LOAD = 'import csv\n\ndef prices(path):\n    return [float(row["price"]) for row in csv.DictReader(open(path))]\n'
EARLIER = {"data/orders-01.csv": orders(1), "data/orders-02.csv": orders(2), "load.py": LOAD}


@pytest.fixture(scope="module")
def files(script: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("files")
    for name, text in {**EARLIER, "data/orders-03.csv": orders(3, dear="C")}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return investigate(script, program(folder, ""), "why do the orders look different")


def test_of_alike_files_the_last_is_compared_with_those_before(files: Any) -> None:
    assert files.spec.reference == ("data/orders-01.csv", "data/orders-02.csv")
    assert files.spec.current == "data/orders-03.csv"
    assert {each.column for each in files.drifts} == {"price"}


def test_the_segment_and_the_line_that_names_the_column_are_told(script: Any, files: Any) -> None:
    said = conclusion(script, files)
    first = next(n for n, line in enumerate(orders(3).splitlines(), 1) if ",C," in line)
    assert [str(suspect) for suspect in said.suspects] == [f"data/orders-03.csv:{first}", "load.py:4"]
    assert "shop = C" in said.answer


def test_without_the_segment_it_is_quiet_and_without_others_it_is_not(script: Any, files: Any) -> None:
    written = json.loads(json.dumps(script.record(files)["conclusion"]))
    assert written["intervention"]["kind"] == "drop_rows"
    assert [measured(script, files).state, measured(script, files, written["intervention"]).state] == [
        "present",
        "absent",
    ]
    assert len(written["placebo_sites"]) >= 3
    for site in written["placebo_sites"]:
        other = measured(script, files, {**written["intervention"], "sites": [site]})
        assert other.state == "present"
        assert other.measured > 0.55 * measured(script, files).measured
        assert other.details["changed"][f"{site['file']}:{site['line']}"] > 0


def test_the_picture_of_files_says_the_segment(files: Any) -> None:
    pytest.importorskip("matplotlib")
    drawn = importlib.import_module("debugbox_recipe_datadrift.picture").draw(files)
    assert "shop = C" in drawn.get_suptitle()


def test_names_tell_which_file_is_older(project: Write, script: Any) -> None:
    files = {"train.csv": orders(1), "live.csv": orders(3, dear="C"), "other.csv": "a,b\n" + "1,2\n" * 60}
    study = investigate(script, project(files, ""), "why do the orders look different")
    assert (study.spec.reference, study.spec.current) == (("train.csv",), "live.csv")


def test_columns_that_there_was_no_time_for_are_told(project: Write, script: Any) -> None:
    where = project({"train.csv": orders(1), "live.csv": orders(3, dear="C")}, "")
    study = script.carry_out(where, "why", 0.0)
    assert any("no time was left to compare 4 columns" in limit for limit in study.limits)


@pytest.mark.parametrize(
    ("current", "column", "said"),
    [
        (orders(3, shops="ABCDE"), "shop", "never has"),
        (orders(3, empty="D"), "price", "has a value in another share"),
        (orders(3).replace("items", "pieces"), "items", "is gone"),
        (orders(3).replace(",3\n", ",three\n"), "items", "holds numbers in the reference, texts now"),
    ],
    ids=["unseen", "nulls", "schema", "type"],
)
def test_what_is_seen_of_files(project: Write, script: Any, current: str, column: str, said: str) -> None:
    study = investigate(script, project({**EARLIER, "data/orders-03.csv": current}, ""), f"what is wrong with {column}")
    assert study.main.column == column
    assert said in conclusion(script, study).answer
    assert measured(script, study).state == "present"


def test_json_lines_are_read_with_their_lines() -> None:
    table = table_of("\n".join(json.dumps({"a": n % 3, "b": None if n % 2 else "x"}) for n in range(50)), "a.jsonl")
    assert table is not None
    assert (table.columns["a"][4], table.columns["b"][:2], table.place(7)) == (1.0, ["x", None], ("a.jsonl", 8))


def test_parquet_is_read_where_pandas_is(project: Write, script: Any) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    where = project({"load.py": LOAD}, "")
    for name, text in {"a": orders(1), "b": orders(3, dear="C")}.items():
        (where.repo / f"{name}.csv").write_text(text)
        pandas.read_csv(where.repo / f"{name}.csv").to_parquet(where.repo / f"{name}.parquet")
    study = investigate(script, where, reference="a.parquet", current="b.parquet")
    said = conclusion(script, study)
    assert (study.main.column, str(study.explains)) == ("price", "shop = C")
    assert [str(suspect) for suspect in said.suspects] == ["load.py:4"]  # rows of such a file have no lines
    assert said.intervention is None


# Programs


def test_data_that_differs_before_the_program_names_the_row_of_the_file(project: Write, script: Any) -> None:
    source = 'import csv\nprint("shop,price")\nfor row in csv.DictReader(open("all.csv")):\n'
    source += "    print(f\"{row['shop']},{float(row['price']):.1f}\")\n"
    both = orders(1) + orders(3, dear="C").split("\n", 1)[1]
    study = investigate(script, project({"run.py": source, "all.csv": both}))
    said = conclusion(script, study)
    first = next(n for n, line in enumerate(both.splitlines(), 1) if ",C," in line and n > 301)
    assert {str(suspect) for suspect in said.suspects[:2]} == {f"all.csv:{first}", "run.py:4"}
    assert "The data differs already" in said.answer


def test_a_table_that_the_program_writes_is_followed_too(project: Write, script: Any) -> None:
    source = (
        (SUBJECT / "run.py")
        .read_text("utf-8")
        .replace("print(", "out.write('\\n' + ")
        .replace("def main():", "out = open('clean.csv', 'w')\n\n\ndef main():")
    )
    names = ("weather.py", "readings.csv")
    files = {name: (SUBJECT / name).read_text("utf-8") for name in names}
    study = investigate(script, project({**files, "run.py": source}), output="clean.csv", split=200)
    assert str(study.cause) == line_of(SUBJECT, "weather.py", 'row["humidity"] or')


def test_a_frame_is_a_table_too(project: Write, script: Any) -> None:
    pytest.importorskip("pandas")
    source = """\
import pandas as pd

frame = pd.DataFrame({"n": range(200), "x": [10.0 + n * 7 % 5 for n in range(200)]}).set_index("n")
frame["y"] = frame["x"] * 2.0 + (frame.index > 99) * 9.0
print(frame.to_csv())
"""
    study = investigate(script, project({"run.py": source}), "why is y another")
    assert study.main.column == "y"
    assert (str(study.cause), study.proof is not None) == ("run.py:4", True)
