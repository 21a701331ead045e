"""Prints a report of the size it is asked for."""

import sys

from table import Table

CURRENCIES = ["EUR", "GBP", "CHF"]


def rows(count):
    return [(f"item {number}", number * 7 % 1000, CURRENCIES[number % 3]) for number in range(count)]


def main(count):
    lines = Table(rows(count)).lines()
    print(f"{len(lines)} lines, {sum(map(len, lines))} characters")


if __name__ == "__main__":
    main(int(sys.argv[1]))
