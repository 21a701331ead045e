import sys

import run

run.main(60)
print(len(run.server._binary_packet))
sys.exit(len(run.server._binary_packet) > 10)
