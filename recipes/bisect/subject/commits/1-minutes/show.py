"""Prints what a plan takes."""

from durations import longest, minutes

PLAN = {"walk": "45m", "drive": "1h30m", "build": "12h"}


def width_of(names):
    width = max(len(name) for name in names)
    return width + 2


def main():
    width = width_of(PLAN)
    start = 9 * 60
    print("from", start)
    for name, text in PLAN.items():
        print(name.ljust(width), minutes(text))
    print("longest:", longest(PLAN.values()))


if __name__ == "__main__":
    main()
