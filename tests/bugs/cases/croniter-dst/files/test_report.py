from datetime import datetime

import pytz
from croniter import croniter


def midnights(zone, start, count):
    schedule = croniter("0 0 * * *", pytz.timezone(zone).localize(start))
    return [schedule.get_next(datetime).isoformat() for _ in range(count)]


def test_ordinary_days():
    assert midnights("Asia/Hebron", datetime(2022, 2, 1, 12), 2) == [
        "2022-02-02T00:00:00+02:00",
        "2022-02-03T00:00:00+02:00",
    ]


def test_utc():
    assert midnights("UTC", datetime(2022, 3, 26, 12), 1) == ["2022-03-27T00:00:00+00:00"]


def test_day_without_midnight():
    assert midnights("Asia/Hebron", datetime(2022, 3, 26, 12), 2) == [
        "2022-03-27T01:00:00+03:00",
        "2022-03-28T00:00:00+03:00",
    ]
