"""Requirement: an instrumented copy computes the same, its lines stay where they are, and what ran is known."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from debugbox.boxfiles import KERNELS
from debugbox.watched import Seen, Site, instrumented, lost, sites_of, source_files, watch_all

SOURCE = """\
from __future__ import annotations
__all__ = ["run"]
rate: float = 1.5


class Till:
    def total(self, prices):
        amount, names = 0, (*"ab",)
        for price in prices:
            amount += (price
                       * rate)
        return amount

    async def never(self):
        value = await self.total([])
        return value


def steps(n):
    got = yield n
    last = [got, "é" "ü"]
    return (
        last
    )


def unused(x):
    y = x + 1
    return y


print(Till().total([10, 20]), __all__)
print(list(steps(1)))
"""


def run(source: bytes, folder: Path) -> tuple[str, Seen]:
    """The output of a program, and what its instrumentation noted."""
    script, record = folder / "app.py", folder / "sites"
    script.write_bytes(source)
    record.write_bytes(b"")
    variables = {
        **os.environ,
        "PYTHONPATH": str(KERNELS),
        "DEBUGBOX_SITES": str(record),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=variables)
    return done.stdout + done.stderr.replace(str(folder), ""), Seen.of_record(record.read_bytes())


def site_at(line: int) -> Site:
    return next(site for site in sites_of("app.py", SOURCE.encode()) if site.place.line == line)


def test_the_copy_prints_the_same_on_the_same_lines(tmp_path: Path) -> None:
    contents, sites = watch_all({"app.py": SOURCE.encode()})
    copy = contents["app.py"]
    assert copy.count(b"\n") == SOURCE.count("\n")
    assert run(copy, tmp_path)[0] == run(SOURCE.encode(), tmp_path)[0] != ""
    assert sites["app.py:10"].place.function == "Till.total" and "app.py:2" not in sites


def test_what_ran_and_what_did_not_is_known(tmp_path: Path) -> None:
    contents, _ = watch_all({"app.py": SOURCE.encode()})
    _, seen = run(contents["app.py"], tmp_path)
    assert {"app.py:3", "app.py:8", "app.py:10", "app.py:12", "app.py:23"} <= seen.ran
    assert not seen.ran & {"app.py:28", "app.py:29", "app.py:16"} and not seen.changed and not seen.raised
    assert "app.py:3" in seen.changeable


def test_a_placebo_changes_its_value_and_says_so(tmp_path: Path) -> None:
    before, _ = run(SOURCE.encode(), tmp_path)
    after, seen = run(instrumented(SOURCE.encode(), [site_at(3)], "change"), tmp_path)
    assert before.startswith("45.0") and after.startswith("45.04") and seen.changed == {"app.py:3"}
    assert seen.ran == frozenset()


def test_an_error_that_ends_the_program_is_noted(tmp_path: Path) -> None:
    contents, _ = watch_all({"app.py": SOURCE.encode() + b"x = 1\nraise LookupError(x)\n"})
    assert run(contents["app.py"], tmp_path)[1].raised == {"LookupError"}


def test_places_that_no_longer_run_are_found_although_lines_moved(tmp_path: Path) -> None:
    early = SOURCE.replace(
        '        amount, names = 0, (*"ab",)\n',
        '        if prices:\n            return 45.0\n        amount, names = 0, (*"ab",)\n',
    )
    seen, sites = zip(
        *[
            (
                run(watch_all({"app.py": text.encode()})[0]["app.py"], tmp_path)[1].ran,
                watch_all({"app.py": text.encode()})[1],
            )
            for text in (SOURCE, early)
        ],
        strict=True,
    )
    there, stopped = lost(sites[0], seen[0], sites[1], seen[1])
    assert {quote for _, _, quote in stopped} == {'amount, names = 0, (*"ab",)', "amount += (price", "return amount"}
    assert ("app.py", "", "rate: float = 1.5") in there - stopped


def test_a_file_that_cannot_be_parsed_is_left_as_it_is() -> None:
    assert watch_all({"old.py": b"print 'x'\n", "zero.py": b"\0"}) == ({}, {})


def test_huge_files_are_left_out() -> None:
    contents = {"a.py": b"x = 1\n", "b.py": b"#" * (2 << 20)}
    assert source_files(("a.py", "b.py", "c.py"), contents.get) == {"a.py": b"x = 1\n"}


@pytest.mark.parametrize("line", [b"ran", b"", b"\xff\xfe", b"other a.py:3", b"ran " + b"x" * 9_000])
def test_a_hostile_record_is_only_text(line: bytes) -> None:
    seen = Seen.of_record(line + b"\nran app.py:3\n")
    assert "app.py:3" in seen.ran and all(len(each) <= 500 for each in seen.ran)
