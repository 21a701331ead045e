import sqlparse


def name_of(sql):
    return sqlparse.parse(sql)[0].tokens[-1].get_name()


def test_plain():
    assert name_of("select foo") == "foo"


def test_double_quotes():
    assert name_of('select "foo"') == "foo"


def test_backticks():
    assert name_of("select `foo`") == "foo"
