"""Makes readings, one after the other, and drops those that are out of range."""

SENSORS = [name.upper() for name in ("north", "east", "south", "west")]
LOWEST, HIGHEST = tuple(sorted([900, 100]))


def measured(count):
    for number in range(count):
        yield SENSORS[number % len(SENSORS)], number * 7919 % 1000


def usable(pairs):
    for sensor, value in pairs:
        if 100 <= value <= 900:
            yield sensor, value


def readings(count):
    """The usable readings, in the order in which they came."""
    kept = list(usable(measured(count)))
    for sensor, value in kept:
        yield sensor, value
