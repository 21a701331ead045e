"""What a failing test says reaches a finding as plain text, also where the repository's pytest colours it."""

from debugbox_recipes.words import said_by


def test_colours_are_gone_before_anything_is_cut() -> None:
    assert said_by(AssertionError("assert \x1b[33m'a'\x1b[39;49;00m\n  == 'b'")) == "assert 'a' == 'b'"
    assert said_by(ValueError("a [0m b")) == "a [0m b"
