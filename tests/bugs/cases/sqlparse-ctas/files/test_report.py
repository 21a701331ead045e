import sqlparse
from sqlparse import sql


def functions(text):
    found, todo = [], list(sqlparse.parse(text)[0].tokens)
    while todo:
        token = todo.pop()
        found += [token] if isinstance(token, sql.Function) else []
        todo += token.tokens if token.is_group else []
    return found


def test_select():
    assert len(functions("SELECT coalesce(a, 0) AS b FROM t")) == 1


def test_create_table():
    assert functions("CREATE TABLE t (a INT)") == []


def test_create_table_as_select():
    assert len(functions("CREATE TABLE u AS SELECT coalesce(t.a, 0) AS b FROM t")) == 1
