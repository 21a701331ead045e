"""Prints the pressure at each station."""

from stations import read, report

LINES = ["harbour,4m", "town hall,35", "castle,212 ft", "summit,870m"]


def main():
    stations = read(LINES)
    for row in report(stations):
        print(row)


if __name__ == "__main__":
    main()
