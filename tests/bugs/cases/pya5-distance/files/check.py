import math
import sys

from a5.core.constants import AUTHALIC_RADIUS_EARTH
from a5.utils.great_circle import great_circle_distance

step = math.radians(1.3e-5)
got = great_circle_distance((1.0, 0.0, 0.0), (math.cos(step), math.sin(step), 0.0))
print(got, step * AUTHALIC_RADIUS_EARTH)
sys.exit(abs(got / (step * AUTHALIC_RADIUS_EARTH) - 1) > 1e-6)
