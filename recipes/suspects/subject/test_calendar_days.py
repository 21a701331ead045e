import pytest
from calendar_days import day_of_year, is_leap, weekday_name


@pytest.mark.parametrize(
    ("date", "day"),
    [
        ((2023, 1, 1), 1),
        ((2024, 1, 31), 31),
        ((2023, 2, 28), 59),
        ((2023, 3, 31), 90),
        ((2024, 3, 1), 61),
        ((1900, 3, 1), 60),
        ((2000, 12, 31), 366),
    ],
)
def test_day_of_year(date, day):
    assert day_of_year(*date) == day


def test_leap_february():
    assert day_of_year(2024, 2, 10) == 41


@pytest.mark.parametrize("year", [2000, 2400, 1996, 2024])
def test_leap(year):
    assert is_leap(year)


@pytest.mark.parametrize("year", [2001, 2023, 1999, 1900])
def test_common(year):
    assert not is_leap(year)


def test_no_such_month():
    with pytest.raises(ValueError):
        day_of_year(2024, 13, 1)


def test_weekday():
    assert weekday_name(8) == "Tuesday"
