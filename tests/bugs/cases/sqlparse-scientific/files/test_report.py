import sqlparse
from sqlparse import tokens


def kinds(sql):
    return [token.ttype for token in sqlparse.parse(sql)[0].flatten() if not token.is_whitespace]


def test_number():
    assert kinds("1.5e3")[0] is tokens.Number.Float


def test_name():
    assert kinds("foo")[0] is tokens.Name


def test_exponent_alone():
    assert tokens.Number.Float not in kinds("-e1")
