"""Whether a question names a second run beside the command's: then `routing` has the two compared. Words only.

Which run that is, the recipe finds out in the box, where it can see which files there are.
"""

import re

_QUOTED = re.compile(r"[`\"']([^`\"']+)[`\"']")
_COMMAND = re.compile(r"(?:python[\d.]*|pytest|\S+\.py)\s+\S")
_INPUT = re.compile(r"\S+::\S+|\S+\.(?!pyw?$)[A-Za-z]\w*")  # a test, or a file that is no program


def second_run(question: str, run: str | None) -> str:
    """Another command in quotes, or two inputs of one kind of which the command has one; '' where neither is named."""
    quoted = [text for text in _QUOTED.findall(question) if _COMMAND.match(text) and text != run]
    if quoted:
        return str(quoted[0])
    arguments = (run or "").split()[1:]
    inputs = [word for word in _words(question) if _INPUT.fullmatch(word)]
    pairs = [
        (mine, other)
        for mine in inputs
        for other in inputs
        if mine in arguments and other not in arguments and _form(mine) == _form(other)
    ]
    return " and ".join(pairs[0]) if pairs else ""


def _words(question: str) -> list[str]:
    return [word.strip(",.?!;:()\"'`") for word in question.split()]


def _form(word: str) -> str:
    return "test" if "::" in word else word.rpartition(".")[2]
