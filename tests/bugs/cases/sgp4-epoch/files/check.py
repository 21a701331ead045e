import sys

from sgp4.model import Satrec
from sgp4.propagation import sgp4

LINES = (
    "1 25544U 98067A   19343.69339541  .00001764  00000-0  40967-4 0  9993",
    "2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482",
)
satellite = Satrec.twoline2rv(*LINES)

satellite_at_epoch = sgp4(satellite, 0.0)[0][0]
got = satellite.sgp4(2458826.5, 0.69339541)[1][0]
print(got, satellite_at_epoch)
sys.exit(abs(got - satellite_at_epoch) > 1e-8)
