"""Stations of a measuring network, read from lines of text."""


def altitude_of(text):
    """Metres above sea level, as the operators write them."""
    text = text.strip()
    if text.endswith("m"):
        return float(text[:-1])
    if text.isdigit():
        return float(text)


class Station:
    def __init__(self, name, altitude, sensors=2):
        self.name = name
        self.altitude = altitude
        self.sensors = sensors


def read(lines):
    stations = []
    for line in lines:
        name, altitude = line.split(",")
        found = altitude_of(altitude)
        stations.append(Station(name, found))
    return stations


def pressure(station, at_sea_level):
    """Falls by an eighth of a hectopascal a metre."""
    fall = 0.12
    return at_sea_level - fall * station.altitude


def report(stations, at_sea_level=1013.0):
    rows = []
    for station in stations:
        label = station.name.title()
        rows.append(f"{label}: {pressure(station, at_sea_level):.1f} hPa")
    return rows
