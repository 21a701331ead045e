from werkzeug.http import parse_cookie


def test_two():
    assert dict(parse_cookie("a=1; b=2")) == {"a": "1", "b": "2"}


def test_quoted():
    assert dict(parse_cookie('a="1"')) == {"a": "1"}


def test_empty_name():
    assert dict(parse_cookie("==a=bad; a=good")) == {"a": "good"}
