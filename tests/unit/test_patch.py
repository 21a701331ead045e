"""Requirement: a diff is applied exactly or refused in words, and what only hides a symptom is called that."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugbox.finding import Place
from debugbox.hiding import changes_place, hidings
from debugbox.patch import apply_diff

SOURCE = '''\
"""Adds up."""


def total(values):
    amount = 0
    for value in values[1:]:
        amount = amount + value
    return amount


def tax(amount):
    return amount * 0.2
'''
FILES = {"app.py": SOURCE.encode(), "tests/test_app.py": b"def test():\n    assert True\n", "a.txt": b"one\r\ntwo\r\n"}
FIX = "--- a/app.py\n+++ b/app.py\n@@ -6 +6 @@\n-    for value in values[1:]:\n+    for value in values:\n"


def diff(old: str, new: str, path: str = "app.py") -> str:
    """A real diff that replaces one line of a file."""
    before = FILES[path].decode()
    assert before.count(old) == 1
    lines = (before.splitlines(keepends=True), before.replace(old, new).splitlines(keepends=True))
    return "".join(difflib.unified_diff(*lines, f"a/{path}", f"b/{path}"))


def test_a_diff_gives_the_new_content_and_the_place_it_changes() -> None:
    patch = apply_diff(FIX, FILES.get)
    assert patch.contents == {"app.py": SOURCE.replace("values[1:]", "values").encode()}
    intervention = patch.as_intervention()
    assert [str(site) for site in intervention.sites] == ["app.py:6"]
    assert intervention.sites[0].quote == "for value in values[1:]:" and intervention.describe == FIX


def test_a_wrong_line_number_does_not_matter_where_only_one_place_fits() -> None:
    assert apply_diff(FIX.replace("-6 +6", "-60 +61"), FILES.get).contents == apply_diff(FIX, FILES.get).contents


def test_line_endings_and_a_missing_space_of_empty_lines_survive() -> None:
    text = "--- a.txt\n+++ a.txt\n@@ -1,2 +1,3 @@\n one\n+more\n two\n"
    assert apply_diff(text, FILES.get).contents == {"a.txt": b"one\r\nmore\r\ntwo\r\n"}
    text = '--- app.py\n+++ app.py\n@@ -1,4 +1,4 @@\n """Adds up."""\n\n\n-def total(values):\n+def total(values=()):\n'
    assert b"def total(values=()):" in apply_diff(text, FILES.get).contents["app.py"]


def test_an_added_line_has_the_line_before_it_as_its_place() -> None:
    patch = apply_diff(diff("    amount = 0\n", "    amount = 0\n    values = list(values)\n"), FILES.get)
    assert [(site.line, site.quote) for site in patch.as_intervention().sites] == [(5, "amount = 0")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the diff changes nothing"),
        ("fix it", "no diff: 'fix it'"),
        (FIX.replace("values[1:]", "values[2:]"), "stand nowhere in the file as they are quoted"),
        (FIX.replace("app.py", "core.py"), "core.py: there is no such file in the snapshot"),
        (FIX.replace("a/app.py", "/dev/null"), "may not create or delete files"),
        (FIX.replace("+++ b/app.py", "+++ /dev/null"), "may not create or delete files"),
        ("--- app.py\n+++ app.py\n@@ -1 +1 @@\n+x = 1\n", "needs lines around what it adds"),
        ("--- app.py\n+++ app.py\n@@ -90 +90 @@\n \n+x = 1\n", "fit 5 places"),
        (FIX + "x" * 20_000, "at most 20,000"),
        ("--- ../x\n+++ ../x\n@@ -1 +1 @@\n-a\n+b\n", "../x: there is no such file"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        apply_diff(text, FILES.get)
    assert why in str(caught.value)


LINES = st.lists(st.sampled_from(["a", "b", "", "--- x", "+++ y", "  c", "@@ z", "- d"]), min_size=1, max_size=12)


@given(LINES, LINES)
def test_any_diff_of_two_texts_gives_the_second(before: list[str], after: list[str]) -> None:
    old, new = ("\n".join(lines) + "\n" for lines in (["top", *before, "end"], ["top", *after, "end"]))
    text = "".join(difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), "f", "f"))
    if old != new:
        assert apply_diff(text, {"f": old.encode()}.get).contents == {"f": new.encode()}


def hides(text: str, expected: float | None = None) -> list[str]:
    return hidings(apply_diff(text, FILES.get), FILES.get, expected=expected)


def test_a_repair_hides_nothing() -> None:
    assert hides(FIX, expected=60.0) == []
    assert hides(diff("amount * 0.2", "amount * rate(amount)"), expected=60.0) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (diff("assert True", "assert 1", "tests/test_app.py"), "it changes tests only"),
        (diff("    amount = 0\n", "    amount = 0  # not 1\n"), "comments, docstrings or layout only"),
        (diff('"""Adds up."""', '"""Adds everything up."""'), "comments, docstrings or layout only"),
        (diff("    return amount\n", "    return 60\n"), "app.py:8 it returns a constant"),
        (diff("    amount = 0\n", "    amount = 60.0\n"), "it writes the expected value 60 down"),
        (diff("amount * 0.2", "amount * 0.2 if 'DEBUGBOX_CONTEXT' else 0"), "it asks whether debugbox is there"),
        (
            diff("    amount = 0\n", "    try:\n        amount = 0\n    except TypeError:\n        amount = 1\n"),
            "in app.py it catches an error instead of preventing it",
        ),
    ],
)
def test_what_only_hides_the_symptom_is_named(text: str, named: str) -> None:
    assert [each for each in hides(text, expected=60.0) if named in each]


@pytest.mark.parametrize(("line", "changed"), [(6, True), (4, True), (8, True), (12, False), (1, False)])
def test_a_place_is_changed_in_its_function_or_close_by(line: int, changed: bool) -> None:
    patch = apply_diff(FIX, FILES.get)
    assert changes_place(patch, Place(file="app.py", line=line), FILES.get) is changed
    assert not changes_place(patch, Place(file="tests/test_app.py", line=line), FILES.get)
