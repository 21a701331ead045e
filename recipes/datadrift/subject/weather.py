"""Readings of weather stations, in units people use."""


def temperature(row):
    """In degrees Celsius; new stations send Fahrenheit."""
    value = float(row["temperature"])
    return (value - 32.0) / 1.8 if row["model"] == "W3" else value


def humidity(row):
    """In percent."""
    return float(row["humidity"] or 0.0)


def wind(row):
    """In metres a second; stations send km/h."""
    return float(row["wind"]) / 3.6
