import sys

from run import APART, ARCSECOND, star_at

separation = star_at(0.3).separation_from(star_at(0.3 + APART * ARCSECOND)).radians / ARCSECOND
print(separation)
sys.exit(bool(abs(separation - APART) > 1e-8))
