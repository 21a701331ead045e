"""Adds up a number of readings by sensor and prints a table."""

import sys

from readings import SENSORS, readings


def totals(count):
    sums = {sensor: 0 for sensor in SENSORS}
    for sensor, value in readings(count):
        sums[sensor] += value
    return sums


def table(sums):
    widths = [len(sensor) for sensor in sums]
    widest = max(widths)
    rows = [f"{sensor:{widest}} {total:>10}" for sensor, total in sorted(sums.items())]
    for row in rows:
        yield row


def main(count):
    for line in table(totals(count)):
        print(line)


if __name__ == "__main__":
    main(int(sys.argv[1]))
