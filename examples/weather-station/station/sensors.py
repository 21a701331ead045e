"""The station's sensors, as they are on the wire: Fahrenheit, watts per square metre, and damaged telegrams."""

import math
from dataclasses import dataclass

MINUTES_A_DAY = 1440
DAMAGED = {1830: 7.9e16, 2611: 5.1e16, 2650: 8.8e16, 3977: 6.3e16, 5402: 8.1e16}  # minute -> what the decoder makes of it


@dataclass(frozen=True)
class Reading:
    minute: int
    celsius: float
    irradiance: float  # W/m2


def readings(days):
    """One reading a minute."""
    noise = Noise(20240611)
    for minute in range(days * MINUTES_A_DAY):
        hour = minute / 60.0 % 24.0
        fahrenheit = DAMAGED.get(minute)
        if fahrenheit is None:
            fahrenheit = round(59.0 + 9.0 * math.sin((hour - 9.0) * math.pi / 12.0) + noise.next(), 1)
        yield Reading(minute, to_celsius(fahrenheit), clear_sky(hour))


def to_celsius(fahrenheit):
    return (fahrenheit - 32.0) * 5.0 / 9.0


def clear_sky(hour):
    """Irradiance of a cloudless June day, W/m2."""
    height = math.sin((hour - 5.0) * math.pi / 16.0) if 5.0 < hour < 21.0 else 0.0
    return max(0.0, 910.0 * height**1.2)


class Noise:
    """A repeatable jitter of +/- 0.5 (a linear congruential generator)."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 1103515245 + 12345) % 2147483648
        return self.state / 2147483648.0 - 0.5
