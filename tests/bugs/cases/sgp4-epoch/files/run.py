from sgp4.model import Satrec

LINES = (
    "1 25544U 98067A   19343.69339541  .00001764  00000-0  40967-4 0  9993",
    "2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482",
)
satellite = Satrec.twoline2rv(*LINES)

for minute in range(6):
    error, position, velocity = satellite.sgp4(2458826.5, 0.69339541 + minute / 1440)
    print(minute, position[0])
