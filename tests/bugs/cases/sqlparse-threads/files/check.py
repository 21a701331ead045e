"""The same as `run.py` where filling the shared lexer takes its time, so that the others do come in between."""

import time

from sqlparse.lexer import Lexer

fill = Lexer.default_initialization


def fill_slowly(self):
    time.sleep(0.3)
    fill(self)


Lexer.default_initialization = fill_slowly

from run import formatted  # noqa: E402  # the lexer must be slow before it is made

assert set(formatted) == {"SELECT a, b FROM t WHERE x = 1"}, formatted
assert len(formatted) == 4, formatted
