import math
import sys

from pvlib import iam

values = [float(iam.physical(angle, n=1.0)) for angle in (91.0, 120.0, 179.0)]
print(values)
sys.exit(any(math.isnan(value) for value in values))
