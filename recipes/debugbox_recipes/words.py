"""What an exception says, on one line. In the program's process.

pytest colours the differences in an assertion's message where a repository asks for colour; cut off in the middle, such
a sequence could not be told from text any more.
"""

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def said_by(error: BaseException) -> str:
    return " ".join(_COLOUR.sub("", str(error)).split())
