import sys

import run

sys.exit(set(run.hours(60)) != {8.5})
