"""What the station prints at 6, 12, 18 and 24 hours."""

MINUTES_A_DAY = 1440


def header():
    return "day   hour   last reading   last hour                     sunlight"


def observation_line(reading, mean, energy):
    day, minute = divmod(reading.minute + 1, MINUTES_A_DAY)
    hour = minute // 60 or 24
    if hour == 24:
        day -= 1
    return f"{day + 1:3d}   {hour:4d}   {reading.celsius:9.2f} °C   mean temperature {mean:6.2f} °C   {energy:5.2f} kWh/m2"
