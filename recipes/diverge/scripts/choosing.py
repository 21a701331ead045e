"""Which run to compare with, where only one was given. In the kernel.

In this order: the other command or the good revision of the call, a command in the question in quotes, an argument of
the command that the question names another of, a test beside the one that fails that passes, the commit of `--good`.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from debugbox_recipes.gitobjects import GOOD_TAG
from debugbox_recipes.harness import Program, run_program

_QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"|'([^']+)'")
_TEST_ENDED = re.compile(r"^(PASSED|FAILED|ERROR) (\S+::.*?)(?: - .*)?$", re.MULTILINE)
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
ADVICE = (
    'put the other command into the question in quotes ("… as `python run.py a.json`"), name the other file or'
    " number there, or give the commit to compare with by --good REV; in a cell, other= or good="
)


@dataclass(frozen=True)
class Pair:
    """The run that is asked about, and the one beside it: another command, or the same at a commit."""

    mine: Program
    other: Optional[Program] = None
    commit: str = ""  # a revision; '' for another command
    why: str = ""


def pair_of(program: Program, question: str, other: str, good: str, timeout_s: float) -> Pair:
    """`Pair.other` and `Pair.commit` are empty where nothing says with what to compare; `why` then says that."""
    if good:
        return Pair(program, commit=good, why="it was named")
    command = other or _quoted(program, question) or _with_another_argument(program, question)
    if command:
        why = "it was named" if other else "the question names it"
        return Pair(program, replace(program, command=command), why=why)
    if "pytest" in program.command:
        return _tests(program, timeout_s)
    if (Path(program.repo) / ".git/refs/tags" / GOOD_TAG).exists():
        return Pair(program, commit=GOOD_TAG, why="it is the commit of --good")
    return Pair(program, why=f"nothing says which run to compare with: {ADVICE}")


def _quoted(program: Program, question: str) -> str:
    """A piece of the question in quotes that begins as the command does."""
    start = program.command.split()[:1]
    for pieces in _QUOTED.findall(question):
        text = str(next(piece for piece in pieces if piece)).strip()
        if len(text.split()) > 1 and text.split()[:1] == start and text != program.command:
            return text
    return ""


def _with_another_argument(program: Program, question: str) -> str:
    """The command with a file, a number or a test's name that the question names instead of one that it has."""
    words = program.command.split()
    named = [word.strip(",.?!;()\"'`") for word in question.split()]
    found = [
        (place, name) for place, word in enumerate(words) if place > 1 for name in dict.fromkeys(named)
        if name and name not in words and _of_a_kind(program, word, name, word in named)
    ]  # fmt: skip
    if len(found) != 1:
        return ""
    place, name = found[0]
    return " ".join([*words[:place], name, *words[place + 1 :]])


def _of_a_kind(program: Program, word: str, name: str, both_named: bool) -> bool:
    if "::" in word and "::" in name:
        return True
    if _NUMBER.fullmatch(word) and _NUMBER.fullmatch(name):
        return both_named
    if "=" in word and "=" in name:
        return word.partition("=")[0] == name.partition("=")[0]
    return all((Path(program.repo) / each).exists() for each in (word, name))


def _tests(program: Program, timeout_s: float) -> Pair:
    """The first test that fails, alone, and the nearest one that passes."""
    run = run_program(replace(program, command=f"{program.command} -rA"), timeout_s=timeout_s)
    ended = _TEST_ENDED.findall(run.stdout)
    failing = [name for state, name in ended if state == "FAILED"]
    passing = sorted({name for state, name in ended if state == "PASSED"})
    if not failing or not passing:
        what = "no test fails" if not failing else "no test passes beside the one that fails"
        return Pair(program, why=f"{what}, so there is nothing to compare: {ADVICE}")
    mine = failing[0]
    other = max(passing, key=lambda name: (_alike(name, mine), name))
    alone = [replace(program, command=f"python -m pytest -q -p no:cacheprovider '{name}'") for name in (mine, other)]
    return Pair(alone[0], alone[1], why=f"{other} is the nearest test that passes")


def _alike(name: str, other: str) -> Tuple[bool, bool, int]:
    """The same function with other parameters, the same file, and how much of the name is the same."""
    functions = [each.partition("[")[0] for each in (name, other)]
    return functions[0] == functions[1], _file(name) == _file(other), _shared(functions)


def _file(name: str) -> str:
    return name.partition("::")[0]


def _shared(names: Sequence[str]) -> int:
    parts: List[List[str]] = [re.findall(r"[a-z0-9]+", name.lower()) for name in names]
    return len(set(parts[0]) & set(parts[1]))
