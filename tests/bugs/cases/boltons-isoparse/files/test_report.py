from datetime import datetime

from boltons.timeutils import isoparse


def test_date():
    assert isoparse("2020-02-03") == datetime(2020, 2, 3)


def test_microseconds():
    assert isoparse("2020-02-03T04:05:06.000007") == datetime(2020, 2, 3, 4, 5, 6, 7)


def test_milliseconds():
    assert isoparse("2020-02-03T04:05:06.5") == datetime(2020, 2, 3, 4, 5, 6, 500000)
