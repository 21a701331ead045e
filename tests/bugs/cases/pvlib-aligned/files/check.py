import math
import sys

from pvlib import irradiance

angles = [irradiance.aoi(float(tilt), 180.0, float(tilt), 180.0) for tilt in range(1, 90)]
print(sum(map(math.isnan, angles)), "of", len(angles), "are nan")
sys.exit(any(map(math.isnan, angles)))
