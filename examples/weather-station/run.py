"""Replays five days at the station and prints a line for each of the day's four observation times."""

from station.report import header, observation_line
from station.sensors import readings
from station.sunlight import SunlightBudget
from station.window import SlidingMean

DAYS = 5
WINDOW_MINUTES = 60
OBSERVE_EVERY_MINUTES = 360


def main() -> None:
    temperature = SlidingMean(WINDOW_MINUTES)
    sunlight = SunlightBudget()
    print(header())
    for reading in readings(DAYS):
        temperature.push(reading.celsius)
        sunlight.add(reading.minute, reading.irradiance)
        if (reading.minute + 1) % OBSERVE_EVERY_MINUTES == 0:
            print(observation_line(reading, temperature.mean(), sunlight.close_period()))


if __name__ == "__main__":
    main()
