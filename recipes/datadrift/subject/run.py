"""Prints the readings of all stations as a table, cleaned."""

import csv

from weather import humidity, temperature, wind


def main():
    print("hour,model,temperature,humidity,wind")
    with open("readings.csv", newline="") as file:
        for row in csv.DictReader(file):
            print(f"{row['hour']},{row['model']},{temperature(row):.1f},{humidity(row):.0f},{wind(row):.2f}")


if __name__ == "__main__":
    main()
