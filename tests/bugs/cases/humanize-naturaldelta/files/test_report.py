import datetime

import humanize


def test_a_few_years():
    assert humanize.naturaldelta(datetime.timedelta(days=365 * 5)) == "5 years"


def test_months():
    assert humanize.naturaldelta(datetime.timedelta(days=70)) == "2 months"


def test_thousands_of_years():
    assert humanize.naturaldelta(datetime.timedelta(days=365 * 1141)) == "1,141 years"
