"""Days of months and years."""

LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def is_leap(year):
    if year % 100 == 0:
        return year % 400 == 0
    return year % 4 == 0


def leap_day(year, month):
    """1 where a leap day came before the month."""
    if not 1 <= month <= 12:
        raise ValueError(month)
    if month >= 2:
        return int(is_leap(year))
    return 0


def day_of_year(year, month, day):
    if year == 0:
        raise ValueError("there is no year 0")
    if day > 31:
        raise ValueError(day)
    return sum(LENGTHS[: month - 1]) + leap_day(year, month) + day


def weekday_name(number):
    names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    return names[number % 7]
