"""The notebook is the product: a valid document, the same bytes each time, with nothing active in it."""

import difflib
import io
import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from debugbox.finding import (
    Check,
    Evidence,
    Finding,
    Hypothesis,
    Intervention,
    Measurement,
    Output,
    Place,
    Suspect,
    Symptom,
)
from debugbox.foreign import cleaned
from debugbox.render.notebook import from_notebook, to_notebook
from debugbox.render.page import to_page
from debugbox.render.prose import markdown

GOLD = Path(__file__).parents[1] / "gold"
FINDING = Finding.from_json((GOLD / "finding.json").read_bytes())
HOSTILE = (
    "\x1b[31mred\x1b]52;c;cm0=\x07 \u202eevil\u2066 \ud800\x00<script>alert(1)</script> "
    "<img src=x onerror=alert(1)> ![p](http://evil.example/p.png) [click](javascript:alert(1)) "
    "http://evil.example www.evil.example evil.example a@evil.example $\\href{http://evil.example}{x}$ "
    "&lt;b&gt; |a|b| ~~s~~ [^1] `tick`` ``` \n# head\n> quote\n    code\n=====\n---\n"
    "[ref]: http://evil.example\n<!-- c -->\n```mermaid\ngraph LR\n"
)


def check_gold(name: str, actual: str) -> None:
    """Compare with the gold file; `DEBUGBOX_ACCEPT=1` takes the new one, and the diff is reviewed like code."""
    path = GOLD / name
    if os.environ.get("DEBUGBOX_ACCEPT"):
        path.write_text(actual)
    expected = path.read_text()
    diff = "".join(difflib.unified_diff(expected.splitlines(True), actual.splitlines(True), "gold", "actual"))
    assert actual == expected, diff


def nodes(data: bytes) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(data)["cells"]
    return cells


def outputs(data: bytes) -> Iterator[dict[str, Any]]:
    for cell in nodes(data):
        yield from cell.get("outputs", ())


def hostile_finding(text: str) -> Finding:
    """The sample with `text` in every field that takes foreign text."""
    run = Measurement(state="present", measured=1.0, expected=float("nan"), unit=text, note=text, details={text: text})
    place = Place(file=text, line=3, function=text, quote=text)
    data = {"columns": [text, 1], "rows": [[text, None], [float("inf")], "x"], "shape": [text], "index": [text]}
    kinds = (
        Output(kind="text", name=text, text=text),
        Output(kind="error", name=text, text=text, data={"ename": text, "evalue": text, "frames": [text]}),
        Output(kind="image", name=text, text=text, png=b"<html>no picture"),
        Output(kind="table", name=text, text=text, data=data),
        Output(kind="record", name=text, data={text: [text]}),
    )
    link = {"id": text, "question": text, "verdict": text}
    return replace(
        FINDING,
        question=text,
        run=text,
        answer=text,
        suspects=(Suspect(file=text, line=1, function=text, quote=text, why=text),),
        symptom=Symptom(code=text, metric=text, unit=text, runs=(run,)),
        checks=(Check(name="but-for", result="failed", why=text, runs=(run,)),),
        evidence=(Evidence(cell=1, caption=text, purpose=text, code_sha256="ab", code_lines=1, outputs=kinds),),
        hypotheses=(Hypothesis(text=text, evidence=text),),
        intervention=Intervention(kind=text, sites=(place,), parameters={text: text}, describe=text),
        limits=(text,),
        by=text,
        provenance={text: text, "commit": text, "dirty": [text], "nested": {text: [text]}, "follows": link},
        cost=replace(FINDING.cost, model=text, endpoint=text),
    )


def test_the_document_reads_as_agreed() -> None:
    check_gold("finding.ipynb", to_notebook(FINDING).decode())


def test_the_page_reads_as_agreed() -> None:
    check_gold("finding.html", to_page(FINDING))


def test_the_same_record_gives_the_same_bytes_and_comes_back_whole() -> None:
    data = to_notebook(FINDING)
    assert to_notebook(Finding.from_json(FINDING.to_json())) == data
    assert from_notebook(data) == FINDING
    assert to_notebook(from_notebook(data)) == data


def test_each_picture_is_in_the_file_once() -> None:
    png = FINDING.evidence[0].outputs[1].png
    text = to_notebook(FINDING).decode()
    (shown,) = [o["data"]["image/png"] for o in outputs(text.encode()) if "image/png" in o.get("data", {})]
    assert text.count(shown[:100]) == 1
    assert Image.open(io.BytesIO(png)).size == (120, 60)


def test_throwaway_code_is_a_comment_with_its_length_and_hash() -> None:
    sources = {cell["id"]: cell["source"] for cell in nodes(to_notebook(FINDING)) if cell["cell_type"] == "code"}
    assert sources["evidence-1-outputs"] == "# discarded: 38 lines, sha256 abababababababab"
    assert sources["symptom-code"] == FINDING.symptom.code


def test_code_that_was_kept_on_request_is_in_its_place() -> None:
    finding = replace(FINDING, evidence=(replace(FINDING.evidence[0], code="print(</pre>)"),))
    (cell,) = [cell for cell in nodes(to_notebook(finding)) if cell["id"] == "evidence-1-outputs"]
    assert cell["source"] == "print(</pre>)"
    assert "<pre>print(&lt;/pre&gt;)</pre>" in to_page(finding)
    assert from_notebook(to_notebook(finding)) == finding


def test_a_discarded_symptom_leaves_its_runs() -> None:
    finding = replace(FINDING, symptom=replace(FINDING.symptom, code=""))
    (cell,) = [cell for cell in nodes(to_notebook(finding)) if cell["id"] == "symptom-code"]
    assert cell["source"] == "# the symptom's code was discarded"
    assert "10.8" in cell["outputs"][0]["data"]["text/plain"]


def assert_harmless(data: bytes) -> None:
    notebook = nbformat.from_dict(json.loads(data))  # type: ignore[no-untyped-call]  # nbformat has no types here
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"debugbox", "kernelspec", "language_info"}
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f\ud800-\udfff]", data.decode()
    )
    for output in outputs(data):
        assert output["output_type"] in ("stream", "error", "display_data")
        assert set(output.get("data", {})) <= {"text/plain", "image/png"}
        assert not output.get("metadata")


def test_a_hostile_finding_gives_a_harmless_notebook() -> None:
    data = to_notebook(hostile_finding(HOSTILE))
    assert_harmless(data)
    assert from_notebook(data).evidence[0].outputs[2].png == b""


@given(st.text(st.sampled_from("\x1b\x07\r\n\u202e\ud800<>&[](){}!*_`~#$\\|-+=1.)/:@ab \t^'\"")))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_text_anywhere_gives_a_valid_notebook_that_can_be_read_back(text: str) -> None:
    finding = hostile_finding(text)
    data = to_notebook(finding)
    assert_harmless(data)
    assert from_notebook(data).answer == cleaned(finding).answer


# What a Markdown viewer could act on, looked for outside of code.
ACTIVE = re.compile(r"(?i)[<>\[\]$\\&|~^]|://|www\.|@|\w\.[a-z]{2,}|^ {0,3}(?:#|>|[-=]+[ \t]*$)", re.MULTILINE)
CODE = re.compile(r"(?s)^(`{3,})[^\n`]*\n.*?\n\1$|(?<!`)(`+)(?!`)(.+?)(?<!`)\2(?!`)", re.MULTILINE)


@given(st.one_of(st.just(HOSTILE), st.text(st.sampled_from("<>&[](){}!*_`~#$\\|-+=1.)/:@ab \n\t^'\""))))
@settings(max_examples=600)
def test_nothing_active_is_left_outside_of_code(text: str) -> None:
    left = CODE.sub("§", markdown(text))  # no letter: what stands beside code is not one word with it
    assert not ACTIVE.search(left), left


def test_the_subset_is_kept() -> None:
    text = "Two *small* and **big** with `code`.\n\n1. one\n2. two\n   - inner\n\n# T\n\n```python\nx = '<b>'\n```"
    assert markdown(text) == (
        "Two *small* and **big** with `code`.\n\n1. one\n2. two\n    - inner\n\n**T**\n\n```\nx = '<b>'\n```"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[click](http://x.y)", "click `http://x.y`"),
        ("![p](http://x.y/p.png)", "p `http://x.y/p.png`"),
        ("see stats/welford.py:12, now", "see `stats/welford.py:12`, now"),
        ("off at station/window.py:23:mean() (twice)", "off at `station/window.py:23:mean()` (twice)"),
        ("(see a.b_c())", "(see `a.b_c()`)"),
        ("it costs $5", "it costs `$5`"),
        ("a < b and <b>", "a `<` b and `<b>`"),
        ("`a$b`", "`a$b`"),
        ("x\n===", "x\n`===`"),
        ("x\n-", "x\n`-`"),
        ("2.\nx", "`2.`\nx"),
        ("`a`<b>", "`a` `<b>`"),
        ("running_mean is 99 % wrong (3.5x)", "`running_mean` is 99 % wrong (3.5x)"),
    ],
)
def test_what_a_viewer_could_act_on_becomes_code(text: str, shown: str) -> None:
    assert markdown(text) == shown


def big_png(seed: int) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (300, 300), random.Random(seed).randbytes(270_000)).save(out, "PNG")
    return out.getvalue()


def test_a_notebook_over_its_limit_drops_the_largest_pictures_and_says_so() -> None:
    small = FINDING.evidence[0].outputs[1]
    large = tuple(Output(kind="image", text=f"plot {seed}", png=big_png(seed)) for seed in range(3))
    finding = replace(FINDING, evidence=(replace(FINDING.evidence[0], outputs=(small, *large)),))
    data = to_notebook(finding, max_bytes=500_000)
    assert len(data) <= 500_000
    shown = list(outputs(data))
    assert "image/png" in shown[0]["data"], "the smallest stays"
    dropped = [each["data"]["text/plain"] for each in shown[:4] if "image/png" not in each["data"]]
    assert len(dropped) in (2, 3) and all("left out: the notebook has a limit" in text for text in dropped)
    assert from_notebook(data).evidence[0].outputs[0] == small


def test_a_notebook_over_its_limit_by_text_keeps_head_and_tail() -> None:
    long = Output(kind="text", name="stdout", text="head" + "x" * 900_000 + "tail")
    finding = replace(FINDING, evidence=(replace(FINDING.evidence[0], outputs=(long,) * 3),))
    data = to_notebook(finding, max_bytes=400_000)
    assert len(data) <= 400_000
    text = from_notebook(data).evidence[0].outputs[0].text
    assert text.startswith("head") and text.endswith("tail") and "characters left out" in text


@pytest.mark.parametrize(
    ("name", "data", "shown"),
    [
        ("recipe", {"recipe": "drift", "details": ["MARKER"] * 99}, "recorded as data: recipe drift"),
        ("symptom", {"state": "present", "measured": 3.0}, "recorded as data: symptom present"),
        ("probe", {"exit_code": 0, "stderr": "MARKER"}, "recorded as data: probe 0"),
        ("odd", {"MARKER": 1}, "recorded as data: odd"),
    ],
)
def test_a_record_is_data_and_not_in_the_document(name: str, data: dict[str, Any], shown: str) -> None:
    output = Output(kind="record", name=name, text=json.dumps(data), data=data)
    finding = replace(FINDING, evidence=(replace(FINDING.evidence[0], outputs=(output,)),))
    notebook = to_notebook(finding)
    assert {"text/plain": shown} in [each.get("data") for each in outputs(notebook)]
    assert shown in to_page(finding) and "MARKER" not in to_page(finding)
    assert from_notebook(notebook) == finding


def test_a_changed_picture_is_not_taken_for_the_recorded_one() -> None:
    notebook = json.loads(to_notebook(FINDING))
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = ""
    assert from_notebook(json.dumps(notebook).encode()).evidence[0].outputs[1].png == b""


class Tags(HTMLParser):
    """What a browser would see: elements, and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def test_a_page_of_a_hostile_finding_has_no_markup_of_theirs() -> None:
    page = to_page(hostile_finding(HOSTILE))
    seen, harmless = Tags(page), Tags(to_page(hostile_finding("harmless")))
    assert page.index("Content-Security-Policy") < page.index("<title>")
    assert seen.elements <= harmless.elements | {"pre", "strong", "em"}
    assert {name for name, _ in seen.attributes} <= {name for name, _ in Tags(to_page(FINDING)).attributes}
    assert all(value.startswith("data:image/png;base64,") for name, value in seen.attributes if name == "src")
    assert "\x1b" not in page and "\u202e" not in page
    assert page.encode()
