"""What the gauges of a boiler say, in units people use."""

BAR_PER_COUNT = {"1": 0.0122, "2": 0.0142}  # by the first digit of the gauge's firmware
SMOOTHING = 0.3


def pressure(row):
    """In bar."""
    counts = float(row["counts"])
    return counts * BAR_PER_COUNT[row["firmware"][0]]


def temperature(row):
    """In degrees Celsius."""
    return (float(row["fahrenheit"]) - 32.0) / 1.8


def flow(row):
    """In litres a minute."""
    return float(row["pulses"]) * 0.45


class Smoothed:
    """A gauge's needle has mass: it follows slowly."""

    def __init__(self, first):
        self.level = first

    def next(self, value):
        self.level = (1.0 - SMOOTHING) * self.level + SMOOTHING * value
        return self.level
