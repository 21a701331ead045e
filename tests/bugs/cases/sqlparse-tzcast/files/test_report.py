import sqlparse


def formatted(sql):
    return " ".join(sqlparse.format(sql, reindent=True).split())


def test_plain_function():
    assert formatted("SELECT f(a) from foo") == "SELECT f(a) from foo"


def test_time_zone_of_a_column():
    assert formatted("SELECT bar AT TIME ZONE 'UTC' AS b from foo") == "SELECT bar AT TIME ZONE 'UTC' AS b from foo"


def test_time_zone_inside_a_function():
    sql = "SELECT f(HOUR from bar AT TIME ZONE 'UTC') from foo"
    assert formatted(sql) == sql
