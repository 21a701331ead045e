from datetime import datetime

import pytz
from croniter import croniter

ZONE = pytz.timezone("Europe/Warsaw")


def hours(days):
    schedule = croniter("30 8 * * *", ZONE.localize(datetime(2017, 3, 1)))
    times = (schedule.get_next(datetime) for _ in range(days))
    return [time.hour + time.minute / 60 for time in times]


if __name__ == "__main__":
    for hour in hours(60):
        print(f"runs at {hour:.2f} h")
