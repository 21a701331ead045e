from datetime import date

from boltons.timeutils import daterange

steps = [(0, 0, 7), (0, 1, 0), (0, 1, -31)]
for step in steps:
    days = 0
    try:
        for _ in daterange(date(2020, 1, 1), date(2020, 12, 31), step=step):
            days += 1
    except ValueError as error:
        print(step, error)
    print(step, days, flush=True)
