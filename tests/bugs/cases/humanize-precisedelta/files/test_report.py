import datetime

import humanize


def test_days():
    assert humanize.precisedelta(datetime.timedelta(days=3, hours=1)) == "3 days and 1 hour"


def test_years():
    assert humanize.precisedelta(datetime.timedelta(days=365 * 3)) == "3 years"


def test_thousands_of_years():
    assert humanize.precisedelta(datetime.timedelta(days=365 * 1963)) == "1,963 years"
