"""Requirement: a command is not taken for a question."""

import pytest
from click.testing import CliRunner

from debugbox.cli import main


@pytest.mark.parametrize("words", [["--no-model", "list"], ["--engine", "docker", "verify", "20261121-7f3a"]])
def test_a_command_behind_an_option_is_refused_in_words(words: list[str]) -> None:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2 and "is a command: it comes first" in result.output


def test_a_question_that_begins_like_a_command_is_one() -> None:
    result = CliRunner().invoke(main, ["--repo", "/nowhere/at/all", "list comprehension is slow, why"])
    assert "is a command" not in result.output and result.exit_code != 0
