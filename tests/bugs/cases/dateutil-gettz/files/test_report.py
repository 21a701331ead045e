import pytest
from dateutil import tz


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("TZ", raising=False)
    tz.gettz.cache_clear()


def test_utc():
    assert tz.gettz("UTC") is not None


def test_no_name():
    assert tz.gettz() is not None


def test_empty_name():
    assert tz.gettz("") is not None
