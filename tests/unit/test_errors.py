"""Every error has a class, a slug, an exit code of its own kind, and a section in docs/errors.md."""

import re
from collections.abc import Iterator
from pathlib import Path

from debugbox import errors

DOCS = Path(__file__).parent.parent.parent / "docs" / "errors.md"


def every_error(base: type[errors.DebugboxError] = errors.DebugboxError) -> Iterator[type[errors.DebugboxError]]:
    for each in base.__subclasses__():
        yield each
        yield from every_error(each)


def test_docs_have_a_section_for_each_slug_and_no_other() -> None:
    documented = dict(re.findall(r"^## ([a-z-]+) \((\d+)\)$", DOCS.read_text(), re.MULTILINE))
    assert documented == {each.slug: str(each.exit_code) for each in every_error()}


def test_exit_codes_do_not_meet_verdicts_or_the_shells() -> None:
    codes = {each.exit_code for each in every_error()}
    assert not codes & {0, 1, 2, 10, 11, 12, 70, 126, 127, 130}


def test_every_error_says_what_to_do_next() -> None:
    for each in every_error():
        assert each.__doc__ or each.__base__.__doc__
        assert each.slug != "error" and re.fullmatch(r"[a-z-]+", each.slug)
