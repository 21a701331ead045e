"""Prints the boiler's log, one line a reading."""

import csv

from boiler import Smoothed, flow, pressure, temperature


def main():
    with open("readings.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    needle = Smoothed(pressure(rows[0]))
    for row in rows:
        shown = needle.next(pressure(row))
        print(f"reading {row['reading']}: {shown:.3f} bar, {temperature(row):.1f} C, {flow(row):.2f} l/min")


if __name__ == "__main__":
    main()
