"""What takes from chance follows a level to the bit, is the same at a pinned line, and is left alone otherwise.

A set that stands in for another one must be that set in all but its order.
"""

import operator
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from debugbox_recipes.chance import Chance
from debugbox_recipes.harness import Program, ProgramRun, run_program
from debugbox_recipes.ordered import OrderedFrozenSet, OrderedSet
from hypothesis import given
from hypothesis import strategies as st

Write = Callable[..., Program]
EVERYTHING = ["random numbers", "clock", "directory order", "addresses", "process id"]
PROGRAM = """import os, time, random, uuid, secrets, datetime, glob
from collections import defaultdict
from pathlib import Path
from random import choice
kinds = defaultdict(set)
kinds["x"].update(["aa", "bb", "cc", "dd"])
print(list(kinds["x"]), [w for w in {"p", "q", "r"}], list({c + c for c in "hello"}))
print(random.random(), choice(range(10**6)), random.Random().random())
print(uuid.uuid4(), uuid.uuid1(), secrets.token_hex(4), os.urandom(3).hex(), random.SystemRandom().random())
print(time.time(), datetime.datetime.now(), datetime.date.today(), time.strftime("%Y-%m-%d %H"))
print(time.perf_counter(), datetime.datetime.fromtimestamp(1e9), time.localtime(5).tm_hour)
print(f"{random.randint(0, 10**6)} {hash('abc')}")
print([p.name for p in Path(".").iterdir()], os.listdir("."), glob.glob("*"), [f for _, _, f in os.walk(".")])
print([entry.name for entry in os.scandir(".")], os.getpid())
a = {"k": 1, "l": 2, "m": 3}
print(a.keys() - {"k"}, a.keys() | {"z"}, set.union({"x"}, {"y"}), frozenset("xyz") | {"w"})
print(id(a) == id(a), isinstance(kinds["x"], set), {1, 2} in [{1, 2}], 2 in {1, 2}, sorted({3, 1}))
"""
FILES = {"run.py": PROGRAM, **{f"file{n}.txt": "" for n in range(6)}}


def run(which: Program, hash_seed: str, zone: str = "UTC0", **chance: Any) -> ProgramRun:
    plan = {"observer": "chance", "chance": chance}
    done = run_program(which, timeout_s=30, plan=plan, variables={"PYTHONHASHSEED": hash_seed, "TZ": zone})
    assert done.failure == "", done.stderr
    return done


def test_a_level_is_repeated_to_the_bit_and_another_level_is_another_run(project: Write, python: str) -> None:
    which = project(FILES, python=python)
    first, again, other = (run(which, str(n), level=n, vary=EVERYTHING).stdout for n in (1, 1, 2))
    assert first == again
    same = [one for one, two in zip(first.splitlines(), other.splitlines(), strict=True) if one == two]
    assert len(same) == 1, same  # the last line: nothing of it is chance


def test_pinned_lines_are_the_same_whatever_varies(project: Write, python: str) -> None:
    which = project(FILES, python=python)
    pins = [{"file": "run.py", "line": number} for number in range(1, 18)]
    runs = [
        run(which, "1", level=1, vary=EVERYTHING, pins=pins),
        run(which, "2", "IST-5:30", level=2, vary=EVERYTHING, pins=pins),
        run(which, "random", "PST8", pins=pins),
    ]
    assert len({each.stdout for each in runs}) == 1
    rows = {row["line"]: row for row in runs[0].results[0]["chance"]}
    assert all(rows[line]["changed"] for line in (7, 8, 9, 10, 11, 12, 14))
    assert rows[5]["factors"] == {"hash order": 1}
    assert rows[9]["factors"] == {"random numbers": 5}


def test_without_a_level_nothing_is_changed(project: Write, python: str) -> None:
    source = "import random\nrandom.seed(3)\nprint(random.random(), list({'a', 'b', 'c'}), sorted({1, 2}))\n"
    which = project({"run.py": source}, python=python)
    plain = run_program(which, timeout_s=30, variables={"PYTHONHASHSEED": "7"}).stdout
    assert run(which, "7").stdout == plain
    assert run(which, "7", level=5, vary=EVERYTHING).stdout == plain  # it seeds itself


def test_numpy_draws_follow_the_level(project: Write) -> None:
    pytest.importorskip("numpy")
    source = "import numpy as np\nprint(np.random.rand(2), np.random.default_rng().random(2))\n"
    which = project({"run.py": source + "print(np.random.default_rng(3).random())\n"})
    outputs = [run(which, "0", level=n, vary=EVERYTHING).stdout.splitlines() for n in (1, 1, 2)]
    assert outputs[0] == outputs[1] and outputs[0][0] != outputs[2][0] and outputs[0][1] == outputs[2][1]
    pins = [{"file": "run.py", "line": 2}]
    assert len({run(which, "0", level=n, vary=EVERYTHING, pins=pins).stdout for n in (1, 2)}) == 1


def test_a_loop_that_waits_for_the_clock_comes_to_its_end(project: Write) -> None:
    source = "import time\nends = time.monotonic() + 5\nwhile time.monotonic() < ends:\n    pass\nprint('done')\n"
    done = run(project({"run.py": source}), "0", level=0)
    assert done.stdout == "done\n" and done.duration_s < 4


def test_annotations_decorators_and_patterns_are_left_alone(project: Write, python: str) -> None:
    source = """from __future__ import annotations
import functools, typing
@functools.lru_cache(maxsize=None)
def f(x: set = frozenset(), *, y: "int" = 3) -> set[int]:
    z: typing.Set[int] = {x for x in range(y)}
    return z | {9}
class C(dict):
    kinds = {"a", "b"}
    def g(self): return super().get("k", {*self.kinds, "c"})
print(sorted(f()), sorted(C().g()), f.cache_info().misses)
"""
    assert run(project({"run.py": source}, python=python), "0").stdout == "[0, 1, 2, 9] ['a', 'b', 'c'] 1\n"


def test_a_hash_function_is_not_a_use_of_hash_order(project: Write) -> None:
    source = "class C:\n    def __hash__(self):\n        return hash('c')\nprint(len({C(): 1}), hash('x') == 0)\n"
    rows = run(project({"run.py": source}), "0", level=1).results[0]["chance"]
    assert [row["line"] for row in rows] == [4]


def test_a_place_is_found_by_its_quote_where_the_file_moved_on() -> None:
    import ast

    chance = Chance({"pins": [{"file": "a.py", "line": 1, "quote": "x = set('ab')"}]})
    chance.transform(ast.parse("\n\nx = set('ab')\n"), "a.py", ["", "", "x = set('ab')"])
    assert chance.found == ["a.py:1"]


small = st.lists(st.integers(0, 8), max_size=8)
ALL = ["union", "intersection", "difference", "symmetric_difference"]
IN_PLACE = ["update", "intersection_update", "difference_update", "symmetric_difference_update"]


@given(small, small, st.sampled_from(ALL), st.sampled_from([OrderedSet, OrderedFrozenSet]))
def test_an_ordered_set_is_a_set(first: list[int], second: list[int], name: str, kind: Any) -> None:
    plain, ordered = frozenset(first), kind(first)
    result = getattr(ordered, name)(second)
    assert result == getattr(plain, name)(second) and type(result) is kind
    assert list(ordered) == list(dict.fromkeys(first)) and len(ordered) == len(plain)
    assert sorted(result) == sorted(set(result)) and len(list(result)) == len(result)
    assert pickle.loads(pickle.dumps(ordered)) == plain


@given(small, small, st.sampled_from(["|", "&", "-", "^"]))
def test_operators_between_ordered_and_plain(first: list[int], second: list[int], sign: str) -> None:
    apply = {"|": operator.or_, "&": operator.and_, "-": operator.sub, "^": operator.xor}[sign]
    for result in (apply(OrderedSet(first), set(second)), apply(set(first), OrderedSet(second))):
        assert result == apply(set(first), set(second)) and type(result) is OrderedSet
    result = apply(OrderedSet(first), OrderedSet(second))
    assert list(result) == [member for member in dict.fromkeys(first + second) if member in result]


@given(small, small, st.sampled_from(IN_PLACE))
def test_changes_in_place(first: list[int], second: list[int], name: str) -> None:
    plain, ordered = set(first), OrderedSet(first)
    getattr(plain, name)(second)
    getattr(ordered, name)(second)
    assert ordered == plain and sorted(ordered) == sorted(plain)
    while ordered:
        assert ordered.pop() in plain
    with pytest.raises(KeyError):
        ordered.pop()
    with pytest.raises(TypeError):
        ordered |= [1]  # type: ignore[arg-type]
